"""What tiles bring on large pictures with small defects: `python examples/results/tiles.py WORKSPACE [CATEGORY ...]`.

Makes pictures of 2,048 px with defects of 10 to 120 px (those of `prep synthetic`, painted far smaller), maps them
with patchcore seen whole and in tiles, and prints the figures of `report`, the time and the size of a map.
"""

import os
import sys
import time
from pathlib import Path

from adtool.core import files
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.prep.datasets import synthetic
from adtool.report import step as report
from adtool.report.config import ReportConfig

SIDE, TRAIN, PER_KIND = 2048, 20, 3
SMALL = (0.08, 0.2)  # size of the defects; those of `prep synthetic` are .6 to 1.4
CATEGORIES = ("fabric", "wood")
WAYS: dict[str, dict[str, int]] = {
    "whole": {},
    "whole, 512 px": {"image_size": 512},
    "tiles of 1,024 px": {"tile": 1024, "overlap": 256},
    "tiles of 512 px": {"tile": 512, "overlap": 128},
    "tiles of 256 px": {"tile": 256, "overlap": 64},
}
METRICS = ("image_auroc", "pixel_ap", "aupro", "aupro_0.05")


def main(workspace: Path, categories: tuple[str, ...]) -> None:
    """Make the pictures if they are not there, map them in each way, and print a table."""
    workspace.mkdir(parents=True, exist_ok=True)
    os.chdir(workspace)
    data = Path("data/small_defects")
    synthetic.SIZES = SMALL
    synthetic.run(synthetic.Config(out=data, category=categories, train=TRAIN, test=PER_KIND, size=SIDE))
    print(f"{'':20}", *(f"{name:>12}" for name in (*METRICS, "s, all", "images/s", "MB a map")))
    for way, settings in WAYS.items():
        folder = Path(way.replace(" ", "_").replace(",", ""))
        begun = time.monotonic()
        made = maps.run(MapsConfig(data=data, out=folder / "maps", models=folder / "models", **settings))
        seconds = time.monotonic() - begun
        report.run(ReportConfig(data=data, folders=(folder / "maps",), out=folder / "report"))
        rows = files.read_csv(folder / "report/metrics.csv")
        found = {row["metric"]: float(row["value"]) for row in rows if row["category"] in ("mean", *categories[1:])}
        speeds = [float(str(row["images/s"])) for row in made.rows if "images/s" in row]  # of what was not there yet
        speed = sum(speeds) / max(1, len(speeds))
        sizes = [path.stat().st_size / 1e6 for path in (folder / "maps").rglob("*.tiff")]
        figures = [f"{found[name]:12.3f}" for name in METRICS]
        print(f"{way:20}", *figures, f"{seconds:12.0f} {speed:12.2f} {sum(sizes) / len(sizes):12.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(sys.argv[2:]) or CATEGORIES)
