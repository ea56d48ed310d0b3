"""Nearest neighbours, exact and in bounded memory, and the choice of a small set that covers a large one."""

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.core import progress
from adtool.nn import device as machine
from adtool.nn import tracing
from adtool.nn.search_graph import CHUNK_BYTES, GROUP, SearchGraph

SEARCHED_BY_GRAPH = 300_000  # values that vectors have together, from which a graph of the search is worth its making
BEGUN_FROM = 10  # random vectors that an approximate coreset begins far from
FOLLOWED_BYTES = 2**28  # of the distance matrix in such a graph: that of pictures in tiles would take gigabytes


class Bank:
    """Vectors to find nearest neighbours among.

    Args:
        vectors: (M, D) float32, on the device where the search shall run.
        engine: `openvino` or `torch`, for `nearest`. Which of vectors that are equally near but for rounding is found
            depends on it.
    """

    def __init__(self, vectors: Tensor, engine: str = "torch") -> None:
        self.vectors = vectors.contiguous()
        self._half_square = self.vectors.square().sum(dim=1) / 2  # (M,)
        is_large = vectors.device.type == "cpu" and vectors.numel() >= SEARCHED_BY_GRAPH
        self._graph = SearchGraph(self.vectors) if engine == "openvino" and is_large else None

    @cached_property
    def _transposed(self) -> Tensor:
        return self.vectors.T.contiguous() if self.vectors.device.type == "cpu" else self.vectors.T

    def nearest(self, queries: Tensor, without: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Euclidean distance to, and index of, the nearest vector; (P, D) -> (P,), (P,).

        Maximises q.m - |m|^2 / 2, which orders the vectors as the distance does. The distance itself is then taken
        from the pair, so that it is exact near zero, too.

        Args:
            queries: (P, D).
            without: (M,) bool, vectors that don't count, but not all; None for none.
        """
        if tracing.is_followed():  # of a graph that is exported: its own runtime shares out the work
            index = self._followed_by_parts(queries)
            return torch.linalg.vector_norm(queries - self.vectors[index], dim=1), index
        half_square = self._half_square if without is None else self._half_square.masked_fill(without, torch.inf)
        index = (self._graph.highest if self._graph else self._highest)(queries, half_square)
        return torch.linalg.vector_norm(queries - self.vectors[index], dim=1), index

    def _highest(self, queries: Tensor, half_square: Tensor) -> Tensor:
        """(P,) indices of the nearest; one chunk of queries after the other."""
        rows = max(1, CHUNK_BYTES // (4 * len(self.vectors)))
        found = [
            _highest(torch.addmm(half_square, part, self._transposed, beta=-1)) for part in torch.split(queries, rows)
        ]
        return torch.cat(found) if found else torch.empty(0, dtype=torch.long, device=queries.device)

    def _followed_by_parts(self, queries: Tensor) -> Tensor:
        """(P,) indices of the nearest, of so many queries at a time as memory is for."""
        count, rows = int(queries.shape[0]), max(1, FOLLOWED_BYTES // (4 * len(self.vectors)))
        if count <= rows:
            return self._followed(queries)
        parts = [queries[start : min(start + rows, count)] for start in range(0, count, rows)]
        return torch.cat([self._followed(part) for part in parts])

    def _followed(self, queries: Tensor) -> Tensor:
        """(P,) indices of the nearest, by groups: in a third of OpenVINO's time for the highest of long rows."""
        lacking = -len(self.vectors) % GROUP
        vectors = F.pad(self.vectors, (0, 0, 0, lacking))
        half_square = F.pad(self._half_square, (0, lacking), value=torch.inf)
        values = (queries @ vectors.T - half_square).view(len(queries), -1, GROUP)
        group = values.amax(dim=2).argmax(dim=1)  # of equal ones the first, as without groups
        inside = values.gather(1, group.view(-1, 1, 1).expand(-1, 1, GROUP)).squeeze(1)
        return group * GROUP + inside.argmax(dim=1)

    def closest(self, queries: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Squared distances to, and indices of, the nearest vectors, ascending; (P, D) -> (P, count), (P, count).

        `count` is cut to the number of vectors. Distances come from the expanded square, so they are exact to
        1e-7 of the largest squared length, and never negative.
        """
        count = min(count, len(self.vectors))
        if tracing.is_followed():
            index = (queries @ self.vectors.T - self._half_square).topk(count, dim=1).indices
            return (queries.unsqueeze(1) - self.vectors[index]).square().sum(dim=2), index
        rows = min(max(1, CHUNK_BYTES // (4 * len(self.vectors))), max(1, len(queries)))
        products = queries.new_empty(rows, len(self.vectors))  # once: fresh memory costs as much as the product
        half = queries.new_empty(len(queries), count)
        index = torch.empty(len(queries), count, dtype=torch.long, device=queries.device)
        for start in range(0, len(queries), rows):
            part = queries[start : start + rows]
            found = torch.addmm(self._half_square, part, self._transposed, beta=-1, out=products[: len(part)])
            best = found.topk(count, dim=1)
            half[start : start + rows], index[start : start + rows] = best.values, best.indices
        return (queries.square().sum(dim=1, keepdim=True) - 2 * half).clamp_min_(0), index

    def neighbours(self, index: int, count: int, without: Tensor | None = None) -> Tensor:
        """Indices of the `count` vectors nearest to one of the bank's own, itself first; (count,). See `nearest`."""
        distance = torch.linalg.vector_norm(self.vectors - self.vectors[index], dim=1)
        left = len(distance)
        if without is not None:
            distance, left = distance.masked_fill(without, torch.inf), left - int(without.sum())
        return distance.topk(min(count, left), largest=False).indices


def _highest(values: Tensor) -> Tensor:
    """Index of the highest value of each row; numpy finds it in an eighth of torch's time on a CPU."""
    if values.device.type == "cpu":
        return torch.from_numpy(values.numpy().argmax(axis=1))
    return values.argmax(dim=1)


def greedy_coreset(vectors: Tensor, size: int, *, projected: int, generator: torch.Generator) -> Tensor:
    """Choose vectors one by one, each the farthest from all chosen before (k-centre greedy; PatchCore, section 3.2).

    Args:
        vectors: (M, D) float32.
        size: how many to choose; all are taken if there are no more.
        projected: dimensions of the random projection that distances are taken in, 0 for none.
        generator: draws the projection and the first vector; on the CPU.

    Returns:
        (size,) indices in the order of choice, so that any beginning of it is a coreset, too.
    """
    count = len(vectors)
    if size >= count:
        return torch.arange(count, device=vectors.device)
    vectors = _projected(vectors, projected, generator)
    latest = torch.randint(count, (1,), generator=generator).to(vectors.device)
    return _farthest_first(vectors, vectors.new_full((count,), torch.inf), size, latest)


def approximate_coreset(vectors: Tensor, size: int, *, projected: int, generator: torch.Generator) -> Tensor:
    """As `greedy_coreset`, begun as PatchCore's authors do: far from ten random vectors, none of which is chosen.

    A vector's distance to what is chosen is never taken to be more than its mean distance to those ten.
    """
    count = len(vectors)
    if size >= count:
        return torch.arange(count, device=vectors.device)
    vectors = _projected(vectors, projected, generator)
    begun = vectors[torch.randperm(count, generator=generator)[:BEGUN_FROM].to(vectors.device)]
    return _farthest_first(vectors, torch.cdist(vectors, begun).mean(dim=1).square(), size)


def _projected(vectors: Tensor, dimensions: int, generator: torch.Generator) -> Tensor:
    """At random to so few dimensions, (M, D) -> (M, dimensions); as they are for 0, or if they have no more."""
    if not 0 < dimensions < vectors.shape[1]:
        return vectors
    projection = torch.randn(vectors.shape[1], dimensions, generator=generator) / dimensions**0.5
    return vectors @ projection.to(vectors.device)


def more_of_coreset(vectors: Tensor, chosen: Bank, size: int) -> Tensor:
    """Go on with a coreset among further vectors: each the farthest from all that were chosen before.

    Args:
        vectors: (M, D) float32.
        chosen: the coreset so far.
        size: how many to choose; all are taken if there are no more.

    Returns:
        (size,) indices in the order of choice.
    """
    if size >= len(vectors):
        return torch.arange(len(vectors), device=vectors.device)
    return _farthest_first(vectors, chosen.nearest(vectors)[0].square(), size)


def _farthest_first(vectors: Tensor, nearest: Tensor, size: int, first: Tensor | None = None) -> Tensor:
    """Choose the vector that is farthest from all chosen ones, again and again.

    Args:
        vectors: (M, D).
        nearest: (M,) squared distance of each to what is chosen already; it is changed.
        size: how many to choose.
        first: (1,) index of the first; the farthest if it is None.

    Returns:
        (size,) indices in the order of choice.
    """
    with machine.one_thread():  # two spin for each other: three times the processor time, and no gain
        return _one_by_one(vectors, nearest, size, first)


def _one_by_one(vectors: Tensor, nearest: Tensor, size: int, first: Tensor | None) -> Tensor:
    square = vectors.square().sum(dim=1)  # (M,)
    chosen = torch.empty(size, dtype=torch.long, device=vectors.device)
    latest = nearest.argmax(dim=0, keepdim=True) if first is None else first
    for step in progress.track(range(size), "coreset"):
        chosen[step] = latest[0]
        centre = vectors[latest[0]]
        distance = torch.addmv(square, vectors, centre, alpha=-2).add_(centre.square().sum())
        torch.minimum(nearest, distance, out=nearest)
        nearest[latest] = -1.0  # never twice, whatever rounding says
        latest = nearest.argmax(dim=0, keepdim=True)
    return chosen
