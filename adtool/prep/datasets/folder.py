"""Your own images: a folder of normal parts, one of parts to test, masks if you have them."""

import logging
from pathlib import Path

from pydantic import Field

from adtool.core import arrays, config, files, layout
from adtool.core.arrays import UnreadableImageError
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.progress import track
from adtool.core.sample import images_in
from adtool.core.step import Identity, Outcome
from adtool.prep.writing import SHOWN, About, DatasetWriter, prepare

NORMAL, DEFECT = "good", "defect"

log = logging.getLogger("adtool")


class Config(config.Config):
    """Settings of `adtool prep folder`."""

    normal: Path = Field(description="Folder of images of normal parts.")
    test: Path = Field(description="Folder of images to test; subfolders, if any, are the kinds of defect.")
    masks: Path | None = Field(
        None, description="Folder of masks, named like the test images (or <name>_mask), in the same subfolders."
    )
    name: str | None = Field(
        None, description="Name of the data set and of its category; else that of the test folder."
    )
    out: Path | None = Field(None, description="Folder to write; else data/<name>.")


def run(config: Config, *, force: bool = False) -> Outcome:
    """Prepare your own images.

    Test images directly in --test have the kind `unknown` (or, with --masks: `defect` where the mask has
    defect pixels and `good` where it has none). A subfolder of --test is a kind; `good` is the normal one.
    """
    normal, test = _images(config.normal, "--normal"), _images(config.test, "--test")
    if config.normal.resolve() == config.test.resolve():
        raise UsageError("--normal and --test are the same folder.")
    name = config.name or config.test.resolve().name
    out = config.out or Path(layout.DATA) / name
    masks = _masks(config.masks, config.test, test)
    about = About(name, (name,), NORMAL, "auto", "own images", "own images")
    inputs = {
        "normal": files.fingerprint((path.relative_to(config.normal).as_posix(), path) for path in normal),
        "test": files.fingerprint((path.relative_to(config.test).as_posix(), path) for path in test),
        "masks": files.fingerprint((path.relative_to(config.test).as_posix(), mask) for path, mask in masks.items()),
    }

    def fill(writer: DatasetWriter) -> None:
        for image in track(normal, "normal images"):
            parts = image.relative_to(config.normal).parts
            writer.link_image(name, layout.TRAIN, "/".join((NORMAL, *parts[:-1])), image)
        for image in track(test, "test images"):
            _add_test(writer, name, image, config.test, masks.get(image))

    return prepare(about, out, Identity("prep folder", {"name": name}, 0, inputs), fill, force=force)


def _add_test(writer: DatasetWriter, name: str, image: Path, root: Path, mask: Path | None) -> None:
    parts = image.relative_to(root).parts
    kind = "/".join(parts[:-1]) or _kind(mask)
    if writer.link_image(name, layout.TEST, kind, image) and mask is not None:
        writer.convert_mask(name, kind, mask, arrays.image_size(image), name=image.stem)


def _kind(mask: Path | None) -> str:
    if mask is None:
        return layout.UNKNOWN_KIND
    return DEFECT if arrays.read_mask(mask).any() else NORMAL


def _images(folder: Path, option: str) -> list[Path]:
    if not folder.is_dir():
        raise MissingInputError(f"{option} {folder} is not a folder.")
    found = images_in(folder, recursive=True)
    if not found:
        raise MissingInputError(f"{option} {folder} holds no images (png, jpg, bmp, tif, webp).")
    return found


def _masks(root: Path | None, test: Path, images: list[Path]) -> dict[Path, Path]:
    """The mask of each image that has one; strays and gaps are said, another size is an error."""
    if root is None:
        return {}
    if not root.is_dir():
        raise MissingInputError(f"--masks {root} is not a folder.")
    free = {path.relative_to(root).with_suffix("").as_posix().lower(): path for path in images_in(root, recursive=True)}
    found = {}
    for image in images:
        key = image.relative_to(test).with_suffix("").as_posix().lower()
        mask = free.pop(key + "_mask", None) or free.pop(key, None)
        if mask is not None:
            found[image] = mask
            _check_size(image, mask)
    if not found:
        raise BadDataError(f"No mask in {root} has the name of an image in {test} (<name>.png or <name>_mask.png).")
    _say("test images without a mask, left out of the pixel metrics", [i for i in images if i not in found])
    _say("masks without an image, left out", list(free.values()))
    return found


def _check_size(image: Path, mask: Path) -> None:
    try:
        size, mask_size = arrays.image_size(image), arrays.image_size(mask)
    except UnreadableImageError:
        return  # said when the image is linked, or when the mask is read
    if size != mask_size:
        raise BadDataError(
            f"The mask {mask} has {mask_size[1]} x {mask_size[0]} pixels, its image {image} {size[1]} x {size[0]}. "
            "Correct the mask, or move both out of the way."
        )


def _say(what: str, paths: list[Path]) -> None:
    if paths:
        more = " ..." if len(paths) > SHOWN else ""
        log.warning("%d %s: %s%s", len(paths), what, ", ".join(str(path) for path in paths[:SHOWN]), more)
