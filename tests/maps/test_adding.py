"""`adtool maps --add-normals`: good parts that the model shall know, too."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.steps import notes
from adtool.maps import step
from adtool.maps.config import MapsConfig

MAPS, MODEL = MapsFolder(Path("maps")), ModelFolder(Path("models/patchcore/parts"))
ADDED = Path("models/patchcore/_added/parts")


@pytest.fixture
def maps(tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_data.make(Path("data/parts"), train=6)

    def run(**options):
        return step.run(MapsConfig(image_size=64, **({"settings": ("drawn=1000",)} | options)))

    return run


@pytest.fixture
def odd(tmp_path):
    """A folder of two good parts that look odd, and a file that is no picture."""
    folder = tmp_path / "odd ones"
    for number in range(2):
        grey = np.random.default_rng(number).integers(0, 40, (64, 64, 1), dtype=np.uint8)
        arrays.write_png(folder / f"{number}.png", np.repeat(grey, 3, axis=2))
    (folder / "broken.png").write_bytes(b"nothing")
    return folder


def scores():
    return {row["id"]: float(row["image_score"]) for row in MAPS.image_rows("parts")}


@pytest.mark.slow
def test_parts_of_a_folder_are_learned_and_the_maps_made_anew(maps, odd, caplog):
    maps()
    before = scores()
    maps(add_normals=odd)
    assert "skipped 1 unreadable image" in caplog.text
    assert len(list(ADDED.glob("*.png"))) == 2
    assert len(MODEL.normal_rows()) == 8
    assert all(after <= before[name] + 1e-6 for name, after in scores().items()), "a larger memory is nearer to all"
    assert maps().skipped == ["parts"]
    assert maps(add_normals=odd).skipped == ["parts"], "they are known"
    maps(remove_normals=("0.png",))
    assert len(MODEL.normal_rows()) == 7
    assert notes.result_of(MODEL.path).added == [row["id"] for row in files.read_csv(ADDED / "added.csv")]


def test_there_need_be_no_model_before(maps, odd):
    maps(add_normals=odd)
    assert {row["id"] for row in MODEL.normal_rows()} >= {row["id"] for row in files.read_csv(ADDED / "added.csv")}
    assert len(MODEL.normal_rows()) == 8
    assert maps().skipped == ["parts"]


def test_where_no_model_could_be_written_nothing_is_added(maps, odd):
    files.write_text(Path("models/patchcore/thesis.txt"), "mine")
    with pytest.raises(UsageError, match=r"models/patchcore holds files .* did not write. Choose another --models"):
        maps(add_normals=odd)
    assert not ADDED.exists()
    with pytest.raises(UsageError, match="Choose another --models"):
        maps()
    Path("models/patchcore/thesis.txt").unlink()
    maps()
    shutil.rmtree(MODEL.path)
    files.write_text(MODEL.path / "thesis.txt", "mine")
    with pytest.raises(UsageError, match=r"patchcore/parts holds files .* did not write. Choose another --models"):
        maps(add_normals=odd)


@pytest.mark.slow
def test_what_a_person_called_good_is_learned_and_left_out_of_figures(maps, tmp_path):
    maps()
    good = next(row["id"] for row in MAPS.image_rows("parts") if row["kind"] == "good")
    bad = next(row["id"] for row in MAPS.image_rows("parts") if row["kind"] != "good")
    Path("answers.csv").write_text(f"id,answer\n{good},good\n{bad},defect\n")
    maps(add_normals=Path("answers.csv"))
    assert notes.result_of(Path("maps/parts")).added == [good]
    Path("answers.csv").write_text(f"id,answer\n{bad},defect\n")
    with pytest.raises(MissingInputError, match="calls no part good"):
        maps(add_normals=Path("answers.csv"))


@pytest.mark.slow
def test_other_settings_are_refused_as_ever_and_what_was_added_stays(maps, odd):
    maps()
    with pytest.raises(UsageError, match="image_size: 64 -> 96"):
        step.run(MapsConfig(image_size=96, settings=("drawn=1000",), add_normals=odd))
    maps(add_normals=odd)
    assert len(MODEL.normal_rows()) == 8


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"detector": "musc", "settings": ()}, UsageError, "musc can't learn more good parts"),
        ({"add_normals": Path("nowhere")}, MissingInputError, "nowhere"),
        ({"add_normals": Path("empty")}, MissingInputError, "No pictures in empty"),
        ({"add_normals": Path("broken")}, BadDataError, "The only image to add to parts can't be read."),
        ({"add_normals": None, "remove_normals": ("x",)}, UsageError, "has no 'x'. It holds nothing"),
    ],
)
def test_what_can_not_be_added_is_said(maps, odd, options, error, says):
    Path("empty").mkdir()
    Path("broken").mkdir()
    Path("broken/1.png").write_bytes(b"nothing")
    with pytest.raises(error) as found:
        maps(**({"add_normals": odd} | options))
    assert says in str(found.value)
    assert not ADDED.exists()


def test_with_several_categories_it_is_asked_which_is_meant(maps, odd, tiny_data):
    tiny_data.make(Path("data/nuts"), train=6)
    with pytest.raises(UsageError, match="say which category"):
        maps(add_normals=odd)
