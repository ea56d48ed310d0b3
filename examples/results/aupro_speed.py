"""Exact AUPRO against the loop over 200 thresholds, on the maps of a workspace: `aupro_speed.py WORKSPACE`.

The loop is that of tests/benchmarks/test_aupro_speed.py, which finds the regions of each mask at each threshold, as
published codes do. Maps are taken at the size of their masks; seconds of processor time, of one pass each.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.layout import MapsFolder
from adtool.core.steps import notes
from adtool.report import sources, truth

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "benchmarks"))
from test_aupro_speed import Pairs, exact, with_region_properties


def timed(compute: Callable[[Pairs], float], pairs: Pairs) -> tuple[float, float]:
    """What it gives, and how long it took."""
    started = time.process_time()
    return compute(pairs), time.process_time() - started


def main(workspace: Path) -> None:
    """Print both, category by category."""
    folder = MapsFolder(workspace / "maps")
    data = read_dataset(sources.noted_data([folder.path]))
    for name in notes.done_categories(folder.path):
        category = data.category(name)
        pairs: Pairs = list(truth.pairs(category.test, category, folder, eval_size=None))
        ours, ours_s = timed(exact, pairs)
        theirs, theirs_s = timed(with_region_properties, pairs)
        print(f"{name}, {len(pairs)} maps: {ours:.4f} in {ours_s:.2f} s, loop {theirs:.4f} in {theirs_s:.1f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
