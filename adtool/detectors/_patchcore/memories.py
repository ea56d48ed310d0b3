"""The memories of one network's patches: of each as it is, and perhaps of pooled ones."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adtool.detection.contract import SeenImage
from adtool.detectors._patchcore import memory as patch_memory
from adtool.detectors._patchcore import pooling
from adtool.detectors._patchcore.memory import Drawing, Found, PatchForm, PatchMemory, PatchSearch
from adtool.detectors._patchcore.settings import Settings
from adtool.nn import knn

POOLED = "pooled_"  # of the second memory's tensors
BESIDE = "beside_"  # of those of a second network
SINGLE_BYTES, HALF_BYTES = 4, 2  # of a value
TRIED = 16  # vectors that a coreset is begun with, to say how long it takes
MUCH_BYTES, LONG_S = 1e9, 60.0  # beyond which a person is told before
Shapes = dict[str, tuple[int | str, ...]]
# What models of before do not have.
LATER: tuple[Shapes, ...] = ({"origin": ("M",)}, {"borders": ("K",), "level": (1,)})

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Memories:
    """What is known of normal patches through one network.

    Attributes:
        own: patches as they are.
        pooled: pooled ones, if they are looked at, too.
    """

    own: PatchMemory
    pooled: PatchMemory | None = None

    def tensors(self, prefix: str = "") -> dict[str, Tensor]:
        """They as they are stored, by name."""
        pooled = {} if self.pooled is None else self.pooled.tensors(f"{prefix}{POOLED}")
        return self.own.tensors(prefix) | pooled

    def halved(self) -> "Memories":
        """They with banks whose values half precision holds."""
        return Memories(self.own.halved(), None if self.pooled is None else self.pooled.halved())

    @classmethod
    def of(cls, stored: Mapping[str, Tensor], prefix: str = "") -> "Memories | None":
        """What `tensors` gave; None if there is nothing of that prefix."""
        own = PatchMemory.of(stored, prefix)
        return None if own is None else cls(own, PatchMemory.of(stored, f"{prefix}{POOLED}"))


@dataclass(frozen=True)
class Looked:
    """How far an image lies from the memories.

    Attributes:
        distance: (h, w), on the scale of the first memory.
        found: what is nearest in that.
        without: (M,) bool, what of it was left aside; None for nothing.
    """

    distance: Tensor
    found: Found
    without: Tensor | None


class MemoriesSearch:
    """Memories that can be searched, by an engine; see `knn.Bank`."""

    def __init__(self, memories: Memories, settings: Settings, engine: str) -> None:
        self.own = PatchSearch(memories.own, form(settings), engine)
        pooled = memories.pooled
        self._pooled = None if pooled is None else PatchSearch(pooled, pooling.form(settings.scale), engine)
        self._drawn = settings.drawn
        self.level = _level(memories.own)
        self._pooled_level = _level(pooled)

    def look(self, seen: SeenImage, group: int | None) -> Looked:
        """Search for what is nearest to an image's patches, without what was taken of a group of near duplicates."""
        without = self.own.of_group(group)
        found = self.own.nearest(seen, without)
        distance = self.own.distances(found)
        if self._pooled is not None:
            other = self._pooled.distances(self._pooled.nearest(seen, self._pooled.of_group(group)))
            distance = pooling.both(distance, other, (self.level, self._pooled_level), pooling.WEIGHT)
        return Looked(distance, found, without)

    def extended(self, seen: Sequence[SeenImage], groups: Sequence[int]) -> Memories:
        """The memories with patches of more images; see `PatchSearch.extended`."""
        pooled = None if self._pooled is None else self._pooled.extended(seen, groups, self._drawn)
        return Memories(self.own.extended(seen, groups, self._drawn), pooled)


class Learning:
    """Memories that are being made: patches are drawn of one image after the other."""

    def __init__(self, settings: Settings, shares: Sequence[int], generator: torch.Generator) -> None:
        self._settings, self._generator = settings, generator
        forms = [form(settings)]
        if settings.pooled and settings.scale != "unit":  # AnomalyDINO's scores are as they were published
            forms.append(pooling.form(settings.scale))
        self._drawings = [Drawing(one, shares, generator) for one in forms]

    def add(self, seen: SeenImage) -> None:
        """Draw of the next image."""
        for drawing in self._drawings:
            drawing.add(seen)

    def memories(self, groups: Tensor) -> Memories:
        """What was drawn, or the coreset of it; `groups` of near duplicates, (N,), -1 where it is not known."""
        own, *pooled = [_memory(one, self._settings, groups, self._generator) for one in self._drawings]
        found = Memories(own, pooled[0] if pooled else None)
        return found.halved() if self._settings.half else found


def form(settings: Settings) -> PatchForm:
    """How the patches of the first memory are made."""
    return PatchForm(settings.pool, settings.grid, settings.scale, settings.mapped)


def shapes(stored: Mapping[str, Tensor], channels: int, mapped: int, prefix: str = "") -> Shapes:
    """The shapes of all tensors of the memories of a network whose layers have so many channels together."""
    both = [(prefix, mapped or channels)]
    if f"{prefix}{POOLED}bank" in stored:
        both.append((f"{prefix}{POOLED}", channels))
    found: Shapes = {}
    for own, width in both:
        wanted: Shapes = {"bank": ("M", width), "mean": (width,), "spread": (width,)}
        for later in LATER:
            wanted |= later if {f"{prefix}{name}" for name in later} & stored.keys() else {}
        # Each memory has its own numbers of vectors and rings.
        found |= {
            f"{own}{name}": tuple(f"{own}{side}" if isinstance(side, str) else side for side in shape)
            for name, shape in wanted.items()
        }
    return found


def _level(memory: PatchMemory | None) -> float:
    return 1.0 if memory is None or memory.level is None else float(memory.level)


def _memory(drawing: Drawing, settings: Settings, groups: Tensor, generator: torch.Generator) -> PatchMemory:
    drawn = drawing.drawn()
    memory = patch_memory.standing(drawn, settings.scale)
    scaled = memory.scaled(drawn.patches, settings.scale)
    size = min(settings.bank_size, max(1, round(settings.bank_share * len(scaled))))
    _say_cost(scaled, size, settings)
    if settings.coreset == "greedy":
        chosen = knn.greedy_coreset(scaled, size, projected=settings.projected, generator=generator)
    elif settings.coreset == "approximate":
        chosen = knn.approximate_coreset(scaled, size, projected=settings.projected, generator=generator)
    else:
        chosen = torch.randperm(len(scaled), generator=generator)[:size].to(scaled.device)
    return patch_memory.filled(memory, drawn, chosen, groups, settings.scale, measures=settings.calm)


def _say_cost(scaled: Tensor, size: int, settings: Settings) -> None:
    """Say what a memory takes before it is filled: its bytes, and how long its coreset takes, by the first of it."""
    stored = size * scaled.shape[1] * (HALF_BYTES if settings.half else SINGLE_BYTES)
    seconds = 0.0
    if settings.coreset != "random" and TRIED < size < len(scaled):
        started = time.monotonic()
        own = torch.Generator().manual_seed(0)  # the coreset's own draws stay as they are
        knn.greedy_coreset(scaled, TRIED, projected=settings.projected, generator=own)
        seconds = (time.monotonic() - started) / TRIED * size
    say = log.warning if stored > MUCH_BYTES or seconds > LONG_S else log.debug
    say(
        "The memory takes %.1f MB: %d of %d patches, of %d channels. Choosing them takes about %.0f s. Less of both: "
        "--set bank_size=4000; of its file: --set half=true.",
        stored / 1e6, size, len(scaled), scaled.shape[1], seconds,
    )  # fmt: skip
