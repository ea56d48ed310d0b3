import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from adtool.core import arrays
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.prep.datasets import aebad
from adtool.prep.datasets.aebad import KINDS, Config

RAW, OUT, BASE = Path("AeBAD/AeBAD_S"), Path("data/aebad"), Path("data/AeBAD_crop")
DOMAINS = ("background", "same")


@pytest.fixture(autouse=True)
def raw(workspace, picture, mask):
    """The same names in every domain; masks scaled to 255, 255, 1 and 3; a soft border of a third."""
    for number, domain in enumerate(("light1", "light2")):
        picture(RAW / "train/good" / domain / "IMG_1.png", seed=number)
    for number, domain in enumerate(DOMAINS):
        picture(RAW / "test/good" / domain / "IMG_1.png", seed=10 + number)
        for kind, peak in zip(KINDS, (255, 255, 1, 3), strict=True):
            suffix = ".PNG" if kind == "groove" else ".png"
            picture(RAW / "test" / kind / domain / f"IMG_1{suffix}", seed=20 + number)
            mask(RAW / "ground_truth" / kind / domain / "IMG_1.png", peak=peak, soft=peak // 3)
    return RAW


def test_domains_stand_in_the_names_so_that_equal_names_stay_apart():
    outcome = aebad.run(Config())
    category = read_dataset(OUT).category("AeBAD_S")
    assert [one.id for one in category.train] == ["train/good/light1_IMG_1", "train/good/light2_IMG_1"]
    assert [one.id for one in category.test if one.kind == "groove"] == [
        *("test/groove/background_IMG_1", "test/groove/same_IMG_1")
    ]
    assert (OUT / "test/groove/same_IMG_1.PNG").read_bytes() == (RAW / "test/groove/same/IMG_1.PNG").read_bytes()
    assert (outcome.rows[0]["train"], outcome.rows[0]["test other"], outcome.rows[0]["masks"]) == (2, 8, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_counts_from_half_of_its_own_maximum(kind, read_back):
    aebad.run(Config())
    assert read_back(OUT / f"ground_truth/{kind}/same_IMG_1.png") == ({0, 255}, 16), "the border of a third is none"


def test_one_domain_goes_into_a_folder_of_its_own():
    aebad.run(Config(domain=("same",)))
    category = read_dataset(Path("data/aebad_same")).category("AeBAD_S")
    assert len(category.train) == 2, "every domain of the training images"
    assert {one.id.split("/")[2] for one in category.test} == {"same_IMG_1"}
    with pytest.raises(UsageError, match=r"no domain 'sane'\. It has: background, same"):
        aebad.run(Config(domain=("sane",)))


def test_crop_makes_the_labelled_base_set():
    outcome = aebad.run(Config(crop=True))
    names = sorted(path.relative_to(BASE / "images").as_posix() for path in (BASE / "images").rglob("*.png"))
    assert names == sorted(f"{kind}/{domain}_IMG_1_crop0.png" for kind in KINDS for domain in DOMAINS)
    assert outcome.rows == [{"class": kind, "crops": 2} for kind in KINDS]
    # The region is 4 x 4 at (5, 5); half a side is the least, int(0.1 * 30) = 3, around the centre (7, 7).
    image = arrays.read_image(RAW / "test/fracture/same/IMG_1.png")
    np.testing.assert_array_equal(arrays.read_image(BASE / "images/fracture/same_IMG_1_crop0.png"), image[4:10, 4:10])
    mask = cv2.imread(str(BASE / "masks/fracture/same_IMG_1_crop0.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (6, 6)
    assert (mask == 255).sum() == 16


def put_grey(path, *squares):
    grey = np.zeros((20, 30), np.uint8)
    for y, x in squares:
        grey[y : y + 2, x : x + 2] = 255
    arrays.write_png(path, grey)


def test_an_image_gives_at_most_two_crops_and_none_if_its_mask_is_empty(caplog):
    put_grey(RAW / "ground_truth/groove/same/IMG_1.png", (2, 2), (2, 14), (15, 26))
    put_grey(RAW / "ground_truth/groove/background/IMG_1.png")
    with caplog.at_level(logging.WARNING, logger="adtool"):
        aebad.run(Config(crop=True))
    assert sorted(path.name for path in (BASE / "images/groove").iterdir()) == [
        *("same_IMG_1_crop0.png", "same_IMG_1_crop1.png")
    ]
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith("1 defective image with an all-black mask")
    assert "groove/background" in said


def test_crop_does_the_same_again_and_refuses_another_choice():
    aebad.run(Config(crop=True))
    assert aebad.run(Config(crop=True)).skipped == ["AeBAD_crop"]
    with pytest.raises(UsageError, match=r"domain: .*--force"):
        aebad.run(Config(crop=True, domain=("same",)))
    assert aebad.run(Config(crop=True, domain=("same",)), force=True).rows[0] == {"class": "ablation", "crops": 1}


def test_crop_needs_no_normal_images(raw):
    for split in ("train", "test"):
        for path in (raw / split / "good").rglob("*.png"):
            path.unlink()
    assert len(aebad.run(Config(crop=True)).rows) == 4
    with pytest.raises(MissingInputError, match=r"lacks images in train/good/<domain>, test/good/<domain>"):
        aebad.run(Config())


def test_a_half_download_names_what_is_missing(raw):
    for path in (raw / "ground_truth/fracture").rglob("*.png"):
        path.unlink()
    with pytest.raises(MissingInputError, match=r"ground_truth/fracture has no mask of any of the 2 images"):
        aebad.run(Config())
    for path in (raw / "test/ablation").rglob("*.png"):
        path.unlink()
    with pytest.raises(MissingInputError, match=r"lacks images in test/ablation/<domain>"):
        aebad.run(Config())


def test_the_folder_above_is_found_and_one_below_names_the_right_one():
    assert aebad.run(Config(source=Path("AeBAD"))).done == ["AeBAD_S"]
    with pytest.raises(MissingInputError, match=r"give --source AeBAD/AeBAD_S$"):
        aebad.run(Config(source=RAW / "test"))


def test_names_that_become_one_are_refused(picture):
    picture(RAW / "train/good/light1/IMG_1.jpg")
    with pytest.raises(BadDataError, match=r"Two images get the name 'light1_IMG_1'"):
        aebad.run(Config())


def test_a_mask_of_another_size_names_both_files():
    arrays.write_png(RAW / "ground_truth/groove/same/IMG_1.png", np.full((9, 9), 255, np.uint8))
    for crop in (False, True):
        with pytest.raises(BadDataError, match=r"same/IMG_1\.png has 9 x 9 pixels, its image .*IMG_1.PNG 30 x 20"):
            aebad.run(Config(crop=crop))


def test_a_part_of_the_pictures_may_be_looked_at_alone(looks_at_a_part):
    looks_at_a_part(aebad, OUT)
    with pytest.raises(UsageError, match="--look-at is for whole pictures, and --crop"):
        aebad.run(Config(crop=True, look_at="3,2,9,12"))
