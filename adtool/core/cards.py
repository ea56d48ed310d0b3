"""What dataset.json says of a data set."""

from pathlib import Path
from typing import Any

from adtool.core import files, masks, names
from adtool.core.errors import BadDataError


def read(path: Path) -> dict[str, Any]:
    """What dataset.json says, nothing if there is none.

    Raises:
        BadDataError: it is damaged, or says what can't be understood: its mask rule decides every pixel metric.
    """
    if not path.exists():
        return {}
    card = files.read_json(path)
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
    for name, known in (("mask_rule", masks.RULES), ("mask_orientation", masks.ORIENTATIONS)):
        if (card.get(name) or masks.AUTO) not in known:
            raise BadDataError(f"{path}: there is no {name} '{card[name]}' (there are: {', '.join(known)}).")
    return card
