"""Time and memory of steps as pictures become more: `sizes.py FOLDER STEP[,STEP...] COUNT [COUNT...]`.

FOLDER is written: a workspace for each count, with so many test pictures of 128 px, a fifth of them with a defect and
its mask, and 60 to learn from. They are 40 drawn ones, each time moved, in another light and with other noise. Steps
are maps, report, check, discover, html (the report with its page) and inspect (of the test pictures); maps are made by
`--quality fast` on 128 px, so that little but what grows is seen. A line each: seconds,
those of all processors, and the most memory taken.
"""

import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from adtool.prep.datasets import synthetic

CATEGORY, SIDE, TRAIN, DISTINCT, MOVED, NOISE = "grille", 128, 60, 20, 3, 4.0
ODD_EACH = 5  # one of so many has a defect
STEPS = {
    "maps": ["maps", "--quality", "fast", "--image-size", str(SIDE)],
    "report": ["report", "maps"],
    "check": ["check"],
    "discover": ["discover"],
    "html": ["report", "--html"],
    "inspect": ["inspect", f"data/{CATEGORY}/test"],
}


def drawn(split: str, kind: str, number: int) -> synthetic.Made:
    """One of the drawn pictures."""
    return synthetic.make(CATEGORY, split, kind, number, size=SIDE, seed=0)


def varied(one: synthetic.Made, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """A picture (H, W, 3), and its mask (H, W) if it has a defect: moved, in other light, noisy."""
    shift = tuple(rng.integers(-MOVED, MOVED + 1, 2))
    light, noise = rng.uniform(0.95, 1.05), rng.normal(0, NOISE, one.image.shape)
    image = np.clip(np.roll(one.image, shift, (0, 1)) * light + noise, 0, 255).astype(np.uint8)
    return image, None if one.mask is None else np.roll(one.mask, shift, (0, 1)).astype(np.uint8) * 255


def write(data: Path, count: int) -> None:
    """Write a category."""
    rng = np.random.default_rng(count)
    kinds = synthetic.CATEGORIES[CATEGORY].kinds
    good = [drawn("test", "good", number) for number in range(DISTINCT)]
    odd = [drawn("test", kind, number) for number in range(DISTINCT // len(kinds)) for kind in kinds]
    train = [("train", drawn("train", "good", number)) for number in range(TRAIN)]
    test = [("test", (good if number % ODD_EACH else odd)[number // ODD_EACH % DISTINCT]) for number in range(count)]
    for number, (split, one) in enumerate(train + test):
        image, mask = varied(one, rng)
        path = data / split / one.kind / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image[..., ::-1])
        if mask is not None:
            path = data / "ground_truth" / one.kind / f"{number:05d}_mask.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), mask)


def measured(workspace: Path, step: str) -> tuple[float, float, float]:
    """Seconds of a step, those of processors, and its most memory in MiB."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "adtool", "-C", str(workspace), *STEPS[step], "--quiet"]
    child = os.posix_spawn(sys.executable, command, os.environ)
    _, status, used = os.wait4(child, 0)
    if status:
        sys.exit(f"`{' '.join(command)}` ended with {os.waitstatus_to_exitcode(status)}.")
    return time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main(folder: str, steps: str, *counts: str) -> None:
    """Print a line for each count and step."""
    for count in map(int, counts):
        workspace = Path(folder) / str(count)
        data = workspace / "data" / CATEGORY
        if not data.is_dir():
            write(data, count)
        for step in steps.split(","):
            seconds, worked, peak = measured(workspace, step)
            print(
                f"{count} pictures, {step}: {seconds:.1f} s ({worked:.1f} s of processors), {peak:.0f} MiB", flush=True
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
