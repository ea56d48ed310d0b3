"""The recipes for published tables run end to end in their small form."""

import contextlib
import importlib
import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from adtool.cli import app
from adtool.core import arrays
from adtool.detection import contract
from adtool.prep.datasets import synthetic

PAPERS = Path(__file__).parents[1] / "examples" / "papers"


def recipe(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, PAPERS / f"{name}.py", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def in_mvtec_layout(folder: Path, *categories: str) -> Path:
    """Generated pictures in the folders that MVTec AD has: a category each."""
    made = ("cap", "gear", "wood")[: len(categories)]
    synthetic.run(synthetic.Config(out=folder, category=made, train=8, test=2, size=64))
    for one in [path for path in folder.iterdir() if path.is_file()]:
        one.unlink()  # what adtool says of a data set that it made
    for one, name in zip(made, categories, strict=True):
        (folder / one).rename(folder / name)
    return folder


@pytest.mark.slow
def test_costfilter_ends_in_its_table_and_goes_on_where_it_stopped(costfilter, tmp_path, capsys):
    data = in_mvtec_layout(tmp_path / "data", "bottle", "cable")
    words = (data, tmp_path / "out", "--small", "--category", "bottle")
    assert costfilter.call(*words) == 0
    printed = capsys.readouterr().out
    written = (tmp_path / "out" / "mvtec_anomalydino" / "table.md").read_text(encoding="utf-8")
    assert written.strip() == printed.strip()
    header, _, *rows = [line for line in written.splitlines() if line.startswith("|")]
    assert header.split("|")[2].strip() == "image_auroc"
    assert [row.split("|")[1].strip() for row in rows] == ["anomalydino", "+ CostFilter", "difference"]
    assert "(96.8)" in rows[0]
    assert "(98.5)" in rows[1]
    assert "a trial" in written
    assert costfilter.call(*words) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "published"), [("unsupervised", ["0.399", "0.265", "0.488"]), ("semi-supervised", [])]
)
def test_anomalyncd_ends_in_its_table_by_category_and_goes_on_where_it_stopped(
    anomalyncd, tmp_path, capsys, setting, published
):
    data = in_mvtec_layout(tmp_path / "data", "screw", "pill")
    words = (data, tmp_path / "out", "--small", "--category", "screw", "--setting", setting)
    assert anomalyncd.call(*words, "--base", base_set(tmp_path / "base")) == 0
    printed = capsys.readouterr().out
    written = (tmp_path / "out" / setting / "table.md").read_text(encoding="utf-8")
    assert written.strip() == printed.strip()
    header, _, row = [line.strip("| ").split(" | ") for line in written.splitlines() if line.startswith("|")]
    assert header == ["category", "NMI", "ARI", "F1", "AUPRO"]
    assert [cell.partition("(")[2].rstrip(")") for cell in row[1 : 1 + len(published)]] == published
    assert all(-1 <= float(cell.partition(" (")[0]) <= 1 for cell in row[1:])
    assert "a trial" in written
    if published:
        assert anomalyncd.call(*words, "--base", tmp_path / "base") == 0
        assert capsys.readouterr().out == printed


def base_set(folder: Path) -> Path:
    """Labelled crops of two kinds."""
    mask = np.zeros((48, 48), bool)
    mask[10:20, 8:30] = True
    for kind, grey in (("groove", 200), ("breakdown", 90)):
        for number in range(3):
            arrays.write_png(folder / "images" / kind / f"{number}.png", np.full((48, 48, 3), grey, np.uint8))
            arrays.write_mask(folder / "masks" / kind / f"{number}.png", mask)
    return folder


@pytest.fixture
def anomalyncd(monkeypatch):
    """The recipe, and a way to call it in this process: gives the exit code."""
    yield from in_process("anomalyncd", monkeypatch)


@pytest.fixture
def costfilter(monkeypatch):
    """The same of CostFilter-AD."""
    yield from in_process("costfilter", monkeypatch)


@pytest.fixture
def cfa(monkeypatch):
    """The same of CFA."""
    yield from in_process("cfa", monkeypatch)


def in_process(name, monkeypatch):
    """A recipe on a machine without a GPU; it and its steps in this process, as each start of another takes seconds."""
    monkeypatch.syspath_prepend(str(PAPERS))
    module = importlib.import_module(name)
    monkeypatch.setattr(module.common.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(module.common, "per_second", lambda: 1e11)

    def step(folder, *words):
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["adtool", *(str(word) for word in words if word != "")])
        with contextlib.redirect_stdout(io.StringIO()):
            code = app.run()
        if code:
            sys.exit(code)

    monkeypatch.setattr(module.common, "adtool", step)

    def call(*words):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, words)])
        try:
            module.main()
        except SystemExit as stop:
            return stop.code
        return 0

    yield SimpleNamespace(module=module, call=call)
    for one in ("common", name):
        sys.modules.pop(one, None)


def test_anomalyncds_rows_by_category_have_the_published_mean(anomalyncd):
    means = np.mean(list(anomalyncd.module.BY_CATEGORY.values()), axis=0)
    assert means == pytest.approx(anomalyncd.module.SETTINGS["unsupervised"].mvtec[:3], abs=6e-4)


def test_anomalyncds_maps_are_made_by_presets_that_there_are(anomalyncd):
    for setting in anomalyncd.module.SETTINGS.values():
        words = dict(zip(setting.options[::2], setting.options[1::2], strict=True))
        assert words["--set"].removeprefix("preset=") in contract.load_plugin(setting.detector).PRESETS


def test_anomalyncd_says_where_missing_data_is_published_and_how_long_it_would_take(anomalyncd, tmp_path, capsys):
    data, out = in_mvtec_layout(tmp_path / "data", "screw", "pill"), tmp_path / "out"
    assert anomalyncd.call(tmp_path / "gone", out) == 3
    assert "mvtec.com" in capsys.readouterr().err
    assert anomalyncd.call(data, out) == 3
    assert anomalyncd.call(data, out, "--base", tmp_path / "gone") == 3
    assert capsys.readouterr().err.count("zhangzilongc/MMR") == 2
    assert anomalyncd.call(data, out, "--category", "bottle", "--without-base") == 3
    assert "has no category 'bottle'" in capsys.readouterr().err
    assert anomalyncd.call(data, out, "--category", "screw", "--without-base") == 2
    # Of 12 images of two crops each 101 views at 1.6e11 operations, and a thirtieth as much for maps: 3,970 s.
    assert "about 1 hours" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["costfilter"])
def test_without_a_gpu_a_recipe_says_how_long_it_would_take(name, tmp_path):
    done = recipe(name, tmp_path, tmp_path / "out")
    assert done.returncode == 2
    assert "hours" in done.stderr
    assert "--yes" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", sorted(one.stem for one in PAPERS.glob("*.py") if one.stem != "common"))
def test_a_recipe_says_in_its_first_line_what_it_was_never_run_on(name):
    assert "never run" in (PAPERS / f"{name}.py").read_text(encoding="utf-8").splitlines()[0].lower()


@pytest.mark.slow
def test_cfa_ends_in_a_table_a_metric_and_goes_on_where_it_stopped(cfa, tmp_path, capsys):
    data = in_mvtec_layout(tmp_path / "data", "screw", "pill")
    assert cfa.call(data, tmp_path / "out", "--small") == 0
    printed = capsys.readouterr().out
    written = (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    assert written.strip() == printed.strip()
    names = [line.strip("*") for line in written.splitlines() if line.startswith("**")]
    assert names == ["image_auroc", "image_f1max_oracle", "pixel_auroc", "aupro", "pixel_f1max_oracle"]
    rows = [line.strip("| ").split(" | ") for line in written.splitlines() if line.startswith("| ")]
    assert rows[0] == ["category", "tf_efficientnet_lite0"]
    assert [row[0] for row in rows[1:4]] == ["pill", "screw", "mean of 2"]
    assert [row[1].partition(" ")[2] for row in rows[1:4]] == ["(0.887)", "(0.625)", "(0.756)"]
    assert all(0 <= float(row[1].partition(" ")[0]) <= 1 for row in rows if row[0] != "category")
    assert "a trial" in written
    assert cfa.call(data, tmp_path / "out", "--small") == 0
    assert capsys.readouterr().out == printed


@pytest.mark.slow
def test_a_step_is_a_command_in_its_folder_and_a_recipe_ends_with_its_exit_code(tmp_path, monkeypatch, capfd):
    monkeypatch.syspath_prepend(str(PAPERS))
    monkeypatch.delitem(sys.modules, "common", raising=False)
    common = importlib.import_module("common")
    common.adtool(tmp_path / "work", "prep", "synthetic", "--category", "cap", "--train", 1, "--test", 1, "--size", 64)
    assert (tmp_path / "work" / "data" / "synthetic" / "train").is_dir()
    with pytest.raises(SystemExit) as stop:
        common.adtool(tmp_path / "work", "maps", "--data", "gone")
    assert stop.value.code == 3
    assert "It failed, in " in capfd.readouterr().err
    monkeypatch.delitem(sys.modules, "common")


def test_cfa_asks_before_it_takes_hours_and_says_where_missing_data_are_published(cfa, tmp_path, capsys):
    data = in_mvtec_layout(tmp_path / "data", "screw", "pill")
    cfa.module.common.per_second = lambda: 1e9
    assert cfa.call(data, tmp_path / "out") == 2
    assert "it takes about" in capsys.readouterr().err
    assert cfa.call(tmp_path / "nothing", tmp_path / "out") == 3
    assert "MVTec AD is published at" in capsys.readouterr().err
