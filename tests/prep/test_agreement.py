"""`prep` and `check` say the same of a folder: of the source, and of what was made of it."""

import logging
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adtool.check import step as check
from adtool.check.config import CheckConfig
from adtool.core.checks.findings import Finding
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError
from adtool.core.folders import listing
from adtool.prep.datasets import folder, mvtec

RAW = Path("raw")
SIZE = (24, 32)
NOT_SAID_BY_PREP = {"test_repeats_train", "test_repeats_other_kind", "image_repeats"}  # they need all pixels at once


def picture(seed=0, top=190):
    return np.random.default_rng(seed).integers(60, top, (*SIZE, 3), dtype=np.uint8)


def put(path, pixels, **how):
    path = RAW / path
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **how)


def drawn(*levels):
    mask = np.zeros(SIZE, np.uint8)
    for number, level in enumerate(levels):
        mask[4:12, 2 + 8 * number : 8 + 8 * number] = level
    return mask


def two_levels():
    put("ground_truth/hole/0_mask.png", drawn(80, 255))


def several_colours():
    colours = np.zeros((*SIZE, 3), np.uint8)
    colours[4:12, 2:8], colours[4:12, 12:18] = (200, 0, 0), (0, 90, 0)
    put("ground_truth/hole/0_mask.png", colours)


def jpeg_masks():
    for number in range(2):
        (RAW / f"ground_truth/hole/{number}_mask.png").unlink()
        put(f"ground_truth/hole/{number}.jpg", drawn(255), quality=40)


def black_and_stray_masks():
    put("ground_truth/hole/0_mask.png", drawn())
    put("ground_truth/hole/9_mask.png", drawn(255))
    put("ground_truth/good/0_mask.png", drawn(255))


def inverted_masks():
    for path in RAW.glob("ground_truth/*/*.png"):
        put(path.relative_to(RAW), 255 - np.array(Image.open(path)))


def missing_masks():
    (RAW / "ground_truth/hole/0_mask.png").unlink()


def no_masks():
    for path in RAW.glob("ground_truth/*/*.png"):
        path.unlink()
    (RAW / "ground_truth/hole").rmdir()
    (RAW / "ground_truth").rmdir()


def masks_among():
    put("test/hole/0_label.png", drawn(255))
    put("test/good/orphan_label.png", drawn(255))


def defects_among_normal():
    put("train/good/0_GT.png", drawn(255))


def kinds_in_train():
    put("train/scratch/0.png", picture(90))


def tags_that_fit_both_ways():
    exif = Image.Exif()
    exif[0x0112] = 3
    put("test/hole/0.png", picture(1), exif=exif)


def pages_and_channels():
    put("test/hole/0.tif", Image.fromarray(picture(1)), save_all=True, append_images=[Image.fromarray(picture(2))])
    (RAW / "test/hole/0.png").unlink()


def deep_and_shallow():
    grey = np.random.default_rng(5).integers(0, 4096, SIZE).astype(np.uint16)
    put("test/hole/0.png", grey)
    put("test/good/0.png", (grey // 400).astype(np.uint16))


def unread_suffixes():
    for name in ("test/hole/5.cr2", "train/good/5.heic", "ground_truth/hole/note.txt", "test/good/table.csv"):
        (RAW / name).write_bytes(b"x")
    Image.fromarray(picture(3)).save(RAW / "test/hole/6.data", format="png")


def unreadable_image():
    (RAW / "test/hole/1.png").write_bytes(b"no image")


def names_and_links():
    (RAW / "test/hole/gone.png").symlink_to("nowhere.png")
    (RAW / os.fsdecode(b"test/hole/\xd6l.png")).write_bytes(b"x")
    (RAW / "test/good").rename("elsewhere")
    (RAW / "test/good").symlink_to(Path("elsewhere").absolute())


def days_and_lines():
    (RAW / "test/line1").mkdir()
    (RAW / "test/good").rename(RAW / "test/line1/good")
    put("test/2026-11-27/x.png", picture(40))


def loose_images():
    put("test/x.png", picture(41))
    put("test/y.png", picture(42))
    put("ground_truth/y_mask.png", drawn(255))


def few_of_everything():
    for number in range(2, 12):
        (RAW / f"train/good/{number}.png").unlink()
    for number in range(2):
        (RAW / f"test/good/{number}.png").unlink()
    put("test/good_parts/0.png", picture(43))


def not_a_number():
    for path in RAW.glob("t*/*/*.png"):
        grey = np.asarray(Image.open(path).convert("F")) / 255
        path.unlink()
        Image.fromarray(grey).save(path.with_suffix(".tif"))
    broken = np.full(SIZE, np.nan, np.float32)
    Image.fromarray(broken).save(RAW / "test/good/0.tif")


KINDS = {
    one.__name__: one
    for one in (
        *(two_levels, several_colours, jpeg_masks, black_and_stray_masks, inverted_masks, missing_masks, no_masks),
        *(masks_among, defects_among_normal, kinds_in_train, tags_that_fit_both_ways, pages_and_channels),
        *(deep_and_shallow, unread_suffixes, unreadable_image, names_and_links, days_and_lines, loose_images),
        *(few_of_everything, not_a_number),
    )
}


@pytest.fixture(autouse=True)
def raw(workspace):
    for number in range(12):
        put(f"train/good/{number}.png", picture(100 + number))
    for number in range(2):
        put(f"test/good/{number}.png", picture(200 + number))
        put(f"test/hole/{number}.png", picture(300 + number))
        put(f"ground_truth/hole/{number}_mask.png", drawn(255))


@pytest.fixture
def said(monkeypatch):
    """Which findings a call says aloud, and of how many things: everything that is said goes through one sentence."""
    found = Counter()
    sentence = Finding.sentence

    def noting(one):
        found[one.rule.code] = one.count
        return sentence(one)

    monkeypatch.setattr(Finding, "sentence", noting)

    def call(run, *given):
        found.clear()
        for note in run(*given).notes:
            if match := re.match(r"skipped (\d+) unreadable image", note):
                found["image_unreadable"] = int(match[1])
        return dict(found)

    return call


def checked(place):
    outcome = check.run(CheckConfig(data=Path(place)))
    counts = {one["code"]: one["count"] for one in outcome.document["findings"]}
    return {code: count for code, count in counts.items() if code not in NOT_SAID_BY_PREP}


def prepared():
    masks = RAW / "ground_truth"
    return folder.run(
        folder.Config(normal=RAW / "train", test=RAW / "test", masks=masks if masks.exists() else None, name="p")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_prep_and_check_find_the_same(kind, said):
    KINDS[kind]()
    source = checked(RAW)
    told = said(prepared)
    assert told == source
    assert checked("data/p") == told
    assert source


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("unreadable_image", "not_a_number")])
def test_indexing_in_place_finds_the_same_before_and_after(kind, said):
    KINDS[kind]()
    put("aside/x.png", picture(50))
    source = checked(RAW)
    assert said(mvtec.run, mvtec.Config(source=RAW)) == source
    assert checked(RAW) == source
    assert source["image_unused"] == 1


def test_folders_and_images_without_permission_are_said_by_both(said, monkeypatch):
    put("test/hole/closed.png", picture(7))
    allowed = os.access
    with monkeypatch.context() as patch:
        patch.setattr(listing.os, "access", lambda path, mode: Path(path).stem != "closed" and allowed(path, mode))
        source = checked(RAW)
        assert source == {"not_opened": 1}
        assert said(prepared) == source
    assert checked("data/p") == source


def test_pictures_mostly_of_a_type_that_cannot_be_read_are_refused_by_both():
    for number in range(5):
        (RAW / f"test/hole/{number + 10}.cr2").write_bytes(b"x")
    assert checked(RAW)["mostly_unread"] == 5
    with pytest.raises(BadDataError, match="5 pictures of a type that can't be read"):
        prepared()


def test_check_says_what_counts_as_painted_as_prep_does(caplog):
    two_levels()
    with caplog.at_level(logging.INFO, logger="adtool"):
        checked(RAW)
        prepared()
    lines = [text for text in caplog.messages if "pixels of 2 masks count as defect" in text]
    assert [text.removeprefix("raw: ") for text in lines] == [lines[1], lines[1]]


@pytest.mark.parametrize("rule", ["lt128", "alpha"])
def test_masks_written_by_a_rule_are_not_read_by_it_again(rule):
    sheet = 255 - drawn(255) if rule == "lt128" else np.dstack([drawn(255)] * 4)
    for number in range(2):
        put(f"ground_truth/hole/{number}_mask.png", sheet)
    masks = RAW / "ground_truth"
    folder.run(folder.Config(normal=RAW / "train", test=RAW / "test", masks=masks, name="p", mask_rule=rule))
    (category,) = read_dataset(Path("data/p")).categories.values()
    (first, second) = (category.masks.read(one.mask, one.image) for one in category.test if one.mask)
    assert first.sum() == second.sum() == (drawn(255) > 0).sum()
    assert checked("data/p") == {}
    mvtec.run(mvtec.Config(source=Path("data/p")))
    assert checked("data/p") == {}
