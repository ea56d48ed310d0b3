"""Large images in overlapping tiles, as they are asked for, and put together by torch; see `adtool_runtime.tiles`."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adtool.core.errors import UsageError
from adtool.core.pictures.tiling import Tiling
from adtool_runtime import tiles
from adtool_runtime.pictures import picture_file
from adtool_runtime.tiles import Cut as Cut
from adtool_runtime.tiles import Span as Span
from adtool_runtime.tiles import spans as spans


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
        height, width = tiles.brought_to(size, scale, self.multiple)
        if scale > 1 and height * width > picture_file.pixel_limit():
            raise UsageError(
                f"--tile {self.tiling.size} would blow an image of {size[1]} x {size[0]} px up to {width} x {height}, "
                f"since each tile is seen at {self.input_px} px. Give larger tiles, or a smaller --image-size."
            )
        return tiles.cut(
            size,
            tile=self.tiling.size,
            input_px=self.input_px,
            overlap=self.overlap_px,
            multiple=self.multiple,
        )


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
            self.layers = [
                torch.empty(len(layer), *self._cut.grid(stride), device=layer.device)
                for layer, stride in zip(layers, self._strides, strict=True)
            ]
        for whole, layer, stride in zip(self.layers, layers, self._strides, strict=True):
            there, here = self._cut.places(number, stride)
            whole[:, there[0], there[1]] = layer[:, here[0], here[1]]
