"""`limit.json`: the limit in force for a category of maps, with how it came about and what is expected of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from adtool.core import files, json_files
from adtool.core.json_files import JsonForm
from adtool.core.layout import MapsFolder
from adtool.core.limits.asked import RULES, Rule
from adtool.core.steps import notes
from adtool.core.steps.note_form import StepNote

GIVEN = "given"  # the image scores of refined maps that keep those of the given ones
OLD_DEFAULT = 0.01  # share of false alarms that earlier versions took if none was asked for


class RateForm(JsonForm):
    """A share of good parts, and the ends of its 90 % interval."""

    rate: float
    low: float
    high: float


class ExpectedForm(JsonForm):
    """What is expected of a limit.

    Attributes:
        false_alarms: share of good parts that are rejected; None where there are no normal images to tell it by.
        found: share of painted defects that are found; None where there are none.
        found_by_size: the same by their size.
    """

    false_alarms: RateForm | None = None
    found: float | None = None
    found_by_size: dict[str, float] = Field(default_factory=dict)


class MadeFrom(JsonForm):
    """How much a limit rests on.

    Attributes:
        normals: number of normal images.
        groups: of these that are no near duplicates of each other.
        outliers: ids of normal images that score so high that they were left out.
        painted: number of painted defects.
        answers: number of answers.
        answered: ids of the parts that were answered for: a metric that judges the limit leaves them out.
        how: the normal images were scored, see `evidence.Evidence`.
    """

    normals: int = 0
    groups: int = 0
    outliers: list[str] = Field(default_factory=list)
    painted: int = 0
    answers: int = 0
    answered: list[str] = Field(default_factory=list)
    how: str = ""


class Limit(JsonForm):
    """The limit.

    Attributes:
        value: parts whose image score is above it are NOK; None if there is no limit.
        why: there is none.
        rule: it came from.
        asked: the number that was asked for.
        set_by: the command that chose it.
        follows: whose limit it is, where it was taken over from the maps that these were refined from.
        made_from: how much it rests on.
        expected: what is expected of it.
    """

    value: float | None = None
    why: str = ""
    rule: Rule = "default"
    asked: float | None = None
    set_by: str = ""
    follows: str = ""
    made_from: MadeFrom = Field(default_factory=MadeFrom)
    expected: ExpectedForm = Field(default_factory=ExpectedForm)

    @property
    def was_asked(self) -> bool:
        """Whether a person asked for it, for these maps, so that nothing else may choose another unasked."""
        return self.value is not None and self.rule != "default" and not self.follows

    @property
    def option(self) -> str:
        """What asks for it, as it is typed; empty for the default, and where answers had a say."""
        option = None if self.made_from.answers else RULES.get(self.rule)
        return f"{option} {self.asked!r}" if option else ""

    def told(self) -> str:
        """`54.2 (--false-alarms 0.02, adtool decide)`."""
        why = ", ".join(filter(None, (self.option, self.set_by and f"adtool {self.set_by}")))
        return f"{self.value!r} ({why})" if why else repr(self.value)


def is_there(folder: Path) -> bool:
    """Whether a category of maps has a limit of its own file; what an older adtool wrote has it in its note."""
    return _path(folder).exists()


def read(folder: Path) -> Limit:
    """The limit in force for a category of maps, `maps/<category>`.

    Raises:
        BadDataError: it, or the note of the maps, is damaged.
    """
    if is_there(folder):
        found = json_files.read(_path(folder), Limit, "Remove it, and choose it again with `adtool decide`.")
        return Limit(**{name: getattr(found, name) for name in Limit.model_fields})  # without the file's format
    return _noted(notes.note_of(folder))


def write(folder: Path, limit: Limit) -> None:
    """Put a limit in force; the decisions in images.csv follow, see `decisions.apply`."""
    files.write_json(_path(folder), json_files.numbered(limit.model_dump()))


def _path(folder: Path) -> Path:
    return MapsFolder(folder.parent).limit(folder.name)


def _noted(note: StepNote) -> Limit:
    """The limit that an earlier version noted, or none."""
    result = note.result
    count = len(result.normal_scores)
    asked = note.settings.false_alarms if result.false_alarms is None else result.false_alarms
    found: Mapping[str, Any] = {
        "value": result.threshold,
        "why": "" if result.threshold is not None else "no limit was set when these maps were made",
        "rule": "default" if asked in (None, OLD_DEFAULT) else "false_alarms",
        "asked": asked,
        "set_by": note.command,
        "follows": GIVEN if result.image_scores == GIVEN else "",
        "made_from": {"normals": count, "groups": count, "how": "held out" if count else ""},
    }
    return Limit(**found)
