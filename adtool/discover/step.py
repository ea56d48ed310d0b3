"""discover: the kinds of defect in a category, without labels.

Reads  maps/ (or refined/), the images they were made of, and models/ for the scores of held-out normal images
Writes classes/<category>/
"""

import logging
import shutil
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from adtool.core.dataset import dataset_folder
from adtool.core.errors import MissingInputError
from adtool.core.layout import ClassesFolder
from adtool.core.limits import limit_file
from adtool.core.map_source import MapSource, choose_maps, read_source, skipped_note
from adtool.core.shards import crews, divided
from adtool.core.shards.jobs import Job
from adtool.core.steps import inventory, notes, step_run
from adtool.core.steps.step_run import Outcome, StepRun, Work
from adtool.core.words import counted
from adtool.discover import asked, assign, given_names, looks, novelty, pipeline, review, tables
from adtool.discover.ac import method as ac_method
from adtool.discover.ac.patches import Sight
from adtool.discover.assign import DiscoveredClasses
from adtool.discover.config import AC, FREE, DiscoverConfig
from adtool.discover.free import cluster
from adtool.discover.free import method as free_method
from adtool.discover.free.features import Item, NotFiniteItemsError
from adtool.discover.ncd import method
from adtool.discover.ncd.fit import FitRuntime
from adtool.discover.networks import Networks
from adtool.discover.pipeline import ClassingMethod, FoundRegions
from adtool.discover.regions import Finder
from adtool.nn import device, seeding, weights
from adtool.nn.backbone import Backbone
from adtool_runtime.classes.placing import NO_STRENGTH, Strength

COMMAND = "discover"
# In the result the ids of images that were left out, and in the folder of a category while it is in work:
SKIPPED, SCRATCH = "skipped", "_features"
log = logging.getLogger("adtool")


def run(config: DiscoverConfig, *, force: bool = False) -> Outcome:
    """Discover classes in every category that has maps; one that fails does not stop the others."""
    config.training(), config.grouping()  # a wrong --set is said before anything is read
    if config.review is not None:
        return review.run(config.out, config.category, config.review)
    crew, given = crews.asked_for(config), config
    config = asked.settled(config)
    maps = choose_maps(config.maps)
    finished = notes.done_categories(maps)
    if not finished:
        raise MissingInputError(f"No finished maps at {maps}. Run `adtool maps` first.")
    dataset = dataset_folder.read_dataset(step_run.noted_data(maps, config.data))
    sources = {one.name: read_source(maps, one) for one in dataset.select(config.category or finished)}
    counts = {name: asked.class_count(config.classes, source.category) for name, source in sources.items()}
    configs = {name: asked.of_category(config, dataset.name, name) for name in sources}
    identities = {name: asked.identity(configs[name], source, force=force) for name, source in sources.items()}
    if not force:
        for name in sources:
            review.require_whole(ClassesFolder(config.out / name))
    with StepRun(COMMAND, config.out, force=force, missing=inventory.of_classes) as work:
        todo = work.plan(identities, {"data": dataset.path, "maps": maps})
        _require_weights(config, todo)
        networks = Networks.of(config.layers, config.engine_choice)
        for name in todo if crew is None else ():
            if work.is_stale(name):
                given_names.put_aside(config.out, name)
            with work.category(name, keep_going=len(todo) > 1) as unit:
                row, said = _discover(configs[name], networks, sources[name], counts[name], unit)
                work.outcome.rows.append(row)
                work.outcome.notes += [*said, *skipped_note(name, unit.result.get(SKIPPED))]
                sources[name].require_unchanged(identities[name].inputs["maps"])
    if crew is None or not todo:
        return work.outcome
    job = Job("adtool.discover.step", given, "discover", 0, device.gpus_to_share(config.device), out=config.out)
    outcome = divided.by_category(COMMAND, crew, replace(job, force=force), todo)
    outcome.skipped[:0] = work.outcome.skipped
    return outcome


def _require_weights(config: DiscoverConfig, todo: Collection[str]) -> None:
    """Say that the weights of a backbone that was named are missing before regions are searched, which takes minutes.

    Where only pictures are to be made again, none are needed.

    Raises:
        MissingWeightsError: they are found nowhere.
    """
    fixed = [path for name in todo for path in inventory.fixed_of_classes(config.out / name)]
    if config.backbone and not all(path.exists() for path in fixed):
        weights.find(config.backbone, config.weights)


def _discover(
    config: DiscoverConfig, networks: Networks, source: MapSource, count: int | None, unit: Work
) -> tuple[dict[str, object], list[str]]:
    """The row of a category, and what is to be said of it."""
    is_whole = bool(unit.before) and all(path.exists() for path in inventory.fixed_of_classes(unit.folder))
    source, said = asked.of_one_kind(source, unit.folder if is_whole else None)
    folder, noted = ClassesFolder(unit.folder), [one.id for one in source.samples]
    if count is not None and count * 2 > len(source.samples):
        log.warning(
            "%s: %s for %s, so many will hold a single one. Give a smaller --classes.",
            source.category.name, counted(count, "class"), counted(len(source.samples), "image"),
        )  # fmt: skip
    source, found = _find_regions(config, source, folder)
    if is_whole:
        unit.result.update(unit.before)  # only pictures were missing; the tables may hold what a person said of them
        return dict(unit.before), said
    task, net, classes = _classified(_Task(config, networks, source, found, count, folder))
    source, found = task.source, task.found
    result = _result(config, source, found, classes)
    tables.write(folder, result)
    card: dict[str, object] = {
        "count_rule": config.classes,  # `oracle`: the number of classes comes from labels
        "features": "crops" if config.method == "trained" else config.features,
        "rules": config.preset_name,
        "strength": list(astuple(_strength(config, source))),
        "side": config.training().side,  # of a crop, where the trained method takes it
        "test_view": config.training().test_view,
        "temperature": _way(config).temperature,
        "backbone": net.name,
        "weights_id": net.weights_id,
        "layers": [layer.index for layer in net.layers],
        "replicates": net.source.replicates,
        "image_size": asked.image_size(config, source),
        "maps": _origin(source),
        "score_std": found.std,
        "search_range": [found.search.lo, found.search.hi],
        "erosion": config.erosion,
        "min_run": config.min_run,
    }
    apart = pipeline.of_images(_way(config), classes.apart, found, source.samples)
    tensors = {**classes.tensors, "distances": novelty.of_class(apart, result.of_images.labels).astype(np.float32)}
    if result.doubts is not None:
        card |= {"doubts": result.doubts.named(classes.names)}
        tensors |= result.doubts.tensors()
    tables.write_model(folder, replace(classes, tensors=tensors), card)
    shutil.rmtree(folder.path / SCRATCH, ignore_errors=True)
    if assign.AUTO in classes.card and result.doubts is not None:
        said += result.doubts.said(source.category.name, classes.names)
    called, kept = given_names.give_back(config.out, source.category.name)
    said += kept
    row = {
        "category": source.category.name,
        **tables.summary(result, called),
        "count": tables.count_text(config.classes, classes),
    }
    skipped = sorted({*noted} - {one.id for one in source.samples})
    unit.result.update({**row, SKIPPED: skipped, "limit": limit_file.read(source.folder).value})
    return row, said


@dataclass(frozen=True)
class _Task:
    """A category that is to get `count` classes (None estimates it), with the networks and the folder to do it in."""

    config: DiscoverConfig
    networks: Networks
    source: MapSource
    found: FoundRegions
    count: int | None
    folder: ClassesFolder

    @property
    def seen_as(self) -> tuple[str, bool]:
        """The network's name, and whether it sees borders as the maps' did."""
        return asked.backbone_name(self.config, self.source), asked.replicates(self.config, self.source)


def _classified(task: _Task) -> tuple[_Task, Backbone, DiscoveredClasses]:
    """The classes, with what they were found on: images that the network makes no numbers of are left out."""
    way = {AC: _group, FREE: _free}.get(task.config.method, _train)
    while True:
        try:
            return task, *way(task)
        except NotFiniteItemsError as error:
            pipeline.forget(task.found, error.broken, task.folder)
            source, found = _find_regions(task.config, task.source.without(error.broken), task.folder)
            task = replace(task, source=source, found=found)


def _origin(source: MapSource) -> dict[str, object]:
    """The identity of the maps, by which `inspect` knows whether those there now are the same."""
    return notes.note_of(source.maps.path / source.category.name).identity()


def _find_regions(config: DiscoverConfig, source: MapSource, folder: ClassesFolder) -> tuple[MapSource, FoundRegions]:
    """Two passes over the maps: the range of thresholds first, then one image after the other; without broken ones."""
    found = pipeline.measure(source.samples, source.scores)
    source = source.without(found.broken)
    finder = Finder(found.search, config.erosion, config.min_run, source.category.reading.look_at)
    pipeline.find(found, source.samples, source.scores, finder, folder, f"{source.category.name}: regions")
    return source, found


def _group(task: _Task) -> tuple[Backbone, DiscoveredClasses]:
    """Anomaly Clustering."""
    config, source, net = task.config, task.source, task.networks.grouped(*task.seen_as)
    settings, scores = config.grouping(), source.image_scores
    side = asked.image_size(config, source)
    sight = Sight(net, side, config.batch_size, settings.grid == ac_method.FINE, config.seed)
    images = ac_method.ScoredImages(source.samples, scores, _strength(config, source).of(scores) > NO_STRENGTH)
    return net, ac_method.discover(images, source.category, task.count, settings, sight, task.folder.path / SCRATCH)


def _free(task: _Task) -> tuple[Backbone, DiscoveredClasses]:
    """The training-free method."""
    config, net = task.config, task.networks.plain(*task.seen_as)
    items, scores, sight = _seen(config, task.source, task.found, net, task.folder)
    if config.features == "maps":
        sight = replace(sight, close=partial(task.networks.close, *task.seen_as))
    strong = _strength(config, task.source, scores)
    return net, free_method.find(items, scores, strong, sight, task.count and task.count - 1, config.seed)


def _train(task: _Task) -> tuple[Backbone, DiscoveredClasses]:
    """The trained method."""
    config, source, found, count = task.config, task.source, task.found, task.count
    train, frozen = config.training(), task.networks.frozen(task.seen_as[0])
    crop_image, given, estimate = found.crop_image(source.samples), None, {}
    if train.start == FREE:
        _, free = _free(replace(task, config=config.model_copy(update={"method": FREE, "features": "maps"})))
        count, given = count or len(free.names), free.items.labels[crop_image]
        estimate = {assign.AUTO: free.card[assign.AUTO]} if assign.AUTO in free.card else {}
    if train.normal == "images":
        strength = _strength(config, source).of(source.image_scores)[crop_image]
    else:
        strength = np.array([row.score for row in found.crops])
    material = method.gather(pipeline.crop_items(task.folder, found.crops, 1.0), strength, config.base, given)
    place = FitRuntime(task.folder.path / SCRATCH, config.seed, config.batch_size)
    with seeding.repeatable(frozen.device):
        classes = method.classify(material, strength, count, train, frozen, place)
    return frozen.net, replace(classes, card={**classes.card, **estimate})


def _strength(config: DiscoverConfig, source: MapSource, scores: NDArray[np.float64] | None = None) -> Strength:
    scores = source.image_scores if scores is None else scores
    return cluster.fit_strength(scores, source.normal_scores(), asked.limit_in_force(config, source))


def _seen(
    config: DiscoverConfig, source: MapSource, found: FoundRegions, net: Backbone, folder: ClassesFolder
) -> tuple[Sequence[Item], NDArray[np.float64], free_method.Sight]:
    """What the training-free method clusters, with its scores, and how it is seen."""
    side, scores = asked.image_size(config, source), source.image_scores
    if config.features == "maps":
        items = pipeline.whole_images(source.samples, source.scores, found.std)
    else:
        items = pipeline.crop_items(folder, found.crops, pipeline.MASK_TEMPERATURE)
        side, scores = int(side * pipeline.CROP_SHARE), scores[found.crop_image(source.samples)]
    return items, scores, free_method.Sight(net, None, side, config.batch_size, folder.path / SCRATCH)


def _way(config: DiscoverConfig) -> ClassingMethod:
    temperature = config.training().temperature if config.method == "trained" else 0.0
    return ClassingMethod(config.method, config.features, config.preset_name, temperature)


def _result(
    config: DiscoverConfig, source: MapSource, found: FoundRegions, classes: DiscoveredClasses
) -> tables.Discovery:
    way = _way(config)
    strength = _strength(config, source).of(source.image_scores)
    of_images = pipeline.classes_of_images(way, classes, found, source.samples, strength)
    of_crops = of_images.take(found.crop_image(source.samples)) if way.is_whole else classes.items
    words = looks.of_classes(source.samples, source.scores, of_images.labels, classes.names)
    doubts = classes.doubts if way.is_whole else None  # those of crops say nothing of images
    return tables.Discovery(source.samples, found.crops, found.regions, classes, of_images, of_crops, words, doubts)
