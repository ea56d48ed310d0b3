"""From image files to features: decoding, inference and what comes after overlap."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from adtool.core.dataset.types import Sample
from adtool.core.pictures import decoding
from adtool.core.pictures.decoding import UnreadableImageError
from adtool.nn import device as machine
from adtool.nn import images
from adtool.nn.backbone import Backbone, Features

Placed = tuple[Sample, tuple[int, int]]  # with the (height, width) of its input

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class SeenImage:
    """What a backbone sees in one image.

    Attributes:
        sample: the image.
        layers: one (C, h, w) float32 tensor per layer.
        size: (height, width) of the network's input, in pixels.
        whole: one (C,) vector per layer for the whole image, if the reader was asked for them.
        first: one (n, C) tensor per layer, the class token and registers of a transformer, if it was asked for them.
    """

    sample: Sample
    layers: list[Tensor]
    size: tuple[int, int]
    whole: list[Tensor] = field(default_factory=list)
    first: list[Tensor] = field(default_factory=list)


class NotFiniteError(UnreadableImageError):
    """A backbone makes NaN or infinite features of an image, about which nothing can be said then."""

    def __init__(self, image: Path, backbone: Backbone) -> None:
        remedy = "Give --engine torch-f32: half precision is too small for it." if backbone.is_half else ""
        super().__init__(f"{backbone.name} makes NaN or infinite features of {image}. {remedy}".strip())


def are_finite(features: Sequence[Tensor]) -> list[bool]:
    """For each image of a batch whether all its features are numbers; tensors of (B, ...)."""
    sums = torch.stack([x.flatten(1).sum(dim=1, dtype=torch.float64) for x in features])  # a NaN stays one in a sum
    return torch.isfinite(sums).all(dim=0).tolist()


@dataclass
class FeatureReader:
    """Reads images and runs a backbone on them.

    Attributes:
        backbone: the network.
        image_size: side of its input, or the square root of its area with `keep_aspect`, in pixels.
        keep_aspect: keep the ratio of the image's sides.
        batch_size: images a batch; only neighbours of the same input size share one.
        unreadable: the errors of images that were skipped.
        whole: whether each image's vectors as a whole, and a transformer's first tokens, are asked for.
    """

    backbone: Backbone
    image_size: int
    keep_aspect: bool
    batch_size: int
    unreadable: list[UnreadableImageError] = field(default_factory=list)
    whole: bool = False
    _poor: dict[Path, str] = field(default_factory=dict)
    _told: set[Path] = field(default_factory=set)

    def see(self, samples: Iterable[Sample]) -> Iterator[SeenImage]:
        """Features of images, in their order; what can't be read is skipped and said."""
        beside = machine.half_the_cores() if self.backbone.engine == "openvino" else nullcontext()
        with beside:
            for batch, found in self._run(self._batches(samples)):
                usable = are_finite((*found.maps, *found.whole, *found.first))
                for place, (sample, size) in enumerate(batch):
                    if not usable[place]:
                        self._skip(NotFiniteError(sample.image, self.backbone))
                        continue
                    layers, whole, first = ([x[place] for x in part] for part in (found.maps, found.whole, found.first))
                    yield SeenImage(sample, layers, size, whole, first)
        self._tell_poor()

    def _tell_poor(self) -> None:
        """Say which pictures have lost much on the way to 8 bits, once."""
        poor = {path: text for path, text in self._poor.items() if path not in self._told}
        self._told |= poor.keys()
        if poor:
            path, text = next(iter(poor.items()))
            noun = "image has" if len(poor) == 1 else "images have"
            log.warning("%d %s lost much of their grey values, for instance %s: %s", len(poor), noun, path, text)

    def _run(
        self, batches: Iterable[tuple[list[Placed], npt.NDArray[np.float32]]]
    ) -> Iterator[tuple[list[Placed], Features]]:
        if self.whole:
            yield from self.backbone.describe_stream(batches)
        else:
            for batch, layers in self.backbone.stream(batches):
                yield batch, Features(layers, [])

    def _batches(self, samples: Iterable[Sample]) -> Iterator[tuple[list[Placed], npt.NDArray[np.float32]]]:
        waiting: list[tuple[Sample, npt.NDArray[np.float32]]] = []
        for sample, loaded in images.prefetch(samples, self._load, ahead=2 * self.batch_size):
            if isinstance(loaded, UnreadableImageError):
                self._skip(loaded)
                continue
            if waiting and (len(waiting) == self.batch_size or loaded.shape != waiting[0][1].shape):
                yield _stacked(waiting)
                waiting = []
            waiting.append((sample, loaded))
        if waiting:
            yield _stacked(waiting)

    def _skip(self, error: UnreadableImageError) -> None:
        self.unreadable.append(error)
        log.warning("skipped 1 unreadable image: %s", error)

    def _load(self, sample: Sample) -> npt.NDArray[np.float32] | UnreadableImageError:
        try:
            picture = decoding.read(sample.image, sample.reading)
        except UnreadableImageError as error:
            return error
        if picture.poor:
            self._poor.setdefault(sample.image, picture.poor)
        image = picture.pixels
        size = (image.shape[0], image.shape[1])
        height, width = images.fit(size, self.image_size, self.backbone.multiple, keep_aspect=self.keep_aspect)
        return images.prepare(image, height, width, self.backbone.mean, self.backbone.std)


def _stacked(
    waiting: list[tuple[Sample, npt.NDArray[np.float32]]],
) -> tuple[list[Placed], npt.NDArray[np.float32]]:
    sizes = [(sample, (int(array.shape[1]), int(array.shape[2]))) for sample, array in waiting]
    return sizes, np.stack([array for _, array in waiting])
