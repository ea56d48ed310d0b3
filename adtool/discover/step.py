"""discover: the kinds of defect in a category, without labels.

Reads  maps/ (or refined/), the images they were made of, and models/ for the scores of held-out normal images
Writes classes/<category>/
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adtool.core import arrays, files, layout, progress, sample, step
from adtool.core.arrays import Bytes, Floats
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ClassesFolder, MapsFolder, ModelFolder
from adtool.core.sample import Category, Sample
from adtool.core.step import Identity, Outcome, StepRun, Work
from adtool.discover import assign, features, merge, tables
from adtool.discover.binarize import SearchRange
from adtool.discover.config import AUTO, ORACLE, DiscoverConfig
from adtool.discover.features import Described, Item
from adtool.discover.regions import CropRow, Finder, RegionRow
from adtool.nn import backbone, images

COMMAND = "discover"
FEATURES = "_features"  # scratch of a category in work
TEMPERATURE = 0.25  # of a map's weights, in standard deviations of all scores of the category
MASK_TEMPERATURE = 0.1  # of a crop's: defect pixels weigh e^10 times as much as others
EMBEDDED = "tf_efficientnet_lite0"
# Settings that change where and how fast, not what.
NOT_IDENTITY = {"data", "maps", "out", "category", "seed", "engine", "device", "batch_size"}

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Source:
    """One category to be discovered."""

    maps: MapsFolder
    note: Mapping[str, Any]  # of the maps
    category: Category
    samples: list[Sample]  # those that have a map
    image_scores: np.ndarray  # (N,)

    def guide(self, one: Sample) -> Floats:
        """The scores of one map."""
        return arrays.read_scores(self.maps.scores(self.category.name, one.id)).scores


@dataclass(frozen=True)
class Found:
    """Regions and crops of a category."""

    search: SearchRange
    mean: float  # of all scores of the category
    std: float
    sizes: list[tuple[int, int]]  # (height, width) of each image
    crops: list[CropRow]
    regions: list[RegionRow]


def run(config: DiscoverConfig, *, force: bool = False) -> Outcome:
    """Discover classes in every category that has maps; one that fails does not stop the others."""
    maps = choose_maps(config.maps)
    dataset = sample.read_dataset(step.noted_data(maps, config.data))
    finished = step.done_categories(maps)
    if not finished:
        raise MissingInputError(f"No finished maps at {maps}. Run `adtool maps` first.")
    sources = {c.name: read_source(maps, c) for c in dataset.select(config.category or finished)}
    work = StepRun(COMMAND, config.out, force=force)
    identities = {name: _identity(config, source) for name, source in sources.items()}
    todo = work.plan(identities, {"data": step.relative(dataset.path), "maps": step.relative(maps)})
    for name in todo:
        with work.category(name, keep_going=len(todo) > 1) as unit:
            work.outcome.rows.append(_discover(config, sources[name], unit))
    return work.outcome


def choose_maps(given: Path | None) -> Path:
    """The maps to read: those asked for, else refined/ if it was made from the present maps/, else maps/."""
    maps, refined = Path(layout.MAPS), Path(layout.REFINED)
    if given is not None:
        return given
    done = step.done_categories(refined)
    fits = done and all(
        (step.read_note(refined / c) or {}).get("inputs", {}).get("maps") == maps_fingerprint(MapsFolder(maps), c)
        for c in done
        if step.is_done(maps / c)
    )
    chosen = refined if fits else maps
    log.info("Reading %s/.", chosen)
    return chosen


def maps_fingerprint(maps: MapsFolder, category: str) -> str:
    """Hash of the maps of a category."""
    ids = [row["id"] for row in maps.image_rows(category)]
    paths = [(one, maps.scores(category, one)) for one in ids]
    missing = [path for _, path in paths if not path.exists()]
    if missing:
        raise MissingInputError(f"{len(missing)} maps are missing, for instance {missing[0]}. Run `adtool maps` again.")
    return files.fingerprint(paths)


def read_source(path: Path, category: Category) -> Source:
    """The maps of a category and the images they belong to, joined by id.

    Raises:
        MissingInputError: maps are missing or not finished.
        BadDataError: the maps are of other images.
    """
    note = step.require_done(path / category.name, "adtool maps")
    step.check_same_data(note, category.fingerprint(), path / category.name, category.path)
    maps = MapsFolder(path)
    rows = maps.image_rows(category.name)
    known = {one.id: one for one in category.test}
    strange = [row["id"] for row in rows if row["id"] not in known]
    if strange:
        raise BadDataError(
            f"{maps.images(category.name)} names {len(strange)} images that {category.path} does not have, "
            f"for instance {strange[0]}. Give the right --data."
        )
    if not rows:
        raise BadDataError(f"{maps.images(category.name)} lists no images.")
    scores = np.array([float(row["image_score"]) for row in rows])
    return Source(maps, note, category, [known[row["id"]] for row in rows], scores)


def _identity(config: DiscoverConfig, source: Source) -> Identity:
    settings = {k: v for k, v in config.model_dump(mode="json").items() if k not in NOT_IDENTITY}
    settings["backbone"] = _backbone_name(config, source.note)
    inputs = {
        "images": source.category.fingerprint(),
        "maps": maps_fingerprint(source.maps, source.category.name),
    }
    if config.classes == ORACLE:
        inputs["kinds"] = source.category.label_fingerprint()
    return Identity(COMMAND, settings, config.seed, inputs)


def _backbone_name(config: DiscoverConfig, note: Mapping[str, Any]) -> str:
    return config.backbone or str((note.get("settings") or {}).get("backbone") or EMBEDDED)


def _discover(config: DiscoverConfig, source: Source, unit: Work) -> dict[str, object]:
    rng = np.random.default_rng(config.seed)
    folder = ClassesFolder(unit.folder)
    count = class_count(config.classes, source.category)
    found = _find_regions(config, source, folder)
    net = backbone.load(
        _backbone_name(config, source.note),
        layers=config.layers or None,
        weights_file=config.weights,
        engine=config.engine,
        device=config.device,
    )
    items = _whole_images(source, found) if config.features == "maps" else _crops(folder, found)
    scratch = unit.folder / FEATURES
    described = features.describe(items, net, scratch, image_size=config.image_size, batch_size=config.batch_size)
    result = _classes(config, source, found, described, count, rng)
    tables.write(folder, result)
    card = {
        "backbone": net.name,
        "weights_id": net.weights_id,
        "layers": [layer.index for layer in net.layers],
        "image_size": config.image_size,
        "features": config.features,
        "count_rule": config.classes,
        "oracle": config.classes == ORACLE,
        "score_mean": found.mean,
        "score_std": found.std,
        "search_range": [found.search.lo, found.search.hi],
        "erosion": config.erosion,
        "min_run": config.min_run,
    }
    tables.write_model(folder, result.classes, card)
    shutil.rmtree(scratch, ignore_errors=True)
    unit.result.update(classes=len(result.classes.names), oracle=config.classes == ORACLE, images=len(source.samples))
    return {"category": source.category.name, **tables.summary(result.of_images, result.classes.names)}


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


def _find_regions(config: DiscoverConfig, source: Source, folder: ClassesFolder) -> Found:
    """Two passes over the maps: the range of thresholds first, then one image after the other."""
    maxima, total, squared, pixels = [], 0.0, 0.0, 0
    for _, scores in images.prefetch(source.samples, source.guide):
        maxima.append(float(scores.max()))
        total += float(scores.sum(dtype=np.float64))
        squared += float(np.square(scores, dtype=np.float64).sum())
        pixels += scores.size
    mean = total / pixels
    std = max(squared / pixels - mean**2, 0.0) ** 0.5
    found = Found(SearchRange.over(maxima), mean, std, [], [], [])
    finder = Finder(found.search, config.erosion, config.min_run)

    def find(one: Sample) -> tuple[tuple[int, int], list[CropRow], list[RegionRow]]:
        image = arrays.read_image(one.image)
        crops, regions = finder.find(one.id, image, source.guide(one), folder)
        return (image.shape[0], image.shape[1]), crops, regions

    with progress.bar("regions", len(source.samples)) as bar:
        for _, (size, crops, regions) in images.prefetch(source.samples, find):
            found.sizes.append(size)
            found.crops.extend(crops)
            found.regions.extend(regions)
            bar.advance(1)
    return found


def _whole_images(source: Source, found: Found) -> list[Item]:
    width = np.float32(max(found.std, 1e-12) * TEMPERATURE)

    def item(one: Sample) -> Item:
        return Item(one.id, lambda: (arrays.read_image(one.image), source.guide(one) / width))

    return [item(one) for one in source.samples]


def _crops(folder: ClassesFolder, found: Found) -> list[Item]:
    def load(row: CropRow) -> tuple[Bytes, Floats]:
        image = arrays.read_image(folder.crop(row.id, row.crop))
        mask = arrays.read_mask(folder.crop_mask(row.id, row.crop))
        return image, mask.astype(np.float32) / np.float32(MASK_TEMPERATURE)

    def item(row: CropRow) -> Item:
        return Item(f"{row.id}_{row.crop}", lambda: load(row))

    return [item(row) for row in found.crops]


def _classes(  # noqa: PLR0913
    config: DiscoverConfig,
    source: Source,
    found: Found,
    described: Described,
    count: int | None,
    rng: np.random.Generator,
) -> tables.Result:
    scores, normals = source.image_scores, _normal_scores(source)
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


def _normal_scores(source: Source) -> np.ndarray | None:
    """Scores of held-out normal images, if the maps come from a detector that kept some."""
    detector = (source.note.get("settings") or {}).get("detector")
    path = ModelFolder(Path(layout.MODELS) / str(detector) / source.category.name).normals
    if detector is None or not path.exists():
        return None
    return np.array([float(row["image_score"]) for row in files.read_csv(path)])
