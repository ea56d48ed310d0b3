import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.prep import finding
from adtool.prep.datasets import mtd
from adtool.prep.datasets.mtd import Config

RAW = Path("mtd_raw")
OUT = Path("data/mtd_anomaly_detection")
REAL = Path(__file__).parents[3] / "shared/data/mtd_raw"


def write_jpg(path, size=(20, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".jpg", np.full(size, 100, np.uint8))[1].tobytes())


@pytest.fixture(autouse=True)
def raw(workspace):
    """Two pairs of each kind, four normal images, of which two are trained on."""
    for kind in mtd.KINDS:
        for number in range(4 if kind == "MT_Free" else 2):
            name = f"exp{number}_{kind}"
            write_jpg(RAW / kind / "Imgs" / f"{name}.jpg")
            grey = np.zeros((20, 30), np.uint8)
            if kind != "MT_Free":
                grey[5:9, 5:9] = 200
                grey[4, 5:9] = 127  # a soft edge
            arrays.write_png(RAW / kind / "Imgs" / f"{name}.png", grey)
    (RAW / "mtd_train_filenames.txt").write_text("exp0_MT_Free.jpg\nexp1_MT_Free.jpg\n")
    return RAW


def test_the_download_is_found_and_laid_out_as_anomalyncd_has_it():
    outcome = mtd.run(Config())
    data = read_dataset(OUT)
    category = data.category("MTD")
    assert (data.name, data.mask_rule, category.normal_kinds) == ("mtd_anomaly_detection", "ge128", {"MT_Free"})
    assert [one.id for one in category.train] == ["train/MT_Free/exp0_MT_Free", "train/MT_Free/exp1_MT_Free"]
    assert len(category.test) == 2 + 5 * 2
    assert (OUT / "ground_truth/MT_Crack/exp0_MT_Crack.png").exists()
    assert outcome.rows == [
        {"category": "MTD", "train": 2, "test normal": 2, "test other": 10, "masks": 12}
        | {"kinds": "MT_Blowhole, MT_Break, MT_Crack, MT_Fray, MT_Uneven"}
    ]


def test_jpg_stays_jpg_and_masks_become_0_and_255():
    mtd.run(Config())
    image = OUT / "test/MT_Crack/exp0_MT_Crack.jpg"
    assert image.read_bytes() == (RAW / "MT_Crack/Imgs/exp0_MT_Crack.jpg").read_bytes()
    mask = cv2.imread(str(OUT / "ground_truth/MT_Crack/exp0_MT_Crack.png"), cv2.IMREAD_UNCHANGED)
    assert (mask == 255).sum() == 16, "the soft edge of 127 is no defect"
    assert set(np.unique(mask)) == {0, 255}


def test_the_index_lists_every_image():
    mtd.run(Config())
    rows = files.read_csv(OUT / "samples.csv")
    assert len(rows) == 14
    assert {(row["width"], row["height"]) for row in rows} == {("30", "20")}
    for row in rows:
        assert (OUT / row["image"]).exists()
        assert not row["mask"] or (OUT / row["mask"]).exists()


def test_the_source_is_not_changed():
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in RAW.rglob("*") if path.is_file()}
    mtd.run(Config())
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in RAW.rglob("*") if path.is_file()} == before


def test_the_same_again_does_nothing_and_other_input_is_refused():
    mtd.run(Config())
    before = (OUT / "samples.csv").stat().st_mtime_ns
    assert mtd.run(Config()).skipped == ["mtd_anomaly_detection"]
    assert (OUT / "samples.csv").stat().st_mtime_ns == before
    (RAW / "mtd_train_filenames.txt").write_text("exp0_MT_Free.jpg\n")
    with pytest.raises(UsageError, match=r"changed: train_list.*--force"):
        mtd.run(Config())
    mtd.run(Config(), force=True)
    assert len(read_dataset(OUT).category("MTD").train) == 1
    assert not (OUT / "train/MT_Free/exp1_MT_Free.jpg").exists()


def test_an_interrupted_run_goes_on(monkeypatch):
    real, left = files.link_or_copy, [3]

    def link(*arguments):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(files, "link_or_copy", link)
    with pytest.raises(KeyboardInterrupt):
        mtd.run(Config())
    with pytest.raises(MissingInputError, match="not finished"):
        read_dataset(OUT)
    before = {path: path.stat().st_mtime_ns for path in OUT.rglob("*.jpg")}
    mtd.run(Config())
    assert len(before) == 2
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(read_dataset(OUT).category("MTD").test) == 12


def test_an_unreadable_image_is_skipped_and_stated():
    (RAW / "MT_Crack/Imgs/exp0_MT_Crack.jpg").write_bytes(b"")
    outcome = mtd.run(Config())
    assert len(outcome.notes) == 1
    assert outcome.notes[0].startswith("skipped 1 unreadable image: ")
    assert "exp0_MT_Crack.jpg" in outcome.notes[0]
    assert not (OUT / "ground_truth/MT_Crack/exp0_MT_Crack.png").exists()


def test_a_mask_of_another_size_names_both_files():
    arrays.write_png(RAW / "MT_Crack/Imgs/exp0_MT_Crack.png", np.zeros((9, 9), np.uint8))
    with pytest.raises(BadDataError, match=r"exp0_MT_Crack\.png has 9 x 9 pixels, its image .*Crack.jpg 30 x 20"):
        mtd.run(Config())


def test_images_without_mask_and_masks_without_image_are_said(caplog):
    (RAW / "MT_Crack/Imgs/exp0_MT_Crack.png").unlink()
    (RAW / "MT_Fray/Imgs/exp1_MT_Fray.jpg").unlink()
    with caplog.at_level(logging.WARNING, logger="adtool"):
        mtd.run(Config())
    said = [record.getMessage() for record in caplog.records]
    assert any("1 defective image without a mask" in text and "exp0_MT_Crack.jpg" in text for text in said)
    assert any("1 mask without an image of that name" in text and "exp1_MT_Fray.png" in text for text in said)


def test_what_is_missing_is_named():
    with pytest.raises(MissingInputError, match="does not look like MTD"):
        mtd.run(Config(source=Path("data").absolute().parent / "mtd_raw/MT_Crack"))
    (RAW / "mtd_train_filenames.txt").rename("list.txt")
    with pytest.raises(MissingInputError, match="--train-list"):
        mtd.run(Config())
    assert mtd.run(Config(train_list=Path("list.txt"))).done == ["MTD"]
    Path("list.txt").write_text("nobody.jpg\n")
    with pytest.raises(BadDataError, match=r"names 1 image that .*nobody\.jpg"):
        mtd.run(Config(train_list=Path("list.txt")))
    Path("list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadDataError, match="no text file"):
        mtd.run(Config(train_list=Path("list.txt")))
    for path in (RAW / "MT_Fray/Imgs").iterdir():
        path.unlink()
    with pytest.raises(MissingInputError, match="lacks images of MT_Fray"):
        mtd.run(Config())


def test_two_downloads_in_one_place_are_named():
    RAW.rename("a")
    Path("holder").mkdir()
    import shutil

    shutil.copytree("a", "holder/one")
    shutil.copytree("a", "holder/two")
    with pytest.raises(MissingInputError, match=r"several times: holder/one, holder/two"):
        mtd.run(Config(source=Path("holder")))


def test_a_missing_download_is_told_with_the_whole_tree_and_where_to_get_it(monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for source in (None, Path("gone"), Path()):
        with pytest.raises(MissingInputError) as told:
            mtd.run(Config(source=source))
        message = str(told.value)
        assert all(kind in message for kind in mtd.KINDS)
        assert "--source" in message
        assert message.endswith(f"Published at {mtd.PUBLISHED}")  # that address ends in a full stop of its own


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="the real data set is not here")
def test_the_real_data_set_has_the_counts_of_the_papers():
    outcome = mtd.run(Config(source=REAL))
    (row,) = outcome.rows
    assert (row["train"], row["test normal"], row["test other"]) == (761, 191, 392)


def test_a_folder_that_may_not_be_read_is_passed_over_and_said(monkeypatch, caplog):
    Path("a_private").mkdir()

    def looks_right(place):
        if place.name == "a_private":
            raise PermissionError
        return mtd.looks_right(place)

    found = finding.find_source(None, looks_right, name="MTD", expected="", published="")
    assert found == RAW
    assert "1 path that may not be read (permission denied): a_private" in caplog.text


def test_what_is_left_out_and_what_counts_as_painted_is_said_and_can_be_set(caplog):
    (RAW / "MT_Crack/Imgs/raw.cr2").write_bytes(b"x")
    (RAW / "MT_Crack/Imgs/other.bmp").write_bytes(b"x")
    with caplog.at_level(logging.INFO, logger="adtool"):
        mtd.run(Config(mask_rule="gt0"))
    for said in ("1 file not read (1 .cr2)", "1 file that the data set as published does not have", "grey > 0"):
        assert said in caplog.text
    assert read_dataset(Path("data/mtd_anomaly_detection")).mask_rule == "gt0"


def test_a_part_of_the_pictures_may_be_looked_at_alone(looks_at_a_part):
    looks_at_a_part(mtd, OUT)
