"""From a data set to a trained filter: paint, look, train, choose templates."""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from adtool.core import arrays, files, layout
from adtool.core.arrays import UnreadableImageError
from adtool.core.checks import remarks
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import MissingInputError
from adtool.core.folders import listing
from adtool.core.steps.identity import is_same
from adtool.core.steps.step_run import Work
from adtool.detection import holding_out
from adtool.nn import training_checkpoint as checkpoint
from adtool.nn.feature_reader import Picture
from adtool.refine import feature_store, streamed, synthetic_defects
from adtool.refine.config import FilterSettings
from adtool.refine.feature_store import Extractor, FeatureStore, ShownImage
from adtool.refine.model import Filter
from adtool.refine.paintable import PaintableImages
from adtool.refine.rebuilders import GivenReconstructions
from adtool.refine.streamed import StreamedFeatures
from adtool.refine.train import TrainingSet, train
from adtool_runtime import parallel
from adtool_runtime.pictures.reading import OWN

MOST_NORMALS = 400  # of a category, that are painted on and matched with; drawn by the seed
LEAST_NORMALS = 2  # an image needs another to be matched with, where it has no reconstruction
TEXTURES = "textures"  # among the inputs of an identity
PAINTED = "painted"  # kind of the images that are trained on
SEEN, NOTE = "seen", "lesson.json"  # kept for the time of training

log = logging.getLogger("adtool")


def recipe(settings: FilterSettings, textures: Path | None) -> synthetic_defects.PaintingSettings:
    """What is painted.

    Raises:
        MissingInputError: there are no pictures in the folder of textures.
    """
    painted = synthetic_defects.PaintingSettings(settings.clean, settings.structural, settings.faint)
    if textures is None:
        return painted
    there = listing.read(textures)
    remarks.say(remarks.of_listing(there), refuse=False)
    if not there.images:
        raise MissingInputError(f"No pictures in {textures} (--textures). DTD has them in images/<texture>/.")
    return replace(painted, textures=tuple(there.images))


def texture_inputs(painting: synthetic_defects.PaintingSettings, folder: Path | None, noted: object) -> dict[str, str]:
    """The fingerprint of the pictures to paint with, however their folder was spelled; nothing without such.

    Args:
        painting: what is painted.
        folder: of the pictures, as it was typed.
        noted: the fingerprint that a note holds: an older adtool's saw the folder as it was typed.
    """
    if folder is None:
        return {}
    inside = {path.relative_to(folder): path for path in painting.textures}
    now = files.fingerprint((name.as_posix(), path) for name, path in inside.items())
    if noted is not None and not is_same(noted, now):
        for root in dict.fromkeys((folder, folder.absolute(), folder.resolve(), Path(os.path.relpath(folder)))):
            then = files.fingerprint(((root / name).as_posix(), path) for name, path in inside.items())
            if is_same(noted, then):
                return {TEXTURES: str(noted)}
    return {TEXTURES: now}


def held_out(category: Category, seed: int, share: float | None) -> list[Sample]:
    """Normal images that the filter does not learn from, as the detector divides them; see `holding_out.hold_out`."""
    return holding_out.hold_out(category.train, seed, share)[0]


def normals(
    category: Category, seed: int, eye: Extractor, *, share: float | None = None, checked: bool
) -> list[Sample]:
    """Normal images that the filter learns from; if `checked`, those that can't be read are left out.

    Raises:
        MissingInputError: there are not two to learn from, or not one that has its reconstruction.
    """
    found = holding_out.hold_out(category.train, seed, share)[1]
    if isinstance(eye.rebuilder, GivenReconstructions):
        found = [one for one in found if one.image in eye.rebuilder.pictures]
    found = readable(found) if checked else found
    if not found:
        raise MissingInputError(f"{category.path} has no readable normal training image; the filter needs some.")
    if eye.rebuilder is None and len(found) < LEAST_NORMALS:
        raise MissingInputError(
            f"{category.path} has {len(found)} readable normal training images; the filter compares normal images "
            f"with each other and needs at least {LEAST_NORMALS}."
        )
    return _drawn(found, seed)


def readable(samples: Sequence[Sample]) -> list[Sample]:
    """The images that can be decoded; the others are said.

    That takes as long as a whole pass over them, so it is asked for only once one was met that can't be.
    """

    def check(one: Sample) -> bool:
        try:
            arrays.read_image(one.image, one.reading)
        except UnreadableImageError as error:
            log.warning("skipped 1 unreadable image: %s", error)
            return False
        return True

    return [one for one, fine in parallel.prefetch(samples, check) if fine]


def is_checked(folder: Path) -> bool:
    """Whether the training that was interrupted here had its images checked; an earlier adtool's always had."""
    note = files.read_json(folder / SEEN / NOTE)
    if isinstance(note, dict):
        return bool(note.get("checked"))
    return (folder / checkpoint.FILE).exists() or any((folder / SEEN).glob("*/seen.json"))


def begin(folder: Path, samples: Sequence[Sample], *, checked: bool) -> None:
    """Note what is learned from; what was kept of other images, as one can't be read any more, is removed.

    Args:
        folder: of the model.
        samples: the images.
        checked: whether those that can't be read were left out.
    """
    names = hashlib.sha256("\n".join(f"{one.category}/{one.id}" for one in samples).encode()).hexdigest()
    note = files.read_json(folder / SEEN / NOTE)
    if isinstance(note, dict) and note.get("images") != names:
        tidy(folder)
    files.write_json(folder / SEEN / NOTE, {"images": names, "checked": checked})


def _drawn(samples: list[Sample], seed: int) -> list[Sample]:
    if len(samples) <= MOST_NORMALS:
        return samples
    chosen = np.random.default_rng(seed).choice(len(samples), MOST_NORMALS, replace=False)
    return [samples[i] for i in sorted(chosen)]


def teach(
    categories: dict[str, list[Sample]],
    eyes: Mapping[str, Extractor],
    settings: FilterSettings,
    painting: synthetic_defects.PaintingSettings,
    seed: int,
    work: Work,
) -> Filter:
    """Train one filter for some categories; goes on where an interrupted call stopped.

    Args:
        categories: their normal images to learn from.
        eyes: what sees the images of each.
        settings: of the filter.
        painting: what is painted.
        seed: of everything random.
        work: where the model, the curves and what is kept for the time of training go.
    """
    everything = [one for samples in categories.values() for one in samples]
    ends = np.cumsum([len(samples) for samples in categories.values()])
    groups = [np.arange(end - len(samples), end) for end, samples in zip(ends, categories.values(), strict=True)]
    labels = np.arange(settings.painted) % len(groups)
    plan = np.random.default_rng([seed, 0])
    sources = np.array([plan.choice(groups[label]) for label in labels])
    looking = [eyes[everything[source].category] for source in sources]
    kept, eye = work.folder / SEEN, looking[0]
    paintable = PaintableImages(everything, eye.side, kept / "smaller")

    def painted(index: int) -> ShownImage:
        normal = everything[sources[index]]
        image, mask = paintable.draw(int(sources[index]), painting, np.random.default_rng([seed, 1, index]))
        name = f"{layout.TRAIN}/{PAINTED}/{index:06d}"
        one = Sample(normal.category, name, layout.TRAIN, PAINTED, normal.image, reading=OWN)
        return ShownImage(Picture(one, looking[index].as_seen(image)), feature_store.share(mask, eye.side))

    seen = None
    if eye.rebuilder is None:
        own = [eyes[one.category] for one in everything]
        clean = kept / "normals"
        seen = streamed.look(own, lambda i: ShownImage(everything[i]), clean, "normal images", settings.stored)
    drawn = streamed.look(looking, painted, kept / "painted", "painted images", settings.stored)
    network = train(TrainingSet(drawn, labels, sources, seen, groups), settings, seed, eye.backbone.device, work.folder)
    count = settings.tested or settings.templates
    templates = {name: _templates(seen, group, count, seed) for name, group in zip(categories, groups, strict=True)}
    work.result |= {"normal_images": len(everything), "painted_images": settings.painted, "templates": eye.templates}
    work.result["threads"] = torch.get_num_threads()  # sums are parted by them, so the weights depend on their number
    detectors = {name: found.weights for name in categories if (found := eyes[name].rebuilder)}
    return Filter(network, templates, settings, eye.backbone.source, eye.image_size, detectors)


def _templates(
    seen: FeatureStore | StreamedFeatures | None, group: np.ndarray, wanted: int, seed: int
) -> list[torch.Tensor]:
    """Features of normal images drawn by the seed, one (N, C, h, w) float16 tensor a layer; fewer if there are few."""
    if seen is None:  # each image will bring its own
        return []
    rng = np.random.default_rng([seed, 2])
    rows = np.sort(rng.choice(group, min(wanted, len(group)), replace=False))
    return [layer.half() for layer in seen.features(rows, torch.device("cpu"))]


def tidy(folder: Path) -> None:
    """Remove what was kept for the time of training in a model's folder."""
    feature_store.forget(folder / SEEN)
    checkpoint.forget(folder)
