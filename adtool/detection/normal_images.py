"""The normal images that a detector learns from, as features."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from adtool.core.dataset.types import Category, Sample
from adtool.core.layout import ModelFolder
from adtool.core.progress import track
from adtool.detection import feature_cache, looks, near_duplicates
from adtool.detection.feature_cache import FeatureCache
from adtool.detection.frame import Frame
from adtool.detection.looks import UsualLooks
from adtool.nn.feature_reader import SeenImage

log = logging.getLogger("adtool")

MOST_SCORED = 1000  # normal images that are scored without themselves: more make no better limit
MOST_BYTES = 2**30  # that their features take meanwhile
FEWEST_REMEMBERED = 50  # of so large images that fewer fit, none is: they are looked at once more


@dataclass(frozen=True)
class NormalImages:
    """What is learned from.

    Attributes:
        samples: normal images, of one category or of all (`Sample.category` tells them apart).
        frame: what the detector runs in.
        folder: where training keeps what it needs to go on after a kill (removed at the end) and its curves.csv. What
            is found there was left by the same training, interrupted.
        remembered: features of those that shall be scored without themselves, if the detector can do that; else none.
        structures: fine structure of each image that was seen, by its file, where those are remembered.
        category: whose images they are, for a training that its test images judge (`contract.is_by_oracle`).
    """

    samples: Sequence[Sample]
    frame: Frame
    folder: ModelFolder
    remembered: list[SeenImage] | None = None
    structures: dict[Path, near_duplicates.Structure] = field(default_factory=dict)
    category: Category | None = None
    _grouped: dict[int, dict[Path, int]] = field(default_factory=dict, repr=False, compare=False)

    def see(self) -> Iterator[SeenImage]:
        """All images once, in their order; what can't be read is skipped and said."""
        if self.remembered is None:
            return track(self.frame.see(self.samples), "normal images", len(self.samples))
        return self._remembering(self.remembered)

    def _remembering(self, kept: list[SeenImage]) -> Iterator[SeenImage]:
        """The same; features of some, spread evenly over all, stay in memory."""
        every, is_kept, inputs = 0, True, 0.0
        seen = self.frame.see(self.samples, near_duplicates.structure)
        for number, one in enumerate(track(seen, "normal images", len(self.samples))):
            self.structures[one.sample.image] = one.glance
            inputs = max(inputs, one.inputs)
            if not every:
                both = [*one.layers, *(one.beside.layers if one.beside else [])]
                size = sum(layer.numel() * layer.element_size() for layer in both)
                fit = max(1, MOST_BYTES // max(1, size))
                every = max(1, math.ceil(len(self.samples) / min(MOST_SCORED, fit)))
                is_kept = self.frame.tiling is None or fit >= min(FEWEST_REMEMBERED, len(self.samples))
            if is_kept and number % every == 0:
                kept.append(replace(one if every == 1 else _by_itself(one), glance=None))
            yield one
        if self.frame.tiling and 0 < inputs <= 1:
            log.warning(
                "--tile %d: no normal image is larger than a tile, so each is seen whole, and smaller than it would be "
                "without. Leave it out, or give smaller tiles.",
                self.frame.tiling.size,
            )

    def to_score(self) -> tuple[list[Sample], list[SeenImage] | None]:
        """Those to be scored without themselves once all were seen, and their features; None if they are seen again."""
        if self.remembered or self.frame.tiling is None:
            remembered = self.remembered or []
            return [one.sample for one in remembered], remembered
        known = [one for one in self.samples if one.image in self.structures]
        return known[:: max(1, math.ceil(len(known) / MOST_SCORED))], None

    def groups(self) -> dict[Path, int]:
        """The group of near duplicates that each image is in, by its file; of those that were seen."""
        count = len(self.structures)  # asked for four times while a model is made, and their number only grows
        if count not in self._grouped:
            found = near_duplicates.groups(list(self.structures.values()))
            self._grouped[count] = dict(zip(self.structures, found, strict=True))
        return self._grouped[count]

    def usual_looks(self, samples: Sequence[Sample]) -> UsualLooks | None:
        """What normal images look like: of those that were seen, where that was remembered, else of `samples`."""
        if self.structures:
            return looks.usual([one.look for one in self.structures.values()], len(set(self.groups().values())))
        found = looks.of_images(samples)
        return looks.usual(found, len(found))

    def shown_again(self) -> int:
        """How many images show a surface that others show, too, which are not near duplicates of theirs."""
        surfaces = near_duplicates.surfaces(list(self.structures.values()))
        parts = Counter(surface for surface, _ in set(zip(surfaces, self.groups().values(), strict=True)))
        return sum(parts[surface] > 1 for surface in surfaces)

    def kept(
        self, features_of: Callable[[SeenImage], list[Tensor]], *, key: Sequence[object], gigabytes: float
    ) -> FeatureCache:
        """Features of all images on the disk, for a training that asks for them again and again.

        Args:
            features_of: what of an image is kept, the same shapes for each.
            key: what that depends on besides the frame and the images.
            gigabytes: the most space; with less than is needed, each step reads its images again.

        Raises:
            BadDataError: no image could be read.
        """

        def see(chosen: Iterable[Sample]) -> Iterator[tuple[Sample, list[Tensor]]]:
            for seen in self.frame.see(chosen):
                yield seen.sample, features_of(seen)

        return feature_cache.cached(self.samples, see, self.frame, self.folder, key=key, gigabytes=gigabytes)


def _by_itself(seen: SeenImage) -> SeenImage:
    """It in memory of its own: a layer is a part of its batch's, which would stay whole."""
    beside = seen.beside and _by_itself(seen.beside)
    return replace(seen, layers=[layer.clone() for layer in seen.layers], beside=beside)
