from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from adtool.core import arrays
from adtool.core.errors import MissingInputError, UsageError
from adtool.prep.datasets import mvtec


def test_a_data_set_without_faults_has_no_findings(data, found):
    assert found() == {}


def test_unreadable_files_are_named_with_the_reason(data, found):
    (data / "test/hole/000.png").write_bytes(b"")
    whole = (data / "train/good/001.png").read_bytes()
    (data / "train/good/001.png").write_bytes(whole[: len(whole) // 2])
    (data / "ground_truth/scratch/000_mask.png").write_bytes(b"no picture")
    severity, cases = found()["image_unreadable"]
    assert severity == "error"
    assert cases[0] == "data/parts/test/hole/000.png (the file is empty)"
    assert cases[1].startswith("data/parts/train/good/001.png (")
    assert found()["mask_unreadable"] == ("error", ["data/parts/ground_truth/scratch/000_mask.png (not an image)"])


def test_a_mask_of_another_size_is_named_with_both_sizes(data, found):
    arrays.write_mask(data / "ground_truth/hole/000_mask.png", np.eye(30, dtype=bool))
    assert found() == {
        "mask_size": (
            "error",
            ["data/parts/ground_truth/hole/000_mask.png: 30 x 30 pixels, image 56 x 40 pixels"],
        )
    }


def invert(path):
    arrays.write_png(path, (255 - np.asarray(Image.open(path))).astype(np.uint8))


def test_most_masks_inverted_is_an_error_and_one_a_warning(data, found):
    masks = sorted((data / "ground_truth").rglob("*.png"))
    invert(masks[0])
    assert found() == {"mask_mostly_white": ("warning", [masks[0].as_posix()])}
    for mask in masks[1:4]:
        invert(mask)
    assert found() == {"mask_inverted": ("error", [mask.as_posix() for mask in masks[:4]])}


def test_a_defect_over_half_the_image_is_no_inverted_mask(data, found, tiny_data):
    large = np.zeros(tiny_data.size, bool)
    large[:30] = True
    arrays.write_mask(data / "ground_truth/hole/000_mask.png", large)
    assert found() == {}


def test_masks_and_kinds_that_disagree_are_warnings(data, found, tiny_data):
    arrays.write_mask(data / "ground_truth/hole/000_mask.png", np.zeros(tiny_data.size, bool))
    arrays.write_mask(data / "ground_truth/good/001_mask.png", np.eye(*tiny_data.size, dtype=bool))
    (data / "ground_truth/scratch/001_mask.png").rename(data / "ground_truth/scratch/099_mask.png")
    assert found() == {
        "mask_empty": ("warning", ["data/parts/test/hole/000.png"]),
        "mask_on_normal": ("warning", ["data/parts/test/good/001.png (1.8% of its pixels)"]),  # 40 of 2,240
        "mask_missing": ("warning", ["data/parts/test/scratch/001.png"]),
        "mask_stray": ("warning", ["data/parts/ground_truth/scratch/099_mask.png"]),
    }


def test_soft_masks_are_said_but_numbered_defects_are_none(data, found, tiny_data):
    grey = np.zeros(tiny_data.size, np.uint8)
    grey[5:9, 5:9], grey[9, 5:9] = 255, 100
    arrays.write_png(data / "ground_truth/hole/000_mask.png", grey)
    arrays.write_png(data / "ground_truth/hole/001_mask.png", grey // 85)  # 0, 1 and 3
    assert found() == {"mask_soft": ("warning", ["data/parts/ground_truth/hole/000_mask.png"])}


def copy_pixels(source, target):
    """The same pixels in another file type, so that no byte of the files is the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(target), cv2.imread(str(source)))


def test_repeats_are_found_by_their_pixels_not_by_their_bytes(data, found):
    copy_pixels(data / "train/good/003.png", data / "test/good/copied.bmp")
    copy_pixels(data / "test/hole/000.png", data / "test/good/twin.bmp")
    copy_pixels(data / "test/good/002.png", data / "test/good/again.bmp")
    seen = found()
    assert seen["test_repeats_train"] == ("error", [f"{data}/test/good/copied.bmp = {data}/train/good/003.png"])
    assert seen["test_repeats_other_kind"] == ("error", [f"{data}/test/hole/000.png = {data}/test/good/twin.bmp"])
    assert seen["image_repeats"] == ("warning", [f"{data}/test/good/again.bmp = {data}/test/good/002.png"])


def test_an_image_of_other_pixels_or_another_shape_is_no_repeat(data, found):
    flat = np.full((20, 30, 3), 90, np.uint8)
    for name, pixels in (("a", flat), ("b", flat.reshape(30, 20, 3)), ("c", flat + np.uint8(1))):
        arrays.write_png(data / f"test/good/{name}.png", pixels)
    assert found() == {}


def test_the_same_id_twice_does_not_hide_the_rest(data, found):
    copy_pixels(data / "train/good/003.png", data / "test/hole/001.bmp")
    (data / "test/scratch/000.png").write_bytes(b"")
    seen = found()
    assert seen["id_twice"] == ("error", ["data/parts/test/hole/001.bmp and 001.png"])
    assert "image_unreadable" in seen


def test_files_out_of_place_are_found_and_hidden_ones_are_not(data, found):
    for name in ("train/good/Thumbs.db", "test/hole/.000.part12.png", "test/hole/.DS_Store", "test/readme.txt"):
        (data / name).write_bytes(b"x")
    (data / "validation/good").mkdir(parents=True)
    copy_pixels(data / "train/good/000.png", data / "validation/good/000.png")
    seen = found()
    assert seen["leftover"] == (
        "warning",
        ["data/parts/test/hole/.000.part12.png"],
    )
    assert seen["image_unused"] == ("warning", ["data/parts/validation/good/000.png"])
    assert set(seen) == {"leftover", "image_unused"}


def test_images_directly_in_test_and_defects_in_train_are_said(data, found, tiny_data):
    arrays.write_png(data / "test/loose.png", np.full((*tiny_data.size, 3), 7, np.uint8))
    arrays.write_png(data / "train/hole/000.png", np.full((*tiny_data.size, 3), 9, np.uint8))
    seen = found()
    assert seen["loose_image"] == ("warning", ["data/parts/test/loose.png"])
    assert seen["train_kinds"] == ("warning", ["data/parts/train/hole"])


@pytest.mark.parametrize(
    ("kinds", "train", "code"),
    [
        ({"hole": 2, "good": 2}, 0, "no_train"),
        ({"hole": 2, "good": 2}, 9, "few_train"),
        ({"hole": 2}, 12, "no_normal_test"),
        ({}, 12, "no_test"),
    ],
)
def test_what_a_category_lacks_is_said(workspace, tiny_data, found, kinds, train, code):
    tiny_data.make(Path("data/parts"), train=train, kinds=kinds)
    seen = found()
    assert list(seen) == [code]
    assert seen[code][0] == ("error" if code == "no_test" else "warning")


def test_an_image_that_viewers_turn_is_turned_and_so_is_a_mask_that_only_fits_the_stored_one(data, found, tiny_data):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels, mask = tiny_data.image(np.random.default_rng(5), "hole")
    Image.fromarray(pixels).save(data / "test/hole/phone.jpg", exif=exif)
    arrays.write_mask(data / "ground_truth/hole/phone_mask.png", mask)
    assert found() == {}
    exif[0x0112] = 3
    Image.fromarray(pixels).save(data / "test/hole/phone.jpg", exif=exif)
    assert found() == {"mask_turn_doubtful": ("warning", ["data/parts/ground_truth/hole/phone_mask.png"])}


def test_a_table_that_is_older_than_the_folders_is_said(data, found):
    mvtec.run(mvtec.Config(source=data))
    assert found() == {}
    (data / "test/hole/000.png").rename(data / "test/hole/100.png")
    (data / "ground_truth/hole/000_mask.png").rename(data / "ground_truth/hole/100_mask.png")
    assert found() == {
        "index_stale": (
            "warning",
            [
                "data/parts/test/hole/000.png is listed, but gone",
                "data/parts/test/hole/100.png is there, but not listed",
            ],
        )
    }
    (data / "samples.csv").write_bytes(b"\xff\xfe\x00")
    assert found()["table_unreadable"][0] == "error"


def test_every_category_is_checked_or_those_named(workspace, tiny_data, found):
    tiny_data.make(Path("data/two"), ("cup", "lid"), train=12)
    (Path("data/two/lid/test/hole/000.png")).write_bytes(b"")
    assert set(found()) == {"image_unreadable"}
    assert found(category=("cup",)) == {}
    with pytest.raises(MissingInputError, match="has no category 'cap'"):
        found(category=("cap",))


def test_a_flat_folder_is_checked_for_what_it_can_have(workspace, found, tiny_data):
    for number in range(2):
        arrays.write_png(Path(f"odd/{number}.png"), np.full((*tiny_data.size, 3), 7, np.uint8))
    Path("odd/2.png").write_bytes(b"")
    seen = found(data=Path("odd"))
    assert seen == {
        "image_unreadable": ("error", ["odd/2.png (the file is empty)"]),
        "image_repeats": ("warning", ["odd/1.png = odd/0.png"]),
    }


def test_nothing_to_check_is_an_error(workspace, found):
    with pytest.raises(MissingInputError, match="No data set at data"):
        found()
    with pytest.raises((MissingInputError, UsageError), match="No folder at gone"):
        found(maps=(Path("gone"),))


def test_shards_read_each_file_once_and_find_together_what_one_finds(data, found):
    for name in ("test/hole/000.png", "test/hole/001.png", "train/good/001.png"):
        (data / name).write_bytes(b"")
    cases = [one for number in (1, 2, 3) for one in found(shard=f"{number}/3").get("image_unreadable", ("", []))[1]]
    assert sorted(cases) == sorted(found()["image_unreadable"][1])
    assert len(cases) == 3
