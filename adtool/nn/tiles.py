"""Large images in overlapping tiles, each an input of the network; what is seen in them becomes one grid of features.

A feature is taken from the tile in which it lies most central, where the tile's border is farthest (as SuperADD does).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from adtool.core.errors import UsageError
from adtool.core.pictures.tiling import Tiling
from adtool_runtime import images
from adtool_runtime.pictures import picture_file

MAP_PX = 1024  # longer side of a map at most, unless features lie closer: it is smooth, and more would only fill disks


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
        size: (height, width) that it is brought to, in pixels of the network's input.
        tile: (height, width) of its tiles.
        tiles: the place of each, row after row.
        input_px: side of the network's input, that of a whole tile.
    """

    size: tuple[int, int]
    tile: tuple[int, int]
    tiles: tuple[tuple[Span, Span], ...]
    input_px: int

    @property
    def inputs(self) -> float:
        """Its area in inputs of the network."""
        return self.size[0] * self.size[1] / self.input_px**2

    def map_size(self, stride: int) -> tuple[int, int]:
        """(height, width) of its map, where features lie `stride` apart."""
        longer = max(self.size)
        shown = min(longer, max(MAP_PX, longer // stride))
        return max(1, round(self.size[0] * shown / longer)), max(1, round(self.size[1] * shown / longer))


@dataclass(frozen=True)
class Cutter:
    """Cuts images of any size at the same scale.

    Attributes:
        tiling: as it was asked for, in pixels of the image.
        input_px: side of the network's input; a tile is brought to it.
        multiple: that sides of the network's input are multiples of.

    Raises:
        UsageError: tiles too small for the network, or that overlap wholly.
    """

    tiling: Tiling
    input_px: int
    multiple: int

    def __post_init__(self) -> None:
        size, overlap = self.tiling.size, self.tiling.overlap
        if size < self.multiple:
            raise UsageError(f"--tile {size}: this backbone takes at least {self.multiple} px. Give a larger tile.")
        if self.overlap_px >= self.input_px:
            most = (self.input_px - self.multiple) * size // self.input_px
            raise UsageError(
                f"--overlap {overlap}: tiles of {size} px would move on by less than a step of the backbone's grid. "
                f"Give {most} or less."
            )

    @property
    def overlap_px(self) -> int:
        """The overlap, in pixels of the network's input."""
        wanted = self.tiling.overlap * self.input_px
        return -(-wanted // (self.tiling.size * self.multiple)) * self.multiple

    def cut(self, size: tuple[int, int]) -> Cut:
        """How an image of (height, width) is cut.

        Raises:
            UsageError: its tiles are so small that it would be blown up beyond all limits.
        """
        scale = self.input_px / self.tiling.size
        height, width = (images.rounded(one * scale, self.multiple) for one in size)
        if scale > 1 and height * width > picture_file.pixel_limit():
            raise UsageError(
                f"--tile {self.tiling.size} would blow an image of {size[1]} x {size[0]} px up to {width} x {height}, "
                f"since each tile is seen at {self.input_px} px. Give larger tiles, or a smaller --image-size."
            )
        rows, columns = (spans(one, self.input_px, self.overlap_px, self.multiple) for one in (height, width))
        tile = (rows[0].stop, columns[0].stop)
        return Cut((height, width), tile, tuple((row, column) for row in rows for column in columns), self.input_px)


class Mosaic:
    """The features of one image, put together tile by tile."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self.layers: list[Tensor] = []
        self._strides: list[int] = []

    @property
    def stride(self) -> int:
        """The distance of features in the finest layer, in pixels of the network's input."""
        return min(self._strides, default=1)

    def put(self, number: int, layers: Sequence[Tensor]) -> None:
        """Take what counts of a tile's features, one (C, h, w) tensor a layer."""
        if not self.layers:
            self._strides = [self._cut.tile[0] // layer.shape[-2] for layer in layers]
            grids = [[one // stride for one in self._cut.size] for stride in self._strides]
            self.layers = [
                torch.empty(len(layer), *grid, device=layer.device) for layer, grid in zip(layers, grids, strict=True)
            ]
        row, column = self._cut.tiles[number]
        for whole, layer, stride in zip(self.layers, layers, self._strides, strict=True):
            (top, bottom), (left, right) = row.kept(stride), column.kept(stride)
            y, x = row.start // stride, column.start // stride
            whole[:, top:bottom, left:right] = layer[:, top - y : bottom - y, left - x : right - x]
