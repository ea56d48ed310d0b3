"""Tiles that large pictures are cut into, as they are asked for; what becomes of them is `nn.tiles`."""

from collections.abc import Iterable
from dataclasses import dataclass

INPUT_PX = 256  # side of a usual network's input
LARGE = 3  # times the input's side: so much longer a picture loses small defects when it is shrunk
ACROSS = 4  # tiles of the size that is suggested lie along the longer side
OVERLAP = 4  # a tile overlaps its neighbour by this part of itself, if nothing else is asked for
STEP = 32  # px that a suggested tile is a multiple of


@dataclass(frozen=True)
class Tiling:
    """How pictures are cut.

    Attributes:
        size: side of a tile, in pixels of the picture.
        overlap: of neighbouring tiles, at least, in pixels of the picture.
    """

    size: int
    overlap: int

    def noted(self) -> dict[str, object]:
        """As notes and cards of models have it."""
        return {"tile": self.size, "overlap": self.overlap}

    def as_options(self) -> str:
        """As it is typed."""
        return f"--tile {self.size} --overlap {self.overlap}"


def of(size: int | None, overlap: int | None) -> Tiling | None:
    """What two options ask for; None if no tiles."""
    if size is None:
        return None
    return Tiling(size, size // OVERLAP if overlap is None else overlap)


def suggested(longer: int, input_px: int = INPUT_PX) -> Tiling | None:
    """Tiles worth a trial; None for pictures that are not much larger than what a network sees of them.

    Args:
        longer: longer side of the pictures, in pixels.
        input_px: side of the network's input.
    """
    if longer < LARGE * input_px:
        return None
    size = max(input_px, -(-longer // (ACROSS * STEP)) * STEP)
    return Tiling(size, size // OVERLAP)


def advice(sizes: Iterable[tuple[int, int]]) -> str:
    """What to try with images of some (height, width), empty if they are not much larger than a network's input."""
    longer = sorted(max(size) for size in sizes)
    usual = longer[len(longer) // 2] if longer else 0
    tiles = suggested(usual)
    if tiles is None:
        return ""
    return (
        f"the images are {usual} px long, and by default seen at {INPUT_PX} px, where small defects are lost. If those "
        f"matter, see them in tiles, which takes longer: adtool maps {tiles.as_options()}"
    )
