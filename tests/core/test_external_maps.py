from pathlib import Path

import numpy as np
import pytest

import adtool
from adtool.core import arrays, files
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import MapsFolder
from adtool.core.limits import limit_file
from adtool.core.steps import notes, step_run
from adtool.decide import step as decide
from adtool.decide.config import DecideConfig
from adtool.report import step as report
from adtool.report.config import ReportConfig

MAP = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture(autouse=True)
def here(workspace):
    return workspace


def test_maps_become_a_finished_category():
    folder = adtool.write_maps("maps", "bottle", ["test/crack/a.b", "test/good/1"], [MAP, 2 * MAP])
    assert folder == Path("maps/bottle")
    read = arrays.read_scores(folder / "test/crack/a.b.tiff")
    assert (read.scores == MAP).all()
    assert read.image_score == 11, "the highest of 12 pixels is the top 1 %"
    rows = files.read_csv(folder / "images.csv")
    assert [(row["id"], row["kind"], row["image_score"]) for row in rows] == [
        ("test/crack/a.b", "unknown", "11"),
        ("test/good/1", "unknown", "22"),
    ]
    assert notes.is_done(folder)
    assert notes.done_categories(Path("maps")) == ["bottle"]


def test_a_stack_lists_and_own_image_scores_are_taken_as_well():
    adtool.write_maps("maps", "a", ["x", "y"], np.stack([MAP, MAP]).astype(np.float64), image_scores=[0.5, 7])
    assert arrays.read_scores(Path("maps/a/y.tiff")).image_score == 7
    adtool.write_maps("maps", "b", ["x"], [[[1, 2], [3, 4]]])
    assert arrays.read_scores(Path("maps/b/x.tiff")).scores.tolist() == [[1, 2], [3, 4]]


def test_the_report_works_on_them(tiny_data):
    data = tiny_data.make(Path("data"), ["part"])
    category = report.read_dataset(data).category("part")
    scores = [
        arrays.read_mask(one.mask).astype(np.float32) if one.mask else np.zeros(tiny_data.size, np.float32)
        for one in category.test
    ]
    adtool.write_maps("maps", "part", [one.id for one in category.test], scores, data="data")
    assert {row["kind"] for row in files.read_csv(Path("maps/part/images.csv"))} == {"good", "hole", "scratch"}
    result = report.run(ReportConfig())
    values = {row["metric"]: row["value"] for row in files.read_csv(result.out / "metrics.csv")}
    assert float(values["pixel_auroc"]) == float(values["aupro"]) == float(values["image_auroc"]) == 1
    assert values["found_at_limit"] == values["balanced_accuracy"] == "", "there is no limit"


def test_the_report_refuses_them_when_the_images_change(tiny_data):
    data = tiny_data.make(Path("data"), ["part"])
    category = report.read_dataset(data).category("part")
    adtool.write_maps("maps", "part", [one.id for one in category.test], [MAP] * len(category.test), data=data)
    arrays.write_png(data / "part/test/hole/000.png", np.zeros((40, 56, 3), np.uint8))
    with pytest.raises(BadDataError, match="made from other images"):
        report.run(ReportConfig())


def test_the_same_call_again_changes_nothing_and_another_one_is_refused():
    adtool.write_maps("maps", "a", ["x"], [MAP])
    before = Path("maps/a/x.tiff").stat().st_mtime_ns
    adtool.write_maps("maps", "a", ["x"], [MAP])
    assert Path("maps/a/x.tiff").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="was made with other settings or inputs") as refused:
        adtool.write_maps("maps", "a", ["x"], [MAP + 1])
    assert "Give force=True to redo it, or choose another `out`." in str(refused.value)
    assert "--" not in str(refused.value)
    assert (arrays.read_scores(Path("maps/a/x.tiff")).scores == MAP).all()
    adtool.write_maps("maps", "a", ["y"], [MAP + 1], force=True)
    assert not Path("maps/a/x.tiff").exists()
    assert (arrays.read_scores(Path("maps/a/y.tiff")).scores == MAP + 1).all()


def test_a_second_category_goes_beside_the_first():
    adtool.write_maps("maps", "a", ["x"], [MAP])
    adtool.write_maps("maps", "b", ["x"], [MAP])
    assert notes.done_categories(Path("maps")) == ["a", "b"]


def test_an_interrupted_call_goes_on(monkeypatch):
    real = arrays.write_scores

    def stop_at_y(path, *rest):
        if path.stem == "y":
            raise KeyboardInterrupt
        real(path, *rest)

    monkeypatch.setattr(arrays, "write_scores", stop_at_y)
    with pytest.raises(KeyboardInterrupt):
        adtool.write_maps("maps", "a", ["x", "y"], [MAP, MAP])
    before = Path("maps/a/x.tiff").stat().st_mtime_ns
    monkeypatch.setattr(arrays, "write_scores", real)
    adtool.write_maps("maps", "a", ["x", "y"], [MAP, MAP])
    assert Path("maps/a/x.tiff").stat().st_mtime_ns == before
    assert notes.is_done(Path("maps/a"))


@pytest.mark.parametrize(
    ("one", "complaint"),
    [
        ("../x", "can't be an id"),
        ("a/../../x", "can't be an id"),
        ("/abs", "can't be an id"),
        ("a//b", "can't be an id"),
        ("a/.hidden", "can't be an id"),
        ("a\\b", "can't be an id"),
        ("", "can't be an id"),
        ("test/crack/003.png", "leave the last suffix out"),
    ],
)
def test_an_id_that_leaves_the_folder_or_is_no_id_is_refused(here, one, complaint):
    with pytest.raises(UsageError, match=complaint):
        adtool.write_maps("maps", "a", [one], [MAP])
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (MAP[None], r"has the shape \(1, 3, 4\)"),
        (MAP[0], r"has the shape \(4,\)"),
        (MAP[:0], r"has the shape \(0, 4\)"),
        (np.where(MAP == 3, np.nan, MAP), "NaN or infinite"),
        (MAP.astype(np.float64) * 1e300, "NaN or infinite"),
        ([["a"]], "no array of numbers"),
        ([[1, 2], [3]], "no array of numbers"),
    ],
)
def test_what_is_no_map_is_refused_before_anything_is_written(here, values, complaint):
    with pytest.raises(BadDataError, match=complaint):
        adtool.write_maps("maps", "a", ["x", "y"], [MAP, values])
    assert list(here.iterdir()) == []


def test_arguments_that_do_not_fit_each_other_are_refused(tiny_data):
    with pytest.raises(UsageError, match="2 ids and 1 map:"):
        adtool.write_maps("maps", "a", ["x", "y"], [MAP])
    with pytest.raises(UsageError, match="more than once"):
        adtool.write_maps("maps", "a", ["x", "x"], [MAP, MAP])
    with pytest.raises(UsageError, match="No maps"):
        adtool.write_maps("maps", "a", [], [])
    with pytest.raises(UsageError, match="ids is one text"):
        adtool.write_maps("maps", "a", "x", [MAP])
    with pytest.raises(UsageError, match="1 id and 2 image scores"):
        adtool.write_maps("maps", "a", ["x"], [MAP], image_scores=[1, 2])
    with pytest.raises(BadDataError, match="is nan"):
        adtool.write_maps("maps", "a", ["x"], [MAP], image_scores=[float("nan")])
    for name in ("", "..", "a/b", ".x", "a\\b"):
        with pytest.raises(UsageError, match="name of a category"):
            adtool.write_maps("maps", name, ["x"], [MAP])


def test_scores_of_good_parts_make_a_limit():
    ids, normals = [f"test/x/{number}" for number in range(4)], list(np.random.default_rng(0).gamma(9, size=60))
    given = {"image_scores": [1.0, 2.0, 30.0, 40.0], "normal_scores": normals}
    adtool.write_maps("maps", "a", ids, [MAP] * 4, **given)
    decide.run(DecideConfig(false_alarms=0.05))
    assert max(normals) / 2 < limit_file.read(Path("maps/a")).value < 30
    assert [row["decision"] for row in MapsFolder(Path("maps")).image_rows("a")] == ["OK", "OK", "NOK", "NOK"]
    with pytest.raises(UsageError, match="other settings or inputs"):
        adtool.write_maps("maps", "a", ids, [MAP] * 4, **given | {"normal_scores": normals[1:]})
    with pytest.raises(BadDataError, match="normal_scores holds a number that is not finite"):
        adtool.write_maps("maps", "b", ids, [MAP] * 4, **given | {"normal_scores": [1.0, float("inf")]})


def test_without_them_a_limit_for_false_alarms_says_how_to_give_them():
    adtool.write_maps("maps", "a", ["x"], [MAP])
    refused = decide.run(DecideConfig(false_alarms=0.05)).failed["a"]
    assert isinstance(refused, MissingInputError)
    assert "`normal_scores` of write_maps" in str(refused)


def test_with_a_data_set_ids_and_category_are_checked(tiny_data):
    tiny_data.make(Path("data"), ["part"])
    with pytest.raises(BadDataError, match=r"1 id is not of the test images .*'test/hole/9'.*'test/good/000'"):
        adtool.write_maps("maps", "part", ["test/hole/9"], [MAP], data="data")
    with pytest.raises(MissingInputError, match="no category 'prat'"):
        adtool.write_maps("maps", "prat", ["test/hole/000"], [MAP], data="data")


def test_the_folder_of_a_step_is_not_written_into():
    step_run.StepRun("maps", Path("maps")).plan({"a": step_run.Identity("maps", {}, 0, {})})
    with pytest.raises(UsageError, match="was written by `adtool maps`"):
        adtool.write_maps("maps", "b", ["x"], [MAP], force=True)


def test_what_the_package_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'write_map'"):
        _ = adtool.write_map
