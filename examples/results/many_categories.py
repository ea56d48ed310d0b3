"""Many small categories: `python examples/results/many_categories.py FOLDER [COUNT [COMMAND ...]]`.

Makes COUNT (300) categories of six generated pictures of 128 px, four of them good ones to learn from, and runs `maps`,
`maps` again and `report` (or the commands that are given, each as one argument) on them. Prints seconds of each command
and of a category.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

NORMALS, SIDE = 4, 128


def write(data: Path, count: int) -> None:
    """Categories of `NORMALS` good pictures to learn from, a good one and one with a bright spot, with its mask."""
    for number in range(count):
        rng = np.random.default_rng(number)
        category = data / f"part{number:03d}"
        wave = np.sin(np.arange(SIDE) * rng.uniform(0.1, 1.0))
        places = [*((f"train/good/{one:03d}.png", False) for one in range(NORMALS))]
        for name, is_defect in [*places, ("test/good/000.png", False), ("test/spot/000.png", True)]:
            picture = 120 + 40 * wave[:, None] * wave[None, :] + rng.normal(0, 6, (SIDE, SIDE))
            if is_defect:
                picture[40:60, 50:75] += 90
                mask = np.zeros((SIDE, SIDE), np.uint8)
                mask[40:60, 50:75] = 255
                save(mask, category / "ground_truth/spot/000_mask.png")
            save(picture.clip(0, 255).astype(np.uint8), category / name)


def save(picture: np.ndarray, path: Path) -> None:
    """As a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def main(folder: str, count: str = "300", *commands: str) -> None:
    """Print a line a command."""
    workspace = Path(folder)
    data = workspace / "data"
    if not data.exists():
        write(data, int(count))
    for command in commands or ("maps", "maps", "report"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.monotonic()
        words = [sys.executable, "-m", "adtool", "-C", folder, *command.split(), "--quiet"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        each = seconds / int(count)
        print(f"{command}: {seconds:.1f} s ({cpu:.1f} s of CPU), {each:.2f} s a category", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
