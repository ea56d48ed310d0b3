"""How pictures look as a whole, by which a change of the light or the camera is told from defects.

Three readings of a picture are compared with those of the good parts that a model learned from: how bright it is, how
sharp, and whether what it shows lies where it usually does. Each is the median over parts of the picture, so that a
defect hardly moves it. Nothing is decided by them; `inspect` says what is beyond all that was learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from adtool.core import arrays, files, json_files
from adtool.core.arrays import Bytes, UnreadableImageError
from adtool.core.dataset.types import Sample
from adtool.core.json_files import JsonForm
from adtool.core.layout import ModelFolder
from adtool_runtime import parallel

SIDE = 256  # pixels of the squeezed picture, about what networks see
PLAN, CELLS = 32, 4  # pixels of a side of the mean picture, and parts of each
NO_DETAIL, NO_CONTRAST = 0.1, 0.5  # grey values
TINY = 1e-3
LEVEL = 0.001  # false alarms of each kind, where nothing has changed
FEWEST, FEWEST_FOR_ONE = 5, 20  # good parts, below which nothing is said; or nothing of a single picture
DIGITS = 5
DARKER, BRIGHTER, BLURRED, NOISIER, MOVED = "darker", "brighter", "less sharp", "sharper or noisier", "moved or turned"
READINGS = ("brightness", "sharpness", "place")

Values = NDArray[np.floating[Any]]


class Look(NamedTuple):
    """Of each part: (CELLS ** 2,) mean grey value, and logarithm of its fine detail by contrast; the picture's plan."""

    brightness: Values
    sharpness: Values
    plan: Values  # (PLAN, PLAN), of mean 0 and spread 1


class Change(NamedTuple):
    """In which way, and which of the pictures are beyond all that was learned from."""

    how: str
    pictures: list[int]


Ends = Annotated[list[float], Field(min_length=2, max_length=2)]
Row = Annotated[list[float], Field(min_length=PLAN, max_length=PLAN)]
Cells = Annotated[list[float], Field(min_length=CELLS**2, max_length=CELLS**2)]


class LooksForm(JsonForm):
    """The file beside a model."""

    learned: int = Field(ge=1)
    ends: list[Ends] = Field(min_length=len(READINGS), max_length=len(READINGS))
    brightness: Cells
    sharpness: Cells
    plan: list[Row] = Field(min_length=PLAN, max_length=PLAN)


def look(image: Bytes) -> Look:
    """How an (H, W, 3) picture looks."""
    small = cv2.cvtColor(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    grey = small.astype(np.float32)
    parts, detail = _parts(grey), _parts(np.abs(cv2.Laplacian(grey, cv2.CV_32F))).mean(axis=1)
    sharpness = np.log((detail + NO_DETAIL) / (parts.std(axis=1) + NO_CONTRAST))
    plan = cv2.resize(grey, (PLAN, PLAN), interpolation=cv2.INTER_AREA)
    plan = (plan - plan.mean()) / max(float(plan.std()), TINY)
    return Look(parts.mean(axis=1), np.asarray(sharpness, np.float32), np.asarray(plan, np.float32))


def of_images(samples: Sequence[Sample]) -> list[Look]:
    """The looks of images; those that can't be read are left out, as whoever learns from them says."""

    def of(one: Sample) -> Look | None:
        try:
            return look(arrays.read_image(one.image, one.reading))
        except UnreadableImageError:
            return None

    return [found for found in parallel.each(of, samples) if found is not None]


@dataclass(frozen=True)
class UsualLooks:
    """What good parts look like.

    Attributes:
        learned: how many there were; near duplicates count once.
        ends: (3, 2) lowest and highest of each of the READINGS, each part read against the others.
        mean: of all.
    """

    learned: int
    ends: NDArray[np.float64]
    mean: Look

    def changes(self, looks: Sequence[Look]) -> list[Change]:
        """In which ways more pictures are beyond all good parts than chance allows, or one is by far.

        Of N that are beyond, each of M + n pictures (M new, n learned from) is as likely to be among the N most extreme
        ones if nothing has changed. By far is by more than all good parts differ.
        """
        values = np.array([_read(one, self.mean) for one in looks]).reshape(-1, len(READINGS)).T
        (dark, blurred, moved), (bright, noisy, _) = self.ends[:, :1] - values, values - self.ends[:, 1:]
        widths = dict(zip(READINGS, self.ends[:, 1] - self.ends[:, 0], strict=True))
        sides = (
            (DARKER, dark, widths["brightness"]),
            (BRIGHTER, bright, widths["brightness"]),
            (BLURRED, blurred, widths["sharpness"]),
            (NOISIER, noisy, widths["sharpness"]),
            (MOVED, moved, widths["place"]),
        )
        found = []
        for how, beyond, width in sides:
            those = np.flatnonzero(beyond > TINY).tolist()
            is_far = self.learned >= FEWEST_FOR_ONE and beyond.max(initial=0) > max(width, TINY)
            if those and (is_far or _chance(len(those), len(looks), self.learned) < LEVEL):
                found.append(Change(how, those))
        return found

    def extended(self, looks: Sequence[Look], groups: int) -> "UsualLooks":
        """The same with more good parts, of so many groups."""
        if not looks:
            return self
        new = np.array([_read(one, self.mean) for one in looks])
        share = len(looks) / (self.learned + len(looks))
        pairs = zip(self.mean, _mean(looks), strict=True)
        mean = Look(*(np.asarray((1 - share) * old + share * more) for old, more in pairs))
        return UsualLooks(self.learned + groups, _ends(np.concatenate([self.ends.T, new])), mean)


def usual(looks: Sequence[Look], groups: int) -> UsualLooks | None:
    """What good parts look like; None of too few.

    Args:
        looks: theirs.
        groups: of near duplicates, as which they count.
    """
    if len(looks) < FEWEST:
        return None
    mean, count = _mean(looks), len(looks)
    others = [
        Look(*((count * whole - own) / (count - 1) for whole, own in zip(mean, one, strict=True))) for one in looks
    ]
    read = [_read(one, rest) for one, rest in zip(looks, others, strict=True)]
    return UsualLooks(groups, _ends(np.array(read)), mean)


def write(folder: ModelFolder, found: UsualLooks | None) -> None:
    """Put them beside a model, if there are any."""
    if found is None:
        folder.looks.unlink(missing_ok=True)
        return
    own = {"ends": found.ends, **found.mean._asdict()}
    rounded = {name: np.round(values.astype(np.float64), DIGITS).tolist() for name, values in own.items()}
    files.write_json(folder.looks, json_files.numbered({"learned": found.learned, **rounded}))


def read(folder: ModelFolder) -> UsualLooks | None:
    """Those beside a model; earlier versions left none.

    Raises:
        BadDataError: the file is damaged.
    """
    if not folder.looks.exists():
        return None
    remedy = f"Remove it to do without, or make the model again: `adtool train {folder.detector} --force`."
    form = json_files.read(folder.looks, LooksForm, remedy)
    mean = Look(*(np.array(one, dtype=np.float32) for one in (form.brightness, form.sharpness, form.plan)))
    return UsualLooks(form.learned, np.array(form.ends), mean)


def _mean(looks: Sequence[Look]) -> Look:
    return Look(*(np.asarray(np.mean(values, axis=0, dtype=np.float64)) for values in zip(*looks, strict=True)))


def _ends(readings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lowest and highest, (N, 3) -> (3, 2)."""
    return np.stack([readings.min(axis=0), readings.max(axis=0)], axis=1)


def _read(one: Look, mean: Look) -> list[float]:
    """The READINGS of a picture against others."""
    brightness = float(np.median(one.brightness - mean.brightness))
    return [brightness, float(np.median(one.sharpness - mean.sharpness)), _fit(one.plan, mean.plan)]


def _chance(beyond: int, new: int, learned: int) -> float:
    """That so many of the new ones are beyond all that were learned from, if all are alike."""
    return prod((new - i) / (new + learned - i) for i in range(beyond))


def _fit(plan: Values, usual_plan: Values) -> float:
    """Correlation of two pictures in their parts; half of what there is to see in the usual one fits as well or better.

    A defect spoils some parts, a shift or a turn all of them.
    """
    parts, usual_parts = (one - one.mean(axis=1, keepdims=True) for one in (_parts(plan), _parts(usual_plan)))
    there = (usual_parts**2).sum(axis=1)
    spread = np.sqrt((parts**2).sum(axis=1) * there)
    correlation = (parts * usual_parts).sum(axis=1) / np.maximum(spread, TINY)
    order = np.argsort(correlation)
    seen = np.cumsum(there[order])
    return float(correlation[order][np.searchsorted(seen, seen[-1] / 2)]) if seen[-1] > TINY else 1.0


def _parts(square: NDArray[Any]) -> NDArray[Any]:
    """(CELLS ** 2, pixels)."""
    side = len(square) // CELLS
    return square.reshape(CELLS, side, CELLS, side).swapaxes(1, 2).reshape(CELLS**2, side**2)
