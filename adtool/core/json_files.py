"""JSON files of ours, read with a look at every field that is used: what is of another kind is said, with its place.

Those that stay in a workspace (notes, and the cards of data sets, models and classes) carry the number of their
format. What a newer adtool wrote is refused, since its fields may mean something else; what has no number is older.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from adtool.core import files
from adtool.core.errors import BadDataError

FORMAT, NUMBER = "format", 1  # the field, and the newest format that is known here
Shape = TypeVar("Shape", bound="JsonForm")


class JsonForm(BaseModel):
    """What a JSON file must look like; a field that is not named here may be anything.

    Nothing is converted: the text "3" is no number. NaN and infinity are none either.
    """

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


def read(path: Path, shape: type[Shape], remedy: str) -> Shape:
    """A JSON file that is there.

    Args:
        path: of the file.
        shape: what it must look like.
        remedy: what to do if it does not, as a sentence.

    Raises:
        BadDataError: it is damaged, or of a newer adtool.
    """
    values, reason = content(path)
    reason = reason or problem(shape, values)
    if reason:
        raise BadDataError(f"{path} is damaged ({reason}). {remedy}")
    return shape.model_validate(values)


def content(path: Path) -> tuple[Any, str]:
    """The document in a file that may be of any adtool, and what is wrong with it; see `files.parse_json`.

    Raises:
        BadDataError: a newer adtool wrote it.
    """
    values, reason = files.parse_json(path)
    number = values.get(FORMAT) if isinstance(values, dict) else None
    if isinstance(number, int | float) and number > NUMBER:
        raise BadDataError(
            f"{path} was written by a newer adtool (format {number}, this one reads up to {NUMBER}). Update adtool. "
            "This one does not write over it, with --force neither: remove its folder yourself if it can go."
        )
    return values, reason


def numbered(values: Mapping[str, object]) -> dict[str, object]:
    """A document as it is written now: with the number of its format, which says nothing of what it holds."""
    return {FORMAT: NUMBER, **values}


def sha256(path: Path) -> str:
    """SHA-256 of what a file says; the number of its format says nothing, so an older file of the same is the same."""
    values, _ = files.parse_json(path)
    if not isinstance(values, dict) or FORMAT not in values:
        return files.sha256(path)
    plain = {name: value for name, value in values.items() if name != FORMAT}
    return hashlib.sha256(files.json_bytes(plain)).hexdigest()


def problem(shape: type[JsonForm], values: Any) -> str:  # noqa: ANN401, a JSON document can be anything
    """What is wrong with the content of a file, empty if nothing."""
    if not isinstance(values, dict):
        return "no JSON object"
    try:
        shape.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"])
        return f"{where}: {message[:1].lower()}{message[1:]}"
    return ""
