"""The recipes for published tables run end to end in their small form."""

import subprocess
import sys
from pathlib import Path

import pytest

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
def test_costfilter_ends_in_its_table_and_goes_on_where_it_stopped(tmp_path):
    data = in_mvtec_layout(tmp_path / "data", "bottle", "cable")
    words = ("costfilter", data, tmp_path / "out", "--small", "--category", "bottle")
    done = recipe(*words)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "out" / "mvtec_anomalydino" / "table.md").read_text(encoding="utf-8")
    assert written.strip() == done.stdout.strip()
    header, _, *rows = [line for line in written.splitlines() if line.startswith("|")]
    assert header.split("|")[2].strip() == "image_auroc"
    assert [row.split("|")[1].strip() for row in rows] == ["anomalydino", "+ CostFilter", "difference"]
    assert "(96.8)" in rows[0]
    assert "(98.5)" in rows[1]
    assert "a trial" in written
    assert recipe(*words).stdout == done.stdout


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
