"""Which normal images are not learned from, so that the limit can be made with them."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.core.words import subject
from adtool.detection import near_duplicates

HELD_OUT_OF, HELD_OUT_MIN, HELD_OUT_MAX = 10, 5, 100  # one in ten
MIN_TO_HOLD_OUT = 3  # fewer normal images are all learned from, and there is no limit

log = logging.getLogger("adtool")


def hold_out(samples: Sequence[Sample], seed: int, share: float | None = None) -> tuple[list[Sample], list[Sample]]:
    """(held out, learned from).

    Args:
        samples: normal images of a category.
        seed: draws them.
        share: that is held out; by default a tenth, 5 to 100, but never more than a third of the images.
    """
    if share is not None:
        count = round(share * len(samples))
    elif len(samples) < MIN_TO_HOLD_OUT:
        count = 0
    else:
        count = min(max(math.ceil(len(samples) / HELD_OUT_OF), HELD_OUT_MIN), HELD_OUT_MAX, len(samples) // 3)
    if not count:
        return [], list(samples)
    chosen = set(np.random.default_rng(seed).choice(len(samples), size=count, replace=False).tolist())
    return (
        [one for i, one in enumerate(samples) if i in chosen],
        [one for i, one in enumerate(samples) if i not in chosen],
    )


def split(
    samples: Sequence[Sample], seed: int, share: float | None
) -> tuple[list[Sample], list[Sample], dict[Path, int]]:
    """`hold_out` in each category, with the near duplicates of what is held out, and who is whose duplicate."""
    held_out: list[Sample] = []
    learned: list[Sample] = []
    groups: dict[Path, int] = {}
    for name in dict.fromkeys(one.category for one in samples):
        own = [one for one in samples if one.category == name]
        out, rest = hold_out(own, seed, share)
        if out:
            found = near_duplicates.of_images(own)
            out, rest = _with_twins(out, rest, found)
            groups |= {path: group + len(groups) for path, group in found.items()}
        held_out += out
        learned += rest
    return held_out, learned, groups


def _with_twins(
    held_out: list[Sample], learned: list[Sample], groups: Mapping[Path, int]
) -> tuple[list[Sample], list[Sample]]:
    """(held out, learned from), and near duplicates of what is held out are held out, unless they are too many."""
    away = {groups[one.image] for one in held_out}
    twins = [one for one in learned if groups[one.image] in away]
    if 2 * (len(held_out) + len(twins)) > len(learned) + len(held_out):
        log.warning(
            "%s: %d near duplicates of held-out normal images are learned from all the same, since they are too many; "
            "the limit may be too low.", learned[0].category, len(twins),
        )  # fmt: skip
        return held_out, learned
    return held_out + twins, [one for one in learned if groups[one.image] not in away]


def few(samples: list[Sample], count: int, seed: int) -> list[Sample]:
    """So many of the images in the order of their ids, the next ones for the next seed; all for a count of 0.

    Raises:
        UsageError: there are fewer.
    """
    if not count:
        return samples
    if count > len(samples):
        there = subject(len(samples), "normal image", "is", "are")
        raise UsageError(f"--set shots={count}: {there} there to learn from.")
    ordered = sorted(samples, key=lambda one: (one.category, one.id))
    return [ordered[(seed * count + i) % len(ordered)] for i in range(count)]


def why_none(share: float | None, count: int) -> str:
    """Why none of so many normal images could be scored that was not learned from."""
    if share == 0:
        return "all normal images are learned from (--held-out 0)"
    if count >= MIN_TO_HOLD_OUT:
        return "the normal images are all alike, so none can be judged by the others"
    return "too few normal images to tell from them what is usual"
