"""Large pictures in overlapping tiles, each an input of the network; what is seen in them becomes one grid of features.

A feature is taken from the tile in which it lies most central, where the tile's border is farthest (as SuperADD does).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adtool_runtime import images
from adtool_runtime.image_scores import Floats

MAP_PX = 1024  # longer side of a map at most, unless features lie closer: it is smooth, and more would only fill disks

Size = tuple[int, int]  # (height, width)
Part = tuple[slice, slice]  # rows and columns of a grid


@dataclass(frozen=True)
class Span:
    """One tile along an axis, in pixels of the network's input.

    Attributes:
        start: where it begins.
        stop: where it ends.
        first: where it begins to count.
        last: where it stops to count; places between `first` and `last` lie most central in it.
    """

    start: int
    stop: int
    first: float
    last: float

    def kept(self, stride: int) -> tuple[int, int]:
        """The features that count, of a grid over the whole axis: those whose middle is above `first`, to `last`."""
        return int(self.first / stride + 0.5), int(self.last / stride + 0.5)


def spans(length: int, side: int, overlap: int, multiple: int) -> list[Span]:
    """Tiles that cover an axis, spread evenly.

    Args:
        length: of the axis; a shorter one than `side` is one tile of its own length.
        side: of a tile.
        overlap: of neighbours, at least. All four are multiples of `multiple`, and tiles begin at such.
        multiple: the distance of features in the coarsest layer.
    """
    if length <= side:
        return [Span(0, length, 0, length)]
    steps = -(-(length - side) // (side - overlap))
    starts = [i * (length - side) // (steps * multiple) * multiple for i in range(steps + 1)]
    # In the middle of an overlap the middles of both tiles are equally far.
    seams = [0.0, *((one + side + other) / 2 for one, other in pairwise(starts)), float(length)]
    return [Span(start, start + side, seams[i], seams[i + 1]) for i, start in enumerate(starts)]


@dataclass(frozen=True)
class Cut:
    """How one image is cut.

    Attributes:
        size: that it is brought to, in pixels of the network's input.
        tile: size of its tiles.
        tiles: the place of each, row after row.
        input_px: side of the network's input, that of a whole tile.
    """

    size: Size
    tile: Size
    tiles: tuple[tuple[Span, Span], ...]
    input_px: int

    @property
    def inputs(self) -> float:
        """Its area in inputs of the network."""
        return self.size[0] * self.size[1] / self.input_px**2

    def map_size(self, stride: int) -> Size:
        """That of its map, where features lie `stride` apart."""
        longer = max(self.size)
        shown = min(longer, max(MAP_PX, longer // stride))
        return max(1, round(self.size[0] * shown / longer)), max(1, round(self.size[1] * shown / longer))

    def pixels(self, number: int) -> Part:
        """The pixels of a tile, of the image as it is brought to its size."""
        row, column = self.tiles[number]
        return slice(row.start, row.stop), slice(column.start, column.stop)

    def grid(self, stride: int) -> Size:
        """Size of the whole grid of features that lie `stride` apart."""
        return self.size[0] // stride, self.size[1] // stride

    def places(self, number: int, stride: int) -> tuple[Part, Part]:
        """Features of a tile that count: where they lie in the whole grid, and where in the tile's."""
        row, column = self.tiles[number]
        (top, bottom), (left, right) = row.kept(stride), column.kept(stride)
        y, x = row.start // stride, column.start // stride
        whole = (slice(top, bottom), slice(left, right))
        return whole, (slice(top - y, bottom - y), slice(left - x, right - x))


def cut(size: Size, *, tile: int, input_px: int, overlap: int, multiple: int) -> Cut:
    """How an image is cut.

    Args:
        size: of the image.
        tile: side of a tile, in pixels of the image.
        input_px: side of the network's input, which a tile is brought to.
        overlap: of tiles at least, in pixels of that input.
        multiple: that sides of that input are multiples of.
    """
    height, width = brought_to(size, input_px / tile, multiple)
    rows, columns = (spans(one, input_px, overlap, multiple) for one in (height, width))
    places = tuple((row, column) for row in rows for column in columns)
    return Cut((height, width), (rows[0].stop, columns[0].stop), places, input_px)


def brought_to(size: Size, scale: float, multiple: int) -> Size:
    """The size that an image is brought to before it is cut."""
    return images.rounded(size[0] * scale, multiple), images.rounded(size[1] * scale, multiple)


class Mosaic:
    """The features of one image, put together tile by tile."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self.layers: list[Floats] = []
        self._strides: list[int] = []

    @property
    def stride(self) -> int:
        """The distance of features in the finest layer, in pixels of the network's input."""
        return min(self._strides, default=1)

    def put(self, number: int, layers: Sequence[Floats]) -> None:
        """Take what counts of a tile's features, one (C, h, w) array a layer."""
        if not self.layers:
            self._strides = [self._cut.tile[0] // layer.shape[-2] for layer in layers]
            self.layers = [
                np.empty((len(layer), *self._cut.grid(stride)), np.float32)
                for layer, stride in zip(layers, self._strides, strict=True)
            ]
        for whole, layer, stride in zip(self.layers, layers, self._strides, strict=True):
            there, here = self._cut.places(number, stride)
            whole[:, there[0], there[1]] = layer[:, here[0], here[1]]
