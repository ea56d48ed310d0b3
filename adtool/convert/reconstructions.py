"""What another tool rebuilt of images, beside its maps: templates for `adtool refine`."""

import shutil
from pathlib import Path

from adtool.convert import trees
from adtool.core import arrays, progress
from adtool.core.arrays import UnreadableImageError
from adtool.core.dataset.types import Category
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.folders.suffixes import IMAGE_SUFFIXES
from adtool.core.layout import TRAIN, MapsFolder
from adtool.core.words import counted
from adtool_runtime.pictures.reading import OWN


def require(root: Path) -> None:
    """Refuse a folder that is not there.

    Raises:
        MissingInputError: it is not.
    """
    if not root.is_dir():
        raise MissingInputError(f"No folder at {root} (--reconstructions).")


def find(root: Path, category: Category, *, is_only: bool) -> trees.MatchedFiles:
    """The reconstructions of a category's images.

    Args:
        root: laid out as the data set.
        category: of the images.
        is_only: see `trees.find`.

    Raises:
        MissingInputError: a test image has none, or no training image has one.
        BadDataError: two files belong to one image.
    """
    found = trees.find_split(root, category, IMAGE_SUFFIXES, is_only=is_only)
    lacking = [one for one in found.missing if one.split != TRAIN]
    if lacking:
        raise MissingInputError(
            f"{root} has no reconstruction of {counted(len(lacking), 'test image')} of {category.name}, for instance "
            f"{category.name}/{lacking[0].id}.png. The filter needs one of each image that it refines."
        )
    learned = [one for one in category.train if one.id in found.files]
    if not learned:
        raise MissingInputError(
            f"{root} has no reconstruction of any training image of {category.name}, for instance "
            f"{category.name}/{category.train[0].id if category.train else f'{TRAIN}/good/000'}.png. "
            "The filter learns from those."
        )
    return found


def write(found: trees.MatchedFiles, category: Category, maps: MapsFolder) -> str:
    """Put reconstructions beside the maps of a category, all or none; says how many of what.

    Raises:
        BadDataError: one can't be read.
    """
    place = maps.reconstructions(category.name)
    begun = place.with_name(f".{place.name}")
    shutil.rmtree(begun, ignore_errors=True)
    for one, path in progress.track(found.files.items(), f"reconstructions {category.name}", len(found.files)):
        try:
            arrays.write_png(begun / f"{one}.png", arrays.read_image(path, OWN))
        except UnreadableImageError as error:
            shutil.rmtree(begun, ignore_errors=True)
            raise BadDataError(f"A reconstruction can't be read: {error}") from None
    shutil.rmtree(place, ignore_errors=True)
    begun.rename(place)
    learned = sum(one.id in found.files for one in category.train)
    text = f"{category.name}: reconstructions of {len(found.files) - learned} test and {learned} training images."
    without = len(category.train) - learned
    return text + (f" {without} training images have none, so the filter does not learn from them." if without else "")
