"""The normal images that a detector learns from, as features."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from adtool.core.dataset.types import Sample
from adtool.core.layout import ModelFolder
from adtool.core.progress import track
from adtool.detection import feature_cache
from adtool.detection.feature_cache import FeatureCache
from adtool.detection.frame import Frame
from adtool.nn.feature_reader import SeenImage


@dataclass(frozen=True)
class NormalImages:
    """What is learned from.

    Attributes:
        samples: normal images, of one category or of all (`Sample.category` tells them apart).
        frame: what the detector runs in.
        folder: where training keeps what it needs to go on after a kill (removed at the end) and its curves.csv. What
            is found there was left by the same training, interrupted.
    """

    samples: Sequence[Sample]
    frame: Frame
    folder: ModelFolder

    def see(self) -> Iterator[SeenImage]:
        """All images once, in their order; what can't be read is skipped and said."""
        return track(self.frame.see(self.samples), "normal images", len(self.samples))

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
