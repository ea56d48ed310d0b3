"""What is given to inspect: the images, and the files that are none, each with the reason."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from adtool.core import arrays, layout
from adtool.core.arrays import UnreadableImageError
from adtool.core.checks import remarks
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import MissingInputError
from adtool.core.folders import suffixes
from adtool.core.folders.listing import shown

REASONS = {  # why there is nothing but a row of a file, by the code of the remark
    "mostly_unread": "a type that can't be read",
    "file_unread": "no image by its suffix",
    "image_by_content": "an image without the suffix of one",
    "not_opened": "permission denied",
    "link_broken": "a link that leads nowhere",
    "special_file": "a pipe, socket or device",
    "name_unusable": "the name is not UTF-8, or too long",
    "mask_among_images": "taken as the mask of its neighbour",
    "no_image": "a mask or depth, no image",
}


def read(new: Path, category: str) -> Category:
    """The images of a folder, or one; what else lies there is in the category's remarks, and is said.

    Raises:
        MissingInputError: there are none.
        BadDataError: two files have the same id, or none of the pictures is of a type that can be read.
    """
    if new.is_file():
        if not suffixes.is_image(new):
            raise MissingInputError(f"{new} is not an image ({_types()}).")
        one = Sample(category, new.stem, layout.TEST, layout.UNKNOWN_KIND, new)
        return Category(category, new.parent, (), (one,), frozenset())
    if not new.is_dir():
        raise MissingInputError(f"There is nothing at {new}. Give the folder with the new images, or one image.")
    found = dataset_folder.unlabelled(new, category)
    remarks.say(found.remarks, refuse=not found.test)
    if not found.test:
        raise MissingInputError(f"There are no images in {new} ({_types()}).")
    return found


def _types() -> str:
    return ", ".join(sorted(suffixes.IMAGE_SUFFIXES))


def file_of(one: Sample, new: Path) -> str:
    """What the table calls an image: its path below the folder that was given."""
    return one.image.name if new.is_file() else one.image.relative_to(new).as_posix()


def _others(found: Category, new: Path) -> dict[str, str]:
    """Files that are no image to judge, each with the reason."""
    cases = ((case, remark.rule.code) for remark in found.remarks for case in remark.cases)
    return {Path(case).relative_to(shown(new)).as_posix(): REASONS[code] for case, code in cases}


def noted(found: Category, new: Path) -> dict[str, object]:
    """The other files as noted with the decisions, since a new one asks for a new table; nothing if there is none."""
    others = _others(found, new)
    return {"also_there": dict(sorted(others.items()))} if others else {}


def rows_without(
    unread: Sequence[Sample], found: Category, new: Path, known: Mapping[str, str]
) -> list[dict[str, object]]:
    """A row for each file that was given and could not be judged: no decision, but the reason, `known` for some ids."""
    reasons = {file_of(one, new): known.get(one.id) or _why(one) for one in unread} | _others(found, new)
    return [{"file": file, "reason": reason} for file, reason in sorted(reasons.items())]


def _why(one: Sample) -> str:
    try:
        arrays.read_image(one.image)
    except UnreadableImageError as error:
        return str(error)
    return "no map could be made of it"
