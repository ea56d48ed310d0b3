"""From image files to features: decoding, inference and what comes after overlap."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from torch import Tensor

from adtool.core import arrays
from adtool.core.arrays import UnreadableImageError
from adtool.core.sample import Sample
from adtool.nn import device as machine
from adtool.nn import images
from adtool.nn.backbone import Backbone

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Sight:
    """What a backbone sees in one image.

    Attributes:
        sample: the image.
        layers: one (C, h, w) float32 tensor per layer.
        size: (height, width) of the network's input, in pixels.
    """

    sample: Sample
    layers: list[Tensor]
    size: tuple[int, int]


@dataclass
class Reader:
    """Reads images and runs a backbone on them.

    Attributes:
        backbone: the network.
        image_size: side of its input, or the square root of its area with `keep_aspect`, in pixels.
        keep_aspect: keep the ratio of the image's sides.
        batch_size: images a batch; only neighbours of the same input size share one.
        unreadable: the errors of images that were skipped.
    """

    backbone: Backbone
    image_size: int
    keep_aspect: bool
    batch_size: int
    unreadable: list[UnreadableImageError] = field(default_factory=list)

    def see(self, samples: Iterable[Sample]) -> Iterator[Sight]:
        """Features of images, in their order; what can't be read is skipped and said."""
        beside = machine.half_the_cores() if self.backbone.engine == "openvino" else nullcontext()
        with beside:
            for batch, layers in self.backbone.stream(self._batches(samples)):
                for place, (sample, size) in enumerate(batch):
                    yield Sight(sample, [layer[place] for layer in layers], size)

    def _batches(
        self, samples: Iterable[Sample]
    ) -> Iterator[tuple[list[tuple[Sample, tuple[int, int]]], npt.NDArray[np.float32]]]:
        waiting: list[tuple[Sample, npt.NDArray[np.float32]]] = []
        for sample, loaded in images.prefetch(samples, self._load, ahead=2 * self.batch_size):
            if isinstance(loaded, UnreadableImageError):
                self.unreadable.append(loaded)
                log.warning("skipped 1 unreadable image: %s", loaded)
                continue
            if waiting and (len(waiting) == self.batch_size or loaded.shape != waiting[0][1].shape):
                yield _stacked(waiting)
                waiting = []
            waiting.append((sample, loaded))
        if waiting:
            yield _stacked(waiting)

    def _load(self, sample: Sample) -> npt.NDArray[np.float32] | UnreadableImageError:
        try:
            image = arrays.read_image(sample.image)
        except UnreadableImageError as error:
            return error
        size = (image.shape[0], image.shape[1])
        height, width = images.fit(size, self.image_size, self.backbone.multiple, keep_aspect=self.keep_aspect)
        return images.prepare(image, height, width, self.backbone.mean, self.backbone.std)


def _stacked(
    waiting: list[tuple[Sample, npt.NDArray[np.float32]]],
) -> tuple[list[tuple[Sample, tuple[int, int]]], npt.NDArray[np.float32]]:
    sizes = [(sample, (int(array.shape[1]), int(array.shape[2]))) for sample, array in waiting]
    return sizes, np.stack([array for _, array in waiting])
