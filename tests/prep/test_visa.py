import logging
from pathlib import Path

import pytest

from adtool.core import files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.prep.datasets import visa
from adtool.prep.datasets.visa import Config

RAW, OUT = Path("VisA_20220922"), Path("data/visa")
SPLIT = RAW / "split_csv/1cls.csv"
OBJECTS = ("fryum", "pipe_fryum")  # one name is in the other


@pytest.fixture(autouse=True)
def raw(workspace, picture, mask):
    """Two objects: three normal images, two to train on, and two anomalous ones with masks of 1 and 2, or of 1."""
    rows = []
    for name in OBJECTS:
        for number in range(3):
            image = f"{name}/Data/Images/Normal/{number:04}.JPG"
            picture(RAW / image, seed=number)
            rows.append([name, "train" if number < 2 else "test", "normal", image, ""])
        for number in range(2):
            image, of = f"{name}/Data/Images/Anomaly/{number:03}.JPG", f"{name}/Data/Masks/Anomaly/{number:03}.png"
            picture(RAW / image, seed=10 + number)
            mask(RAW / of, peak=1, soft=2 * number)
            rows.append([name, "test", "anomaly", image, of])
    write_split(rows)
    return rows


def write_split(rows, path=SPLIT):
    files.write_csv(path, visa.COLUMNS, [dict(zip(visa.COLUMNS, row, strict=True)) for row in rows])


def test_the_official_split_is_laid_out_as_the_authors_do():
    outcome = visa.run(Config())
    data = read_dataset(OUT)
    assert list(data.categories) == ["fryum", "pipe_fryum"]
    pipe = data.category("pipe_fryum")
    assert [one.id for one in pipe.train] == ["train/good/0000", "train/good/0001"]
    assert [one.id for one in pipe.test] == ["test/bad/000", "test/bad/001", "test/good/0002"]
    assert (OUT / "fryum/test/bad/000.JPG").read_bytes() == (RAW / "fryum/Data/Images/Anomaly/000.JPG").read_bytes()
    assert outcome.rows[0] == {"category": "fryum", "train": 2, "test normal": 1, "test other": 2, "masks": 2} | {
        "kinds": "bad"
    }


def test_small_numbers_in_a_mask_are_defects(read_back):
    visa.run(Config())
    assert read_back(OUT / "fryum/ground_truth/bad/000.png") == ({0, 255}, 16)
    assert read_back(OUT / "fryum/ground_truth/bad/001.png") == ({0, 255}, 20), "defect 1 and defect 2"
    assert read_dataset(OUT).mask_rule == "gt0"


def test_a_suffix_in_another_case_is_the_same_file():
    image = RAW / "fryum/Data/Images/Anomaly/000.JPG"
    image.rename(image.with_suffix(".jpg"))
    visa.run(Config())
    assert (OUT / "fryum/test/bad/000.jpg").exists()


def test_a_half_download_names_what_is_missing_and_whole_objects_can_be_had():
    for path in (RAW / "pipe_fryum/Data/Masks/Anomaly").iterdir():
        path.unlink()
    with pytest.raises(MissingInputError, match=r"lacks 2 of the 14 files .*Masks/Anomaly/000\.png.*of pipe_fryum\)"):
        visa.run(Config())
    assert visa.run(Config(category=("fryum",))).done == ["fryum"]
    with pytest.raises(UsageError, match=r"no category 'fry'\. It has: fryum, pipe_fryum"):
        visa.run(Config(category=("fry",)))


def test_the_split_file_must_be_there_and_be_the_right_one(raw):
    write_split([*raw, ["fryum", "train", "anomaly", "fryum/Data/Images/Anomaly/000.JPG", ""]], Path("2cls.csv"))
    with pytest.raises(BadDataError, match=r"puts 1 anomalous images into train"):
        visa.run(Config(split_file=Path("2cls.csv")))
    write_split([*raw, ["fryum", "test", "normal", "fryum/Data/Images/Normal/0000.JPG", ""]], Path("twice.csv"))
    with pytest.raises(BadDataError, match=r"Normal/0000\.JPG more than once"):
        visa.run(Config(split_file=Path("twice.csv")))
    write_split([["fryum", "val", "normal", "fryum/Data/Images/Normal/0000.JPG", ""]], Path("val.csv"))
    with pytest.raises(BadDataError, match=r"split 'val'"):
        visa.run(Config(split_file=Path("val.csv")))
    Path("other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadDataError, match=r"needs the columns object,split,label,image,mask"):
        visa.run(Config(split_file=Path("other.csv")))
    SPLIT.unlink()
    with pytest.raises(MissingInputError, match=r"No split file at VisA_20220922/split_csv/1cls\.csv.*--split-file"):
        visa.run(Config())


def test_files_that_the_split_does_not_name_are_said(picture, caplog):
    picture(RAW / "fryum/Data/Images/Normal/0099.JPG")
    with caplog.at_level(logging.WARNING, logger="adtool"):
        visa.run(Config())
    said = [record.getMessage() for record in caplog.records]
    assert any("1 file that the data set as published does not have" in text and "0099.JPG" in text for text in said)


def test_a_source_that_lies_too_deep_names_the_right_one():
    with pytest.raises(MissingInputError, match=r"give --source VisA_20220922$"):
        visa.run(Config(source=RAW / "fryum"))


def test_a_part_of_the_pictures_may_be_looked_at_alone(looks_at_a_part):
    looks_at_a_part(visa, OUT)
