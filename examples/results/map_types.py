"""What maps cost in smaller files: `python examples/results/map_types.py WORKSPACE FOLDER DATA`.

Keeps the finished maps of WORKSPACE, which stays as it is, in each way that `adtool maps --map-type` has, below FOLDER,
reports on them, and prints the size of the maps, the time to write and to read one, and the largest change of a figure.
"""

import csv
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

from adtool.core import arrays
from adtool.core.map_types import MapType, written_as


def rewrite(source: Path, target: Path, kind: MapType) -> tuple[int, float, float]:
    """Copy maps and keep them otherwise; bytes of them all, and milliseconds to write and to read one."""
    shutil.copytree(source, target)
    paths = sorted(target.rglob("*.tiff"))
    written = read = 0.0
    for path in paths:
        found = arrays.read_scores(path)
        begun = time.perf_counter()
        with written_as(kind):
            arrays.write_scores(path, found.scores, found.image_score or 0.0)
        written += time.perf_counter() - begun
        begun = time.perf_counter()
        arrays.read_scores(path)
        read += time.perf_counter() - begun
    return sum(path.stat().st_size for path in paths), written / len(paths) * 1e3, read / len(paths) * 1e3


def figures(folder: Path, data: Path) -> dict[str, float]:
    """The metrics of a folder of maps, unless it has several categories their means."""
    out = folder.parent / f"report_{folder.name}"
    command = [sys.executable, "-m", "adtool", "report", str(folder), "--data", str(data), "--out", str(out), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with (out / "metrics.csv").open(newline="") as file:
        return {row["metric"]: float(row["value"]) for row in csv.DictReader(file) if row["value"]}


def main(workspace: str, folder: str, data: str) -> None:
    """Print a line a kind."""
    source, out = Path(workspace) / "maps", Path(folder)
    whole: dict[str, float] = {}
    for kind in get_args(MapType):
        size, written, read = rewrite(source, out / kind, kind)
        found = figures(out / kind, Path(data))
        whole = whole or found
        name = max(whole, key=lambda one: abs(found[one] - whole[one]))
        print(f"{kind}: {size / 1e6:.1f} MB, written in {written:.1f} ms, read in {read:.1f} ms, largest change "
              f"{found[name] - whole[name]:+.2e} ({name})", flush=True)  # fmt: skip
        print("  ", {one: round(value, 6) for one, value in found.items()}, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
