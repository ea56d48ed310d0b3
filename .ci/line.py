"""Run in a fresh environment that holds adtool_runtime and what it asks for, and nothing else: does the line work?

    python .ci/line.py EXPORT PICTURES TABLE

EXPORT is a folder of `adtool export`, PICTURES those that TABLE (images.csv of its maps) judges.
"""

import csv
import resource
import subprocess
import sys
import sysconfig
import time
from importlib.util import find_spec
from pathlib import Path

# What is asked for: .5 s to import, 2 s for one picture. A machine of CI has other work and gets three times as long:
# what this must notice is a library that takes seconds to import.
IMPORT_S, SIZE_MB, COLD_S = 1.5, 500, 6.0
FORBIDDEN = ("torch", "adtool", "timm", "sklearn", "scipy", "pandas")


def main(export: Path, pictures: Path, table: Path) -> None:
    """Check, and say the figures."""
    assert not [name for name in FORBIDDEN if find_spec(name)], "this is no fresh environment"
    size = sum(one.stat().st_size for one in Path(sysconfig.get_path("purelib")).rglob("*") if one.is_file()) / 2**20
    imported = min(run("-c", "from adtool_runtime import load")[0] for _ in range(5))
    everything = min(run("-c", "import adtool_runtime.export")[0] for _ in range(5))
    one = min(pictures.rglob("*.png"))
    cold = min(run("-m", "adtool_runtime", str(export), str(one))[0] for _ in range(3))
    _, printed = run("-m", "adtool_runtime", str(export), str(pictures))
    found = {Path(row["file"]).with_suffix("").as_posix(): row for row in csv.DictReader(printed.splitlines())}
    expected = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    wrong = [row["id"] for row in expected if of(found, row["id"])["decision"] != row["decision"]]
    from adtool_runtime import load

    part = load(export)
    for _ in range(3):
        part.inspect(one)  # what is allocated once is allocated now
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(100):
        part.inspect(one)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / before - 1
    print(  # noqa: T201
        f"installed {size:.0f} MB; import {imported:.2f} s, with all it needs {everything:.2f} s; one picture from the "
        f"shell {cold:.2f} s; {len(expected)} pictures, {len(wrong)} decided otherwise than by adtool; 100 more took "
        f"{grown:.1%} more memory ({part.engine})"
    )
    assert not wrong, wrong
    assert size < SIZE_MB
    assert min(imported, everything) < IMPORT_S
    assert cold < COLD_S
    assert grown < 0.03  # noqa: PLR2004


def of(found: dict[str, dict[str, str]], key: str) -> dict[str, str]:
    """The row of a picture: files end in its id."""
    return next(row for name, row in found.items() if name.endswith(key))


def run(*words: str) -> tuple[float, str]:
    """Seconds that this Python takes for something, and what it prints."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
