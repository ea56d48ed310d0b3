"""What dataset.json says of a data set."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from adtool.core import json_files, names
from adtool.core.checks.findings import WARNING, Finding, Rule
from adtool.core.errors import BadDataError
from adtool.core.json_files import JsonForm
from adtool.core.masks import mask_reader

BY_NAME = "by name"  # of `kinds`: which folders are kinds is told by their names, as in a data set without a card
KEPT = 100  # cases of a finding

# What is empty, or null, says nothing; a word may be written as a number.
Word = Annotated[str, BeforeValidator(lambda noted: str(noted) if noted else "")]
MEND = "Mend it, or run `adtool prep` again."


class NotedFinding(JsonForm):
    """What `prep` found in the source."""

    code: str
    noun: str
    what: str
    do: str
    where: str
    count: int
    cases: list[str]


class DatasetCard(JsonForm):
    """dataset.json; one that says nothing where there is none."""

    format: Any = None  # a file of this name that is not ours may call anything so
    name: Word = ""
    categories: list[str] = Field(default_factory=list)
    normal_kinds: list[str] = Field(default_factory=list)
    mask_rule: str = mask_reader.AUTO
    mask_orientation: str = mask_reader.AUTO
    source: Word = ""
    licence: Word = ""
    kinds: Word = ""
    findings: list[NotedFinding] = Field(default_factory=list)
    unread: dict[str, list[str]] = Field(default_factory=dict)  # test images that `prep` left out, by category
    reading: Any = None  # see `pictures.reading.from_json`
    counts: Any = None

    @field_validator("normal_kinds", "categories", mode="wrap")
    @classmethod
    def _names(cls, value: object, check: Any, about: Any) -> list[str]:  # noqa: ANN401, pydantic's own
        return _listed(value, check, f"'{about.field_name}' is no list of names. {MEND}")

    @field_validator("findings", mode="wrap")
    @classmethod
    def _findings(cls, value: object, check: Any, about: Any) -> list[NotedFinding]:  # noqa: ANN401
        return _listed(
            value, check, f"'{about.field_name}' is no list of findings. Remove it, or run `adtool prep` again."
        )

    @field_validator("categories")
    @classmethod
    def _become_folders(cls, value: list[str]) -> list[str]:
        for name in value:
            if problem := names.category_problem(name):
                raise ValueError(f"'{names.shown(name)}' can't be the name of a category: {problem}. {MEND}")
        return value

    @field_validator("mask_rule", "mask_orientation", mode="before")
    @classmethod
    def _known(cls, value: object, about: Any) -> object:  # noqa: ANN401
        known = mask_reader.RULES if about.field_name == "mask_rule" else mask_reader.ORIENTATIONS
        if value and not (isinstance(value, str) and value in known):
            raise ValueError(f"there is no {about.field_name} '{value}' (there are: {', '.join(known)}).")
        return value or mask_reader.AUTO


def _listed(value: object, check: Any, problem: str) -> Any:  # noqa: ANN401
    """A list, an empty one of what says nothing."""
    try:
        return check(value or [])
    except ValueError:
        raise ValueError(problem) from None


def read(path: Path) -> DatasetCard:
    """What dataset.json says, nothing if there is none.

    Raises:
        BadDataError: it is damaged, or says what can't be understood: its mask rule decides every pixel metric.
    """
    if not path.exists():
        return DatasetCard()
    card, _ = json_files.content(path)
    if not isinstance(card, dict):
        raise BadDataError(f"{path} is not a JSON object. Mend or remove it, or run `adtool prep` again.")
    try:
        return DatasetCard.of(card)
    except ValueError as error:
        raise BadDataError(f"{path}: {str(error).partition(': value error, ')[2] or error}") from None


def findings(card: DatasetCard) -> tuple[Finding, ...]:
    """What `prep` found in the source, as the card notes it; what was wrong there is not in the data set any more."""
    return tuple(
        Finding(
            Rule(one.code, WARNING, one.noun, one.what, one.do),
            one.where,
            tuple(one.cases),
            max(one.count - len(one.cases), 0),
        )
        for one in card.findings
    )


def noted(found: Iterable[Finding]) -> list[NotedFinding]:
    """Findings as the card notes them; of many cases the first ones."""
    return [
        NotedFinding(
            code=one.rule.code,
            noun=one.rule.noun,
            what=one.rule.what,
            do=one.rule.do,
            where=one.where,
            count=one.count,
            cases=list(one.cases[:KEPT]),
        )
        for one in found
    ]
