from pathlib import Path

import pytest

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import MissingInputError
from adtool.prep.datasets import mpdd
from adtool.prep.datasets.mpdd import MPDD, Config

RAW, OUT = Path("data/raw/MPDD"), Path("data/mpdd")


@pytest.fixture(autouse=True)
def raw(workspace, picture, mask):
    """One image in each published folder; masks scaled to a maximum of 1, or soft, or with an upper-case suffix."""
    for category, places in MPDD.counts.items():
        for place in places:
            picture(RAW / category / place / "000.png")
            split, kind = place.split("/")
            if split == "test" and kind != "good":
                suffix = ".PNG" if category == "tubes" else ".png"
                peak = 1 if category == "connector" else 255
                mask(RAW / category / "ground_truth" / kind / f"000_mask{suffix}", peak=peak, soft=peak // 2)
    return RAW


def test_the_published_counts_add_up_to_the_papers_totals():
    train = sum(places["train/good"] for places in MPDD.counts.values())
    good = sum(places["test/good"] for places in MPDD.counts.values())
    assert (train, good) == (888, 176)
    assert sum(sum(places.values()) for places in MPDD.counts.values()) - train - good == 282


def test_all_categories_and_kinds_are_laid_out(read_back):
    mpdd.run(Config())
    data = read_dataset(OUT)
    assert set(data.categories) == set(MPDD.counts)
    assert data.category("metal_plate").kinds == ["good", "major_rust", "scratches", "total_rust"]
    assert not any(category.unmasked for category in data.categories.values())
    assert read_back(OUT / "connector/ground_truth/parts_mismatch/000.png") == ({0, 255}, 16), "a maximum of 1"
    assert read_back(OUT / "tubes/ground_truth/anomalous/000.png") == ({0, 255}, 16), "an upper-case suffix"


def test_a_missing_kind_is_a_half_download(raw):
    (raw / "metal_plate/test/total_rust/000.png").unlink()
    with pytest.raises(MissingInputError, match=r"metal_plate holds no images in test/total_rust"):
        mpdd.run(Config())


def test_a_source_that_lies_too_deep_names_the_right_one(raw):
    with pytest.raises(MissingInputError, match=r"tubes does not look like MPDD, but data/raw/MPDD, .*--source"):
        mpdd.run(Config(source=raw / "tubes"))


def test_a_part_of_the_pictures_may_be_looked_at_alone(looks_at_a_part):
    looks_at_a_part(mpdd, OUT)
