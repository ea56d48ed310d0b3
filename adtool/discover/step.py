"""discover: the kinds of defect in a category, without labels.

Reads  maps/ (or refined/), the images they were made of, and models/ for the scores of held-out normal images
Writes classes/<category>/
"""

import logging
import shutil
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adtool.core import arrays, layout, progress, sample, step
from adtool.core.arrays import Bytes, Floats
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import ClassesFolder
from adtool.core.sample import Category, Sample
from adtool.core.source import Source, choose_maps, read_source
from adtool.core.step import Identity, Outcome, StepRun, Work
from adtool.discover import assign, base, features, merge, review, tables, trained, trunk
from adtool.discover.assign import Classes
from adtool.discover.binarize import SearchRange
from adtool.discover.cluster import Strength
from adtool.discover.config import AUTO, ORACLE, DiscoverConfig
from adtool.discover.features import Described, Item
from adtool.discover.learn import Place
from adtool.discover.regions import CropRow, Finder, RegionRow
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
NOT_IDENTITY = {"data", "maps", "out", "category", "review", "seed", "engine", "device", "batch_size"}

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
    if config.review is not None:
        return review.run(config.out, config.category, config.review)
    config.training()  # a wrong --set is said before anything is read
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
    settings |= {"settings": config.training().model_dump(mode="json"), "base": None}
    inputs = {"images": source.category.fingerprint(), "maps": source.fingerprint()}
    if config.base is not None:
        inputs["base"] = base.fingerprint(config.base)
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
    found = _find_regions(config, source, folder)
    if config.method == "trained":
        net, classes = _train(config, source, found, count, folder)
    else:
        net, classes = _cluster(config, source, found, count, folder)
    result = _result(config, source, found, classes)
    tables.write(folder, result)
    card = {
        "count_rule": config.classes,  # `oracle`: the number of classes comes from labels
        "features": "crops" if config.method == "trained" else config.features,
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


def _cluster(
    config: DiscoverConfig, source: Source, found: Found, count: int | None, folder: ClassesFolder
) -> tuple[Backbone, Classes]:
    """The training-free method."""
    net = backbone.load(
        _backbone_name(config, source),
        layers=config.layers or None,
        weights_file=config.weights,
        engine=config.engine,
        device=config.device,
    )
    described = _describe(config, source, found, net, folder)
    scores = source.image_scores if config.features == "maps" else source.image_scores[_crop_image(source, found)]
    rng = np.random.default_rng(config.seed)
    return net, assign.discover(described, scores, count, rng, source.normal_scores())


def _train(
    config: DiscoverConfig, source: Source, found: Found, count: int | None, folder: ClassesFolder
) -> tuple[Backbone, Classes]:
    """The trained method."""
    frozen = trunk.load(
        _backbone_name(config, source),
        weights_file=config.weights,
        engine=config.engine,
        device=config.device,
        layers=config.layers,
    )
    train = config.training()
    if train.normal == "images":
        strength = _strength(source).of(source.image_scores)[_crop_image(source, found)]
    else:
        strength = np.array([row.score for row in found.crops])
    material = trained.gather(_crops(folder, found, 1.0), strength, config.base)
    place = Place(folder.path / SCRATCH, config.seed, config.batch_size)
    return frozen.net, trained.classify(material, strength, count, train, frozen, place)


def _strength(source: Source) -> Strength:
    return Strength.fit(source.image_scores, source.normal_scores())


def _crop_image(source: Source, found: Found) -> NDArray[np.int64]:
    """Which image each crop is from."""
    index = {one.id: i for i, one in enumerate(source.samples)}
    return np.array([index[row.id] for row in found.crops])


def _describe(config: DiscoverConfig, source: Source, found: Found, net: Backbone, folder: ClassesFolder) -> Described:
    side = _image_size(config, source)
    if config.features == "maps":
        items = _whole_images(source, found)
    else:
        items, side = _crops(folder, found, MASK_TEMPERATURE), int(side * CROP_SHARE)
    return features.describe(items, net, folder.path / SCRATCH, image_size=side, batch_size=config.batch_size)


def _whole_images(source: Source, found: Found) -> list[Item]:
    width = np.float32(max(found.std, 1e-12) * TEMPERATURE)

    def item(one: Sample) -> Item:
        return Item(one.id, lambda: (arrays.read_image(one.image), source.scores(one) / width))

    return [item(one) for one in source.samples]


def _crops(folder: ClassesFolder, found: Found, temperature: float) -> list[Item]:
    """Crops whose guide is their mask, divided by a temperature."""

    def load(row: CropRow) -> tuple[Bytes, Floats]:
        mask = arrays.read_mask(folder.crop_mask(row.id, row.crop))
        return arrays.read_image(folder.crop(row.id, row.crop)), mask.astype(np.float32) / np.float32(temperature)

    def item(row: CropRow) -> Item:
        return Item(f"{row.id}_{row.crop}", lambda: load(row))

    return [item(row) for row in found.crops]


def _result(config: DiscoverConfig, source: Source, found: Found, classes: Classes) -> tables.Result:
    crop_image = _crop_image(source, found)
    whole = config.method == "free" and config.features == "maps"
    strength = _strength(source).of(source.image_scores)
    if whole:
        of_images = classes.items
    else:
        temperatures = np.array([merge.scaled_temperature(*found.sizes[i]) for i in crop_image])
        areas = np.array([row.area_px for row in found.crops])
        leaning = assign.certainly_normal(strength) if config.method == "trained" and config.rules == "best" else None
        of_images = assign.merge_crops(classes, crop_image, areas, temperatures, leaning)
    if config.method == "free":
        with_region = {row.id for row in found.regions}
        has_region = np.array([one.id in with_region for one in source.samples])
        of_images = assign.without_regions_normal(of_images, classes.names, strength, has_region)
    of_crops = of_images.take(crop_image) if whole else classes.items
    return tables.Result(source.samples, found.crops, found.regions, classes, of_images, of_crops)
