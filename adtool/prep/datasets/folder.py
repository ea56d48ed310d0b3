"""Your own images: a folder of normal parts, one of parts to test, masks if you have them."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from adtool.core import config, files, layout, names
from adtool.core.checks import remarks
from adtool.core.config import READS
from adtool.core.dataset import looking
from adtool.core.errors import UsageError
from adtool.core.folders import kinds
from adtool.core.folders.listing import mask_files
from adtool.core.look_at_help import LOOK_AT_HELP
from adtool.core.masks import mask_reader
from adtool.core.masks.mask_reader import MaskReader, Orientation, Rule
from adtool.core.progress import track
from adtool.core.steps.step_run import Identity, Outcome
from adtool.prep import own
from adtool.prep.own import FolderPictures as FolderPictures
from adtool.prep.places import NORMAL as NORMAL
from adtool.prep.places import Subfolders
from adtool.prep.reading import GREY, GREY_HELP, ORIENTATION_HELP, RULE_HELP, grey_range
from adtool.prep.writing import DatasetProfile, DatasetWriter, ReadingRules, prepare

log = logging.getLogger("adtool")


class Config(config.Config):
    """Settings of `adtool prep folder`."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        "normal": "its images are inputs",
        "test": "its images are inputs",
        "masks": "they are inputs",
        "kinds_from_folders": "noted by what came of it: kinds inside, just folders",
        "normal_kinds": "noted sorted",
        "name": "noted as it was decided",
        "out": "where, not what",
        "look_at": "what it says is an input",
    }
    normal: Path = Field(description="Folder of images of normal parts.", json_schema_extra={READS: True})
    test: Path = Field(
        description="Folder of images to test; for its subfolders see --kinds-from-folders.",
        json_schema_extra={READS: True},
    )
    masks: Path | None = Field(
        None,
        description="Folder of masks, named like the test images (or <name>_mask), in the same subfolders.",
        json_schema_extra={READS: True},
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
        description="Name of the data set and of its category; else that of the test folder.",
    )
    out: Path | None = Field(None, description="Folder to write; else data/<name>.")
    mask_rule: Rule = Field("auto", description=RULE_HELP)
    mask_orientation: Orientation = Field("auto", description=ORIENTATION_HELP)
    pages: Literal["first", "all"] = Field(
        "first", description="Of files with several pages: the first, or each as an image, <name>_page01 ..."
    )
    grey: str | None = Field(None, pattern=GREY, description=GREY_HELP)
    look_at: str | None = Field(None, description=LOOK_AT_HELP, json_schema_extra={"metavar": "MASK|X,Y,W,H"})

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, value: str | None) -> str | None:
        """It becomes a folder, here and in every output."""
        if value is not None and (problem := _problem_of(value)):
            raise ValueError(problem)
        return value


def _problem_of(name: str) -> str:
    """Why a data set can't be called so, empty if it can."""
    if name.startswith("."):
        return "a folder of that name would be hidden"
    return names.category_problem(name)


def run(config: Config, *, force: bool = False) -> Outcome:
    """Prepare your own images.

    Test images directly in --test have the kind `unknown` (or, with --masks: `defect` where the mask has defect pixels
    and `good` where it has none). A subfolder of --test is a kind if its name says so, or with --kinds-from-folders;
    good, OK, normal, pass, gut, bon, 良品 and the like are normal, in any case. What was taken for what is said.
    """
    given = pictures(config)
    normal, test, found = given.normal, given.test, given.masks
    name = config.name or config.test.resolve().name
    if problem := _problem_of(name):
        raise UsageError(
            f"The data set can't be called '{names.shown(name)}', as {config.test} is: {problem}. Add --name."
        )
    out = config.out or Path(layout.DATA) / name
    painted = MaskReader(mask_reader.decide(found.values(), config.mask_rule), config.mask_orientation)
    given.subfolders.say()
    where = _places(given, painted)
    _refuse_twins(config, normal, where)
    there = {place.split("/")[0] for place in where.values()}
    normal_kinds = _normal_kinds(config, there)
    doubts = given.subfolders.doubts(where)
    remarks.say(doubts)
    about = DatasetProfile(
        name, (name,), NORMAL, config.mask_rule, "own images", "own images", tuple(sorted(normal_kinds - {NORMAL})),
        grey=grey_range(config.grey),
        look_at=looking.parsed(config.look_at),
    )  # fmt: skip
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

    settings = {"name": name, **config.identity(if_changed=True)}
    how = ReadingRules(list(found.values()), painted, config.pages == "all", {name: (*given.found, *doubts)})
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


def pictures(config: Config) -> FolderPictures:
    """The normal and the test images; see `own.pictures`."""
    return own.pictures(
        config.normal, config.test, config.masks, kinds=config.kinds_from_folders, orientation=config.mask_orientation
    )


def _add_test(writer: DatasetWriter, name: str, image: Path, kind: str, mask: Path | None) -> None:
    if writer.link_image(name, layout.TEST, kind, image) and mask is not None:
        writer.convert_mask(name, kind, mask, image, name=image.stem)


def require_own_ids(config: Config, given: FolderPictures) -> None:
    """Refuse pictures of one name and several types, before anything is done with them.

    Raises:
        BadDataError: there are some.
    """
    painted = MaskReader(mask_reader.decide(given.masks.values(), config.mask_rule), config.mask_orientation)
    _refuse_twins(config, given.normal, _places(given, painted))


def _places(given: FolderPictures, painted: MaskReader) -> dict[Path, str]:
    """Where each test image goes: its kind, with what lies below it."""
    return {image: given.subfolders.place(image, given.masks.get(image), painted) for image in given.test}


def _refuse_twins(config: Config, normal: Sequence[Path], where: Mapping[Path, str]) -> None:
    own.require_own_ids((image.relative_to(config.normal).with_suffix("").as_posix(), image) for image in normal)
    own.require_own_ids((f"{kind}/{image.stem}", image) for image, kind in where.items())
