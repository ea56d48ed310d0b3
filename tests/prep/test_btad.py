import logging
from pathlib import Path

import pytest

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import MissingInputError, UsageError
from adtool.prep.datasets import btad
from adtool.prep.datasets.btad import Config

RAW, OUT = Path("BTech_Dataset_transformed"), Path("data/btad")


@pytest.fixture(autouse=True)
def raw(workspace, picture, mask):
    """Two training and two images of each kind a product; .bmp images with .png masks in 01, .bmp masks in 03."""
    for product, suffix, mask_suffix in (("01", ".bmp", ".png"), ("02", ".png", ".png"), ("03", ".BMP", ".bmp")):
        for number in range(2):
            for place in ("train/ok", "test/ok", "test/ko"):
                picture(RAW / product / place / f"{number:04}{suffix}", seed=number)
            mask(RAW / product / "ground_truth/ko" / f"{number:04}{mask_suffix}", soft=100)
    return RAW


def test_the_three_products_become_categories_and_ok_becomes_good():
    outcome = btad.run(Config())
    data = read_dataset(OUT)
    assert list(data.categories) == ["01", "02", "03"]
    assert [one.id for one in data.category("03").test] == [
        *("test/good/0000", "test/good/0001", "test/ko/0000", "test/ko/0001")
    ]
    assert (OUT / "03/test/good/0000.BMP").read_bytes() == (RAW / "03/test/ok/0000.BMP").read_bytes()
    assert [row["train"] for row in outcome.rows] == [2, 2, 2]
    assert [row["masks"] for row in outcome.rows] == [2, 2, 2]
    assert not data.category("01").unmasked


@pytest.mark.parametrize("product", ["01", "02", "03"])
def test_masks_of_either_type_become_png_of_0_and_255(product, read_back):
    btad.run(Config())
    assert read_back(OUT / product / "ground_truth/ko/0000.png") == ({0, 255}, 16)


def test_a_count_unlike_the_published_one_is_said(caplog):
    with caplog.at_level(logging.WARNING, logger="adtool"):
        btad.run(Config(category=("01",)))
    said = [record.getMessage() for record in caplog.records]
    assert any("01/train/ok: 2 images, but 400 were published" in text for text in said)
    assert not any("02" in text for text in said)
    assert (OUT / "train/good/0000.bmp").exists(), "one product has no category level"


def test_a_missing_product_is_named_and_the_others_can_be_had(raw):
    (raw / "02").rename("elsewhere")
    with pytest.raises(MissingInputError, match=r"lacks 1 of 3 categories of BTAD: 02 .*--category"):
        btad.run(Config())
    assert btad.run(Config(category=("01", "03"))).done == ["01", "03"]
    with pytest.raises(UsageError, match=r"no category '1'\. It has: 01, 02, 03"):
        btad.run(Config(category=("1",)))


def test_folders_without_images_or_masks_are_a_half_download(raw):
    for path in (raw / "03/ground_truth/ko").iterdir():
        path.unlink()
    with pytest.raises(MissingInputError, match=r"03/ground_truth/ko has no mask of any of the 2 images"):
        btad.run(Config())
    for path in (raw / "01/test/ok").iterdir():
        path.unlink()
    with pytest.raises(MissingInputError, match=r"01 holds no images in test/ok"):
        btad.run(Config())


def test_a_folder_that_lies_too_deep_names_the_right_one(raw):
    for deep in (raw / "01", raw / "01/train", raw / "01/train/ok"):
        with pytest.raises(MissingInputError, match=r"give --source BTech_Dataset_transformed$"):
            btad.run(Config(source=deep))
    raw.rename("unpacked")
    Path("download").mkdir()
    Path("unpacked").rename("download/BTech_Dataset_transformed")
    assert btad.run(Config(source=Path("download"))).done == ["01", "02", "03"], "a level too high is found"


def test_what_was_prepared_is_not_taken_for_the_download(raw):
    btad.run(Config())
    raw.rename("../raw")
    with pytest.raises(MissingInputError, match="No BTAD found"):
        btad.run(Config(out=Path("data/again")))
