"""JSON files of ours, read with a look at every field that is used: what is of another kind is said, with its place."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from adtool.core import files
from adtool.core.errors import BadDataError

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
        BadDataError: it is damaged.
    """
    values, reason = files.parse_json(path)
    reason = reason or problem(shape, values)
    if reason:
        raise BadDataError(f"{path} is damaged ({reason}). {remedy}")
    return shape.model_validate(values)


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
