"""What lies in folders of one's own images: the normal ones, those to test and their masks, and what else is there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core import layout
from adtool.core.checks import data_rules as rules
from adtool.core.checks import remarks
from adtool.core.checks.findings import Finding
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.folders import listing
from adtool.core.folders.listing import Listing, name_below, pair_masks
from adtool.core.masks import among_images, mask_reader
from adtool.core.masks.among_images import SortedImages
from adtool.core.masks.mask_reader import MaskReader
from adtool.core.words import also, first_few, none_of, subject
from adtool.prep import places
from adtool.prep.places import Subfolders
from adtool.prep.writing import SHOWN, require_size
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.decoding import UnreadableImageError

NORMAL, TEST = "--normal", "--test"  # the options that the folders are given with


@dataclass(frozen=True)
class FolderPictures:
    """What lies in the folders.

    Attributes:
        normal: images of normal parts.
        test: images to test.
        masks: of test images.
        subfolders: of the test folder.
        found: what there is to say of the rest.
    """

    normal: list[Path]
    test: list[Path]
    masks: dict[Path, Path]
    subfolders: Subfolders
    found: list[Finding]


@dataclass(frozen=True)
class Folder:
    """A folder of images that was read.

    Attributes:
        listing: what lies in it.
        sorted: its images and the masks among them.
    """

    listing: Listing
    sorted: SortedImages


@dataclass(frozen=True)
class Drawn:
    """Masks in a folder of their own.

    Attributes:
        listing: what lies in it.
        masks: of images.
        strays: of none.
    """

    listing: Listing
    masks: dict[Path, Path] = field(default_factory=dict)
    strays: list[Path] = field(default_factory=list)


def pictures(normal: Path, test: Path, drawn: Path | None, *, kinds: bool | None, orientation: str) -> FolderPictures:
    """The normal and the test images; what else lies there is said.

    Args:
        normal: folder of images of normal parts.
        test: folder of images to test.
        drawn: folder of masks.
        kinds: whether the subfolders of `test` are kinds, where the user said so.
        orientation: of the masks.

    Raises:
        MissingInputError: a folder is not there, or holds no images.
        BadDataError: most pictures of a folder can't be read, or no mask fits an image.
        UsageError: an image lies in both.
    """
    learned = images(normal, NORMAL)
    painted = among_images.drop_painted(learned.sorted)
    tested = images(test, TEST, apart=drawn)
    own = _masks(drawn, test, tested.sorted.images, orientation)
    of_images = {**tested.sorted.masks, **own.masks}
    folders = {image.relative_to(normal).parts[0] for image in learned.sorted.images if image.parent != normal}
    parts = {image: image.relative_to(test).parts for image in of_images}
    masked = {one[0] for one in parts.values() if len(one) > 1}
    found = [
        *remarks.of_folders(learned.listing, tested.listing, own.listing),
        *remarks.of_masks_among(tested.sorted.masks.values(), (*learned.sorted.left_out, *tested.sorted.unpaired)),
        *remarks.of_painted(painted),
        *remarks.of_learned(folders, masked, normal),
        *remarks.of(rules.MASK_STRAY, own.strays),
    ]
    remarks.say(found)
    for paths, option in ((learned.sorted.images, NORMAL), (tested.sorted.images, TEST)):
        _require_readable(paths, option)
    _refuse_shared(learned.sorted.images, tested.sorted.images, normal, test)
    chosen = places.subfolders(test, tested.sorted.images, of_images, asked=kinds)
    return FolderPictures(learned.sorted.images, tested.sorted.images, of_images, chosen, found)


def images(folder: Path, option: str, *, apart: Path | None = None) -> Folder:
    """Images at any depth and the masks among them, without those below `apart` (masks that lie inside).

    Raises:
        MissingInputError: the folder is not there, or holds no images.
        BadDataError: most of its pictures are of a type that can't be read.
    """
    if not folder.is_dir():
        raise MissingInputError(f"{option} {folder} is not a folder. Give {option} an existing folder of images.")
    left_out = apart.resolve() if apart is not None and apart.resolve() != folder.resolve() else None
    there = listing.read(folder, leave_out=lambda path: path.resolve() == left_out)
    found = Folder(there, among_images.sort_out(there.images, folder))
    if not found.sorted.images:
        say_of(found)
        raise MissingInputError(f"{option} {folder} holds no images (png, jpg, bmp, tif, webp, ...).")
    return found


def say_of(found: Folder) -> None:
    """Say what lies in a folder and is no image to test.

    Raises:
        BadDataError: most of its pictures are of a type that can't be read.
    """
    other = found.sorted
    remarks.say([*remarks.of_listing(found.listing), *remarks.of_masks_among(other.masks.values(), other.unpaired)])


def require_own_ids(images: Iterable[tuple[str, Path]]) -> None:
    """Refuse images that differ in their types alone; all of them are counted.

    Raises:
        BadDataError: some have the same id.
    """
    seen: dict[str, Path] = {}
    twins = [(name, seen[name], path) for name, path in images if seen.setdefault(name, path) != path]
    if len(twins) == 1:
        ((name, first, other),) = twins
        raise BadDataError(f"Two images get the id '{name}': {first} and {other}. Rename one of them.")
    if twins:
        named = first_few([f"{first} and {other}" for _, first, other in twins], SHOWN)
        raise BadDataError(f"{len(twins):,} pairs of images get the same id: {named}. Rename one of each pair.")


def _require_readable(paths: list[Path], option: str) -> None:
    """Nothing can be made of a folder of which no image can be read, as where all hold NaN.

    Raises:
        BadDataError: none can.
    """
    reason = "none is left."
    for image in paths:
        try:
            decoding.decode(image)
        except UnreadableImageError as error:
            reason = str(error)
        else:
            return
    raise BadDataError(f"{none_of(len(paths), 'picture', f'of {option}', 'can be read')}: {reason}")


def _refuse_shared(learned: list[Path], tested: list[Path], normal: Path, test: Path) -> None:
    """An image that is learned as normal must not be tested on."""
    shared = {path.resolve() for path in learned} & {path.resolve() for path in tested}
    if shared:
        raise UsageError(
            f"{subject(len(shared), 'image', 'lies', 'lie')} in both --normal {normal} and --test {test}, "
            f"for instance {min(shared).name}. Give two folders that lie apart."
        )


def _masks(root: Path | None, test: Path, tested: list[Path], orientation: str) -> Drawn:
    """The masks in a folder of their own; another size is an error."""
    if root is None:
        return Drawn(Listing(test / layout.GROUND_TRUTH))
    if not root.is_dir():
        raise MissingInputError(f"--masks {root} is not a folder. Give --masks an existing folder, or leave it out.")
    names = {image: name_below(image, test) for image in tested}
    there = listing.read(root)
    joined, strays = pair_masks(names.values(), there.images, root)
    found = {image: joined[name] for image, name in names.items() if name in joined}
    if not found:
        remarks.say(remarks.of_listing(there), refuse=False)
        raise BadDataError(f"No mask in {root} has the name of an image in {test} (<name>.png or <name>_mask.png).")
    _check_sizes(found, MaskReader(mask_reader.MaskRule(), orientation))
    return Drawn(there, found, strays)


def _check_sizes(masks: Mapping[Path, Path], reader: MaskReader) -> None:
    """Refuse masks of another size than their images, all of them at once.

    Raises:
        BadDataError: there are some.
    """
    wrong: dict[Path, BadDataError] = {}
    for image, mask in masks.items():
        try:
            _check_size(image, mask, reader)
        except BadDataError as error:
            wrong[mask] = error
    if wrong:
        (_, first), *others = wrong.items()
        raise BadDataError(f"{first}{also([mask for mask, _ in others])}")


def _check_size(image: Path, mask: Path, reader: MaskReader) -> None:
    try:
        size, mask_size = decoding.image_size(image), reader.size(mask, image)
    except UnreadableImageError:
        return  # said when the image is linked, or when the mask is read
    require_size(mask, mask_size, image, size)
