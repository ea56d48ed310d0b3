"""The pictures of the page: asked for while it is written, drawn at the end, each once."""

import base64
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core import arrays
from adtool.core.arrays import Bytes, Floats
from adtool.core.dataset.types import Dataset, Sample
from adtool.core.errors import AdtoolError
from adtool.core.progress import track
from adtool_runtime import drawing as pictures
from adtool_runtime import parallel
from adtool_runtime.drawing import ColourScale
from adtool_runtime.pictures.reading import OWN

LARGE, SMALL = 512, 160  # longer side, in pixels: of an image that is looked at closely, and of one among thousands
BUDGET_BYTES = 27_000_000  # of all pictures in base64: with its text, a page of 2,000 images stays under 30 MB
TRIED = 40  # files drawn to see how large the pictures get
COARSER = ((1.0, 70), (0.85, 60), (0.7, 50), (0.6, 40), (0.5, 30))  # (share of the side, quality of WebP)

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class HeatmapSource:
    """What reads a source's maps, and the scale of their colours."""

    scores_of: Callable[[Sample], Floats]
    scale: ColourScale


@dataclass
class _Order:
    """Pictures asked for of one file, by what they show."""

    path: Path
    sample: Sample | None = None
    side: int = SMALL
    numbers: dict[str, int] = field(default_factory=dict)


class Album:
    """Numbers pictures as they are asked for, and draws them in threads."""

    def __init__(self, data: Dataset) -> None:
        self._data = data
        self._orders: dict[tuple[str, str], _Order] = {}
        self._heated: dict[tuple[str, str], HeatmapSource] = {}
        self._missing: set[Path] = set()
        self._count = 0

    def knows(self, category: str, source: str, heated: HeatmapSource) -> None:
        """Say how the maps of a category are drawn before pictures of them are asked for."""
        self._heated[category, source] = heated

    def image(self, sample: Sample, side: int = LARGE) -> int:
        """Number of the picture of an image."""
        return self._number(self._of(sample, side), "image")

    def size(self, sample: Sample) -> tuple[int, int] | None:
        """(height, width) of an image, None if it can't be read."""
        try:
            return arrays.image_size(sample.image, sample.reading)
        except AdtoolError:
            return None

    def mask(self, sample: Sample, side: int = LARGE) -> int:
        """Number of the picture of an image with its mask outlined."""
        return self._number(self._of(sample, side), "mask")

    def map(self, sample: Sample, source: str, side: int = LARGE) -> int:
        """Number of the picture of an image's map."""
        return self._number(self._of(sample, side), f"map {source}")

    def file(self, path: Path, side: int = SMALL) -> int:
        """Number of the picture in a file of its own, as a crop."""
        order = self._orders.setdefault(("", path.as_posix()), _Order(path))
        order.side = max(order.side, side)
        return self._number(order, "image")

    def draw(self) -> list[str]:
        """All pictures as WebP in base64, by number; empty where a file can't be read.

        They are as fine as the budget allows: detailed images take more bytes than plain ones.
        """
        orders = list(self._orders.values())
        tried = orders[:: max(1, len(orders) // TRIED)]
        found: dict[int, str] = {}
        for share, quality in COARSER:
            is_last = (share, quality) == COARSER[-1]
            some = _joined(self._drawn(tried, share, quality))
            if _bytes(some) * len(orders) / max(1, len(tried)) > BUDGET_BYTES and not is_last:
                continue
            found = _joined(track(self._drawn(orders, share, quality), "pictures", len(orders)))
            if _bytes(found) <= BUDGET_BYTES:
                break
        return [found.get(number, "") for number in range(self._count)]

    def _drawn(self, orders: Sequence[_Order], share: float, quality: int) -> Iterator[dict[int, str]]:
        return parallel.each(lambda order: self._draw(order, share, quality), orders)

    def _of(self, sample: Sample, side: int) -> _Order:
        order = self._orders.setdefault((sample.category, sample.id), _Order(sample.image, sample))
        order.side = max(order.side, side)  # shown large in one place and small in another: once, large
        return order

    def _number(self, order: _Order, what: str) -> int:
        if what not in order.numbers:
            order.numbers[what] = self._count
            self._count += 1
        return order.numbers[what]

    def _draw(self, order: _Order, share: float, quality: int) -> dict[int, str]:
        try:
            how = OWN if order.sample is None else order.sample.reading
            small = pictures.shrink(arrays.read_image(order.path, how), round(order.side * share))
            shown = {number: self._shown(order, what, small) for what, number in order.numbers.items()}
        except AdtoolError as error:
            if order.path not in self._missing:  # said once, however often it is tried
                self._missing.add(order.path)
                log.warning("No picture in report.html: %s", error)
            return {}
        return {number: _base64(pictures.encode(one, quality)) for number, one in shown.items()}

    def _shown(self, order: _Order, what: str, small: Bytes) -> Bytes:
        if order.sample is None or what == "image":
            return small
        if what == "mask":
            sample = order.sample
            masks = self._data.categories[sample.category].masks
            return small if sample.mask is None else pictures.outline(small, masks.read(sample.mask, sample.image))
        sample, heated = order.sample, self._heated[order.sample.category, what.removeprefix("map ")]
        return pictures.heat(small, heated.scores_of(sample), heated.scale)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _joined(drawn: Iterable[dict[int, str]]) -> dict[int, str]:
    return {number: data for one in drawn for number, data in one.items()}


def _bytes(drawn: Mapping[int, str]) -> int:
    return sum(map(len, drawn.values()))
