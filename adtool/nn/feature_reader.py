"""From image files to features: decoding, inference and what comes after overlap."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from adtool.core.dataset.types import Sample
from adtool.core.words import subject
from adtool.nn import device as machine
from adtool.nn.backbone import Backbone, Features
from adtool.nn.seeable import Picture as Picture
from adtool.nn.seeable import Seeable as Seeable
from adtool.nn.seeable import sample_of as sample_of
from adtool.nn.seeable import share_of
from adtool.nn.tiles import Cut, Cutter, Mosaic
from adtool_runtime import images, parallel
from adtool_runtime.images import NO_MARGINS as NO_MARGINS
from adtool_runtime.images import Margins as Margins
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.decoding import UnreadableImageError
from adtool_runtime.pictures.picture_file import Bytes

Glance = Callable[[Bytes], Any]

MOST_LARGE = 4  # images to be cut that are read at a time, since each may take hundreds of megabytes

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class SeenImage:
    """What a backbone sees in one image.

    Attributes:
        sample: the image.
        layers: one (C, h, w) float32 tensor per layer, none if no network was asked for.
        size: (height, width) of the map that is made of it: that of the network's input; less of a large one in tiles.
        whole: one (C,) vector per layer for the whole image, if the reader was asked for them.
        first: one (n, C) tensor per layer, the class token and registers of a transformer, if it was asked for them.
        glance: what the reader's `glance` made of the decoded picture.
        inputs: its area in inputs of the network: more than one where it was seen in tiles. Where a part alone is
            looked at, divided by its share: the highest 1 % of a map is that of what is looked at.
        shrunk: pixels of `size` for one of the network's input, along a side; less than one where that is large.
        margins: pixels of the map above and below, left and right of `size`, of which the network saw nothing.
        beside: what a second network sees in it, if there is one.
        picture: (height, width) of the decoded picture.
    """

    sample: Sample
    layers: list[Tensor]
    size: tuple[int, int]
    whole: list[Tensor] = field(default_factory=list)
    first: list[Tensor] = field(default_factory=list)
    glance: Any = None
    inputs: float = 1.0
    shrunk: float = 1.0
    margins: Margins = NO_MARGINS
    beside: "SeenImage | None" = None
    picture: tuple[int, int] = (0, 0)


class NotFiniteError(UnreadableImageError):
    """A backbone makes NaN or infinite features of an image, about which nothing can be said then."""

    def __init__(self, image: Path, backbone: Backbone) -> None:
        remedy = "Give --engine torch: half precision is too small for it." if backbone.is_half else ""
        super().__init__(f"{backbone.name} makes NaN or infinite features of {image}. {remedy}".strip())


def are_finite(features: Sequence[Tensor]) -> list[bool]:
    """For each image of a batch whether all its features are numbers; tensors of (B, ...)."""
    sums = torch.stack([x.flatten(1).sum(dim=1, dtype=torch.float64) for x in features])  # a NaN stays one in a sum
    return torch.isfinite(sums).all(dim=0).tolist()


@dataclass
class FeatureReader:
    """Reads images and runs a backbone on them.

    What it sees of an image does not depend on its neighbours in a batch: where the engine computes in another way
    for another number of images, all batches have the same number.

    Attributes:
        backbone: the network.
        image_size: side of its input, or the square root of its area with `keep_aspect`, in pixels.
        keep_aspect: keep the ratio of the image's sides.
        batch_size: images a batch, or tiles; only neighbours of the same input size share one.
        unreadable: the errors of images that were skipped.
        whole: whether each image's vectors as a whole, and a transformer's first tokens, are asked for; not with tiles.
        runs: whether the network runs; without it pictures are only decoded and glanced at.
        glance: called with each decoded picture, (H, W, 3) uint8, in the thread that decoded it, so that nobody has to
            decode it again. What it gives is kept until the image's turn comes: make it small.
        cutter: cuts images into tiles, each of which is an input of the network; None to see them whole.
        crop: side of the square in the middle of the image of that size, which alone the network sees; 0 for all of it.
    """

    backbone: Backbone
    image_size: int
    keep_aspect: bool
    batch_size: int
    unreadable: list[UnreadableImageError] = field(default_factory=list)
    whole: bool = False
    runs: bool = True
    glance: Glance | None = None
    cutter: Cutter | None = None
    crop: int = 0
    _poor: dict[Path, str] = field(default_factory=dict)
    _told: set[Path] = field(default_factory=set)

    def see(self, samples: Iterable[Seeable]) -> Iterator[SeenImage]:
        """Features of images, in their order; what can't be read is skipped and said."""
        beside = machine.half_the_cores() if self.backbone.engine == "openvino" else nullcontext()
        with beside:
            looked = self._look(samples)
            yield from self._whole(looked) if self.cutter is None else self._joined(looked)
        self._tell_poor()

    def _look(self, samples: Iterable[Seeable]) -> Iterator["_Look"]:
        """What the network sees in each piece."""
        for batch, found in self._run(self._batches(samples)):
            usable = are_finite((*found.maps, *found.whole, *found.first)) if self.runs else [True] * len(batch)
            for place, one in enumerate(batch):
                layers, whole, first = ([x[place] for x in part] for part in (found.maps, found.whole, found.first))
                yield _Look(one, usable[place], layers, whole, first)

    def _whole(self, looked: Iterable["_Look"]) -> Iterator[SeenImage]:
        for seen in looked:
            one = seen.piece.image
            if not seen.is_finite:
                self._skip(NotFiniteError(seen.piece.sample.image, self.backbone))
                continue
            found = SeenImage(one.sample, seen.layers, one.size, seen.whole, seen.first, one.glance)
            yield replace(found, margins=one.margins, inputs=1 / one.share, picture=one.picture)

    def _joined(self, looked: Iterable["_Look"]) -> Iterator[SeenImage]:
        """Images whose tiles follow each other."""
        for _, tiles in groupby(looked, key=lambda seen: seen.piece.place):
            first, usable = next(tiles), True
            one = first.piece.image
            assert one.cut is not None
            mosaic = Mosaic(one.cut)
            for number, seen in enumerate(chain([first], tiles)):
                mosaic.put(number, seen.layers)
                usable = usable and seen.is_finite
            if not usable:
                self._skip(NotFiniteError(one.sample.image, self.backbone))
                continue
            size = one.cut.map_size(mosaic.stride)
            inputs, shrunk = max(1.0, one.cut.inputs) / one.share, max(size) / max(one.cut.size)
            found = SeenImage(one.sample, mosaic.layers, size, glance=one.glance, inputs=inputs, shrunk=shrunk)
            yield replace(found, picture=one.picture)

    def _tell_poor(self) -> None:
        """Say which pictures have lost much on the way to 8 bits, once."""
        poor = {path: text for path, text in self._poor.items() if path not in self._told}
        self._told |= poor.keys()
        if poor:
            path, text = next(iter(poor.items()))
            who, whose = subject(len(poor), "image", "has", "have"), "its" if len(poor) == 1 else "their"
            log.warning("%s lost much of %s grey values, for instance %s: %s", who, whose, path, text)

    def _run(
        self, batches: Iterable[tuple[list["_Piece"], npt.NDArray[np.float32]]]
    ) -> Iterator[tuple[list["_Piece"], Features]]:
        if not self.runs:
            for batch, _ in batches:
                yield batch, Features([], [])
        elif self.whole:
            yield from self.backbone.describe_stream(batches)
        else:
            for batch, layers in self.backbone.stream(batches):
                yield batch, Features(layers, [])

    def _batches(self, samples: Iterable[Seeable]) -> Iterator[tuple[list["_Piece"], npt.NDArray[np.float32]]]:
        waiting: list[_Piece] = []
        # On a CPU filling up costs as much as images do, and one without neighbours has none to depend on.
        alone = self.keep_aspect and self.backbone.fills_batches and self.backbone.device.type == "cpu"
        size = 1 if alone else self.batch_size
        filled = size if self.backbone.fills_batches else 0
        for one in self._pieces(samples):
            full = len(waiting) == size or one.begins_batch
            if waiting and (full or one.pixels.shape != waiting[0].pixels.shape):
                yield _stacked(waiting, filled)
                waiting = []
            waiting.append(one)
        if waiting:
            yield _stacked(waiting, filled)

    def _pieces(self, samples: Iterable[Seeable]) -> Iterator["_Piece"]:
        """Images that could be read, or their tiles; of those only the waiting batch is in memory as numbers."""
        workers = None if self.cutter is None else min(parallel.core_count(), MOST_LARGE)
        place = 0
        for _, loaded in parallel.prefetch(samples, self._load, workers, ahead=2 * (workers or self.batch_size)):
            if isinstance(loaded, UnreadableImageError):
                self._skip(loaded)
                continue
            if loaded.cut is None:
                yield _Piece(loaded, place, loaded.pixels)
            else:
                # As many images as whole ones are a batch begin one, so that going on after a kill makes the same.
                begins = place % self.batch_size == 0
                for number in range(len(loaded.cut.tiles)):
                    tile = loaded.pixels[loaded.cut.pixels(number)]
                    pixels = images.normalised(tile, self.backbone.mean, self.backbone.std)
                    yield _Piece(loaded, place, pixels, begins_batch=begins and number == 0)
            place += 1

    def _skip(self, error: UnreadableImageError) -> None:
        self.unreadable.append(error)
        log.warning("skipped 1 unreadable image: %s", error)

    def _load(self, one: Seeable) -> "_Loaded | UnreadableImageError":
        try:
            picture = one if isinstance(one, Picture) else self._decoded(one)
        except UnreadableImageError as error:
            return error
        sample, image = picture.sample, picture.pixels
        size = (image.shape[0], image.shape[1])
        glance = self.glance(image) if self.glance else None
        share = share_of(picture)
        if self.cutter is not None:
            cut = self.cutter.cut(size)
            return _Loaded(sample, cut.size, images.resize(image, *cut.size), glance, cut, share=share, picture=size)
        if self.crop:
            whole = images.around_middle(size, self.image_size, self.crop, keep_aspect=self.keep_aspect)
            rows, columns = images.middle(whole, self.crop)
            seen = images.resize(image, *whole)[rows, columns]
            margins = ((rows.start, whole[0] - rows.stop), (columns.start, whole[1] - columns.stop))
            pixels = images.normalised(seen, self.backbone.mean, self.backbone.std)
            seen_size = (self.crop, self.crop)
            return _Loaded(sample, seen_size, pixels, glance, margins=margins, share=share, picture=size)
        height, width = images.fit(size, self.image_size, self.backbone.multiple, keep_aspect=self.keep_aspect)
        pixels = images.prepare(image, height, width, self.backbone.mean, self.backbone.std)
        return _Loaded(sample, (height, width), pixels, glance, share=share, picture=size)

    def _decoded(self, sample: Sample) -> Picture:
        picture = decoding.read(sample.image, sample.reading)
        if picture.poor:
            self._poor.setdefault(sample.image, picture.poor)
        return Picture(sample, picture.pixels)


@dataclass(frozen=True)
class _Loaded:
    """An image on its way: `pixels` (3, height, width) as the network wants them, or (height, width, 3) to be cut."""

    sample: Sample
    size: tuple[int, int]
    pixels: npt.NDArray[Any]
    glance: Any
    cut: Cut | None = None
    margins: Margins = NO_MARGINS
    share: float = 1.0
    picture: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class _Piece:
    """One input of the network: an image, or a tile of it."""

    image: _Loaded
    place: int  # of the image among those that could be read
    pixels: npt.NDArray[np.float32]
    begins_batch: bool = False

    @property
    def sample(self) -> Sample:
        """The image that it is of."""
        return self.image.sample


@dataclass(frozen=True)
class _Look:
    """What the network sees in a piece."""

    piece: _Piece
    is_finite: bool
    layers: list[Tensor]
    whole: list[Tensor]
    first: list[Tensor]


def _stacked(waiting: list[_Piece], filled: int) -> tuple[list[_Piece], npt.NDArray[np.float32]]:
    """A batch, filled up with black so that it has as many rows as all others."""
    batch = np.stack([one.pixels for one in waiting])
    lacking = max(0, filled - len(batch))
    return waiting, np.pad(batch, ((0, lacking), (0, 0), (0, 0), (0, 0))) if lacking else batch
