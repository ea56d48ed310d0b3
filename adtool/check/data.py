"""What can be wrong with a data set."""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from adtool.core import files, layout
from adtool.core.checks import data_rules as rules
from adtool.core.checks.findings import Finding, Findings, counted
from adtool.core.dataset import data_checks
from adtool.core.dataset.data_checks import reason
from adtool.core.dataset.types import Category, Dataset, Sample
from adtool.core.errors import BadDataError
from adtool.core.folders.suffixes import is_image
from adtool.core.masks import mask_checks, mask_reader
from adtool.core.masks.mask_checks import Masked, MaskLook
from adtool.core.pictures import tiling
from adtool.core.progress import track
from adtool.core.shards.shard import Shard
from adtool_runtime import parallel
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.decoding import UnreadableImageError

HARMLESS = ("readme", "license", "licence")

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class SampleLook:
    """What the files of one sample hold; what can't be read is None, and why is in `problems`."""

    sample: Sample
    size: tuple[int, int] | None
    digest: str
    mask: MaskLook | None
    poor: str = ""
    image_problem: str = ""
    mask_problem: str = ""


def check(
    data: Dataset,
    categories: Iterable[Category],
    twins: Sequence[tuple[Path, Path]],
    found: Findings,
    part: Shard | None = None,
) -> None:
    """Read every file of some categories once, or those of a shard, and note what is wrong."""
    for category in categories:
        before = len(found.found)
        every = (*category.train, *category.test)
        samples = every if part is None else part.of(every)
        own = [pair for pair in twins if category.path in pair[0].parents]
        found.add(rules.ID_TWICE, category.name, (f"{one} and {other.name}" for one, other in own))
        looks = list(track(parallel.each(partial(_look, category), samples), f"check {category.name}", len(samples)))
        _check_images(category, looks, found)
        data_checks.check(category, data, found)
        _check_masks(category, looks, found)
        _check_repeats(category, looks, found)
        if text := tiling.advice(one.size for one in looks if one.size):
            found.advice.append(f"{category.name}: {text}")
        found.found += [_before(one) for one in data.prepared if one.where == category.name]
        found.add_row(data.path.as_posix(), category.name, _counts(category), before)
    _check_index(data, found)


def _counts(category: Category) -> str:
    masks = sum(one.mask is not None for one in category.test)
    return f"{len(category.train)} train, {len(category.test)} test, {counted(masks, 'mask')}"


def _look(category: Category, sample: Sample) -> SampleLook:
    size, digest, mask, poor, problem, mask_problem = None, "", None, "", "", ""
    try:
        picture = decoding.read(sample.image, sample.reading)
        size = picture.pixels.shape[0], picture.pixels.shape[1]
        digest = hashlib.blake2b(repr(size).encode() + picture.pixels.tobytes(), digest_size=16).hexdigest()
        poor = picture.poor
    except UnreadableImageError as error:
        problem = str(error)
    try:
        header = None if size is None else decoding.header_of(sample.image)
        mask = mask_checks.look_at(category.masks, sample.mask, header)[1] if sample.mask else None
    except UnreadableImageError as error:
        mask_problem = str(error)
    return SampleLook(sample, size, digest, mask, poor, problem, mask_problem)


def _check_images(category: Category, looks: Sequence[SampleLook], found: Findings) -> None:
    found.add(
        rules.IMAGE_UNREADABLE,
        category.name,
        (reason(look.image_problem) for look in looks if not look.size),
    )
    found.add(rules.IMAGE_POOR, category.name, (f"{look.sample.image}: {look.poor}" for look in looks if look.poor))


def _check_masks(category: Category, looks: Sequence[SampleLook], found: Findings) -> None:
    name = category.name
    found.add(rules.MASK_UNREADABLE, name, (reason(look.mask_problem) for look in looks if look.mask_problem))
    masked = [
        Masked(look.sample.image, look.sample.mask, look.size, look.mask, look.sample.kind)
        for look in looks
        if look.mask is not None and look.sample.mask is not None
    ]
    if masked:
        marked = [(round(one.look.share * one.look.pixels), one.look.pixels) for one in masked]
        log.info("%s: %s", name, mask_reader.told(category.masks.decision, marked))
    mask_checks.check(name, masked, lambda kind: kind in category.normal_kinds, found)


def _before(one: Finding) -> Finding:
    """What `prep` found in the source, and left out or read in its own way: said, and no error of what it made."""
    do = f"So it was in the source, when this was prepared. {one.rule.do}"
    again = " Then run the same `adtool prep` again." if one.rule.code == rules.IMAGE_UNREADABLE.code else ""
    return replace(one, rule=replace(one.rule, do=do + again))


def _check_repeats(category: Category, looks: Sequence[SampleLook], found: Findings) -> None:
    """Images with the very same pixels; MTD's other exposures of a tile, for instance, are not that."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for look in looks:
        if look.size:
            groups[look.digest].append(look.sample)
    across, kinds, same = [], [], []
    for group in groups.values():
        train = [one for one in group if one.split == layout.TRAIN]
        test = [one for one in group if one.split == layout.TEST]
        across += [f"{one.image} = {train[0].image}" for one in test if train]
        others = [one for one in test[1:] if one.kind != test[0].kind]
        kinds += [f"{one.image} = {test[0].image}" for one in others]
        same += [f"{one.image} = {test[0].image}" for one in test[1:] if one not in others]
        same += [f"{one.image} = {train[0].image}" for one in train[1:]]
    found.add(rules.REPEATS_TRAIN, category.name, across)
    found.add(rules.REPEATS_OTHER_KIND, category.name, kinds)
    found.add(rules.REPEATS, category.name, same)


def leftovers(folder: Path) -> list[Path]:
    """Files that are no images: temporary ones of a kill, tables, notes; not hidden ones, nor a licence."""
    if not folder.is_dir():
        return []
    files_there = [path for path in folder.rglob("*") if path.is_file() and not is_image(path)]
    return [
        path
        for path in files_there
        if files.TEMPORARY in path.name
        or not (path.name.startswith(".") or path.stem.lower() in HARMLESS or path.name == layout.STEP_FILE)
    ]


def _check_index(data: Dataset, found: Findings) -> None:
    """samples.csv against the folders."""
    table = data.path / layout.SAMPLES_FILE
    if not table.exists():
        return
    try:
        listed = {row.get("image", "") for row in files.read_csv(table)}
    except BadDataError as error:
        found.add(rules.TABLE_UNREADABLE, data.path.as_posix(), [error])
        return
    every = (one for category in data.categories.values() for one in (*category.train, *category.test))
    there = {one.image.relative_to(data.path).as_posix() for one in every}
    gone = [f"{data.path / name} is listed, but gone" for name in listed - there]
    new = [f"{data.path / name} is there, but not listed" for name in there - listed]
    found.add(rules.INDEX_STALE, table.as_posix(), gone + new)
