"""What dataset.json says of a data set."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from adtool.core import json_files, names
from adtool.core.checks.findings import WARNING, Finding, Rule
from adtool.core.errors import BadDataError
from adtool.core.masks import mask_reader

BY_NAME = "by name"  # of `kinds`: which folders are kinds is told by their names, as in a data set without a card
FINDINGS = "findings"  # what `prep` found in the source
KEPT = 100  # cases of a finding
TEXTS = ("code", "noun", "what", "do", "where")


def read(path: Path) -> dict[str, Any]:
    """What dataset.json says, nothing if there is none.

    Raises:
        BadDataError: it is damaged, or says what can't be understood: its mask rule decides every pixel metric.
    """
    if not path.exists():
        return {}
    card, _ = json_files.content(path)
    if not isinstance(card, dict):
        raise BadDataError(f"{path} is not a JSON object. Mend or remove it, or run `adtool prep` again.")
    for name in ("normal_kinds", "categories"):
        value = card.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadDataError(f"{path}: '{name}' is no list of names. Mend it, or run `adtool prep` again.")
    for name in card.get("categories") or []:
        if problem := names.category_problem(name):
            raise BadDataError(
                f"{path}: '{names.shown(name)}' can't be the name of a category: {problem}. Mend it, or run "
                "`adtool prep` again."
            )
    for name, known in (("mask_rule", mask_reader.RULES), ("mask_orientation", mask_reader.ORIENTATIONS)):
        if (card.get(name) or mask_reader.AUTO) not in known:
            raise BadDataError(f"{path}: there is no {name} '{card[name]}' (there are: {', '.join(known)}).")
    noted = card.get(FINDINGS) or []
    if not isinstance(noted, list) or not all(_is_finding(one) for one in noted):
        raise BadDataError(f"{path}: '{FINDINGS}' is no list of findings. Remove it, or run `adtool prep` again.")
    return card


def _is_finding(noted: object) -> bool:
    if not isinstance(noted, Mapping):
        return False
    cases, count = noted.get("cases"), noted.get("count")
    is_listed = isinstance(cases, list) and all(isinstance(one, str) for one in cases)
    return is_listed and isinstance(count, int) and all(isinstance(noted.get(text), str) for text in TEXTS)


def findings(card: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What `prep` found in the source, as the card notes it; what was wrong there is not in the data set any more."""
    return tuple(
        Finding(
            Rule(one["code"], WARNING, one["noun"], one["what"], one["do"]),
            one["where"],
            tuple(one["cases"]),
            max(one["count"] - len(one["cases"]), 0),
        )
        for one in card.get(FINDINGS) or []
    )


def noted(found: Iterable[Finding]) -> list[dict[str, object]]:
    """Findings as the card notes them; of many cases the first ones."""
    return [
        {
            "code": one.rule.code,
            "noun": one.rule.noun,
            "what": one.rule.what,
            "do": one.rule.do,
            "where": one.where,
            "count": one.count,
            "cases": list(one.cases[:KEPT]),
        }
        for one in found
    ]
