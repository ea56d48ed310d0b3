"""`adtool.json`: what an export is; whatever may change without a new export (limit, classes) is data in it."""

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from adtool_runtime.errors import BadDataError, MissingInputError
from adtool_runtime.forms import FilterForm, Manifest
from adtool_runtime.pictures import reading
from adtool_runtime.pictures.reading import PictureReading

MANIFEST = "adtool.json"
FORMAT = 1  # the newest that is known here
LARGEST_BYTES = 1 << 24  # of a manifest; one has a few thousand
BLOCK_BYTES = 1 << 20
AGAIN = "Export it again: `adtool export --force`."

OPENVINO, ONNX = "openvino", "onnx"
Format = Literal["openvino", "onnx"]


def read(folder: Path) -> Manifest:
    """The manifest of an export.

    Raises:
        MissingInputError: there is none.
        BadDataError: it is damaged, or of a newer adtool.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BadDataError(f"{path} is too large for what it should be. {AGAIN}")
        values = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingInputError(_nothing(folder)) from None
    except (ValueError, RecursionError, OSError) as error:
        raise BadDataError(f"{path} can't be read ({error}). {AGAIN}") from None
    number = values.get("format") if isinstance(values, dict) else None
    if isinstance(number, int | float) and number > FORMAT:
        raise BadDataError(
            f"{path} was written by a newer adtool (format {number}, this runtime reads up to {FORMAT}). "
            "Install the adtool_runtime that lies beside it."
        )
    try:
        found = Manifest.model_validate(values)
        reading.from_json(found.input.reading, str(path))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadDataError(f"{path} is damaged ({where}: {first['msg']}). {AGAIN}") from None
    return found


def picture_reading(manifest: Manifest) -> PictureReading:
    """How pictures are read."""
    return reading.from_json(manifest.input.reading, MANIFEST)


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no finite number")


def _nothing(folder: Path) -> str:
    if not folder.exists():
        return f"There is no export at {folder}. Give the folder that `adtool export` wrote, export/<category>."
    if folder.name == MANIFEST and folder.is_file():
        return f"{folder} is a file of an export. Give its folder, {folder.parent}."
    inner = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}")) if folder.is_dir() else []
    hint = f" It holds those of {', '.join(inner)}: give one of them, {folder / inner[0]}." if inner else ""
    return f"{folder} is no export: it has no {MANIFEST}.{hint}"


def require_whole(folder: Path, manifest: Manifest) -> None:
    """Refuse an export whose files are not those that were written.

    Raises:
        MissingInputError: one is gone.
        BadDataError: one was changed, or lies elsewhere.
    """
    levels = manifest.refine.levels if isinstance(manifest.refine, FilterForm) else ""
    classes = manifest.classes
    of_classes = [classes.tensors, *(classes.spots.graphs.values() if classes.spots else ())] if classes else []
    inputs = [one for one in (manifest.input, manifest.beside) if one is not None and one.tiles is not None]
    of_tiles = [name for one in inputs if one.tiles for name in one.tiles.graphs.values()]
    named = {one for one in (*manifest.graphs.values(), manifest.rule.standard, levels, *of_classes, *of_tiles) if one}
    if unknown := sorted(named - manifest.files.keys()):
        raise BadDataError(f"{folder / MANIFEST} names {unknown[0]} without its sha256. {AGAIN}")
    for name, noted in manifest.files.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BadDataError(f"{folder / MANIFEST} names a file outside of its folder, {name}. {AGAIN}")
        if not path.is_file():
            raise MissingInputError(f"{path} is missing. Copy the whole folder again, or export it again.")
        if path.stat().st_size != noted.bytes or sha256(path) != noted.sha256:
            raise BadDataError(f"{path} is not the file that was exported (its sha256 is another). {AGAIN}")


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
