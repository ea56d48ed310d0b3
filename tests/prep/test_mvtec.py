import logging
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, MissingInputError
from adtool.prep.datasets import mvtec
from adtool.prep.datasets.mvtec import Config

ROOT = Path("data/mvtec")


@pytest.fixture(autouse=True)
def here(workspace, tiny_data):
    tiny_data.make(ROOT, ["bolt", "nut"])
    return workspace


def test_it_is_indexed_where_it_lies():
    before = {path: path.stat().st_mtime_ns for path in ROOT.rglob("*.png")}
    outcome = mvtec.run(Config())
    assert outcome.done == ["bolt", "nut"]
    assert {path: path.stat().st_mtime_ns for path in ROOT.rglob("*.png")} == before
    rows = files.read_csv(ROOT / "samples.csv")
    assert len(rows) == 2 * 12
    assert rows[0]["id"] == "train/good/000"
    card = files.read_json(ROOT / "dataset.json")
    assert (card["categories"], card["normal_kinds"]) == (["bolt", "nut"], ["good"])
    assert [row["masks"] for row in outcome.rows] == [4, 4]


def test_indexing_changes_nothing_that_is_read():
    (ROOT / "nut/train/good").rename(ROOT / "nut/train/ok")
    (ROOT / "nut/test/good").rename(ROOT / "nut/test/ok")
    before = read_dataset(ROOT)
    mvtec.run(Config())
    after = read_dataset(ROOT)
    for name in ("bolt", "nut"):
        one, other = before.category(name), after.category(name)
        assert one.test == other.test
        assert [one.is_normal(s) for s in one.test] == [other.is_normal(s) for s in other.test]


def test_the_words_of_an_existing_card_are_kept():
    files.write_json(ROOT / "dataset.json", {"name": "mine", "mask_rule": "gt0", "source": "us", "licence": "MIT"})
    mvtec.run(Config())
    card = files.read_json(ROOT / "dataset.json")
    assert {key: card[key] for key in ("name", "mask_rule", "source", "licence")} == {
        "name": "mine",
        "mask_rule": "gt0",
        "source": "us",
        "licence": "MIT",
    }


def test_gaps_are_said(caplog):
    (ROOT / "bolt/ground_truth/hole/000_mask.png").rename(ROOT / "bolt/ground_truth/hole/9_mask.png")
    with caplog.at_level(logging.WARNING, logger="adtool"):
        mvtec.run(Config())
    said = [record.getMessage() for record in caplog.records]
    assert any("bolt: 1 defective image without a mask" in text and "test/hole/000" in text for text in said)
    assert any("bolt: 1 mask without an image of that name" in text and "9_mask.png" in text for text in said)


def test_a_mask_of_another_size_and_an_unreadable_image_are_errors():
    mask = ROOT / "bolt/ground_truth/hole/000_mask.png"
    whole = mask.read_bytes()
    arrays.write_mask(mask, np.ones((3, 3), bool))
    with pytest.raises(BadDataError, match="differ in size"):
        mvtec.run(Config())
    mask.write_bytes(whole)
    (ROOT / "nut/test/hole/001.png").write_bytes(b"")
    with pytest.raises(BadDataError, match=r"1 unreadable files: .*nut/test/hole/001\.png"):
        mvtec.run(Config())
    assert not (ROOT / "dataset.json").exists()


def test_a_category_without_test_images_is_an_error():
    for path in (ROOT / "nut/test").rglob("*.png"):
        path.unlink()
    with pytest.raises(MissingInputError, match="nut has no test images"):
        mvtec.run(Config(source=ROOT))
