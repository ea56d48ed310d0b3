"""A memory of normal patches: what is drawn, which of it is kept, and how far from it good parts lie."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.detection.contract import SeenImage
from adtool.detectors._patchcore import borders
from adtool.detectors._patchcore.embedding import embed
from adtool.nn import knn

MIN_SPREAD = 1e-6  # a channel that never changes is not blown up
HALF_MOST = torch.finfo(torch.float16).max
MEASURED = 10_000  # patches that say how far good parts lie from the memory
FEWEST_IMAGES = 5  # fewer say nothing about it


@dataclass(frozen=True)
class PatchForm:
    """How patches are made for a memory.

    Attributes:
        pool: side of the average pooling.
        grid: `fine` or `coarse`.
        scale: `channel`, `none` or `unit`.
        mapped: channels of a patch, 0 for those of its layers.
    """

    pool: int
    grid: str
    scale: str
    mapped: int = 0

    def patches(self, seen: SeenImage) -> tuple[Tensor, tuple[int, int]]:
        """(P, C) of an image, and (h, w); see `embed`."""
        return embed(seen.layers, pool=self.pool, grid=self.grid, mapped=self.mapped)


@dataclass(frozen=True)
class PatchMemory:
    """What was learned: the bank and how features are scaled before they are compared.

    Attributes:
        bank: (M, D) float32 scaled features.
        mean: (D,) subtracted.
        spread: (D,) divided by.
        origin: (M,) the group of near duplicates whose image each vector was taken from; None in models of before.
        borders: (K,) what distances are multiplied with at each distance from the border; None if nothing is known.
        level: (1,) mean distance of good parts that it does not know; None if nothing is known.
    """

    bank: Tensor
    mean: Tensor
    spread: Tensor
    origin: Tensor | None = None
    borders: Tensor | None = None
    level: Tensor | None = None

    def tensors(self, prefix: str = "") -> dict[str, Tensor]:
        """It as it is stored, by name."""
        return {f"{prefix}{name}": tensor for name, tensor in vars(self).items() if tensor is not None}

    @classmethod
    def of(cls, stored: Mapping[str, Tensor], prefix: str = "") -> "PatchMemory | None":
        """What `tensors` gave; None if there is none of that prefix."""
        own = {name: stored[f"{prefix}{name}"] for name in cls.__dataclass_fields__ if f"{prefix}{name}" in stored}
        return cls(**{name: one.float() for name, one in own.items()}) if "bank" in own else None

    def halved(self) -> "PatchMemory":
        """The same with a bank whose values half precision holds."""
        return replace(self, bank=self.bank.clamp(-HALF_MOST, HALF_MOST).half().float())

    def scaled(self, patches: Tensor, scale: str) -> Tensor:
        """Patches as those of the bank are."""
        if scale == "unit":
            return F.normalize(patches, dim=1)
        return (patches - self.mean) / self.spread if scale == "channel" else patches


@dataclass(frozen=True)
class Found:
    """What is nearest to the patches of an image.

    Attributes:
        patches: (P, D) scaled.
        distance: (P,) to the nearest vector of the bank.
        index: (P,) of it.
        shape: (h, w) of the grid.
    """

    patches: Tensor
    distance: Tensor
    index: Tensor
    shape: tuple[int, int]


class PatchSearch:
    """A memory that can be searched, by an engine; see `knn.Bank`."""

    def __init__(self, memory: PatchMemory, form: PatchForm, engine: str) -> None:
        self.memory = memory
        self.form = form
        self.bank = knn.Bank(memory.bank, engine)

    def nearest(self, seen: SeenImage, without: Tensor | None = None) -> Found:
        """What is nearest to an image's patches, but for some of the bank's vectors, (M,) bool."""
        patches, shape = self.form.patches(seen)
        scaled = self.memory.scaled(patches, self.form.scale)
        distance, index = self.bank.nearest(scaled, without)
        return Found(scaled, distance, index, shape)

    def of_group(self, group: int | None) -> Tensor | None:
        """(M,) bool, which vectors were taken from a group of near duplicates; None if that is not known."""
        origin = self.memory.origin
        return None if group is None or origin is None else origin == group

    def distances(self, found: Found) -> Tensor:
        """(h, w), those of an image with its border brought down to the middle."""
        distance = found.distance
        if self.form.scale == "unit":
            distance = distance.square() / 2  # of unit vectors: 1 - cosine, as AnomalyDINO has it
        if self.memory.borders is not None:
            distance = borders.calm(distance, found.shape, self.memory.borders)
        return distance.view(found.shape)

    def extended(self, seen: Sequence[SeenImage], groups: Sequence[int], drawn: int) -> PatchMemory:
        """The memory with patches of more images: those that are farthest from it, as many as others gave it.

        The coreset is chosen on as it was begun: from the new patches alone, drawn as many an image as of the others.

        Args:
            seen: the images.
            groups: of near duplicates, that each is of.
            drawn: how many patches the memory was chosen from.
        """
        memory = self.memory
        images = len(torch.unique(memory.origin)) if memory.origin is not None else len(memory.bank)
        most = math.ceil(drawn / images)
        drawing = Drawing(self.form, [most] * len(seen), torch.Generator().manual_seed(0))  # the same each time
        for one in seen:
            drawing.add(one)
        more = drawing.drawn()
        patches = memory.scaled(more.patches, self.form.scale)
        share = min(len(patches), max(1, round(len(memory.bank) / images * len(seen))))
        chosen = knn.more_of_coreset(patches, self.bank, share)
        origin = torch.tensor(groups, dtype=torch.float32)[more.image].to(chosen.device)[chosen]
        known = memory.origin if memory.origin is not None else origin.new_full((len(memory.bank),), -1.0)
        bank = torch.cat([memory.bank, patches[chosen]])
        return replace(memory, bank=bank, origin=torch.cat([known, origin]))


@dataclass(frozen=True)
class Drawn:
    """Patches drawn at random of all images.

    Attributes:
        patches: (M, D).
        image: (M,) int64, number of the image that each is of, in the order in which they were seen.
        ring: (M,) int64, see `borders.rings`.
        depth: of the rings.
    """

    patches: Tensor
    image: Tensor
    ring: Tensor
    depth: int


class Drawing:
    """Draws patches of one form, about the same number of each image."""

    def __init__(self, form: PatchForm, shares: Sequence[int], generator: torch.Generator) -> None:
        self._form, self._shares, self._generator = form, list(shares), generator
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._depth = 1

    def add(self, seen: SeenImage) -> None:
        """Draw of the next image."""
        patches, shape = self._form.patches(seen)
        self._depth = self._depth if self._kept else borders.depth_of(shape)
        order = torch.randperm(len(patches), generator=self._generator)[: self._shares[len(self._kept)]]
        order = order.to(patches.device)
        ring = borders.rings(shape, self._depth, patches.device).flatten()
        self._kept.append((patches[order], ring[order]))

    def drawn(self) -> Drawn:
        """All of them."""
        image = torch.cat([torch.full((len(one),), number) for number, (one, _) in enumerate(self._kept)])
        patches, ring = (torch.cat(one) for one in zip(*self._kept, strict=True))
        return Drawn(patches, image, ring, self._depth)


def shares(count: int, drawn: int) -> list[int]:
    """How many patches each of so many images gives, in all `drawn`: none is left out if there is one for each."""
    share, more = divmod(drawn, max(1, count))
    if share:
        return [share + (i < more) for i in range(count)]
    return [(i + 1) * drawn // count - i * drawn // count for i in range(count)]  # spread over all of them


def standing(drawn: Drawn, scale: str) -> PatchMemory:
    """A memory of nothing yet, which knows how patches are scaled."""
    first = drawn.patches
    empty = first[:0]
    if scale == "channel":
        spread, mean = torch.std_mean(first, dim=0, correction=0)
        return PatchMemory(empty, mean, spread.clamp_min(MIN_SPREAD))
    return PatchMemory(empty, first.new_zeros(first.shape[1]), first.new_ones(first.shape[1]))


def filled(
    memory: PatchMemory, drawn: Drawn, chosen: Tensor, groups: Tensor, scale: str, *, measures: bool = True
) -> PatchMemory:
    """The memory with the chosen patches, and what it then says of those that are left.

    Args:
        memory: from `standing`.
        drawn: the patches.
        chosen: (m,) of them.
        groups: (N,) int64, the group of near duplicates of each image, -1 where it is not known.
        scale: see `PatchForm`.
        measures: whether it shall say anything of how far from it good parts lie.
    """
    scaled = memory.scaled(drawn.patches, scale)
    origin = groups[drawn.image][chosen.cpu()].to(scaled.device, torch.float32)
    own = torch.where(groups < 0, groups.max() + 1 + torch.arange(len(groups)), groups)[drawn.image]
    whole = replace(memory, bank=scaled[chosen].contiguous(), origin=origin)
    is_published = scale == "unit" or not measures  # AnomalyDINO's scores, as those of PatchCore's paper
    if len(set(own.tolist())) < FEWEST_IMAGES or is_published:
        return whole
    some = torch.arange(0, len(scaled), max(1, len(scaled) // MEASURED))
    distance = _as_new(whole, scaled[some], own[some], own[chosen.cpu()])
    ring, is_known = drawn.ring[some], torch.isfinite(distance)
    known = borders.factors(distance[is_known], ring[is_known], drawn.depth)
    level = (distance * known[ring])[is_known].mean().view(1)
    return replace(whole, borders=known, level=level)


def _as_new(memory: PatchMemory, patches: Tensor, own: Tensor, of_bank: Tensor) -> Tensor:
    """(n,) distances of patches to what the bank holds of other groups of images; infinite if that is nothing."""
    bank = knn.Bank(memory.bank)
    distance = patches.new_full((len(patches),), torch.inf)
    for group in sorted(set(own.tolist())):
        which = (own == group).to(patches.device)
        without = (of_bank == group).to(patches.device)
        if not without.all():
            distance[which] = bank.nearest(patches[which], without)[0]
    return distance
