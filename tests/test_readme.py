"""The README's quick start runs as it is written."""

import re
import shlex
from pathlib import Path

import pytest

from adtool.cli import app
from adtool.core import arrays, plugins
from adtool.prep.datasets import synthetic

README = Path(__file__).parents[1] / "README.md"


def quick_start() -> list[list[str]]:
    found = re.search(r"<!-- quick start.*?-->\s*```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, "the README has no quick start"
    return [shlex.split(line) for line in found.group(1).splitlines() if line.strip()]


@pytest.mark.slow
def test_the_quick_start_runs_as_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        part = synthetic.make("gear", "train", "good", number, size=96, seed=1)
        arrays.write_png(tmp_path / "good" / f"{number}.png", part.image)
    for number, kind in enumerate(["good", "chip", "stain", "scratch", "good", "chip"]):
        part = synthetic.make("gear", "test", kind, number, size=96, seed=1)
        arrays.write_png(tmp_path / "odd" / f"part {number}.png", part.image)
    commands = quick_start()
    assert len(commands) >= 4
    for words in commands:
        monkeypatch.setattr("sys.argv", words)
        assert app.run() == 0, (words, capsys.readouterr())
    assert (tmp_path / "report" / "metrics.csv").exists()
    assert (tmp_path / "classes" / "odd" / "classes.csv").exists()


def test_the_table_of_commands_names_every_one():
    table = README.read_text(encoding="utf-8").partition("| command | does | writes |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`adtool (\w+)", table)) == set(app.names())


def test_the_detectors_and_data_sets_in_the_table_are_those_there_are():
    table = README.read_text(encoding="utf-8")
    (data_sets,) = re.findall(r"NAME: `([\w ]+)`", table)
    assert data_sets.split() == plugins.names("prep.datasets")
    (row,) = re.findall(r"\| `adtool maps` \|.*", table)
    assert set(plugins.names("detectors")) <= set(re.findall(r"`(?:--detector )?(\w+)`", row))
