"""discover: the kinds of defect in a category, without labels.

Reads  maps/ (or refined/), the images they were made of, and models/ for the scores of held-out normal images
Writes classes/<category>/
"""

import logging
import shutil
from dataclasses import dataclass

import numpy as np

from adtool.core import arrays, layout, progress, sample, step
from adtool.core.arrays import Bytes, Floats
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import ClassesFolder
from adtool.core.sample import Category, Sample
from adtool.core.step import Identity, Outcome, StepRun, Work
from adtool.discover import assign, features, merge, tables
from adtool.discover.binarize import SearchRange
from adtool.discover.config import AUTO, ORACLE, DiscoverConfig
from adtool.discover.features import Described, Item
from adtool.discover.regions import CropRow, Finder, RegionRow
from adtool.discover.source import Source, choose_maps, read_source
from adtool.nn import backbone, images
from adtool.nn.backbone import Backbone

COMMAND = "discover"
SCRATCH = "_features"  # in the folder of a category while it is in work
EMBEDDED = "tf_efficientnet_lite0"
IMAGE_SIZE = 256
# Chosen on defects painted on held-out normal tiles:
TEMPERATURE = 0.25  # of a map's weights, in standard deviations of all scores of the category
MASK_TEMPERATURE = 0.1  # of a crop's: defect pixels weigh e^10 times as much as others
CROP_SHARE = 0.5  # input side of a crop, as a share of that of a whole image: crops are small
# Settings that say where and how fast, not what.
NOT_IDENTITY = {"data", "maps", "out", "category", "seed", "engine", "device", "batch_size"}

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Found:
    """Regions and crops of a category."""

    search: SearchRange
    std: float  # of all scores of the category
    sizes: list[tuple[int, int]]  # (height, width) of each image
    crops: list[CropRow]
    regions: list[RegionRow]


def run(config: DiscoverConfig, *, force: bool = False) -> Outcome:
    """Discover classes in every category that has maps; one that fails does not stop the others."""
    maps = choose_maps(config.maps)
    finished = step.done_categories(maps)
    if not finished:
        raise MissingInputError(f"No finished maps at {maps}. Run `adtool maps` first.")
    dataset = sample.read_dataset(step.noted_data(maps, config.data))
    sources = {one.name: read_source(maps, one) for one in dataset.select(config.category or finished)}
    counts = {name: class_count(config.classes, source.category) for name, source in sources.items()}
    work = StepRun(COMMAND, config.out, force=force)
    identities = {name: _identity(config, source) for name, source in sources.items()}
    todo = work.plan(identities, {"data": step.relative(dataset.path), "maps": step.relative(maps)})
    for name in todo:
        with work.category(name, keep_going=len(todo) > 1) as unit:
            work.outcome.rows.append(_discover(config, sources[name], counts[name], unit))
    return work.outcome


def class_count(rule: str, category: Category) -> int | None:
    """The number of classes asked for, None for `auto`.

    Raises:
        UsageError: `oracle` without labels.
    """
    if rule == AUTO:
        return None
    if rule != ORACLE:
        return int(rule)
    kinds = set(category.kinds) - {layout.COMBINED_KIND, layout.UNKNOWN_KIND}
    if not kinds:
        raise UsageError(f"--classes oracle counts kinds, but {category.path} has none. Give a number, or auto.")
    return max(len(kinds), 2)


def _identity(config: DiscoverConfig, source: Source) -> Identity:
    settings = {name: v for name, v in config.model_dump(mode="json").items() if name not in NOT_IDENTITY}
    settings |= {"backbone": _backbone_name(config, source), "image_size": _image_size(config, source)}
    inputs = {"images": source.category.fingerprint(), "maps": source.fingerprint()}
    if config.classes == ORACLE:
        inputs["kinds"] = source.category.label_fingerprint()
    return Identity(COMMAND, settings, config.seed, inputs)


def _backbone_name(config: DiscoverConfig, source: Source) -> str:
    return config.backbone or str(source.settings.get("backbone") or EMBEDDED)


def _image_size(config: DiscoverConfig, source: Source) -> int:
    return config.image_size or int(source.settings.get("image_size") or IMAGE_SIZE)


def _discover(config: DiscoverConfig, source: Source, count: int | None, unit: Work) -> dict[str, object]:
    folder = ClassesFolder(unit.folder)
    if count is not None and count * 2 > len(source.samples):
        log.warning(
            "%s: %d classes for %d images, so many will hold a single one. Give a smaller --classes.",
            source.category.name, count, len(source.samples),
        )  # fmt: skip
    net = backbone.load(
        _backbone_name(config, source),
        layers=config.layers or None,
        weights_file=config.weights,
        engine=config.engine,
        device=config.device,
    )
    found = _find_regions(config, source, folder)
    described = _describe(config, source, found, net, folder)
    result = _classes(config, source, found, described, count)
    tables.write(folder, result)
    card = {
        "count_rule": config.classes,  # `oracle`: the number of classes comes from labels
        "features": config.features,
        "backbone": net.name,
        "weights_id": net.weights_id,
        "layers": [layer.index for layer in net.layers],
        "image_size": _image_size(config, source),
        "score_std": found.std,
        "search_range": [found.search.lo, found.search.hi],
        "erosion": config.erosion,
        "min_run": config.min_run,
    }
    tables.write_model(folder, result.classes, card)
    shutil.rmtree(folder.path / SCRATCH, ignore_errors=True)
    row = {"category": source.category.name, **tables.summary(result), "count": config.classes}
    unit.result.update(row)
    return row


def _find_regions(config: DiscoverConfig, source: Source, folder: ClassesFolder) -> Found:
    """Two passes over the maps: the range of thresholds first, then one image after the other."""
    maxima: list[float] = []
    moments = np.zeros(3)
    for _, scores in images.prefetch(source.samples, source.scores):
        maxima.append(float(scores.max()))
        exact = scores.astype(np.float64)
        moments += [exact.size, exact.sum(), np.square(exact).sum()]
    variance = moments[2] / moments[0] - (moments[1] / moments[0]) ** 2
    found = Found(SearchRange.over(maxima), float(np.sqrt(max(variance, 0))), [], [], [])
    finder = Finder(found.search, config.erosion, config.min_run)

    def find(one: Sample) -> tuple[tuple[int, int], list[CropRow], list[RegionRow]]:
        image = arrays.read_image(one.image)
        return image.shape[:2], *finder.find(one.id, image, source.scores(one), folder)

    with progress.bar(f"{source.category.name}: regions", len(source.samples)) as bar:
        for _, (size, crops, regions) in images.prefetch(source.samples, find):
            found.sizes.append(size)
            found.crops.extend(crops)
            found.regions.extend(regions)
            bar.advance(1)
    return found


def _describe(config: DiscoverConfig, source: Source, found: Found, net: Backbone, folder: ClassesFolder) -> Described:
    side = _image_size(config, source)
    if config.features == "maps":
        items = _whole_images(source, found)
    else:
        items, side = _crops(folder, found), int(side * CROP_SHARE)
    return features.describe(items, net, folder.path / SCRATCH, image_size=side, batch_size=config.batch_size)


def _whole_images(source: Source, found: Found) -> list[Item]:
    width = np.float32(max(found.std, 1e-12) * TEMPERATURE)

    def item(one: Sample) -> Item:
        return Item(one.id, lambda: (arrays.read_image(one.image), source.scores(one) / width))

    return [item(one) for one in source.samples]


def _crops(folder: ClassesFolder, found: Found) -> list[Item]:
    def load(row: CropRow) -> tuple[Bytes, Floats]:
        mask = arrays.read_mask(folder.crop_mask(row.id, row.crop))
        return arrays.read_image(folder.crop(row.id, row.crop)), mask.astype(np.float32) / np.float32(MASK_TEMPERATURE)

    def item(row: CropRow) -> Item:
        return Item(f"{row.id}_{row.crop}", lambda: load(row))

    return [item(row) for row in found.crops]


def _classes(
    config: DiscoverConfig, source: Source, found: Found, described: Described, count: int | None
) -> tables.Result:
    rng = np.random.default_rng(config.seed)
    scores, normals = source.image_scores, source.normal_scores()
    index = {one.id: i for i, one in enumerate(source.samples)}
    crop_image = np.array([index[row.id] for row in found.crops])
    if config.features == "maps":
        classes = assign.discover(described, scores, count, rng, normals)
        of_images = classes.items
    else:
        classes = assign.discover(described, scores[crop_image], count, rng, normals)
        temperatures = np.array([merge.scaled_temperature(*found.sizes[i]) for i in crop_image])
        areas = np.array([row.area_px for row in found.crops])
        of_images = assign.merge_crops(classes, crop_image, areas, temperatures)
    has_region = np.zeros(len(scores), bool)
    has_region[[index[row.id] for row in found.regions]] = True
    of_images = assign.without_regions_normal(of_images, classes, scores, has_region)
    of_crops = of_images.take(crop_image) if config.features == "maps" else classes.items
    return tables.Result(source.samples, found.crops, found.regions, classes, of_images, of_crops)
