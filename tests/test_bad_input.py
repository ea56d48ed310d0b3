"""Bad input through the whole chain: a clear message and the right exit code, or a skip that is stated."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adtool.core import arrays, files
from adtool.core.dataset import dataset_folder
from adtool.core.layout import ClassesFolder, MapsFolder

QUICK = ("--image-size", 64, "--set", "drawn=1000", "--set", "bank_size=64")
DATA = Path("data/parts")


@pytest.fixture(autouse=True)
def here(workspace, instead_of_weights):
    return workspace


@pytest.fixture
def data(tiny_data):
    return tiny_data.make(DATA, kinds={"good": 3, "hole": 3, "scratch": 3})


@pytest.fixture
def chain(adtool):
    """maps, discover and report, one after the other; the last one's document."""

    def call():
        ended = [adtool("maps", *QUICK), adtool("discover", "--classes", 3), adtool("report", "--json")]
        assert [one.code for one in ended] == [0, 0, 0], [one.err for one in ended]
        return json.loads(ended[2].out), ended[0].out + ended[0].err

    return call


def pictures(tiny_data):
    return tiny_data.image(np.random.default_rng(7), "hole")[0]


@pytest.mark.slow
def test_corrupt_and_empty_images_are_skipped_by_every_step_and_the_rest_is_done(data, chain):
    (data / "test/hole/000.png").write_bytes(b"")
    whole = (data / "test/good/001.png").read_bytes()
    (data / "test/good/001.png").write_bytes(whole[: len(whole) // 2])
    document, said = chain()
    assert "parts: 2 of 9 pictures could not be read: test/good/001, test/hole/000" in said
    assert "the file is empty" in said
    ids = {row["id"] for row in ClassesFolder(Path("classes/parts")).image_rows()}
    assert len(ids) == 7
    facts = document["sources"][0]["categories"][0]
    assert (facts["images"], facts["images_without_map"]) == (7, 2)


@pytest.mark.slow
def test_images_of_every_mode_go_through_the_chain(data, chain, tiny_data):
    pixels = pictures(tiny_data)
    deep = pixels[..., 0].astype(np.uint16) * 257
    folder = data / "test/hole"
    Image.fromarray(deep).save(folder / "16 bit.png")
    Image.fromarray(deep).save(folder / "16 bit tif.tif")
    Image.fromarray(pixels).convert("P").save(folder / "palette.png")
    Image.fromarray(np.dstack([pixels, pixels[..., 0]])).save(folder / "rgba.png")
    Image.fromarray(pixels).convert("LA").save(folder / "la.png")
    Image.fromarray(pixels).convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(pixels).convert("1").save(folder / "bits.bmp")
    document, _ = chain()
    facts = document["sources"][0]["categories"][0]
    assert (facts["images"], facts["images_without_map"], facts["defect_images_without_mask"]) == (16, 0, 7)


def test_hidden_files_thumbs_db_and_notes_are_not_images(data, chain):
    for name in ("._000.png", ".DS_Store", "Thumbs.db", "notes.txt"):
        for folder in ("test/hole", "train/good", "ground_truth/hole"):
            (data / folder / name).write_bytes(b"x")
    document, said = chain()
    assert document["sources"][0]["categories"][0]["images"] == 9
    assert "skipped" not in said


def test_a_mask_of_another_size_is_exit_3_and_names_both_files(data, adtool):
    assert adtool("maps", *QUICK).code == 0
    arrays.write_mask(data / "ground_truth/hole/000_mask.png", np.ones((5, 6), bool))
    ended = adtool("report")
    assert ended.code == 3
    assert "ground_truth/hole/000_mask.png is 6 x 5 pixels, but its image" in ended.err


def test_a_mask_that_cannot_be_read_is_exit_3_and_named(data, adtool):
    assert adtool("maps", *QUICK).code == 0
    (data / "ground_truth/hole/000_mask.png").write_bytes(b"x")
    ended = adtool("report")
    assert ended.code == 3
    assert "ground_truth/hole/000_mask.png can't be read" in ended.err


def test_a_mask_without_image_and_an_image_without_mask_are_counted(data, chain):
    (data / "ground_truth/hole/000_mask.png").rename(data / "ground_truth/hole/999_mask.png")
    document, _ = chain()
    facts = document["sources"][0]["categories"][0]
    assert (facts["defect_images_without_mask"], facts["masks_without_image"]) == (1, 1)
    assert any("1 masks without image" in note for note in document["notes"])


@pytest.mark.slow
def test_masks_of_16_bit_palette_and_one_bit_give_the_same_figures(data, chain):
    plain, _ = chain()
    for number, path in enumerate(sorted((data / "ground_truth").rglob("*.png"))):
        mask = arrays.read_mask(path)
        image = Image.fromarray(mask.astype(np.uint8) * 255)
        if number % 3 == 0:
            image = Image.fromarray(mask.astype(np.uint16) * 65535)
        elif number % 3 == 1:
            image = Image.fromarray(mask)
        else:
            image = image.convert("P")
        image.save(path)
    ended = chain()[0]
    assert ended["sources"] == plain["sources"]


def test_the_same_id_twice_is_exit_3_and_names_both_files(data, adtool):
    Image.fromarray(np.zeros((40, 56, 3), np.uint8)).save(data / "test/hole/000.JPG")
    for command in (("maps", *QUICK), ("prep", "mvtec", "--source", data)):
        ended = adtool(*command)
        assert ended.code == 3
        assert "Two files have the id 'test/hole/000'" in ended.err
        assert "000.JPG" in ended.err


@pytest.mark.slow
def test_equal_names_in_two_kinds_and_two_categories_stay_apart(tiny_data, adtool):
    tiny_data.make(Path("data/many"), ["fryum", "pipe_fryum"])
    assert adtool("maps", *QUICK).code == 0
    assert adtool("discover", "--classes", 3).code == 0
    found = sorted(path.relative_to("maps").as_posix() for path in Path("maps").rglob("000.tiff"))
    assert found == [f"{c}/test/{k}/000.tiff" for c in ("fryum", "pipe_fryum") for k in ("good", "hole", "scratch")]
    assert len(ClassesFolder(Path("classes/fryum")).image_rows()) == 6
    assert adtool("report").code == 0


def test_unicode_spaces_and_dots_in_every_name(tiny_data, chain):
    root = tiny_data.make(Path("data/Größe 1.2"), kinds={"good": 3, "kleine Löcher": 3})
    for path in sorted(root.rglob("test/*/00?.png")):
        path.rename(path.with_name(f"Bild {path.stem}.ä β.png"))
    for path in sorted(root.rglob("ground_truth/*/*.png")):
        path.rename(path.with_name(f"Bild {path.stem.removesuffix('_mask')}.ä β_mask.png"))
    document, _ = chain()
    facts = document["sources"][0]["categories"][0]
    assert (facts["images"], facts["defect_images_without_mask"]) == (6, 0)
    names = {row["id"] for row in MapsFolder(Path("maps")).image_rows("Größe 1.2")}
    assert "test/kleine Löcher/Bild 000.ä β" in names


def test_one_image_only(tiny_data, adtool):
    tiny_data.make(DATA, train=1, kinds={"hole": 1})
    assert adtool("maps", *QUICK).code == 0
    ended = adtool("discover")
    assert ended.code in (0, 3)
    assert "bug" not in ended.err
    ended = adtool("report")
    assert ended.code == 0
    assert "no normal images" in ended.out


def test_maps_of_another_data_set_are_refused_by_discover_and_report(data, tiny_data, adtool):
    assert adtool("maps", *QUICK).code == 0
    tiny_data.make(Path("other/parts"), kinds={"good": 2})
    for command in (("discover", "--classes", 2), ("report",)):
        ended = adtool(*command, "--data", "other/parts")
        assert (ended.code, "made from other images" in ended.err) == (3, True)
    assert not Path("classes").exists()


def test_images_that_change_after_the_maps_are_noticed(data, adtool):
    assert adtool("maps", *QUICK).code == 0
    (data / "test/hole/000.png").unlink()
    assert adtool("discover", "--classes", 2).code == 3
    assert adtool("report").code == 3
    assert adtool("maps", *QUICK).code == 2, "other inputs in a finished folder"


def test_a_map_that_was_damaged_or_is_gone_is_exit_3_and_named(data, adtool):
    assert adtool("maps", *QUICK).code == 0
    path = Path("maps/parts/test/hole/000.tiff")
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    for command in (("discover", "--classes", 2), ("report",)):
        ended = adtool(*command)
        assert (ended.code, "test/hole/000.tiff can't be read as a map" in ended.err) == (3, True), command
    path.unlink()
    ended = adtool("discover", "--classes", 2)
    assert (ended.code, "test/hole/000.tiff" in ended.err) == (3, True)


def test_a_table_that_a_person_broke_is_exit_3(data, adtool):
    assert adtool("maps", *QUICK).code == 0
    table = MapsFolder(Path("maps")).images("parts")
    table.write_text(table.read_text().replace(",", "|"))
    for command in (("discover", "--classes", 2), ("report",)):
        ended = adtool(*command)
        assert (ended.code, "lacks columns" in ended.err) == (3, True), command


def test_an_unfinished_data_set_is_exit_3_and_says_what_to_run(adtool, monkeypatch):
    make = ("prep", "synthetic", "--category", "cap", "--train", 2, "--test", 1, "--size", 32)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(arrays, "write_mask", stop)
        assert adtool(*make).code == 130
    ended = adtool("maps", *QUICK)
    assert ended.code == 3
    assert "Run the same `adtool prep` again" in ended.err
    assert adtool(*make).code == 0
    assert adtool("maps", *QUICK).code == 0


def test_a_card_that_was_broken_is_exit_3(data, adtool):
    files.write_json(data / "dataset.json", {"mask_rule": "129"})
    ended = adtool("maps", *QUICK)
    assert (ended.code, "no mask_rule '129'" in ended.err) == (3, True)


def test_labels_without_a_good_part_are_a_report_of_what_the_limit_finds_alone(tiny_data, adtool):
    tiny_data.make(DATA, kinds={"0": 2, "1": 2})
    shutil.rmtree(DATA / "ground_truth")
    assert adtool("maps", *QUICK).code == 0
    ended = adtool("report")
    assert ended.code == 0, ended.err
    assert "no defect and no normal pixels" in ended.out
    values = {row["metric"]: row["value"] for row in files.read_csv(Path("report/metrics.csv"))}
    assert {name for name, value in values.items() if value} == {"found_at_limit"}


def test_masks_prepared_by_the_rule_for_dark_defects_are_right_in_the_report(tiny_data, adtool):
    tiny_data.make(DATA)
    for path in (DATA / "ground_truth").rglob("*.png"):
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    given = ("--normal", DATA / "train/good", "--test", DATA / "test", "--masks", DATA / "ground_truth")
    assert adtool("prep", "folder", *given, "--name", "dark", "--mask-rule", "lt128").code == 0
    checked = adtool("check", "--data", "data/dark", "--json")
    assert "mask_inverted" not in checked.out
    assert dataset_folder.read_dataset(Path("data/dark")).category("dark").mask_rule == "gt0"
