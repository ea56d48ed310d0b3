"""`adtool report --figures`: figures for a paper."""

import re
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays
from adtool.core.errors import UsageError
from adtool.report import step
from adtool.report.classes import LabelledClasses
from adtool.report.config import ReportConfig
from adtool.report.figures import charts, style

OUT = Path("figures")
NAMES = {
    "confusion_classes", "gallery", "image_pr", "image_roc", "pixel_pr", "pixel_roc", "pro", "scores_maps",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_a_workspace(workspace):
    """Every test has a folder of its own."""


@pytest.fixture
def drawn(finished, tmp_path, monkeypatch):
    """`drawn(data)`: figures of a finished workspace."""
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    return lambda **more: step.run(ReportConfig(figures=OUT, **more))


def written():
    return {path.relative_to(OUT).as_posix(): path.read_bytes() for path in OUT.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_every_figure_is_a_png_and_an_svg_and_is_told(drawn, finished):
    finished.make()
    said = drawn().notes
    found = written()
    listed = found.pop("figures.md").decode()
    assert set(found) == {f"part/{name}.{kind}" for name in NAMES for kind in ("png", "svg")}
    assert set(re.findall(r"^\* `part/(\w+)`: .+\.$", listed, re.M)) == NAMES
    assert any(one.startswith(f"{len(NAMES)} figures in figures, as PNG and SVG") for one in said)
    for name, data in found.items():
        assert data.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")
        if name.endswith("png"):
            picture = arrays.read_image(OUT / name)
            assert picture.shape[1] >= 900, "at least a column of a paper at 300 dots per inch"
            assert picture.std() > 5, "not empty"


@pytest.mark.slow
def test_the_same_data_give_the_same_bytes_without_a_date_whatever_is_set_here(drawn, finished):
    import matplotlib

    finished.make()
    drawn()
    before = written()
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9, "figure.dpi": 50}):
        drawn()
    assert written() == before
    assert not any(b"<dc:date>" in data or b"Matplotlib v" in data for data in before.values())


def test_without_labels_scores_and_the_highest_pictures_are_drawn(drawn, finished):
    finished.make(flat=True)
    drawn()
    assert set(written()) == {
        "figures.md", "flat/gallery.png", "flat/gallery.svg", "flat/scores_maps.png", "flat/scores_maps.svg",
    }  # fmt: skip


def test_a_cell_holds_how_many_images_of_a_kind_are_in_a_class_and_what_is_right_is_framed():
    pytest.importorskip("matplotlib")
    kinds = ["good", "good", "good", "hole", "hole", "cut"]
    classes = ["normal", "normal", "c1", "c1", "c1", "c2"]
    with style.in_style():
        (plot,) = charts.confusion(LabelledClasses(kinds, classes, frozenset({"good"}))).axes
    assert [one.get_text() for one in plot.get_yticklabels()] == ["good", "cut", "hole"]
    assert [one.get_text() for one in plot.get_xticklabels()] == ["normal", "c2", "c1"]
    assert {one.get_position(): one.get_text() for one in plot.texts} == {
        (0, 0): "2", (2, 0): "1", (1, 1): "1", (2, 2): "2"
    }  # fmt: skip
    assert sorted(one.get_xy() for one in plot.patches) == [(-0.5, -0.5), (0.5, 0.5), (1.5, 1.5)]
    np.testing.assert_allclose(plot.images[0].get_array()[0], [2 / 3, 0, 1 / 3])


def test_without_matplotlib_it_is_said_before_anything_is_measured(finished, monkeypatch):
    finished.make()
    monkeypatch.setattr(style, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"takes the package matplotlib: pip install 'adtool\[figures\]'"):
        step.run(ReportConfig(figures=OUT))
    assert not Path("report").exists()


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_folder_of_somebody_else_is_not_written_into(drawn, finished, what):
    finished.make()
    if what == "file":
        OUT.write_text("mine")
    else:
        OUT.mkdir()
        (OUT / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"figures (holds other files|is a file)"):
        drawn()
