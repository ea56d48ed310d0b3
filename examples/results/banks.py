"""A memory of parts' memories against one of all: `python examples/results/banks.py DATA:CATEGORY [FOLDER]`.

patchcore by `--quality fast`, 4,000 of 40,000 patches: its coreset chosen directly, then as processes would that have a
part of the images each: each chooses twice its share of the bank, and the bank is chosen from those; at last half of
the directly chosen bank's bytes (`--set half=true`). A line each: processor seconds of the choice (of parts: the
slowest and what follows, as if all ran at once, and all together), image AUROC, pixel AP and AUPRO. Maps and models are
written into FOLDER, or nowhere.
"""

import csv
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.nn import knn
from adtool.report import step as report
from adtool.report.config import ReportConfig

WAYS = (1, 2, 4, 8)
TIMES_SHARE = 2  # of the bank, that each part hands on
OF_IMAGE = 100  # patches in a row that are of one part, about those of an image
LEAST = 100  # smaller coresets are trials of how long one takes
SETTINGS = ("drawn=40000", "bank_size=4000")
METRICS = ("image_auroc", "pixel_ap", "aupro")
DIRECT = knn.greedy_coreset


class Parts:
    """A coreset of parts' coresets, in the place of `knn.greedy_coreset`, and the seconds that it took."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.at_once = self.in_turn = 0.0

    def __call__(self, vectors: Tensor, size: int, *, projected: int, generator: torch.Generator) -> Tensor:
        """See `knn.greedy_coreset`."""
        if size < LEAST:
            return DIRECT(vectors, size, projected=projected, generator=generator)
        part = torch.randint(self._count, (len(vectors) // OF_IMAGE + 1,), generator=torch.Generator().manual_seed(0))
        part = part.repeat_interleave(OF_IMAGE)[: len(vectors)]
        found, seconds = [], []
        for number in range(self._count):
            own = (part == number).nonzero().flatten()
            begun = time.thread_time()
            share = size if self._count == 1 else TIMES_SHARE * size // self._count
            found.append(own[DIRECT(vectors[own], share, projected=projected, generator=generator)])
            seconds.append(time.thread_time() - begun)
        chosen = torch.cat(found)
        begun = time.thread_time()
        if self._count > 1:
            chosen = chosen[DIRECT(vectors[chosen], size, projected=projected, generator=generator)]
        last = time.thread_time() - begun
        self.at_once += max(seconds) + last
        self.in_turn += sum(seconds) + last
        return chosen


def figures(data: Path, category: str, root: Path, name: str, settings: tuple[str, ...]) -> tuple[float, ...]:
    """Make maps, and measure them."""
    asked = MapsConfig(
        data=data, category=(category,), out=root / name, models=root / "models" / name, quality="fast",
        settings=(*SETTINGS, *settings),
    )  # fmt: skip
    maps.run(asked)
    report.run(ReportConfig(folders=(root / name,), out=root / "report" / name))
    with (root / "report" / name / "metrics.csv").open(newline="") as lines:
        found = {row["metric"]: float(row["value"]) for row in csv.DictReader(lines)}
    return tuple(found[metric] for metric in METRICS)


def main(argument: str, root: Path) -> None:
    """Print the table."""
    data, category = argument.split(":")
    print(f"| {category} | at once | in turn | image AUROC | pixel AP | AUPRO |\n|---|---|---|---|---|---|")
    for count in (*WAYS, 0):
        parts = Parts(count or 1)
        knn.greedy_coreset = parts
        name = {0: "half", 1: "direct"}.get(count, f"parts{count}")
        cells = figures(Path(data), category, root, name, ("half=true",) if count == 0 else ())
        said = " | ".join(f"{cell:.4f}" for cell in cells)
        print(f"| {name} | {parts.at_once:.1f} s | {parts.in_turn:.1f} s | {said} |", flush=True)
    for name in ("direct", "half"):
        stored = sum(path.stat().st_size for path in (root / "models" / name).rglob("*.safetensors"))
        print(f"model of {name}: {stored / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main(sys.argv[1], Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(sys.argv[1], Path(folder))
