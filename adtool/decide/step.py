"""decide: a limit for maps that are there, and the decisions that follow from it.

Reads  maps/<category>/ or refined/<category>/: images.csv, normals.csv, painted.csv, limit.json
Writes limit.json and the decisions in images.csv there; where named, the decisions of a folder of `inspect`
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from adtool.core import layout
from adtool.core.errors import AdtoolError, MissingInputError
from adtool.core.layout import MapsFolder
from adtool.core.limits import answers, by_answers, decisions, evidence, keeping, limit_file, sentences
from adtool.core.limits.answers import Agreement, Answers
from adtool.core.limits.asked import Asked
from adtool.core.limits.choose import WorkingPoint, choose, expect, working_points
from adtool.core.limits.limit_file import Limit
from adtool.core.outcome import Outcome
from adtool.core.steps import locks, notes
from adtool.core.words import NAMED, counted, first_few
from adtool.decide import beside, exported, shown
from adtool.decide.config import DecideConfig
from adtool.decide.inspected import InspectedDecisions

COMMAND = "decide"
NOTHING = Asked()  # of categories that answers are not about
LEFT_OUT = "`adtool report` leaves the parts that were answered for out of its figures."


@dataclass(frozen=True)
class Decided:
    """What was decided of a category.

    Attributes:
        category: its name.
        limit: in force.
        rejected: parts above it.
        parts: all.
        before: parts that were NOK before.
        points: the limit among its neighbours.
        agreement: with what people answered, if they were asked.
        older: what is drawn of the limit before, empty if nothing.
    """

    category: str
    limit: Limit
    rejected: int
    parts: int
    before: int
    points: Sequence[WorkingPoint]
    agreement: Agreement | None = None
    older: str = ""


def run(config: DecideConfig) -> Outcome:
    """Choose a limit for every category, and decide by it; one that can't be had does not stop the others.

    Raises:
        MissingInputError: there are no finished maps, or what is asked for can't be had.
        LockedError: another process writes them.
    """
    if config.export is not None:
        return _run_exports(config, config.export)
    folder = config.maps or beside.chosen_maps()
    names = _categories(folder, config.category)
    asked = config.asked()
    new = InspectedDecisions.read(config.inspected, names) if config.inspected else None
    outcome = Outcome(COMMAND, folder)
    said = _answers(config, folder)
    found = []
    with locks.writing(folder) as held:
        for name in names:
            try:
                one = _decide(folder / name, NOTHING if said and name not in said else asked, said.get(name))
            except AdtoolError as error:
                outcome.failed[name] = error
                continue
            held.check()
            found.append(one)
            outcome.done.append(name)
    _tell(outcome, found, asked, said)
    if new is not None:
        limits = {one.category: one.limit.value for one in found}
        if new.category in limits:
            outcome.notes += new.write(limits[new.category])
    outcome.notes += beside.what_is_older(folder, {one.category: one.limit.value for one in found})
    return outcome


def _run_exports(config: DecideConfig, path: Path) -> Outcome:
    """The same for exports, whose limit is data in them."""
    outcome, found = Outcome(COMMAND, path), []
    for folder in exported.folders(path, config.category):
        with locks.writing(folder):
            one = exported.decide(folder, config.asked(), COMMAND)
        before = sum(score > one.before for score in one.scores) if one.before is not None else 0
        found.append(Decided(folder.name, one.limit, one.rejected, len(one.scores), before, one.points))
        outcome.done.append(folder.name)
    _tell(outcome, found, config.asked(), {})
    return outcome


def _categories(folder: Path, asked: Sequence[str]) -> list[str]:
    """Categories to decide on: those asked for, else all that have finished maps.

    Raises:
        MissingInputError: there are none, or one is not there or not finished, or they hold no maps.
    """
    there = notes.done_categories(folder)
    names = list(dict.fromkeys(asked)) or there
    if not names:
        raise MissingInputError(f"No finished maps in {folder}. Run `adtool maps` first; it decides as well.")
    for name in names:
        if name not in there and not (folder / name).exists():
            listed = ", ".join(there) or "none"
            raise MissingInputError(f"No finished maps of the category '{name}' in {folder}. There are: {listed}.")
        made_by = notes.require_done(folder / name, f"adtool maps --category {name}").command
        if made_by not in beside.MAKE_MAPS:
            raise MissingInputError(
                f"{folder / name} holds no maps (`adtool {made_by}` wrote it). Give the folder of the maps: adtool "
                f"decide {layout.MAPS}"
            )
    return names


def _answers(config: DecideConfig, folder: Path) -> Mapping[str, Answers]:
    """What people said of parts, of the categories where they did, whether these are decided on or not.

    Raises:
        MissingInputError: there is no table.
        BadDataError: it is no table of answers for these parts.
    """
    if config.answers is None:
        return {}
    maps = MapsFolder(folder)
    ids = {name: {row["id"] for row in maps.image_rows(name)} for name in notes.done_categories(folder)}
    return {name: said for name, said in answers.read(config.answers, ids).items() if len(said)}


def _decide(folder: Path, asked: Asked, said: Answers | None) -> Decided:
    """The limit of one category, put in force if it is not.

    Args:
        folder: of its maps.
        asked: of the limit.
        said: answers for its parts, if there are any.

    Raises:
        MissingInputError: what is asked for can't be had.
        BadDataError: a table is damaged.
    """
    known, before = evidence.read(folder), MapsFolder(folder.parent).image_rows(folder.name)
    now = limit = limit_file.read(folder)
    of_parts = {row["id"]: float(row["image_score"]) for row in before}
    if said is not None:
        limit = keeping.require(by_answers.choose(known, said, of_parts, asked.found, COMMAND), folder)
    elif asked:
        limit = keeping.require(choose(known, asked, COMMAND), folder)
    rows = decisions.apply(folder, limit) if not decisions.is_in_force(folder, limit) else before
    if limit.value is not None and limit.expected.false_alarms is None:  # of an earlier version
        limit = limit.model_copy(update={"expected": expect(known, limit.value)})
    agreement = said.agreement(limit.value, of_parts) if said is not None and limit.value is not None else None
    rejected, then = (sum(row["decision"] == layout.NOT_OK for row in table) for table in (rows, before))
    points = working_points(known, limit, list(of_parts.values()))
    older = "" if now.value == limit.value else beside.older_overlays(folder)
    return Decided(folder.name, limit, rejected, len(rows), then, points, agreement, older)


def _tell(outcome: Outcome, found: Sequence[Decided], asked: Asked, said: Mapping[str, Answers]) -> None:
    """The table and the sentences."""
    for one in found:
        _tell_of(outcome, one, alone=len(found) == 1)
    if len(found) > 1:
        outcome.notes.append("Name one with --category to see the limits beside it.")
        if asked.at is not None:
            outcome.notes.append(
                f"The limit {asked.at!r} was taken for {len(found)} categories, whose scores may not compare: "
                "--category names one."
            )
    others = [one.category for one in found if said and one.category not in said]
    outcome.notes += [f"No answer is about {first_few(others, NAMED)}: nothing was chosen there."] if others else []
    if found and not (asked or said):
        outcome.notes.append("Nothing was chosen: type an option of the table to choose another limit.")
    outcome.document = _document(outcome, found)


def _tell_of(outcome: Outcome, one: Decided, *, alone: bool) -> None:
    """Of one category; the sentences about a limit only where there is no other."""
    points = one.points if alone else [point for point in one.points if point.is_now]
    outcome.rows += [shown.row(one.category, point, one.parts) for point in points] or [
        {"category": one.category, "limit": "none", "parts": one.parts}
    ]
    tally = f"{one.category}: {one.rejected} of {counted(one.parts, 'part')} NOK"
    changed = f" ({one.before} before)" if one.before != one.rejected else ""
    is_whole = alone or one.limit.value is None
    about = sentences.about(one.limit) if is_whole else sentences.odd(one.limit)
    outcome.notes.append(f"{tally}{changed}. {about}".strip())
    outcome.notes += [one.older] if one.older else []
    outcome.notes += [] if one.agreement is None else [f"{one.category}: {one.agreement} {LEFT_OUT}"]


def _document(outcome: Outcome, found: Sequence[Decided]) -> dict[str, object]:
    """The same for a program."""
    return {
        "command": COMMAND,
        "out": outcome.out.as_posix(),
        "failed": {name: str(error) for name, error in outcome.failed.items()},
        "categories": [
            {
                "category": one.category,
                "parts": one.parts,
                "rejected": one.rejected,
                "rejected_before": one.before,
                "limit": one.limit.model_dump(),
                "agreement": None if one.agreement is None else asdict(one.agreement),
                "working_points": [shown.as_json(point) for point in one.points],
            }
            for one in found
        ],
    }
