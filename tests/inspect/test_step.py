"""`adtool inspect`: tomorrow's images with what is stored."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files, layout
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ClassesFolder, MapsFolder
from adtool.core.limits import decisions, evidence, limit_file
from adtool.core.limits.choose import Asked, choose
from adtool.core.steps.note_form import NotedResult
from adtool.discover import novelty, review
from adtool.inspect import step as inspect_step
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig

from .conftest import by_file, discover_classes, run, table, write_new

FOLDER = ClassesFolder(Path("classes/parts"))


def changed(folder):
    return {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*") if path.is_file()}


def test_new_images_get_a_map_a_decision_a_class_and_an_overlay(found, tiny_data):
    new = write_new(tiny_data, "new")
    outcome = run(new)
    rows = table()
    assert list(rows) == sorted(rows)
    assert len(rows) == 12
    assert tuple(rows["hole/0.png"]) == layout.INSPECT_COLUMNS
    limit = limit_file.read(Path("maps/parts")).value
    for file, row in rows.items():
        key = file.removesuffix(".png")
        read = arrays.read_scores(Path("inspected/maps", f"{key}.tiff"))
        assert read.image_score == pytest.approx(float(row["image_score"]), rel=1e-6)
        assert row["decision"] == ("NOK" if float(row["image_score"]) > limit else "OK")
        assert row["class"] in ("normal", "c1", "c2", "unknown")
        assert 0 <= float(row["confidence"]) <= 1
        assert arrays.read_image(Path("inspected/overlays", f"{key}.jpg")).shape[0] > 40
    assert {rows[f"hole/{k}.png"]["decision"] for k in range(4)} == {"NOK"}
    assert {rows[f"good/{k}.png"]["class"] for k in range(4)} == {"normal"}
    assert sum(line["images"] for line in outcome.rows) == 12
    assert not Path("inspected/_work").exists()


WAYS = {"maps": {}, "crops": {"features": "crops"}, "trained": {"method": "trained"}, "ac": {"method": "ac"}}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_images_that_the_classes_came_from_get_their_class_again(mapped, way):
    discover_classes(**way)
    run(unknown=0)
    there = by_file(FOLDER.image_rows(), "class")
    assert len(set(there.values())) > 1
    assert {file: row["class"] for file, row in table().items()} == there
    scores = by_file(MapsFolder(Path("maps")).image_rows("parts"), "image_score")
    for file, row in table().items():
        assert float(row["image_score"]) == pytest.approx(float(scores[file]), rel=1e-5)


@pytest.mark.parametrize("learned", [Path("models/patchcore/parts/model.json"), Path("classes/parts/_step.json")])
def test_what_was_learned_in_another_precision_is_refused_before_anything_is_scored(found, tiny_data, learned):
    document = files.read_json(learned)
    if learned.name == "model.json":
        document["precision"] = "half"
    else:
        document["settings"]["precision"] = "half"
    files.write_json(learned, document)
    with pytest.raises(UsageError, match=f"{learned.parent} was learned in half precision, and this is full"):
        run(write_new(tiny_data, "new"))
    assert not list(Path("inspected").rglob("*.tiff"))


def test_the_higher_the_share_the_more_images_are_unknown_and_none_that_is_ok(found, tiny_data):
    new, counts = write_new(tiny_data, "new"), []
    for share in (0, 0.3, 0.95):
        run(new, unknown=share)
        strangers = [row for row in table().values() if row["class"] == "unknown"]
        assert {row["decision"] for row in strangers} <= {"NOK"}
        counts.append(len(strangers))
    assert counts == sorted(counts)
    assert counts[0] == 0 < counts[2] <= 12


def test_a_batch_of_strange_parts_is_perhaps_a_new_class_even_where_each_is_not(found, caplog, monkeypatch):
    there = Path("data/parts/test/hole")
    run(there)
    assert "perhaps a new class" not in caplog.text
    monkeypatch.setattr(novelty, "ranks", lambda apart, _: np.full(len(apart), 0.9))
    run(there, out="again")
    assert "NOK parts lie farther from all known anomalies" in caplog.text


def test_names_that_a_person_gave_are_used(found):
    rows = files.read_csv(FOLDER.classes)
    edited = [
        {
            **row,
            "name": {"c1": "dent", "c2": ""}.get(row["class"], ""),
            "action": "reject" if row["class"] == "c2" else "",
        }
        for row in rows
    ]
    files.write_csv(Path("edited.csv"), layout.CLASSES_COLUMNS, edited)
    review.run(Path("classes"), (), Path("edited.csv"))
    run(unknown=0)
    assert {file: row["class"] for file, row in table().items()} == by_file(FOLDER.image_rows(), "class")
    assert {row["class"] for row in table().values()} == {"normal", "dent", "unknown"}


def test_after_a_review_the_maps_stay(found):
    run()
    before = changed("inspected/maps")
    rows = [{**row, "name": "good" if row["class"] == "normal" else ""} for row in files.read_csv(FOLDER.classes)]
    files.write_csv(Path("edited.csv"), layout.CLASSES_COLUMNS, rows)
    review.run(Path("classes"), (), Path("edited.csv"))
    assert run().done == ["inspected"]
    assert changed("inspected/maps") == before
    assert "good" in {row["class"] for row in table().values()}


def test_without_classes_there_are_decisions_and_maps(mapped, caplog):
    outcome = run()
    assert {row["class"] for row in table().values()} == {""}
    assert "NOK" in {row["decision"] for row in table().values()}
    assert "There are no classes of parts" in caplog.text
    assert outcome.rows[0]["class"] == "-"


def test_without_anything_stored_it_says_what_to_run(workspace, tiny_data):
    write_new(tiny_data, "new")
    with pytest.raises(MissingInputError, match="adtool maps"):
        run("new")


def test_without_the_model_it_says_what_to_run(found):
    shutil.rmtree("models")
    with pytest.raises(MissingInputError, match=r"can't be run again.*adtool maps"):
        run()


def test_a_detector_without_a_model_is_explained(workspace, tiny_data, instead_of_weights):
    tiny_data.make(Path("data/parts"))
    maps.run(MapsConfig(detector="musc", image_size=64))
    with pytest.raises(MissingInputError, match=r"musc, which compares images.*--detector patchcore"):
        run()


def test_maps_that_came_from_elsewhere_are_explained(found):
    note = files.read_json(Path("maps/parts/_step.json"))
    files.write_json(Path("maps/parts/_step.json"), {**note, "command": "write_maps"})
    with pytest.raises(MissingInputError, match="was not made by adtool"):
        run()


def test_classes_of_other_maps_are_refused(found, tiny_data):
    maps.run(MapsConfig(**{**tiny_data.quick, "image_size": 96}), force=True)
    with pytest.raises(BadDataError, match="not made from the maps"):
        run()


def test_what_was_mapped_before_a_kill_is_not_mapped_again(found):
    run()
    gone = Path("inspected/maps/hole/000.tiff")
    before = changed("inspected/maps")
    gone.unlink()
    note = files.read_json(Path("inspected/_step.json"))
    files.write_json(Path("inspected/_step.json"), {**note, "state": "running"})
    run()
    after = changed("inspected/maps")
    assert {path for path in after if after[path] != before[path]} == {gone}


def test_the_same_again_is_skipped_and_tells_the_same(found):
    first = run()
    before = changed("inspected")
    again = run()
    assert again.skipped == ["inspected"]
    assert (again.rows, again.notes) == (first.rows, first.notes)
    assert changed("inspected") == before


@pytest.mark.slow
def test_other_images_need_another_folder_or_force(found, tiny_data):
    run()
    new = write_new(tiny_data, "new")
    with pytest.raises(UsageError, match="--force"):
        run(new)
    run(new, out="elsewhere")
    run(new, force=True)
    assert table() == table("elsewhere")
    assert not Path("inspected/maps/good/007.tiff").exists()


def test_a_folder_of_another_step_is_not_touched(found):
    with pytest.raises(UsageError, match="written by `adtool"):
        run(out="maps", force=True)
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="did not write"):
        run(out="mine", force=True)


def test_a_file_that_is_no_image_is_named_and_left_out(found, tiny_data):
    new = write_new(tiny_data, "new", count=2)
    files.write_text(new / "good" / "broken.png", "no picture")
    outcome = run(new)
    row = table()["good/broken.png"]
    assert (row["decision"], row["class"], row["image_score"]) == ("", "", "")
    assert "can't be read as an image" in row["reason"]
    assert outcome.notes[-1] == "skipped 1 unreadable image: good/broken.png"
    assert outcome.document["skipped"] == ["good/broken.png"]


def test_one_image_is_enough(found, tiny_data):
    new = write_new(tiny_data, "new", count=1)
    run(new / "hole" / "0.png")
    assert [row["decision"] for row in table().values()] == ["NOK"]
    assert list(table()) == ["0.png"]


def test_nothing_to_look_at_is_said(found):
    Path("empty").mkdir()
    with pytest.raises(MissingInputError, match="no images in empty"):
        run("empty")
    with pytest.raises(MissingInputError, match="nothing at nowhere"):
        run("nowhere")
    files.write_text(Path("empty/broken.png"), "no picture")
    with pytest.raises(MissingInputError, match=r"The only image in .* could not be read"):
        run("empty")
    files.write_text(Path("letter.txt"), "dear")
    with pytest.raises(MissingInputError, match="is not an image"):
        run("letter.txt")


def test_two_images_of_one_name_are_refused(found, tiny_data):
    new = write_new(tiny_data, "new", count=1)
    shutil.copy(new / "good" / "0.png", new / "good" / "0.bmp")
    with pytest.raises(BadDataError, match="good/0"):
        run(new)


@pytest.mark.slow
def test_several_categories_want_a_choice(workspace, tiny_data, instead_of_weights):
    tiny_data.make(Path("data"), ("bolt", "nut"), train=9)
    maps.run(MapsConfig(**tiny_data.quick))
    discover_classes()
    with pytest.raises(MissingInputError, match=r"bolt, nut\. Choose one with --category"):
        run("data/nut/test")
    run("data/nut/test", category="nut")
    assert files.read_json(Path("inspected/_step.json"))["settings"]["category"] == "nut"
    with pytest.raises(MissingInputError, match="'screw'"):
        run("data/nut/test", category="screw")


def test_unknown_images_that_look_alike_are_told_of(found, caplog):
    rng = np.random.default_rng(3)
    for number in range(6):
        grey = rng.integers(100, 130, (40, 56))
        grey[::4] = 0  # dark stripes all over: like nothing before
        arrays.write_png(Path(f"new/{number}.png"), np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2))
    outcome = run("new", unknown=0.2)
    assert {row["class"] for row in table().values()} == {"unknown"}
    assert "6 unknown images look alike, perhaps a new class: 0.png, 1.png" in caplog.text
    assert outcome.document["alike"] == [[f"{k}.png" for k in range(6)]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "fine"])
def test_a_drift_of_accepted_parts_is_told_of_whatever_the_normal_class_is_called(found, tiny_data, caplog, name):
    rows = [{**row, "name": name if row["class"] == "normal" else ""} for row in files.read_csv(FOLDER.classes)]
    files.write_csv(Path("edited.csv"), layout.CLASSES_COLUMNS, rows)
    review.run(Path("classes"), (), Path("edited.csv"))
    limit = limit_file.read(Path("maps/parts")).value
    evidence.write(Path("maps/parts"), evidence.of_scores(0.5 * limit * np.linspace(0.5, 1, 40)))
    outcome = run(write_new(tiny_data, "new", count=25, kinds=("good",)))
    assert "Accepted parts score higher" in caplog.text
    assert outcome.document["drift"]["higher"] > 0.9
    caplog.clear()
    run(out="elsewhere")  # eight good ones are too few to tell
    assert "Accepted parts" not in caplog.text


@pytest.mark.slow
def test_the_limit_is_that_of_the_maps_unless_another_is_asked_for(found, tiny_data):
    new = write_new(tiny_data, "new", count=2)
    run(new)
    scores = sorted(float(row["image_score"]) for row in table().values())
    assert run(new).skipped == ["inspected"]
    middle = (scores[2] + scores[3]) / 2
    outcome = run(new, at=middle)
    assert outcome.document["limit"] == middle
    assert outcome.document["rejected"] == 3
    assert limit_file.read(Path("maps/parts")).rule == "default", "for these images only"
    known = evidence.read(Path("maps/parts"))
    decisions.apply(Path("maps/parts"), choose(known, Asked(at=(scores[0] + scores[1]) / 2), "decide"))
    assert run(new).document["rejected"] == 5
    Path("maps/parts/painted.csv").unlink()
    with pytest.raises(MissingInputError, match=r"--found 0\.5 can't be had: there are no scores of painted defects"):
        run(new, found=0.5)


def test_the_command_line_prints_one_document(adtool, found, tiny_data):
    new = write_new(tiny_data, "new", count=1)
    ended = adtool("inspect", new, "--json")
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    assert document["images"] == 3
    assert sum(line["images"] for line in document["classes"]) == 3
    assert adtool("inspect", "nowhere").code == 3


def test_each_picture_has_its_line_in_json_and_a_part_that_is_nok_ends_with_1_if_asked(found, tiny_data, adtool):
    new = write_new(tiny_data, "new")
    run(new)
    ended = adtool("inspect", new, "--json", "--fail-on-nok")
    assert ended.code == 1
    pictures = json.loads(ended.out)["pictures"]
    assert [one["file"] for one in pictures] == list(table())
    assert tuple(pictures[0]) == layout.INSPECT_COLUMNS
    assert isinstance(pictures[0]["image_score"], float)
    rejected = sum(one["decision"] == "NOK" for one in pictures)
    assert f"error: {rejected} parts are NOK: " in ended.err
    assert adtool("inspect", new).code == 0
    (Path("only") / "good").mkdir(parents=True)
    calm = next(one["file"] for one in pictures if one["decision"] == "OK")
    shutil.copy(Path(new) / calm, Path("only/good"))
    assert adtool("inspect", "only", "--out", "calm", "--fail-on-nok").code == 0


def test_a_change_of_light_is_told_of_even_where_every_part_is_rejected(found, tiny_data, caplog):
    for path in write_new(tiny_data, "new", kinds=("good",)).rglob("*.png"):
        arrays.write_png(path, arrays.read_image(path) // 3)
    outcome = run("new")
    assert "Of 4 images, these are beyond all 12 good parts that were learned from: 4 darker" in caplog.text
    assert outcome.document["changed"][0] == {
        "how": "darker", "images": 4, "looked_at": 4, "learned": 12, "example": "good/0.png"
    }  # fmt: skip
    caplog.clear()
    assert run("new").skipped, "a run that is done tells it again"
    assert "4 darker" in caplog.text
    Path("models/patchcore/parts/looks.json").unlink()  # as models of earlier versions have none
    assert run("new", force=True).document["changed"] == []


@pytest.mark.parametrize("same_unit", [True, False])
def test_overlays_have_the_scale_of_the_maps_on_which_no_accepted_part_is_fully_hot(
    found, tiny_data, monkeypatch, same_unit
):
    write_new(tiny_data, "new", kinds=("good",))
    made, real = [], inspect_step.Overlays
    monkeypatch.setattr(inspect_step, "Overlays", lambda *given: made.append(real(*given)) or made[0])
    if not same_unit:  # as of refined maps that kept the image scores of the given ones
        monkeypatch.setattr(NotedResult, "same_unit", property(lambda _: False))
    run("new")
    scale, framed_above = made[0].scale, made[0].limit
    maps = [arrays.read_scores(path).scores for path in sorted(Path("maps/parts").rglob("*.tiff"))]
    middle, limit = np.median([np.median(one) for one in maps]), limit_file.read(Path("maps/parts")).value
    assert scale.low == pytest.approx(middle)
    if same_unit:
        assert scale.high >= middle + 1.25 * (limit - middle)
        assert framed_above == limit
    else:
        assert scale.high == pytest.approx(np.quantile([arrays.image_score(one) for one in maps], 0.95))
        assert framed_above is None
