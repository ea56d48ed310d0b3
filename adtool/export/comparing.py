"""Whether an export gives the answers of adtool: on the pictures that go with it, and on more that do not."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from adtool.core.arrays import Floats
from adtool.core.dataset.types import Sample
from adtool.core.errors import AdtoolError, BadDataError
from adtool.core.words import counted
from adtool_runtime import engines, export, manifest
from adtool_runtime.decision import decision
from adtool_runtime.export import Export

TOLERANCE = 1e-4  # of an image score, relative; and how near to the limit a decision is not held against the export
NEAR_ZERO = 0.1  # of the limit: scores that are centred on good parts, as those of EfficientAD, may be next to nothing
LEAST = 1e-12
UNTOLD = "No runtime is installed that could tell whether the export gives the same answers."

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Expected:
    """What adtool says of a picture."""

    scores: Floats
    image_score: float
    class_name: str = ""


@dataclass(frozen=True)
class Comparison:
    """How one engine's answers differ from adtool's.

    Attributes:
        engine: its name and version.
        graph: the file that it ran.
        pictures: that were compared.
        largest_difference: of the image scores, relative; see `apart`.
        map_difference: largest of a map's pixels, relative to the highest of that map.
        decided_otherwise: decisions that differ, of pictures that are not near the limit.
        classed_otherwise: pictures that get another class.
        near_limit: pictures whose image score lies so near to the limit that rounding decides; not counted above.
    """

    engine: str
    graph: str
    pictures: int
    largest_difference: float
    map_difference: float
    decided_otherwise: int
    near_limit: int
    classed_otherwise: int = 0

    @property
    def is_same(self) -> bool:
        """Whether its answers are those of adtool."""
        return self.largest_difference <= TOLERANCE and not self.decided_otherwise and not self.classed_otherwise

    def __str__(self) -> str:
        classed = f", {self.classed_otherwise} classed otherwise" if self.classed_otherwise else ""
        near = f", {self.near_limit} too near to the limit to count" if self.near_limit else ""
        return (
            f"{self.engine} ({self.graph}): image scores of {counted(self.pictures, 'picture')} differ by "
            f"{self.largest_difference:.1e} at most, {self.decided_otherwise} decided otherwise{classed}{near}"
        )


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """So many of some pictures, spread evenly over all."""
    if len(samples) <= count:
        return list(samples)
    return [samples[i * len(samples) // count] for i in range(count)]


def with_every_engine(folder: Path, samples: Sequence[Sample], expected: Mapping[str, Expected]) -> list[Comparison]:
    """Compare an export that is not finished in every engine that is installed.

    Raises:
        BadDataError: an engine can't run it, or can't read a picture that adtool could.
    """
    found = []
    for name, kind in engines.usable(manifest.read(folder)):
        loaded = export.load(folder, name, graph=kind, is_checked=False)
        found.append(_compared(loaded, kind, samples, expected))
    return found


def _compared(loaded: Export, kind: str, samples: Sequence[Sample], expected: Mapping[str, Expected]) -> Comparison:
    scores, maps, otherwise, near, classed = [0.0], [0.0], 0, 0, 0
    for one, (_, said) in zip(samples, loaded.inspect_many(one.image for one in samples), strict=True):
        if isinstance(said, AdtoolError):
            raise BadDataError(f"The runtime can't judge {one.image}, which adtool could: {said}")
        own = expected[one.id]
        scores.append(apart(said.score, own.image_score, loaded.limit))
        if said.map.shape != own.scores.shape:
            raise BadDataError(f"The runtime's map of {one.image} is of {said.map.shape}, adtool's {own.scores.shape}.")
        maps.append(float(np.abs(said.map - own.scores).max()) / max(float(np.abs(own.scores).max()), LEAST))
        classed += said.class_name != own.class_name
        limit = loaded.limit
        if limit is not None and abs(own.image_score - limit) <= TOLERANCE * max(abs(limit), LEAST):
            near += 1
        else:
            otherwise += said.decision != decision(own.image_score, limit)
    graph = loaded.manifest.graphs[kind]
    return Comparison(loaded.engine, graph, len(samples), max(scores), max(maps), otherwise, near, classed)


def apart(score: float, expected: float, limit: float | None) -> float:
    """How far an image score lies from the expected one, relative to that; nearer to zero, to a part of the limit."""
    return abs(score - expected) / max(abs(expected), NEAR_ZERO * abs(limit or 0), LEAST)


def as_noted(found: Sequence[Comparison], pictures: int) -> dict[str, object]:
    """As `adtool.json` has it."""
    return {"pictures": pictures, "engines": [asdict(one) for one in found]}


def say_cost(found: Sequence[Comparison], category: str, precision: str) -> None:
    """Say what smaller weights cost, where that is more than rounding.

    Raises:
        BadDataError: nobody could tell.
    """
    if not found:
        raise BadDataError(UNTOLD)
    worst = max(found, key=lambda one: (one.decided_otherwise + one.classed_otherwise, one.largest_difference))
    if not worst.is_same:
        log.warning("%s: --precision %s does not give the answers of adtool. %s.", category, precision, worst)


def require_same(found: Sequence[Comparison]) -> None:
    """Refuse an export that answers otherwise than adtool.

    Raises:
        BadDataError: it does, or nobody could ask it.
    """
    if not found:
        raise BadDataError(UNTOLD)
    if wrong := [one for one in found if not one.is_same]:
        raise BadDataError(f"The export does not give the answers of adtool, so it is not finished. {wrong[0]}.")
