"""The record's figures on classes: `python examples/results/classes.py SEEDS MAPS...`, as `3 maps dinov2/maps`.

In the workspace whose finished maps these are. Each category's classes are found with every seed from 0, once with the
number of kinds given and once with it estimated; their figures are printed as mean and standard deviation, and so is
the mean of all categories. What is found lies below classes_of_record/ and is not found again.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adtool.core import files
from adtool.core.steps import notes
from adtool.discover import step
from adtool.discover.config import ORACLE, DiscoverConfig
from adtool.discover.free.features import Item
from adtool.discover.free.method import Sight
from adtool.report import step as report
from adtool.report.config import ReportConfig

FIGURES = ("f1", "nmi", "ari")
OUT = Path("classes_of_record")
RULES = {ORACLE: "given", "auto": "estimated"}


def figures(maps: Path, rule: str, seed: int) -> dict[str, list[float]]:
    """F1, NMI, ARI and the number of classes of each category."""
    place = OUT / "_".join(maps.parts)
    out, told = place / f"{rule}_{seed}", place / f"report_{rule}_{seed}"
    step.run(DiscoverConfig(maps=maps, out=out, classes=rule, seed=seed))
    report.run(ReportConfig(folders=(out,), out=told))
    found: dict[str, list[float]] = {}
    for name in notes.done_categories(out):
        rows = {row["metric"]: row for row in files.read_csv(told / "metrics.csv") if row["category"] == name}
        found[name] = [float(rows[one]["value"]) for one in FIGURES]
        found[name].append(len(files.read_csv(out / name / "classes.csv")))
    return found


def keep(name: str) -> None:
    """Let what is seen of a category's images be seen once: it does not depend on the seed."""
    plain, kept = getattr(Sight, name), {}

    def once(self: Sight, items: Sequence[Item], *given: object) -> object:
        key = self.cache.parent.parent.parent, self.cache.parent.name, tuple(item.key for item in items)
        if key not in kept:
            kept[key] = plain(self, items, *given)
        return kept[key]

    setattr(Sight, name, once)


def shown(values: np.ndarray) -> str:
    """Mean and deviation over the seeds, axis 0, of each figure; the numbers of classes one by one."""
    means, spreads = values[:, :3].mean(axis=0), values[:, :3].std(axis=0)
    text = " / ".join(f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(means, spreads, strict=True))
    return f"{text}; classes {', '.join(f'{one:g}' for one in values[:, 3])}"


def main(seeds: int, folders: list[Path]) -> None:
    """Print the figures of all folders."""
    keep("described"), keep("spots")
    for maps in folders:
        for rule, words in RULES.items():
            runs = [figures(maps, rule, seed) for seed in range(seeds)]
            table = {name: np.array([run[name] for run in runs]) for name in runs[0]}
            for name, values in table.items():
                print(f"{maps} {name}, number {words}: {shown(values)}", flush=True)
            if len(table) > 1:
                print(f"{maps} mean, number {words}: {shown(np.mean(list(table.values()), axis=0))}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(one) for one in sys.argv[2:]])
