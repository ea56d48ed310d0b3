import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

import adtool
from adtool.check import maps as check_maps
from adtool.core import arrays, files
from adtool.core.checks.findings import Findings
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Sample
from adtool.core.layout import MapsFolder

MAPS = Path("maps/parts")


@pytest.fixture
def maps(data):
    """Float maps of all nine test images."""
    rng = np.random.default_rng(0)
    samples = read_dataset(data).category("parts").test
    adtool.write_maps("maps", "parts", [one.id for one in samples], rng.random((len(samples), 20, 28)), data=data)
    return MAPS


def put(path, scores):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.asarray(scores), photometric="rgb" if np.ndim(scores) == 3 else "minisblack")


def test_maps_without_faults_have_no_findings(maps, found):
    assert found() == {}
    assert found(maps=(Path("maps"),)) == {}


def test_maps_that_hold_no_scores_are_named_by_what_they_hold(maps, found):
    ramp = np.linspace(0, 1, 560, dtype=np.float32).reshape(20, 28)
    put(maps / "test/good/000.tiff", np.where(ramp > 0.9, np.nan, ramp))
    put(maps / "test/good/001.tiff", np.where(ramp > 0.9, np.inf, ramp))
    put(maps / "test/good/002.tiff", np.zeros((20, 28, 3), np.float32))
    put(maps / "test/hole/000.tiff", np.ones((20, 28), np.float32))
    (maps / "test/hole/001.tiff").write_bytes(b"")
    (maps / "test/hole/002.tiff").write_bytes(b"II*\0")
    seen = found()
    assert seen["map_not_finite"] == ("error", [f"{maps}/test/good/000.tiff", f"{maps}/test/good/001.tiff"])
    assert seen["map_shape"] == ("error", [f"{maps}/test/good/002.tiff (20, 28, 3)"])
    assert seen["map_constant"] == ("warning", [f"{maps}/test/hole/000.tiff"])
    severity, cases = seen["map_unreadable"]
    assert severity == "error"
    assert cases[0] == f"{maps}/test/hole/001.tiff (the file is empty)"
    assert cases[1].startswith(f"{maps}/test/hole/002.tiff (damaged: ")
    assert len(seen) == 4


def test_all_maps_constant_is_an_error(maps, found):
    for path in maps.rglob("*.tiff"):
        put(path, np.ones((20, 28), np.float32))
    seen = found()
    assert seen["maps_constant"][0] == "error"
    assert len(seen["maps_constant"][1]) == 9


def test_maps_and_images_are_paired_by_id(maps, found):
    (maps / "test/hole/001.tiff").rename(maps / "test/hole/099.tiff")
    seen = found()
    assert seen == {
        "map_without_image": ("error", [f"{maps}/test/hole/099.tiff"]),
        "image_without_map": ("warning", ["data/parts/test/hole/001.png"]),
        "table_gap": ("error", ["test/hole/001 (no map)", "test/hole/099 (no row)"]),
    }


def test_an_id_twice_is_found_in_files_and_in_the_table(maps, found):
    np.save(maps / "test/hole/000.npy", np.random.default_rng(1).random((20, 28)))
    rows = files.read_csv(maps / "images.csv")
    files.write_csv(maps / "images.csv", list(rows[0]), [*rows, rows[0]])
    seen = found()
    assert seen["id_twice"] == ("error", [f"{maps}/test/hole/000.npy and 000.tiff"])
    assert seen["table_twice"] == ("error", ["test/good/000"])


def test_a_score_in_the_table_must_be_a_finite_number(maps, found):
    rows = files.read_csv(maps / "images.csv")
    rows[0]["image_score"], rows[1]["image_score"] = "nan", "high"
    files.write_csv(maps / "images.csv", list(rows[0]), rows)
    assert found() == {"table_score": ("error", ["test/good/000: 'nan'", "test/good/001: 'high'"])}


def tree_of_others(data, suffix, *, top=255):
    """The layout of other tools, without test/: 8 bits, scaled so that the highest score of all is `top`."""
    rng = np.random.default_rng(0)
    for sample in read_dataset(data).category("parts").test:
        levels = (rng.random((20, 28)) * top).astype(np.uint8)
        path = Path("others/parts", sample.id.removeprefix("test/") + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(suffix, levels)[1].tobytes())


def test_8_bit_maps_of_another_tool_are_paired_and_their_loss_is_said(data, found):
    tree_of_others(data, ".png")
    seen = found(maps=(Path("others"),), data=data)
    assert set(seen) == {"map_8bit", "map_foreign"}
    assert len(seen["map_8bit"][1]) == 9
    tree_of_others(data, ".png", top=10)
    seen = found(maps=(Path("others"),), data=data)
    assert seen["map_levels"][1][0] == "others/parts/good/000.png (10)"


def test_8_bit_maps_in_a_float_file_are_found_out(maps, found):
    for path in maps.rglob("*.tiff"):
        scores = arrays.read_scores(path).scores
        put(path, np.floor(scores * 255).astype(np.float32) / 255)
    assert set(found()) == {"map_8bit"}


def test_one_float_map_of_many_levels_is_not_8_bit(maps, found):
    for path in sorted(maps.rglob("*.tiff"))[1:]:
        scores = arrays.read_scores(path).scores
        put(path, np.floor(scores * 255).astype(np.float32) / 255)
    assert found() == {}


def test_jpeg_maps_are_an_error(data, found):
    tree_of_others(data, ".jpg")
    assert found(maps=(Path("others"),))["map_jpeg"][0] == "error"


def test_categories_that_do_not_fit_are_named(maps, found):
    maps.rename("maps/other")
    seen = found()
    assert seen["category_unknown"] == ("error", ["maps/other"])
    assert seen["category_without_maps"] == ("warning", ["parts"])


def test_maps_of_other_images_and_unfinished_ones_are_said(maps, data, found):
    arrays.write_png(data / "test/hole/000.png", np.full((40, 56, 3), 3, np.uint8))
    note = files.read_json(maps / "_step.json")
    files.write_json(maps / "_step.json", {**note, "state": "running"})
    seen = found()
    assert seen == {
        "not_finished": ("warning", ["maps/parts (running)"]),
        "images_changed": ("error", ["maps/parts: images at data/parts differ"]),
    }


def test_leftovers_of_a_kill_are_named(maps, found):
    (maps / "test/hole/.000.part77.tiff").write_bytes(b"II")
    (maps / "notes.txt").write_text("x")
    assert found() == {"leftover": ("warning", [f"{maps}/notes.txt", f"{maps}/test/hole/.000.part77.tiff"])}


def test_what_steps_write_beside_maps_is_neither_a_map_nor_a_leftover(maps, found):
    folder = MapsFolder(Path("maps"))
    for path in (folder.limit("parts"), folder.normals("parts"), folder.painted("parts")):
        path.write_text("x")
    picture = np.full((20, 28, 3), 3, np.uint8)
    overlay = folder.overlays("parts").picture("test/hole/000")
    overlay.parent.mkdir(parents=True)
    cv2.imwrite(str(overlay), picture)
    folder.overlays("parts").boxes.write_text("x")
    arrays.write_png(folder.reconstructions("parts") / "test/hole/000.png", picture)
    assert found() == {}


def test_many_ids_are_compared_in_a_time_that_grows_as_they_do(data, tmp_path):
    names = [f"test/good/{number:05d}" for number in range(20_000)]
    samples = tuple(Sample("parts", name, "test", "good", tmp_path / f"{name}.png") for name in names)
    looks = [
        check_maps.MapLook(tmp_path / f"{name}.tiff", name, "", (2, 2), finite=True, levels=frozenset())
        for name in names
    ]
    category = replace(read_dataset(data).category("parts"), test=samples)
    started = time.process_time()
    check_maps._check_ids("maps", looks, category, Findings())
    assert time.process_time() - started < 2  # with a set for each id it took ten times that


def test_maps_without_their_data_set_are_checked_alone(maps, data, found, caplog):
    data.rename("elsewhere")
    put(maps / "test/hole/000.tiff", np.full((20, 28), np.nan, np.float32))
    assert set(found(maps=(Path("maps"),))) == {"map_not_finite"}
    assert "No data set at data/parts" in caplog.text


@pytest.mark.parametrize("top", ["test/", ""])
def test_the_maps_of_a_shard_are_those_of_its_images_also_where_other_tools_named_them(data, found, top):
    for one in read_dataset(data).category("parts").test:
        put(Path("others/parts") / f"{top}{one.id.removeprefix('test/')}.tiff", np.random.default_rng(0).random((8, 8)))
    Path("others/parts", f"{top}hole/001.tiff").unlink()
    parts = [found(data=data, maps=(Path("others"),), shard=f"{number}/4") for number in range(1, 5)]
    lacking = [case for one in parts for case in one.get("image_without_map", ("", []))[1]]
    assert lacking == [str(data / "test/hole/001.png")]
    assert not any("map_without_image" in one for one in parts)
