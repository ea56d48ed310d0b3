"""The detector and the filter side by side on painted images that neither has learned from."""

import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from adtool.core import arrays, layout, progress
from adtool.core.arrays import Floats
from adtool.core.dataset import looking
from adtool.core.dataset.types import Sample
from adtool.core.map_source import MapSource
from adtool.core.synthetic import defects
from adtool.detection import holding_out
from adtool.detection.origin import MapsOrigin
from adtool.detection.scoring import OpenedModel
from adtool.nn.feature_reader import Picture, Seeable, sample_of
from adtool.refine import blending, synthetic_defects
from adtool.refine.blending import PaintedTrial
from adtool.refine.feature_store import Extractor, ImageFeatures
from adtool.refine.model import Filter, enlarged
from adtool.refine.paintable import PaintableImages
from adtool_runtime import parallel

CLEAN = 0.4  # share of the painted images that stay clean
PAINTED = "painted"  # kind of the others
BATCHES = 4  # of pictures that are in memory at a time
LARGE = 4  # of those that are seen in tiles
BATCHED = 16  # painted ahead
TOO_FEW = "too few normal images to hold any out"
REMEDY = "give the --models that hold it, or make them again with `adtool maps --force`."
REMEDY_OF_OTHERS = "make them with a detector of adtool (or plug yours in). Until then both maps count the same."

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class FilteredImage:
    """What the filter makes of one image: (h, w) log-odds on the volume's plane, and the recognised category."""

    sample: Sample
    odds: Tensor
    category: str

    def probability(self, height: int, width: int) -> Floats:
        """The filtered map at a size."""
        odds = enlarged(self.odds, height, width)
        return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32)


def filtered(made: Filter, category: str, eye: Extractor, samples: Iterable[Seeable]) -> Iterator[FilteredImage]:
    """Filter images in their order, in batches, where their features are; what can't be read is skipped and said."""
    return of_features(made.to(eye.backbone.device), category, eye.see(samples), eye.batch_size)


def of_features(
    made: Filter, category: str, features: Iterable[ImageFeatures], batch_size: int
) -> Iterator[FilteredImage]:
    """As `filtered`, of what was seen already."""
    waiting: list[ImageFeatures] = []
    for look in features:
        waiting.append(look)
        if len(waiting) == batch_size:
            yield from _batch(made, category, waiting, batch_size)
            waiting = []
    if waiting:
        yield from _batch(made, category, waiting, batch_size)


def _batch(made: Filter, category: str, looks: Sequence[ImageFeatures], size: int) -> Iterator[FilteredImage]:
    """Filter a batch that is filled up to a size: in one of another size, results would end in other digits."""
    device = next(made.network.parameters()).device
    filled = [*looks, *[looks[-1]] * (size - len(looks))]
    features = [torch.stack(layer).to(device) for layer in zip(*(look.layers for look in filled), strict=True)]
    own = [
        torch.stack(layer).to(device).unsqueeze(1) for layer in zip(*(look.templates for look in filled), strict=True)
    ]
    odds, classes = made.filtered(features, category, own)
    for look, one, index in zip(looks, odds, classes.argmax(dim=1).tolist(), strict=False):
        if not bool(torch.isfinite(one).all()):
            log.warning("skipped 1 unreadable image: the filter makes NaN or infinity of %s.", look.sample.image)
            continue
        yield FilteredImage(look.sample, one, made.categories[index])


@dataclass(frozen=True)
class ValidationSet:
    """What is judged by.

    Attributes:
        trials: painted images with both maps.
        clean: held-out normal images with both maps, and no mask.
        recognised: share of the painted images whose category the adaptor recognised.
    """

    trials: list[PaintedTrial]
    clean: list[PaintedTrial]
    recognised: float


def gather(  # noqa: PLR0913, each is a part of the work
    made: Filter, model: OpenedModel, eye: Extractor, held_out: Sequence[Sample], count: int, seed: int, folder: Path
) -> ValidationSet:
    """Run the detector and the filter on held-out normal images, and on the same with painted defects.

    Args:
        made: the filter.
        model: of the detector.
        eye: of the filter.
        held_out: normal images of one category that neither has learned from, or the detector can leave aside.
        count: number of images to paint.
        seed: of what is painted.
        folder: where smaller copies of large images lie meanwhile.
    """
    category = held_out[0].category
    clean = _both(made, model, eye, ((one, None) for one in held_out), len(held_out))
    try:
        side = max(eye.side, model.frame.image_size) if model.frame.tiling is None else None
        painted = painted_images(held_out, side, count, seed, folder)
        trials = _both(made, model, eye, painted, count)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    right = [name == category for _, name in trials]
    return ValidationSet([one for one, _ in trials], [one for one, _ in clean], float(np.mean(right)))


def painted_images(
    held_out: Sequence[Sample], side: int | None, count: int, seed: int, folder: Path
) -> Iterator[tuple[Picture, arrays.Bools]]:
    """Paint on held-out normal images of one category, as they are asked for.

    Args:
        held_out: the images, which are painted on in turn.
        side: of the largest network input that the painted ones are seen at, in pixels; None as for `PaintableImages`.
        count: number of painted images.
        seed: of what is painted.
        folder: for smaller copies of large images; whoever gives it removes it.

    Yields:
        The painted pictures, and their masks at the size at which maps are compared: so many masks of large images
        would take gigabytes.
    """
    recipe = synthetic_defects.PaintingSettings(clean=CLEAN, structural=1, kinds=defects.JUDGING_KINDS)
    paintable = PaintableImages(held_out, side, folder)

    def paint(index: int) -> tuple[Picture, arrays.Bools]:
        normal = held_out[index % len(held_out)]
        image, mask = paintable.draw(index % len(held_out), recipe, np.random.default_rng([seed, 3, index]))
        one = Sample(normal.category, f"{index:04d}", layout.TEST, PAINTED, normal.image)
        return Picture(one, image, looking.share(normal)), blending.covered(mask)

    ahead = BATCHED if side is not None else LARGE
    return (found for _, found in parallel.prefetch(range(count), paint, ahead=ahead))


def _both(
    made: Filter,
    model: OpenedModel,
    eye: Extractor,
    pictures: Iterable[tuple[Seeable, arrays.Bools | None]],
    count: int,
) -> list[tuple[PaintedTrial, str]]:
    """Both maps of pictures with their masks, or of clean ones; a few batches at a time, so that memory is bounded."""
    found = []
    waiting, at_a_time = iter(pictures), BATCHES * eye.batch_size if model.frame.tiling is None else LARGE
    with progress.bar("the detector and the filter", count) as bar:
        while few := list(islice(waiting, at_a_time)):
            found += _both_of(made, model, eye, few)
            bar.advance(len(few))
    return found


def _both_of(
    made: Filter, model: OpenedModel, eye: Extractor, few: Sequence[tuple[Seeable, arrays.Bools | None]]
) -> list[tuple[PaintedTrial, str]]:
    seeable = [one for one, _ in few]
    samples = [sample_of(one) for one in seeable]
    masks = {one.id: mask for one, (_, mask) in zip(samples, few, strict=True)}
    shares = {
        sample.id: one.share if isinstance(one, Picture) else looking.share(sample)
        for one, sample in zip(seeable, samples, strict=True)
    }
    given = {one.sample.id: one.scores for one in model.score_as_new(seeable)}
    found = []
    for one in filtered(made, samples[0].category, eye, seeable):
        if (scores := given.get(one.sample.id)) is not None:  # else it could be read by one of the two alone
            mask = masks[one.sample.id]
            mask = np.zeros(scores.shape, dtype=bool) if mask is None else mask
            trial = PaintedTrial(scores, one.probability(*scores.shape), mask, one.sample.id, shares[one.sample.id])
            found.append((trial, one.category))
    return found


def warn_unjudged(given: MapSource, found: MapsOrigin, eye: Extractor) -> None:
    """Say before the work begins what can't be judged, and the way out."""
    name = given.category.name
    if found.model is None and not eye.detector:
        remedy = f"To have them judged: {REMEDY if found.asked else REMEDY_OF_OTHERS}"
        log.warning("%s: the maps can't be judged, since %s. %s", name, found.reason, remedy)
    elif not holding_out.hold_out(given.category.train, found.seed, found.held_out)[0]:
        remedy = f"To have them judged, give {holding_out.MIN_TO_HOLD_OUT} or more."
        log.warning("%s: the maps can't be judged, since %s. %s", name, TOO_FEW, remedy)
