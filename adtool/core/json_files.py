"""JSON files of ours, read with a look at every field that is used: what is of another kind is said, with its place.

Those that stay in a workspace (notes, and the cards of data sets, models and classes) carry the number of their
format. What a newer adtool wrote is refused, since its fields may mean something else; what has no number is older.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from adtool.core import files
from adtool.core.errors import BadDataError

FORMAT, NUMBER = "format", 1  # the field, and the newest format that is known here
Shape = TypeVar("Shape", bound="JsonForm")


class JsonForm(BaseModel):
    """What a JSON file must look like; a field that is not named here may be anything.

    Nothing is converted: the text "3" is no number. NaN and infinity are none either.
    """

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False, frozen=True)
    _document: dict[str, Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls: type[Shape], values: Any) -> Shape:  # noqa: ANN401, a JSON document can be anything
        """The content of a file in this form.

        Raises:
            ValueError: it has another one; the message says where, and what is wrong there.
        """
        if not isinstance(values, dict):
            raise ValueError("no JSON object")
        try:
            made = cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            message = str(first["msg"])
            raise ValueError(f"{where}: {message[:1].lower()}{message[1:]}") from None
        made._document = values
        return made

    @property
    def document(self) -> Mapping[str, Any]:
        """The content of the file as it was read, with what is not named in this form; for who writes it again."""
        return self._document

    def as_json(self) -> dict[str, Any]:
        """What it was made with, to be written."""
        return self.model_dump(exclude_unset=True)


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
    try:
        if reason:
            raise ValueError(reason)
        return shape.of(values)
    except ValueError as error:
        raise BadDataError(f"{path} is damaged ({error}). {remedy}") from None


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
