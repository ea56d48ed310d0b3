"""Does `inspect` give the class that `discover` gives? `python examples/results/inspected.py WORKSPACE [FOLDER]`.

WORKSPACE is that of mtd.sh, FOLDER `dinov2` for its other half. 100 of MTD's test images are taken out at random,
classes are discovered on the rest, and `inspect` gives the 100 theirs. They are compared with what `discover` gives
them among all images, after the classes of both runs were matched on the images that both have. No label is used.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from adtool.core import files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Sample
from adtool.core.layout import ClassesFolder
from adtool.core.steps import notes

CATEGORY, CLASSES, TAKEN, SEED = "MTD", "6", 100, 0


def split(workspace: Path, place: Path) -> None:
    """Link the training images and most test images to data/, some to new/, as many of the rest to again/."""
    category = read_dataset(workspace / "data").category(CATEGORY)

    def link(one: Sample, folder: str) -> None:
        files.link_or_copy(one.image, place / folder / one.image.relative_to(category.path))

    order = np.random.default_rng(SEED).permutation(len(category.test)).tolist()
    new, again = set(order[:TAKEN]), set(order[TAKEN : 2 * TAKEN])
    for one in category.train:
        link(one, f"data/{CATEGORY}")
    for number, one in enumerate(category.test):
        link(one, "new" if number in new else f"data/{CATEGORY}")
        if number in again:
            link(one, "again")


def matched(those: dict[str, str], these: dict[str, str]) -> dict[str, str]:
    """The class among those that each of these classes has most images with, one to one."""
    shared = sorted(those.keys() & these.keys())
    a, b = sorted(set(those.values())), sorted(set(these.values()))
    together = np.array([[sum(those[k] == x and these[k] == y for k in shared) for y in b] for x in a])
    return {b[j]: a[i] for i, j in zip(*linear_sum_assignment(-together), strict=True)}


def agreement(those: dict[str, str], these: dict[str, str], same: dict[str, str]) -> str:
    """Share of the images of both whose classes correspond."""
    shared = those.keys() & these.keys()
    right = sum(same.get(these[key]) == those[key] for key in shared)
    return f"{right} of {len(shared)} ({right / len(shared):.1%})"


def discovered(folder: Path) -> dict[str, str]:
    """Class by id."""
    return {row["id"]: row["class"] for row in ClassesFolder(folder / CATEGORY).image_rows()}


def inspected(folder: Path) -> dict[str, str]:
    """Class by id."""
    rows = files.read_csv(folder / "inspect.csv")
    return {Path(row["file"]).with_suffix("").as_posix(): row["class"] for row in rows}


def main(workspace: Path, folder: str) -> None:
    """Print how often both agree."""
    all_of_it = workspace / folder
    place = all_of_it / "inspect"
    backbone = notes.read_note(all_of_it / "maps" / CATEGORY).settings.backbone
    if not place.exists():
        split(workspace, place)
        shutil.copytree(all_of_it / "models" / "patchcore", place / "models" / "patchcore")  # learned from the same

    def adtool(*words: str) -> None:
        subprocess.run(["adtool", "-C", place, *words], check=True)

    adtool("maps", "--backbone", backbone)
    adtool("discover", "--classes", CLASSES)
    adtool("inspect", "new")
    adtool("inspect", "again", "--out", "inspected_again")
    everything, most = discovered(all_of_it / "classes"), discovered(place / "classes")
    new, again = inspected(place / "inspected"), inspected(place / "inspected_again")
    same = matched(everything, most)
    print("new images, class as discover gave it among all images:", agreement(everything, new, same))
    print("  of those with a class:", agreement(everything, {k: v for k, v in new.items() if v != "unknown"}, same))
    print(
        "images that the classes came from, class as discover gave it:",
        agreement(most, again, {v: v for v in most.values()}),
    )
    print("both runs of discover, on the images that both have:", agreement(everything, most, same))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else "")
