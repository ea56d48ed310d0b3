"""A base set of crops is used as it is; one of whole images is cut around the defects."""

import logging
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.discover.ncd import base_set
from adtool.prep.datasets import aebad

RAW, CROPS = Path("AeBAD/AeBAD_S"), Path("data/AeBAD_crop")
SIDE, DEFECT = 200, 4  # a defect of 2 % of the side: its crop has 20 %, and once more cut it would fill that


@pytest.fixture(autouse=True)
def raw(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO, logger="adtool")
    rng = np.random.default_rng(0)
    for kind in aebad.KINDS:
        mask = np.zeros((SIDE, SIDE), bool)
        mask[90 : 90 + DEFECT, 60 : 60 + DEFECT] = True
        pixels = rng.integers(0, 255, (SIDE, SIDE, 3), np.uint8)
        arrays.write_png(RAW / "test" / kind / "same" / "1.png", pixels)
        arrays.write_mask(RAW / "ground_truth" / kind / "same" / "1.png", mask)


def require_as_given(folder):
    found = base_set.read(folder)
    assert found.names == list(aebad.KINDS)
    given = sorted((folder / "images").rglob("*.png"))
    assert len(found.items) == len(given) == len(aebad.KINDS)
    for item, path in zip(found.items, given, strict=True):
        pixels, mask = item.load()
        np.testing.assert_array_equal(pixels, arrays.read_image(path))
        np.testing.assert_array_equal(mask, arrays.read_mask(folder / "masks" / path.relative_to(folder / "images")))
        assert mask.mean() == pytest.approx((DEFECT / (0.2 * SIDE)) ** 2)


def test_the_crops_that_prep_cut_are_not_cut_again(caplog):
    aebad.run(aebad.Config(crop=True))
    require_as_given(CROPS)
    assert "4 images, crops already (`adtool prep aebad --crop` made them), used as they are" in caplog.text


def test_crops_are_known_by_the_note_whatever_their_names():
    aebad.run(aebad.Config(crop=True))
    for path in [*CROPS.rglob("*.png")]:
        path.rename(path.with_stem(f"part [{path.parent.name}]"))
    require_as_given(CROPS)


def test_crops_of_another_tool_are_known_by_the_names_of_all(caplog):
    aebad.run(aebad.Config(crop=True))
    (CROPS / "_step.json").unlink()
    require_as_given(CROPS)
    assert "crops already (all are called *_crop<number>)" in caplog.text


def test_whole_images_are_cut_once_and_a_crop_among_them_is_said(caplog):
    aebad.run(aebad.Config(crop=True))
    (CROPS / "_step.json").unlink()
    for part in ("images", "masks"):
        (CROPS / part / "groove" / "same_1_crop0.png").rename(CROPS / part / "groove" / "whole.png")
    assert {item.load()[0].shape for item in base_set.read(CROPS).items} == {(8, 8, 3)}
    assert "3 of them are called *_crop<number> as crops are, but not all" in caplog.text


def test_masks_are_joined_by_name_whatever_it_holds(tmp_path):
    inside = np.zeros((40, 40), bool)
    inside[10:20, 10:30] = True
    for name, value in (("a[1]", 10), ("a1", 20), ("b*", 30)):
        arrays.write_png(tmp_path / f"base/images/dot/{name}.png", np.full((40, 40, 3), value, np.uint8))
        mask = inside if value == 10 else np.roll(inside, value, axis=0)
        arrays.write_mask(tmp_path / f"base/masks/dot/{name}_mask.png", mask)
    arrays.write_mask(tmp_path / "base/masks/dot/a1.jpg.png", inside)
    found = base_set.read(tmp_path / "base")
    sums = {int(item.load()[0].max()): int(item.load()[1].sum()) for item in found.items}
    assert sums == {10: 200, 20: 200, 30: 200}


def test_several_masks_of_an_image_are_one(tmp_path):
    one, two = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    one[10:14, 10:14] = two[14:18, 10:14] = True
    arrays.write_png(tmp_path / "base/images/dot/a_crop0.png", np.zeros((40, 40, 3), np.uint8))
    for name, mask in (("000", one), ("001", two)):
        arrays.write_mask(tmp_path / f"base/masks/dot/a_crop0/{name}.png", mask)
    [item] = base_set.read(tmp_path / "base").items
    np.testing.assert_array_equal(item.load()[1], one | two)
    before = base_set.fingerprint(tmp_path / "base")
    arrays.write_mask(tmp_path / "base/masks/dot/a_crop0/001.png", one)
    assert base_set.fingerprint(tmp_path / "base") != before


def test_the_note_of_another_command_says_nothing(caplog):
    aebad.run(aebad.Config(crop=True))
    note = files.read_json(CROPS / "_step.json")
    files.write_json(CROPS / "_step.json", {**note, "command": "maps"})
    for path in [*CROPS.rglob("*.png")]:
        path.rename(path.with_stem("whole"))
    base_set.read(CROPS)
    assert "cut around their masks" in caplog.text
