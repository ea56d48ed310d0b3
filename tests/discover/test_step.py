from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files, layout
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ClassesFolder
from adtool.core.limits import limit_file
from adtool.core.limits.limit_file import Limit
from adtool.discover import asked, step
from adtool.discover.config import DiscoverConfig
from adtool.discover.free import features
from adtool.discover.ncd import trunk
from adtool.discover.networks import Networks
from adtool.nn import backbone
from adtool.nn.options import EngineChoice

FOLDER = ClassesFolder(Path("classes", "parts"))


def discover(**settings):
    return step.run(DiscoverConfig(**{"classes": "3", "image_size": 64, **settings}))


def classes_by_kind(folder=FOLDER):
    found = {}
    for row in folder.image_rows():
        found.setdefault(row["kind"], set()).add(row["class"])
    return found


@pytest.mark.parametrize("way", ["maps", "crops"])
def test_two_kinds_of_defect_and_the_normal_images_become_three_classes(workspace, way):
    outcome = discover(features=way)
    found = classes_by_kind()
    assert found["good"] == {"normal"}
    assert {frozenset(found["dot"]), frozenset(found["bar"])} == {frozenset({"c1"}), frozenset({"c2"})}
    assert outcome.done == ["parts"]
    assert outcome.rows[0]["sizes"] == "normal 6, c1 5 (dark spots), c2 5 (bright lines)"


def test_the_files_of_the_contract_are_written(workspace):
    discover()
    binary = arrays.read_mask(FOLDER.binary("test/dot/0"))
    assert binary.shape == (48, 48)
    assert 20 < binary.sum() < 400
    crops, regions = files.read_csv(FOLDER.crops), files.read_csv(FOLDER.regions)
    assert tuple(crops[0]) == layout.CROPS_COLUMNS
    assert tuple(regions[0]) == layout.REGIONS_COLUMNS
    dot = next(row for row in crops if row["id"] == "test/dot/0")
    assert Path(FOLDER.path, dot["file"]) == FOLDER.crop("test/dot/0", 0)
    side = int(dot["side"])
    assert arrays.read_image(FOLDER.crop("test/dot/0", 0)).shape == (side, side, 3)
    part = arrays.read_mask(FOLDER.crop_mask("test/dot/0", 0))
    assert part.shape == (side, side)
    assert part.sum() == int(dot["area_px"])
    classes = files.read_csv(FOLDER.classes)
    assert tuple(classes[0]) == layout.CLASSES_COLUMNS
    assert [row["class"] for row in classes] == ["normal", "c1", "c2"]
    assert FOLDER.model.exists()
    assert files.read_json(FOLDER.card)["count_rule"] == "3"
    assert not Path("classes", "parts", step.SCRATCH).exists()


def test_a_region_knows_its_crop_and_its_pixels(workspace):
    discover()
    rows = [row for row in files.read_csv(FOLDER.regions) if row["id"] == "test/bar/1"]
    assert sum(int(row["area_px"]) for row in rows) == arrays.read_mask(FOLDER.binary("test/bar/1")).sum()
    crops = {row["crop"]: row for row in files.read_csv(FOLDER.crops) if row["id"] == "test/bar/1"}
    first = rows[0]
    holder = crops[first["crop"]]
    assert int(holder["x"]) <= int(first["x"])
    assert int(first["x"]) + int(first["w"]) <= int(holder["x"]) + int(holder["side"])


def test_an_image_without_regions_has_one_square_crop_around_it(workspace):
    Path("data/parts/test/good/0.png").unlink()
    arrays.write_png(Path("data/parts/test/good/0.png"), np.full((30, 48, 3), 120, np.uint8))
    arrays.write_scores(Path("maps/parts/test/good/0.tiff"), np.zeros((24, 24), np.float32), 0.0)
    note = files.read_json(Path("maps/parts/_step.json"))
    note["inputs"] = {}
    files.write_json(Path("maps/parts/_step.json"), note)
    discover()
    crop = next(row for row in files.read_csv(FOLDER.crops) if row["id"] == "test/good/0")
    assert [crop[name] for name in ("x", "y", "side", "area_px")] == ["0", "-9", "48", "0"]


def test_a_flat_folder_without_labels_gives_the_same_classes(flat_workspace):
    discover(data=Path("flat"))
    rows = ClassesFolder(Path("classes", "flat")).image_rows()
    assert {row["kind"] for row in rows} == {"unknown"}
    found = [row["class"] for row in rows]  # bar, dot, good: the order of the labelled folders
    assert [len(set(found[:5])), len(set(found[5:10])), set(found[10:])] == [1, 1, {"normal"}]


def test_labels_are_used_for_oracle_only(workspace):
    discover()
    before = [row["class"] for row in FOLDER.image_rows()]
    discover(out=Path("counted"), classes="oracle")
    counted = ClassesFolder(Path("counted", "parts"))
    assert [row["class"] for row in counted.image_rows()] == before
    assert files.read_json(counted.card)["count_rule"] == "oracle"
    note = files.read_json(Path("counted/parts/_step.json"))
    assert "kinds" in note["inputs"]
    assert "kinds" not in files.read_json(Path("classes/parts/_step.json"))["inputs"]


def test_combined_defects_are_no_kind_for_the_oracle(workspace):
    Path("data/parts/test/bar").rename("data/parts/test/combined")
    category = step.dataset_folder.read_dataset(Path("data/parts")).category("parts")
    assert asked.class_count("oracle", category) == 2
    assert asked.class_count("auto", category) is None


def test_oracle_without_labels_is_a_usage_error(flat_workspace):
    with pytest.raises(UsageError, match="has none"):
        discover(data=Path("flat"), classes="oracle")


def test_auto_finds_a_number_of_classes(workspace):
    discover(classes="auto")
    assert [row["class"] for row in files.read_csv(FOLDER.classes)] == ["normal", "c1", "c2"]
    estimate = files.read_json(FOLDER.card)["auto"]
    assert (estimate["count"], list(estimate["likelihood"])) == (2, ["2"]), "of ten odd images no more can be told"


@pytest.mark.parametrize("value", ["1", "many", "-3"])
def test_a_number_of_classes_that_makes_no_sense_is_refused(value):
    with pytest.raises(ValueError, match="at least 2"):
        DiscoverConfig(classes=value)


def test_the_same_again_is_skipped_and_another_number_is_refused(workspace):
    discover()
    assert discover().skipped == ["parts"]
    with pytest.raises(UsageError, match="classes: '3' -> '4'"):
        discover(classes="4")


def test_after_a_kill_the_described_images_are_not_described_again(workspace, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(step.tables, "write", kill)
        with pytest.raises(Killed):
            discover()
    assert files.read_json(Path("classes/parts/_step.json"))["state"] == "running"
    monkeypatch.setattr(features, "_statistics", kill)
    assert discover().done == ["parts"]
    assert classes_by_kind()["good"] == {"normal"}


def test_held_out_normal_scores_are_those_the_maps_were_made_with(workspace):
    source = step.read_source(Path("maps"), step.dataset_folder.read_dataset(Path("data/parts")).category("parts"))
    assert source.normal_scores() is None
    note = files.read_json(Path("maps/parts/_step.json"))
    files.write_json(Path("maps/parts/_step.json"), {**note, "result": {"normal_scores": [0.5, 0.25]}})
    source = step.read_source(Path("maps"), step.dataset_folder.read_dataset(Path("data/parts")).category("parts"))
    assert source.normal_scores().tolist() == [0.5, 0.25]


def test_refined_maps_are_taken_if_they_were_made_from_the_present_ones(workspace):
    source = step.read_source(Path("maps"), step.dataset_folder.read_dataset(Path("data/parts")).category("parts"))
    note = {"command": "refine", "state": "done", "inputs": {"maps": source.fingerprint()}}
    files.write_json(Path("refined/parts/_step.json"), note)
    assert step.choose_maps(None) == Path("refined")
    arrays.write_scores(Path("maps/parts/test/dot/0.tiff"), np.ones((24, 24), np.float32), 1.0)
    assert step.choose_maps(None) == Path("maps")
    assert step.choose_maps(Path("elsewhere")) == Path("elsewhere")


def test_no_maps_are_said_to_be_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingInputError, match="Run `adtool maps` first"):
        discover()


def test_a_map_that_is_gone_is_named(workspace):
    Path("maps/parts/test/dot/1.tiff").unlink()
    with pytest.raises(MissingInputError, match=r"dot/1\.tiff"):
        discover()


def test_maps_of_other_images_are_refused(workspace):
    arrays.write_png(Path("data/parts/test/dot/9.png"), np.zeros((48, 48, 3), np.uint8))
    with pytest.raises(BadDataError, match="made from other images"):
        discover()


def test_a_table_that_names_unknown_images_is_refused(workspace):
    rows = files.read_csv(Path("maps/parts/images.csv"))
    rows[0]["id"] = "test/dot/77"
    files.write_csv(Path("maps/parts/images.csv"), layout.IMAGES_COLUMNS, rows)
    with pytest.raises(BadDataError, match="test/dot/77"):
        discover()


def test_a_single_image_is_normal(workspace):
    rows = files.read_csv(Path("maps/parts/images.csv"))
    files.write_csv(Path("maps/parts/images.csv"), layout.IMAGES_COLUMNS, rows[:1])
    discover()
    assert [row["class"] for row in FOLDER.image_rows()] == ["normal"]


def put_in_force(value):
    folder = Path("maps/parts")
    limit_file.write(folder, Limit(value=value, set_by="decide"))
    return {row["id"]: float(row["image_score"]) > value for row in files.read_csv(folder / "images.csv")}


def test_an_image_is_normal_as_the_limit_in_force_decides(workspace):
    scores = sorted(float(row["image_score"]) for row in files.read_csv(Path("maps/parts/images.csv")))
    for place in (2, 9):  # below the highest good part, and above the lowest defect
        rejected = put_in_force(scores[place])
        step.run(DiscoverConfig(classes="3", image_size=64), force=True)
        found = {row["id"]: row["class"] != "normal" for row in files.read_csv(Path("classes/parts/images.csv"))}
        assert found == rejected


def test_another_limit_since_then_is_said_and_keeps_the_classes_until_they_are_asked_for(workspace, caplog):
    scores = sorted(float(row["image_score"]) for row in files.read_csv(Path("maps/parts/images.csv")))
    put_in_force(scores[5])
    discover()
    before = Path("classes/parts/images.csv").read_bytes()
    rejected = put_in_force(scores[9])
    assert discover().skipped == ["parts"]
    assert "some images' classes and decisions may not agree" in caplog.text
    assert Path("classes/parts/images.csv").read_bytes() == before
    step.run(DiscoverConfig(classes="3", image_size=64), force=True)
    rows = files.read_csv(Path("classes/parts/images.csv"))
    assert {row["id"]: row["class"] != "normal" for row in rows} == rejected
    caplog.clear()
    assert discover().skipped == ["parts"]
    assert "may not agree" not in caplog.text


def test_classes_without_training_are_the_same_whatever_a_training_would_start_from(workspace):
    discover()
    assert files.read_json(FOLDER.path / "_step.json")["settings"]["settings"]["start"] == "clusters"
    assert discover(settings=("start=random",)).skipped == ["parts"]


def test_a_network_is_loaded_once_for_all_categories(monkeypatch):
    loaded = []
    for module in (backbone, trunk):
        monkeypatch.setattr(module, "load", lambda name, *_, **__: loaded.append(name) or name)
    monkeypatch.setattr(features, "layers", lambda name: (1,))
    networks = Networks.of((), EngineChoice())
    assert loaded == []
    frozen = [networks.frozen("a"), networks.frozen("a")]
    assert [networks.plain(name, False) for name in "aba"] + frozen == list("abaaa")
    assert sorted(loaded) == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("padding", "asked", "expected"), [("replicate", "", True), ("zeros", "", False), ("replicate", "resnet18", False)]
)
def test_borders_are_seen_as_the_maps_network_saw_them(workspace, monkeypatch, padding, asked, expected):
    note = files.read_json(Path("maps/parts/_step.json"))
    seen = {"backbone": "resnet18", "padding": padding}
    files.write_json(Path("maps/parts/_step.json"), note | {"settings": {**note.get("settings", {}), **seen}})
    load, said = backbone.load, []

    def loaded(*given, replicates, **more):
        said.append(replicates)
        return load(*given, **more)

    monkeypatch.setattr(backbone, "load", loaded)
    monkeypatch.setattr(step.weights, "find", lambda *_: None)  # nothing is loaded from a file
    discover(backbone=asked)
    assert said == [expected, expected], "the network of whole images, and that of spots"
    assert (files.read_json(Path("classes/parts/_step.json"))["settings"].get("padding") == "replicate") is expected


def test_workers_find_the_classes_of_a_category_each_as_one_process_does(workspace, workers_in_process):
    alone = discover(out=Path("alone"))
    outcome = discover(workers="2")
    assert workers_in_process == ["of parts"]
    assert (outcome.done, outcome.rows, outcome.notes) == (alone.done, alone.rows, alone.notes)
    for path in (one for one in Path("alone/parts").rglob("*") if one.is_file() and one.name != "_step.json"):
        assert path.read_bytes() == Path("classes/parts", path.relative_to("alone/parts")).read_bytes()
    assert discover(workers="2").skipped == ["parts"]
    assert len(workers_in_process) == 1
