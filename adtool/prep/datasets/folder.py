"""Your own images: a folder of normal parts, one of parts to test, masks if you have them."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from adtool.core import among, config, decoding, files, kinds, layout, listing, masks, remarks
from adtool.core.decoding import UnreadableImageError
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.listing import mask_files, name_below, pair_masks
from adtool.core.masks import Masks, Orientation, Rule
from adtool.core.progress import track
from adtool.core.step import Identity, Outcome
from adtool.prep import places
from adtool.prep.places import NORMAL as NORMAL
from adtool.prep.places import Subfolders
from adtool.prep.reading import GREY, GREY_HELP, ORIENTATION_HELP, RULE_HELP, grey_range
from adtool.prep.writing import About, DatasetWriter, How, prepare, require_size, say

AS_READ = ("mask_rule", "mask_orientation", "pages", "grey")  # settings that say how files are read

log = logging.getLogger("adtool")


class Config(config.Config):
    """Settings of `adtool prep folder`."""

    normal: Path = Field(description="Folder of images of normal parts.")
    test: Path = Field(description="Folder of images to test; for its subfolders see --kinds-from-folders.")
    masks: Path | None = Field(
        None, description="Folder of masks, named like the test images (or <name>_mask), in the same subfolders."
    )
    kinds_from_folders: bool | None = Field(
        None,
        description="Whether subfolders of --test are kinds of defect, or just folders; by default their names say so: "
        "good, OK, scratch, NG are, 2026-11-27, line1, camera_A are not.",
        json_schema_extra={"option": "--kinds-from-folders/--no-kinds-from-folders"},
    )
    normal_kinds: tuple[str, ...] = Field(
        (), description="Subfolder of --test that holds good parts, where its name does not say so; repeat for several."
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


@dataclass(frozen=True)
class Pictures:
    """What lies in the two folders.

    Attributes:
        normal: images of normal parts.
        test: images to test.
        masks: of test images.
        subfolders: of the test folder.
    """

    normal: list[Path]
    test: list[Path]
    masks: dict[Path, Path]
    subfolders: Subfolders


def run(config: Config, *, force: bool = False) -> Outcome:
    """Prepare your own images.

    Test images directly in --test have the kind `unknown` (or, with --masks: `defect` where the mask has defect pixels
    and `good` where it has none). A subfolder of --test is a kind if its name says so, or with --kinds-from-folders;
    good, OK, normal, pass, gut, bon, 良品 and the like are normal, in any case. What was taken for what is said.
    """
    given = pictures(config)
    given.subfolders.say()
    normal, test, found = given.normal, given.test, given.masks
    name = config.name or config.test.resolve().name
    out = config.out or Path(layout.DATA) / name
    painted = Masks(masks.decide(found.values(), config.mask_rule), config.mask_orientation)
    where = {image: given.subfolders.place(image, found.get(image), painted) for image in test}
    _refuse_twins([(image.relative_to(config.normal).with_suffix("").as_posix(), image) for image in normal])
    there = {place.split("/")[0] for place in where.values()}
    normal_kinds = _normal_kinds(config, there)
    remarks.say(remarks.of_kinds(there - {layout.UNKNOWN_KIND}, normal_kinds, config.test))
    about = About(
        name, (name,), NORMAL, config.mask_rule, "own images", "own images", tuple(sorted(normal_kinds - {NORMAL})),
        grey=grey_range(config.grey),
    )  # fmt: skip
    _refuse_twins([(f"{kind}/{image.stem}", image) for image, kind in where.items()])
    drawn = [(image.relative_to(config.test).as_posix(), file) for image in found for file in mask_files(found[image])]
    inputs = {
        "normal images": files.fingerprint((path.relative_to(config.normal).as_posix(), path) for path in normal),
        "test images": files.fingerprint((path.relative_to(config.test).as_posix(), path) for path in test),
        "masks": files.fingerprint(drawn),
    }

    def fill(writer: DatasetWriter) -> None:
        for image in track(normal, "normal images"):
            parts = image.relative_to(config.normal).parts
            writer.link_image(name, layout.TRAIN, "/".join((NORMAL, *parts[:-1])), image)
        for image in track(test, "test images"):
            _add_test(writer, name, image, where[image], found.get(image))

    settings = {"name": name, **config.model_dump(mode="json", include=set(AS_READ), exclude_defaults=True)}
    how = How(list(found.values()), painted, all_pages=config.pages == "all")
    identity = Identity("prep folder", settings | _unusual(config, given.subfolders), 0, inputs)
    return prepare(about, out, identity, fill, how, force=force)


def _normal_kinds(config: Config, there: set[str]) -> set[str]:
    """The kinds of good parts.

    Raises:
        UsageError: one that was named is not there.
    """
    absent = sorted(set(config.normal_kinds) - there)
    if absent:
        raise UsageError(
            f"--normal-kinds {absent[0]} is no kind in {config.test}. There are: {', '.join(sorted(there))}."
        )
    return {NORMAL, *config.normal_kinds, *kinds.normal_kinds(there)}


def _unusual(config: Config, subfolders: Subfolders) -> dict[str, object]:
    """Settings that change the result; at their defaults a data set is what it was before they existed."""
    given: dict[str, object] = {"normal_kinds": sorted(config.normal_kinds)} if config.normal_kinds else {}
    inside = {"kinds inside": list(subfolders.inside)} if subfolders.inside else {}
    return given | inside | ({"just folders": list(subfolders.plain)} if subfolders.plain else {})


def pictures(config: Config) -> Pictures:
    """The normal and the test images; what else lies there is said.

    Raises:
        MissingInputError: a folder is not there, or holds no images.
        BadDataError: most pictures of a folder can't be read, or no mask fits an image.
        UsageError: an image lies in both.
    """
    learned = images(config.normal, "--normal")
    remarks.say(remarks.of_painted(among.drop_painted(learned)))
    normal = learned.images
    _require_readable(normal, "--normal")
    found = images(config.test, "--test", apart=config.masks)
    test = found.images
    _require_readable(test, "--test")
    _refuse_shared(normal, test, config)
    painted = found.masks | _masks(config, test)
    chosen = places.subfolders(config.test, test, painted, asked=config.kinds_from_folders)
    return Pictures(normal, test, painted, chosen)


def _add_test(writer: DatasetWriter, name: str, image: Path, kind: str, mask: Path | None) -> None:
    if writer.link_image(name, layout.TEST, kind, image) and mask is not None:
        writer.convert_mask(name, kind, mask, image, name=image.stem)


def images(folder: Path, option: str, *, apart: Path | None = None) -> among.Sorted:
    """Images at any depth and the masks among them, without those below `apart` (masks that lie inside); all is said.

    Raises:
        MissingInputError: the folder is not there, or holds no images.
        BadDataError: most of its pictures are of a type that can't be read.
    """
    if not folder.is_dir():
        raise MissingInputError(f"{option} {folder} is not a folder. Give {option} an existing folder of images.")
    left_out = apart.resolve() if apart is not None and apart.resolve() != folder.resolve() else None
    there = listing.read(folder, leave_out=lambda path: path.resolve() == left_out)
    found = among.sort_out(there.images, folder)
    said = remarks.of_listing(there)
    remarks.say([*said, *remarks.of_masks_among(sorted(found.masks.values()), found.unpaired)])
    if not found.images:
        raise MissingInputError(f"{option} {folder} holds no images (png, jpg, bmp, tif, webp, ...).")
    return found


def _require_readable(images: list[Path], option: str) -> None:
    """Nothing can be made of a folder of which no image can be read, as where all hold NaN.

    Raises:
        BadDataError: none can.
    """
    reason = "none is left."
    for image in images:
        try:
            decoding.decode(image)
        except UnreadableImageError as error:
            reason = str(error)
        else:
            return
    raise BadDataError(f"None of {len(images)} pictures of {option} can be read: {reason}")


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
    there = listing.read(root)
    remarks.say(remarks.of_listing(there), refuse=False)
    joined, strays = pair_masks(names.values(), there.images, root)
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
