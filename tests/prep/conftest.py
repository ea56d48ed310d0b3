"""Miniatures of published downloads are made of small pictures of any file type."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, UsageError

SIZE = (20, 30)  # (height, width)


def put_picture(path: Path, *, seed: int = 0) -> None:
    """A noisy grey picture in the format of its suffix."""
    pixels = np.random.default_rng(seed).integers(90, 120, SIZE).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix.lower(), pixels)[1].tobytes())


def put_mask(path: Path, *, peak: int = 255, soft: int = 0) -> None:
    """A mask with a square of 4 x 4 pixels of the value `peak`, and a row of `soft` above it."""
    grey = np.zeros(SIZE, np.uint8)
    grey[5:9, 5:9] = peak
    grey[4, 5:9] = soft
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix.lower(), grey)[1].tobytes())


@pytest.fixture
def picture():
    return put_picture


@pytest.fixture
def mask():
    return put_mask


@pytest.fixture
def read_back():
    """A written mask: the values in it and how many pixels are defects."""

    def read(path: Path) -> tuple[set[int], int]:
        grey = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        return set(np.unique(grey).tolist()), int((grey == 255).sum())

    return read


@pytest.fixture
def looks_at_a_part():
    """That a data set notes the part of its pictures to look at, and that another part makes another data set."""

    def check(dataset, where: Path, **asked) -> None:
        with pytest.raises(BadDataError, match="The part to look at does not fit"):
            dataset.run(dataset.Config(**asked, look_at="4000,0,5,5"))
        dataset.run(dataset.Config(**asked, look_at="3, 2, 9, 12"))
        data = read_dataset(where)
        parts = {one.reading.look_at.text for each in data.categories.values() for one in (*each.train, *each.test)}
        assert parts == {"3,2,9,12"}
        assert json.loads((where / "_step.json").read_text())["inputs"]["look-at"] == "3,2,9,12"
        assert dataset.run(dataset.Config(**asked, look_at="3,2,9,12")).skipped == [where.name]
        for other in ("3,2,9,11", None):
            with pytest.raises(UsageError, match="look-at"):
                dataset.run(dataset.Config(**asked, look_at=other))

    return check
