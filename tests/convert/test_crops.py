import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adtool.convert.config import ConvertConfig
from adtool.convert.step import run
from adtool.core import arrays, files, layout
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError
from adtool.core.layout import ClassesFolder
from adtool.core.steps import notes, step_run

DATA, CLASSES, TREE = Path("data/parts"), Path("classes"), Path("converted/anomalyncd_crops")


def make_classes(crops: dict[str, list[float]]) -> None:
    """Finished classes with crops of 8 x 8 of the images named, each with a score."""
    category = read_dataset(DATA).category("parts")
    work = step_run.StepRun("discover", CLASSES)
    work.plan({"parts": step_run.Identity("discover", {}, 0, {"images": category.fingerprint()})}, {"data": DATA})
    folder = ClassesFolder(CLASSES / "parts")
    with work.category("parts", keep_going=False):
        rows = []
        for one, scores in crops.items():
            for index, score in enumerate(scores):
                arrays.write_png(folder.crop(one, index), np.full((8, 8, 3), 40 + index, np.uint8))
                arrays.write_mask(folder.crop_mask(one, index), np.eye(8, dtype=bool))
                file = folder.crop(one, index).relative_to(folder.path).as_posix()
                place = {"file": file, "x": 0, "y": 0, "side": 8, "area_px": 8, "class": "c1", "confidence": 0.5}
                rows.append({"id": one, "crop": index, "score": score, **place})
        files.write_csv(folder.crops, layout.CROPS_COLUMNS, rows)


def test_crops_masks_and_scores_lie_where_anomalyncd_reads_them(workspace, tiny_data):
    tiny_data.make(DATA)
    make_classes({"test/hole/000": [1.0005, 0.25], "test/good/000": [0]})
    outcome = run(ConvertConfig(to="anomalyncd_crops"))
    assert outcome.rows[0]["files"] == 3
    names = sorted(path.relative_to(TREE / "parts").as_posix() for path in (TREE / "parts").rglob("*.png"))
    expected = ["good/000_crop0.png", "hole/000_crop0.png", "hole/000_crop1.png"]
    assert names == [f"images/{name}" for name in expected] + [f"masks/{name}" for name in expected]
    scores = json.loads((TREE / "scores_json/parts.json").read_text())
    assert scores == {"hole": {"000_crop0.png": 1, "000_crop1.png": 0.25}, "good": {"000_crop0.png": 0}}
    assert arrays.read_image(TREE / "parts/images/hole/000_crop1.png").max() == 41
    with Image.open(TREE / "parts/masks/hole/000_crop1.png") as mask:
        assert mask.mode == "1"
        assert (np.asarray(mask) == np.eye(8, dtype=bool)).all()
    assert sorted(path.name for path in (TREE / "parts").iterdir()) == ["images", "masks"]


def test_folders_below_a_kind_become_part_of_the_name_but_never_join_two_images(workspace, tiny_data):
    tiny_data.make(DATA)
    for name in ("a_b.png", "a/b.png"):
        arrays.write_png(DATA / "test/hole" / name, np.zeros((8, 8, 3), np.uint8))
    make_classes({"test/hole/a/b": [0.5]})
    run(ConvertConfig(to="anomalyncd_crops"))
    assert (TREE / "parts/images/hole/a_b_crop0.png").is_file()
    make_classes_again = {"test/hole/a/b": [0.5], "test/hole/a_b": [0.5]}
    notes.remove_folder(CLASSES / "parts")
    make_classes(make_classes_again)
    with pytest.raises(BadDataError, match="would both be called hole/a_b"):
        run(ConvertConfig(to="anomalyncd_crops"), force=True)


def test_a_name_that_anomalyncd_would_cut_is_said(workspace, tiny_data):
    tiny_data.make(DATA)
    (DATA / "test/hole/000.png").rename(DATA / "test/hole/7_crop2.png")
    make_classes({"test/hole/7_crop2": [0.5]})
    assert "would cut the name '7_crop2'" in run(ConvertConfig(to="anomalyncd_crops")).notes[0]


def test_crops_of_images_that_are_not_there_are_refused(workspace, tiny_data):
    tiny_data.make(DATA)
    make_classes({"test/hole/900": [0.5]})
    with pytest.raises(BadDataError, match="'test/hole/900'"):
        run(ConvertConfig(to="anomalyncd_crops"))
