"""Sizes through the whole chain: what is within the pixel limit passes every step, what is above it is said."""

import csv
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays
from adtool_runtime.pictures import picture_file

QUICK = ["--image-size", "64", "--set", "drawn=1000", "--set", "bank_size=64"]
FILTER = ("templates=2", "matches=6", "plane=16", "width=4", "painted=8", "steps=3", "batch=4", "judged=6")
STEPS = (
    ["prep", "folder", "--normal", "good", "--test", "odd", "--name", "parts"],
    ["check"],
    ["maps", *QUICK],
    ["refine", "--keep", "always", *(word for one in FILTER for word in ("--set", one))],
    ["discover", "--classes", "2"],
    ["inspect", "odd"],
    ["report", "--html"],
    ["convert", "maps", "--to", "npy"],
    ["convert", "classes", "--to", "anomalyncd_crops"],
)
THIN = {"one": (1, 1), "flat": (1, 56), "tall": (40, 1)}  # (height, width)


@pytest.fixture
def limit(workspace, tiny_data, monkeypatch):
    """Folders of parts at the limit exactly, thin ones, and one each that is a row too high; the limit."""
    height, width = tiny_data.size
    monkeypatch.setenv(picture_file.LIMIT, str(height * width))
    rng = np.random.default_rng(0)
    for folder, kind in (("good", "good"), ("odd", "hole")):
        for number in range(5):
            arrays.write_png(Path(folder) / f"{number}.png", tiny_data.image(rng, kind)[0])
        for name, shape in {**THIN, "long": (1, height * width), "over": (height + 1, width)}.items():
            arrays.write_png(Path(folder) / f"{name}.png", rng.integers(90, 130, (*shape, 3), dtype=np.uint8))
    return height * width


@pytest.mark.slow
def test_what_is_within_the_limit_passes_every_step_and_what_is_above_is_said(limit, adtool, instead_of_weights):
    said = {}
    for words in STEPS:
        done = adtool(*words)
        said[words[0]] = done.out + done.err
        assert done.code == 0, said[words[0]]
    for step in ("prep", "check", "inspect"):
        assert f"more than the limit of {limit:,}" in said[step] and picture_file.LIMIT in said[step], step
    assert "skipped 2 unreadable images" in said["prep"] and "2 images that can't be read" in said["check"]
    assert "skipped 1 unreadable image: over.png" in said["inspect"]
    later = "".join(said[step] for step in ("maps", "refine", "discover", "report", "convert"))
    assert "limit of" not in later, "what adtool writes itself is not under the limit"
    for word in ("Warning", "bomb", "attack", "MAX_IMAGE_PIXELS"):
        assert word not in "".join(said.values())
    within = {*map(str, range(5)), *THIN, "long"}
    for table in ("maps/parts/images.csv", "refined/parts/images.csv", "classes/parts/images.csv"):
        with Path(table).open(encoding="utf-8") as file:
            assert {row["id"].rpartition("/")[-1] for row in csv.DictReader(file)} == within, table
