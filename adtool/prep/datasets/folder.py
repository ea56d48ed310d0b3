"""Your own images: a folder of normal parts, one of parts to test, masks if you have them."""

import logging
from pathlib import Path
from typing import Literal

from pydantic import Field

from adtool.core import config, decoding, files, layout, masks
from adtool.core.decoding import UnreadableImageError
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.listing import images_in, join_masks, name_below
from adtool.core.masks import Masks, Orientation, Rule
from adtool.core.progress import track
from adtool.core.step import Identity, Outcome
from adtool.prep.reading import GREY, GREY_HELP, ORIENTATION_HELP, RULE_HELP, grey_range
from adtool.prep.writing import About, DatasetWriter, How, prepare, require_size, say

NORMAL, DEFECT = "good", "defect"
AS_READ = ("mask_rule", "mask_orientation", "pages", "grey")  # settings that say how files are read

log = logging.getLogger("adtool")


class Config(config.Config):
    """Settings of `adtool prep folder`."""

    normal: Path = Field(description="Folder of images of normal parts.")
    test: Path = Field(description="Folder of images to test; subfolders, if any, are the kinds of defect.")
    masks: Path | None = Field(
        None, description="Folder of masks, named like the test images (or <name>_mask), in the same subfolders."
    )
    name: str | None = Field(
        None,
        pattern=r"^[^/\\.][^/\\]*$",  # it becomes a folder, here and in every output
        description="Name of the data set and of its category; else that of the test folder.",
    )
    out: Path | None = Field(None, description="Folder to write; else data/<name>.")
    mask_rule: Rule = Field("auto", description=RULE_HELP)
    mask_orientation: Orientation = Field("auto", description=ORIENTATION_HELP)
    pages: Literal["first", "all"] = Field(
        "first", description="Of files with several pages: the first, or each as an image, <name>_page01 ..."
    )
    grey: str | None = Field(None, pattern=GREY, description=GREY_HELP)


def run(config: Config, *, force: bool = False) -> Outcome:
    """Prepare your own images.

    Test images directly in --test have the kind `unknown` (or, with --masks: `defect` where the mask has
    defect pixels and `good` where it has none). A subfolder of --test is a kind; `good`, `ok` and `normal` are normal.
    """
    normal, test = pictures(config)
    name = config.name or config.test.resolve().name
    out = config.out or Path(layout.DATA) / name
    found = _masks(config, test)
    painted = Masks(masks.decide(found.values(), config.mask_rule), config.mask_orientation)
    places = {image: _place(image, config.test, found.get(image), painted) for image in test}
    _refuse_twins([(image.relative_to(config.normal).with_suffix("").as_posix(), image) for image in normal])
    normal_kinds = {place.split("/")[0] for place in places.values()} & set(layout.NORMAL_KINDS) - {NORMAL}
    about = About(
        name, (name,), NORMAL, config.mask_rule, "own images", "own images", tuple(sorted(normal_kinds)),
        grey=grey_range(config.grey),
    )  # fmt: skip
    _refuse_twins([(f"{kind}/{image.stem}", image) for image, kind in places.items()])
    inputs = {
        "normal images": files.fingerprint((path.relative_to(config.normal).as_posix(), path) for path in normal),
        "test images": files.fingerprint((path.relative_to(config.test).as_posix(), path) for path in test),
        "masks": files.fingerprint((path.relative_to(config.test).as_posix(), mask) for path, mask in found.items()),
    }

    def fill(writer: DatasetWriter) -> None:
        for image in track(normal, "normal images"):
            parts = image.relative_to(config.normal).parts
            writer.link_image(name, layout.TRAIN, "/".join((NORMAL, *parts[:-1])), image)
        for image in track(test, "test images"):
            _add_test(writer, name, image, places[image], found.get(image))

    settings = {"name": name, **config.model_dump(mode="json", include=set(AS_READ), exclude_defaults=True)}
    how = How(list(found.values()), painted, all_pages=config.pages == "all")
    return prepare(about, out, Identity("prep folder", settings, 0, inputs), fill, how, force=force)


def pictures(config: Config) -> tuple[list[Path], list[Path]]:
    """The normal and the test images.

    Raises:
        MissingInputError: a folder is not there, or holds no images.
        UsageError: an image lies in both.
    """
    normal, test = images(config.normal, "--normal"), images(config.test, "--test", apart=config.masks)
    _refuse_shared(normal, test, config)
    return normal, test


def _add_test(writer: DatasetWriter, name: str, image: Path, kind: str, mask: Path | None) -> None:
    if writer.link_image(name, layout.TEST, kind, image) and mask is not None:
        writer.convert_mask(name, kind, mask, image, name=image.stem)


def _place(image: Path, root: Path, mask: Path | None, painted: Masks) -> str:
    """The folder of a test image: its own below `root`, else what the mask says."""
    own = image.relative_to(root).parent
    if own != Path():
        return own.as_posix()
    if mask is None:
        return layout.UNKNOWN_KIND
    return DEFECT if painted.decision.marked(masks.read_sheet(mask)).any() else NORMAL


def images(folder: Path, option: str, *, apart: Path | None = None) -> list[Path]:
    """Images at any depth, without those below `apart` (masks that lie inside)."""
    if not folder.is_dir():
        raise MissingInputError(f"{option} {folder} is not a folder. Give {option} an existing folder of images.")
    left_out = apart.resolve() if apart is not None and apart.resolve() != folder.resolve() else None
    found = [path for path in images_in(folder, recursive=True) if left_out not in path.resolve().parents]
    if not found:
        raise MissingInputError(f"{option} {folder} holds no images (png, jpg, bmp, tif, webp).")
    return found


def _refuse_shared(normal: list[Path], test: list[Path], config: Config) -> None:
    """An image that is learned as normal must not be tested on."""
    shared = {path.resolve() for path in normal} & {path.resolve() for path in test}
    if shared:
        raise UsageError(
            f"{len(shared)} images lie in both --normal {config.normal} and --test {config.test}, "
            f"for instance {min(shared).name}. Give two folders that lie apart."
        )


def _refuse_twins(ids: list[tuple[str, Path]]) -> None:
    seen: dict[str, Path] = {}
    for one, path in ids:
        if one in seen:
            raise BadDataError(f"Two images get the id '{one}': {seen[one]} and {path}. Rename one of them.")
        seen[one] = path


def _masks(config: Config, images: list[Path]) -> dict[Path, Path]:
    """The mask of each image that has one; strays and gaps are said, another size is an error."""
    root, test = config.masks, config.test
    if root is None:
        return {}
    if not root.is_dir():
        raise MissingInputError(f"--masks {root} is not a folder. Give --masks an existing folder, or leave it out.")
    names = {image: name_below(image, test) for image in images}
    joined, strays = join_masks(names.values(), root)
    found = {image: joined[name] for image, name in names.items() if name in joined}
    if not found:
        raise BadDataError(f"No mask in {root} has the name of an image in {test} (<name>.png or <name>_mask.png).")
    for image, mask in found.items():
        _check_size(image, mask, Masks(masks.Decision(), config.mask_orientation))
    say("test images without a mask, left out of the pixel metrics", [i for i in images if i not in found])
    say("masks without an image, left out", strays)
    return found


def _check_size(image: Path, mask: Path, reader: Masks) -> None:
    try:
        size, mask_size = decoding.image_size(image), reader.size(mask, image)
    except UnreadableImageError:
        return  # said when the image is linked, or when the mask is read
    require_size(mask, mask_size, image, size)
