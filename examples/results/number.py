"""The record's figures on the number of classes: `python examples/results/number.py SEEDS MAPS...`, as `3 maps`.

In the workspace whose finished maps these are. The number of kinds is estimated on every subset of two and more of a
category's kinds of defect, among all its normal images, with every seed from 0. Printed is the share that is within
one, and that is exact: by category, as the mean of all categories, and by the true number. Of each whole category F1,
NMI and ARI follow with the number given and estimated (mean and deviation over the seeds), as `classes.py` has them.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path

import described
import numpy as np
from described import Images

from adtool.discover.free import count
from adtool.report.classes import LabelledClasses
from adtool.report.metrics import ari, f1, nmi


@dataclass(frozen=True)
class Run:
    """A subset of a category's kinds, and what was estimated with a seed."""

    name: str
    kinds: tuple[str, ...]
    found: count.Estimate

    @property
    def error(self) -> int:
        """How many kinds too many."""
        return self.found.count - len(self.kinds)


def subsets(kinds: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All of two kinds and more."""
    return chain.from_iterable(combinations(kinds, size) for size in range(2, len(kinds) + 1))


def runs(images: Images, seeds: int) -> list[Run]:
    """An estimate for each subset and seed."""
    found = []
    for kinds in subsets(images.defects):
        is_other = np.isin(images.kinds, images.defects) & ~np.isin(images.kinds, kinds)
        points = images.part(np.flatnonzero(~is_other)).points()
        estimates = [count.estimate(points, np.random.default_rng(seed)) for seed in range(seeds)]
        found += [Run(images.name, kinds, one) for one in estimates]
    return found


def figures(images: Images, kinds: int | None, seeds: int) -> str:
    """F1, NMI and ARI of all images, and the number of kinds; estimated if it is None."""
    part, found, counts = images.part(np.arange(len(images.items))), [], []
    for seed in range(seeds):
        classes = part.classes(kinds, seed)
        names = [classes.names[label] for label in classes.items.labels]
        normal = frozenset(images.kinds.tolist()) - frozenset(images.defects)
        labelled = LabelledClasses(images.kinds.tolist(), names, normal)
        found.append([metric.compute(labelled) for metric in (f1, nmi, ari)])
        counts.append(len(classes.names) - 1)
    means, spreads = np.mean(found, axis=0), np.std(found, axis=0)
    told = " / ".join(f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(means, spreads, strict=True))
    return f"{told}; kinds {', '.join(map(str, counts))}"


def shown(some: Sequence[Run]) -> str:
    """Within one and exact, and the mean error."""
    errors = np.array([one.error for one in some])
    return f"{np.mean(abs(errors) <= 1):.3f}, {np.mean(errors == 0):.3f} ({errors.mean():+.2f} kinds)"


def main(seeds: int, folders: list[Path]) -> None:
    """Print the figures of all folders together."""
    by_name: dict[str, list[Run]] = {}
    for images in described.read(folders):
        by_name[images.name] = runs(images, seeds)
        print(f"{images.name}: {shown(by_name[images.name])}", flush=True)
        for number, said in ((len(images.defects), "given"), (None, "estimated")):
            print(f"{images.name}, all kinds, number {said}: {figures(images, number, seeds)}", flush=True)
    every = list(chain.from_iterable(by_name.values()))
    errors = [np.array([one.error for one in some]) for some in by_name.values()]
    within, exact = (np.mean([np.mean(abs(some) <= most) for some in errors]) for most in (1, 0))
    print(f"all {len(every) // seeds} subsets: {shown(every)}; mean of {len(errors)} sets: {within:.3f}, {exact:.3f}")
    for number in sorted({len(one.kinds) for one in every}):
        print(f"{number} true kinds: {shown([one for one in every if len(one.kinds) == number])}")
    holds = np.mean([one.found.low <= len(one.kinds) <= one.found.high for one in every])
    width = np.mean([one.found.high - one.found.low + 1 for one in every])
    print(f"the range holds the true number: {holds:.3f}, mean width {width:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(one) for one in sys.argv[2:]])
