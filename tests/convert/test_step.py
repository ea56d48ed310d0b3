import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adtool.convert.config import ConvertConfig
from adtool.convert.formats import anomalyncd, npy
from adtool.convert.step import run
from adtool.core import arrays, files, layout
from adtool.core.config import parse
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, MissingInputError, PartialFailureError, UsageError
from adtool.core.external_maps import write_maps
from adtool.core.limits import decisions, evidence, limit_file
from adtool.core.limits.choose import Asked, choose
from adtool.core.limits.evidence import Evidence, NormalScore, PaintedScore
from adtool.core.steps import notes, step_run

DATA, MAPS = Path("data/parts"), Path("maps")
FORMATS = ["anomalyncd", "mvtec", "npy"]


def make_maps(categories: list[str], *, leave_out: str = "") -> None:
    """Maps of 10 x 14, a quarter of the images' side; the range of `bolt` is 0 to 51, of another one ten times that."""
    rng = np.random.default_rng(0)
    for name in categories:
        category = read_dataset(DATA).category(name)
        ids = [one.id for one in category.test if one.id != leave_out]
        scores = (rng.random((len(ids), 10, 14)) * 51 * (1 if name == "bolt" else 10)).astype(np.float32)
        scores[0, 0, 0], scores[-1, -1, -1] = 0, 51 * (1 if name == "bolt" else 10)
        write_maps(MAPS, name, ids, scores, image_scores=[1 + i / 7 for i in range(len(ids))], data=DATA)


@pytest.fixture
def maps(workspace, tiny_data):
    tiny_data.make(DATA, ["bolt", "nut"])
    make_maps(["bolt", "nut"])


def both_ways(name: str, back: str = "back", **more: object) -> Path:
    run(ConvertConfig(to=name))
    run(ConvertConfig(source=Path("converted", name), from_=name, out=Path(back), **more))
    return Path(back)


def scores(folder: Path, category: str, one: str) -> np.ndarray:
    return arrays.read_scores(folder / category / f"{one}.tiff").scores


def rows_of(category: str) -> list[dict[str, str]]:
    return files.read_csv(MAPS / category / "images.csv")


# There and back


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_there_and_back_keeps_images_scores_and_what_they_are_judged_by(maps, name):
    step_run.StepRun("write_maps", MAPS).amend("bolt", {"threshold": 1.5, "normal_scores": [0.5, 1.5]})
    decided = [{**row, "decision": "OK" if float(row["image_score"]) <= 1.5 else "NOK"} for row in rows_of("bolt")]
    files.write_csv(MAPS / "bolt/images.csv", layout.IMAGES_COLUMNS, decided)
    back = both_ways(name)
    assert {row["decision"] for row in decided} == {"OK", "NOK"}
    for category in ("bolt", "nut"):
        assert files.read_csv(back / category / "images.csv") == files.read_csv(MAPS / category / "images.csv")
    result = notes.require_done(back / "bolt", "").result
    assert (result.threshold, result.normal_scores) == (1.5, [0.5, 1.5])


def test_the_limit_goes_there_and_back_with_what_it_was_made_from(maps):
    folder = MAPS / "bolt"
    known = Evidence([NormalScore("train/good/0", 0.5, "a")], [PaintedScore("train/good/0", "spot", 0.25, 2.0)])
    limit = choose(known, Asked(at=1.5), "decide")
    evidence.write(folder, known)
    decisions.apply(folder, limit)
    back = both_ways("npy") / "bolt"
    assert (limit_file.read(back), evidence.read(back)) == (limit, known)
    assert files.read_csv(back / "images.csv") == files.read_csv(folder / "images.csv")
    other = choose(known, Asked(at=0.5), "decide")
    decisions.apply(back, other)
    both_ways("npy")
    assert limit_file.read(back) == other, "what was chosen since stays"


def test_arrays_come_back_as_they_were(maps):
    back = both_ways("npy")
    for one in read_dataset(DATA).category("nut").test:
        assert (scores(back, "nut", one.id) == scores(MAPS, "nut", one.id)).all()


def test_maps_for_mvtec_have_the_size_of_their_image(maps, tiny_data):
    back = both_ways("mvtec")
    assert Path("converted/mvtec/bolt/test/hole/000.tiff").is_file()
    expected = arrays.resize_scores(scores(MAPS, "bolt", "test/hole/000"), *tiny_data.size)
    assert (scores(back, "bolt", "test/hole/000") == expected).all()


def test_8_bit_maps_come_back_to_half_a_step_of_their_category(maps):
    back = both_ways("anomalyncd")
    for category, step_size in (("bolt", 51 / 255), ("nut", 510 / 255)):
        for one in read_dataset(DATA).category(category).test:
            off = np.abs(scores(back, category, one.id) - scores(MAPS, category, one.id)).max()
            assert step_size / 4 < off <= step_size / 2 * (1 + 1e-5)


def test_8_bit_maps_that_were_read_are_written_as_the_same_files(maps):
    run(ConvertConfig(source=both_ways("anomalyncd"), to="anomalyncd", out=Path("again")))
    written = sorted(path for path in Path("again/bolt").rglob("*.png"))
    assert len(written) == 6
    for path in written:
        assert path.read_bytes() == Path("converted/anomalyncd", path.relative_to("again")).read_bytes()


def test_a_report_sees_no_difference(maps, adtool):
    both_ways("mvtec")
    figures = []
    for folder in ("maps", "back"):
        (source,) = json.loads(adtool("report", folder, "--json").out)["sources"]
        figures.append(source["mean"])
    assert figures[0] == figures[1]


# AnomalyNCD's maps


def test_grey_values_are_cut_off_and_only_the_highest_score_is_255():
    values = np.array([[0, 0.999, 1, 254.99, 255]], np.float32)
    assert anomalyncd.to_grey(values, 0, 255).tolist() == [[0, 0, 1, 254, 255]]
    assert anomalyncd.from_grey(np.array([[0, 1, 254, 255]], np.uint8), 0, 255).tolist() == [[0.5, 1.5, 254.5, 255]]


def test_equal_scores_have_no_range_and_come_back(maps):
    assert anomalyncd.to_grey(np.full((2, 2), 7, np.float32), 7, 7).max() == 0
    assert anomalyncd.from_grey(np.zeros((2, 2), np.uint8), 7, 7).tolist() == [[7, 7], [7, 7]]


def test_a_jpeg_image_gets_a_png_map_and_the_category_holds_kinds_only(workspace, tiny_data):
    tiny_data.make(DATA)
    for path in (DATA / "test").rglob("*.png"):
        Image.open(path).save(path.with_suffix(".jpg"))
        path.unlink()
    make_maps(["parts"])
    run(ConvertConfig(to="anomalyncd"))
    tree = Path("converted/anomalyncd")
    assert sorted(path.name for path in (tree / "parts").iterdir()) == ["good", "hole", "scratch"]
    assert sorted(path.name for path in (tree / "parts/hole").iterdir()) == ["000.png", "001.png"]


def test_an_image_without_map_is_said_since_anomalyncd_pairs_by_position(workspace, tiny_data):
    tiny_data.make(DATA, ["bolt"])
    make_maps(["bolt"], leave_out="test/hole/000")
    (note,) = run(ConvertConfig(to="anomalyncd")).notes
    assert "bolt: 1 test image has no map (test/hole/000)" in note


def test_names_that_png_sorts_otherwise_are_said(workspace, tiny_data):
    tiny_data.make(DATA, ["bolt"])
    hole = DATA / "bolt/test/hole"
    (hole / "000.png").rename(hole / "000.bmp")
    (hole / "001.png").rename(hole / "000.c.png")  # 000.bmp < 000.c.png < 000.png
    make_maps(["bolt"])
    (note,) = run(ConvertConfig(to="anomalyncd")).notes
    assert "another order" in note


# Trees made by others


def foreign(name: str, values: np.ndarray) -> None:
    path = Path("theirs") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values) if path.suffix == ".npy" else Image.fromarray(values).save(path)


def read_theirs(name: str = "npy", **more: object):
    return run(ConvertConfig(source=Path("theirs"), from_=name, data=DATA, out=Path("got"), **more))


@pytest.mark.parametrize("above", ["", "parts/", "parts/test/", "test/", "Their Name/", "Their Name/test/"])
def test_a_tree_may_have_a_level_for_the_category_and_for_the_split_or_not(workspace, tiny_data, above):
    tiny_data.make(DATA)
    foreign(f"{above}hole/001.npy", np.full((3, 4), 2))
    outcome = read_theirs()
    assert scores(Path("got"), "parts", "test/hole/001").tolist() == [[2] * 4] * 3
    assert outcome.notes == ["parts: 5 test images have no map, for instance test/good/000."]


def test_what_was_read_is_a_maps_folder_for_the_next_steps(workspace, tiny_data, adtool):
    tiny_data.make(DATA)
    rng = np.random.default_rng(0)
    for one in read_dataset(DATA).category("parts").test:
        foreign(f"parts/{one.id.removeprefix('test/')}.png", rng.integers(0, 256, (10, 14), np.uint8))
    shown = adtool("convert", "theirs", "--from", "anomalyncd", "--data", DATA)
    assert shown.code == 0, shown.err
    shown = adtool("report")
    assert shown.code == 0, shown.err
    assert "mean of the top 1 % of pixels" in shown.out
    assert float(scores(MAPS, "parts", "test/hole/000").max()) > 200, "grey values, as nothing says more"


def test_files_of_no_image_are_said(workspace, tiny_data):
    tiny_data.make(DATA)
    for one in read_dataset(DATA).category("parts").test:
        foreign(f"parts/{one.id}.npy", np.zeros((2, 2)))
    foreign("parts/combined/7.npy", np.zeros((2, 2)))
    assert read_theirs().notes == ["parts: 1 file is of no test image, for instance theirs/parts/combined/7.npy."]


def test_two_files_of_one_image_are_refused(workspace, tiny_data):
    tiny_data.make(DATA)
    foreign("parts/hole/000.npy", np.zeros((2, 2)))
    foreign("parts/test/hole/000.npy", np.ones((2, 2)))
    with pytest.raises(BadDataError, match="Two files are of the same image 'hole/000'"):
        read_theirs().raise_failures()


def test_a_tree_that_does_not_fit_says_what_was_looked_for_and_what_is_there(workspace, tiny_data, caplog):
    tiny_data.make(DATA)
    foreign("parts/dent/x.npy", np.zeros((2, 2)))
    looked_for = r"theirs/parts/test/good/000.npy is looked for, and .*dent/x.npy is there"
    with pytest.raises(MissingInputError, match=looked_for) as missing:
        read_theirs().raise_failures()
    assert not [text for text in caplog.messages if "looked for" in text], "it is said by whoever raises it"
    assert "are there" not in str(missing.value)
    arrays.write_scores(Path("theirs/parts/good/000.tiff"), np.zeros((2, 2), np.float32), 0.0)
    with pytest.raises(MissingInputError, match=r"Files of (--from anomalyncd or )?--from mvtec are there\."):
        read_theirs().raise_failures()


def test_categories_without_a_folder_are_left_out_and_a_bad_one_does_not_stop_the_others(workspace, tiny_data):
    tiny_data.make(DATA, ["bolt", "nut", "rod"])
    foreign("bolt/hole/000.npy", np.zeros((2, 2)))
    foreign("nut/hole/000.npy", np.zeros((2, 2, 3)))
    outcome = read_theirs()
    assert outcome.done == ["bolt"]
    assert outcome.notes[0] == "1 category of data/parts has no folder in theirs."
    with pytest.raises(PartialFailureError, match=r"nut.*has the shape \(2, 2, 3\)"):
        outcome.raise_failures()


def test_jpeg_maps_are_read_with_a_warning_and_coloured_ones_refused(workspace, tiny_data):
    tiny_data.make(DATA)
    foreign("parts/hole/000.jpg", np.full((16, 16), 9, np.uint8))
    assert "1 map is a JPEG file (000.jpg)" in read_theirs("anomalyncd").notes[-1]
    foreign("parts/hole/001.png", np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8))
    with pytest.raises(BadDataError, match="coloured picture"):
        read_theirs("anomalyncd").raise_failures()


def test_deep_pictures_keep_their_values(workspace, tiny_data):
    tiny_data.make(DATA)
    foreign("parts/hole/000.png", np.array([[1, 60000]], np.uint16))
    read_theirs("anomalyncd")
    assert scores(Path("got"), "parts", "test/hole/000").tolist() == [[1, 60000]]


def test_a_file_beside_a_tree_that_is_not_ours_says_nothing(workspace, tiny_data):
    tiny_data.make(DATA)
    foreign("parts/hole/000.png", np.full((2, 2), 9, np.uint8))
    files.write_json(Path("theirs/parts.json"), {"low": 0, "author": "someone"})
    read_theirs("anomalyncd")
    assert scores(Path("got"), "parts", "test/hole/000").max() == 9


@pytest.mark.parametrize("shape", [(1, 3, 4), (3, 4, 1), (1, 1, 3, 4), (1, 3, 4, 1)])
def test_axes_of_length_one_are_dropped(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.arange(12, dtype=np.float64).reshape(shape))
    assert npy.read(tmp_path / "a.npy", {}).tolist() == np.arange(12).reshape(3, 4).tolist()


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY"])
def test_a_damaged_array_is_named(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(BadDataError, match=r"a.npy is no array"):
        npy.read(tmp_path / "a.npy", {})


def test_a_flat_folder_of_images_goes_both_ways(workspace, tiny_data):
    rng = np.random.default_rng(0)
    for name in ("a", "sub/a"):
        arrays.write_png(DATA / f"{name}.png", tiny_data.image(rng)[0])
    write_maps(MAPS, "parts", ["a", "sub/a"], [np.zeros((2, 2)), np.ones((2, 2))], data=DATA)
    back = both_ways("anomalyncd")
    assert Path("converted/anomalyncd/parts/unknown/sub/a.png").is_file()
    assert scores(back, "parts", "sub/a").tolist() == [[1, 1], [1, 1]]


# Folders


def test_the_same_again_is_skipped_and_other_maps_need_force(maps):
    assert run(ConvertConfig(to="npy")).done == ["bolt", "nut"]
    again = run(ConvertConfig(to="npy"))
    assert (again.done, again.skipped) == ([], ["bolt", "nut"])
    write_maps(MAPS, "nut", ["test/good/000"], [np.zeros((2, 2))], data=DATA, force=True)
    with pytest.raises(UsageError, match=r"changed: nut.*--force"):
        run(ConvertConfig(to="npy"))
    run(ConvertConfig(to="npy"), force=True)
    assert len(list(Path("converted/npy/nut").rglob("*.npy"))) == 1, "nothing is left of the earlier ones"


def test_what_a_kill_left_is_done_again(maps):
    run(ConvertConfig(to="npy"))
    note = files.read_json(Path("converted/npy/_step.json"))
    files.write_json(Path("converted/npy/_step.json"), {**note, "state": "running"})
    Path("converted/npy/bolt/test/hole/000.npy").unlink()
    run(ConvertConfig(to="npy"))
    assert Path("converted/npy/bolt/test/hole/000.npy").is_file()


def test_a_folder_that_is_not_ours_is_not_touched(maps):
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("mine")
    for config in (ConvertConfig(to="npy", out=Path("mine")), ConvertConfig(to="npy", out=MAPS)):
        with pytest.raises(UsageError, match="Choose another --out"):
            run(config)
    assert Path("maps/bolt/images.csv").is_file()


def test_maps_of_our_own_are_not_replaced_by_others(maps):
    files.write_json(MAPS / "_step.json", {**notes.read_note(MAPS).document, "command": "maps"})
    foreign("bolt/hole/000.npy", np.zeros((2, 2)))
    with pytest.raises(UsageError, match="written by `adtool maps`"):
        run(ConvertConfig(source=Path("theirs"), from_="npy", data=DATA))


def test_maps_of_other_images_are_refused(maps, tiny_data):
    tiny_data.make(Path("data2"), ["bolt", "nut"], kinds={"good": 1, "hole": 3})
    with pytest.raises(BadDataError, match="made from other images"):
        run(ConvertConfig(to="npy", data=Path("data2")))


def test_nothing_finished_says_what_to_run(workspace):
    with pytest.raises(MissingInputError, match=r"Nothing finished at maps. Run `adtool maps` first"):
        run(ConvertConfig(to="npy"))
    with pytest.raises(MissingInputError, match=r"Nothing finished at classes. Run `adtool discover` first"):
        run(ConvertConfig(to="anomalyncd_crops"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "either --to FORMAT or --from FORMAT"),
        ({"to": "npy", "from_": "npy", "source": "x"}, "either --to FORMAT or --from FORMAT"),
        ({"from_": "npy"}, "needs the folder to read"),
    ],
)
def test_a_conversion_has_one_direction(values, said):
    with pytest.raises(UsageError, match=said):
        parse(ConvertConfig, values, where="adtool convert")


def test_an_unknown_format_is_named_with_those_that_are_there(workspace):
    with pytest.raises(UsageError, match=r"'nppy'.*anomalyncd, anomalyncd_crops, mvtec, npy.*mean 'npy'"):
        run(ConvertConfig(to="nppy"))
    Path("theirs").mkdir()
    with pytest.raises(UsageError, match="can be written, but not read"):
        run(ConvertConfig(source=Path("theirs"), from_="anomalyncd_crops"))
