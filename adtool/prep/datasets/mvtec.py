"""A data set in MVTec AD layout: checked and indexed where it lies, nothing is copied."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from adtool.core import config, layout
from adtool.core.config import READS
from adtool.core.dataset import dataset_card, dataset_folder, looking
from adtool.core.dataset.types import Category, Dataset
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.look_at_help import LOOK_AT_HELP
from adtool.core.masks import mask_checks, mask_reader
from adtool.core.masks.mask_checks import Masked
from adtool.core.masks.mask_reader import Orientation, Rule
from adtool.core.progress import track
from adtool.core.steps.step_run import Outcome
from adtool.prep import doubts
from adtool.prep.finding import find_source
from adtool.prep.indexing import DatasetProfile, counts, index
from adtool.prep.reading import GREY, GREY_HELP, ORIENTATION_HELP, RULE_HELP, grey_range
from adtool.prep.writing import unreadable_notes
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.decoding import UnreadableImageError

log = logging.getLogger("adtool")


class Config(config.Config):
    """Settings of `adtool prep mvtec`."""

    source: Path | None = Field(
        None,
        description="Folder with <category>/{train,test,ground_truth}; else searched for.",
        json_schema_extra={READS: True},
    )
    normal_kinds: tuple[str, ...] = Field(
        (), description="Kind of good parts (a folder in test/), where its name does not say so; repeat for several."
    )
    mask_rule: Rule | None = Field(None, description=f"{RULE_HELP} As noted there if left out, else auto.")
    mask_orientation: Orientation | None = Field(
        None, description=f"{ORIENTATION_HELP} As noted there if left out, else auto."
    )
    grey: str | None = Field(None, pattern=GREY, description=GREY_HELP)
    look_at: str | None = Field(None, description=LOOK_AT_HELP, json_schema_extra={"metavar": "MASK|X,Y,W,H"})


def run(config: Config) -> Outcome:
    """Check a data set in MVTec AD layout and write its dataset.json and samples.csv beside the categories."""
    source = find_source(
        config.source,
        dataset_folder.is_dataset,
        name="a data set in MVTec AD layout",
        expected="<category>/train/good/*.png, <category>/test/<kind>/*.png, <category>/ground_truth/<kind>/*_mask.png",
        published="https://www.mvtec.com/company/research/datasets/mvtec-ad",
    )
    grey, look_at = grey_range(config.grey), looking.parsed(config.look_at)
    data = _asked(dataset_folder.read_dataset(source, normal_kinds=config.normal_kinds), config)
    _require_kinds(data, config.normal_kinds)
    outcome = Outcome("prep mvtec", source)
    unreadable: list[str] = []
    masked = {category.name: _check(category, unreadable) for category in data.categories.values()}
    if unreadable:
        unreadable_notes(unreadable)
        raise BadDataError(
            f"{len(unreadable)} unreadable files: {unreadable[0]} Mend or remove them, then run this again."
        )
    said = {one.rule.code for category in data.categories.values() for one in category.remarks}
    data = index(source, replace(_about(data), grey=grey, look_at=look_at), data.prepared)
    doubts.say(data, masked, said=said)
    outcome.done += data.categories
    outcome.rows = counts(data)
    return outcome


def _require_kinds(data: Dataset, named: Iterable[str]) -> None:
    there = {kind for category in data.categories.values() for kind in category.kinds}
    absent = sorted(set(named) - there)
    if absent:
        raise UsageError(
            f"--normal-kinds {absent[0]} is no kind of {data.path}. There are: {', '.join(sorted(there))}."
        )


def _asked(data: Dataset, config: Config) -> Dataset:
    """The data set with masks read as the settings say."""
    orientation = config.mask_orientation or data.mask_orientation
    categories = {
        name: replace(one, mask_rule=config.mask_rule or one.mask_rule, mask_orientation=orientation)
        for name, one in data.categories.items()
    }
    rule = config.mask_rule or data.mask_rule
    return replace(data, categories=categories, mask_rule=rule, mask_orientation=orientation)


def _check(category: Category, unreadable: list[str]) -> list[Masked]:
    """The masks of a category; unreadable files are added to those known, other findings are raised or said."""
    if not category.test:
        raise MissingInputError(f"{category.path} has no test images. Complete the download.")
    masked = []
    paths = [item.mask for item in category.test if item.mask is not None]
    if paths:
        decision = category.masks.decision
        log.info("%s: %s", category.name, mask_reader.told(decision, mask_reader.count_marked(decision, paths)))
    for item in track((*category.train, *category.test), f"check {category.name}"):
        try:
            header = decoding.header_of(item.image)
            if item.mask is None:
                continue
            look = mask_checks.look_at(category.masks, item.mask, header)[1]
        except UnreadableImageError as error:
            unreadable.append(str(error))
            continue
        if look.size != header.shown():
            raise BadDataError(f"The mask {item.mask} and its image {item.image} differ in size. Correct one of them.")
        masked.append(Masked(item.image, item.mask, look.size, look, item.kind))
    return masked


def _about(data: Dataset) -> DatasetProfile:
    """What there is to say of a data set as downloaded; a card that it has from elsewhere keeps its words."""
    card = dataset_card.read(data.path / layout.DATASET_FILE)
    categories = data.categories.values()
    learned = [one.kind for category in categories for one in category.train if one.kind != layout.UNKNOWN_KIND]
    tested = [one.kind for category in categories for one in category.test if category.is_normal(one)]
    normal = list(dict.fromkeys((*learned, *tested))) or [layout.NORMAL_KIND]
    source = card.source or data.path.resolve().name
    licence = card.licence or "see its download"
    return DatasetProfile(
        data.name,
        tuple(data.categories),
        normal[0],
        data.mask_rule,
        source,
        licence,
        tuple(normal[1:]),
        data.mask_orientation,
        kinds=card.kinds if card.normal_kinds else dataset_card.BY_NAME,
    )
