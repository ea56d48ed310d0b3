"""The README's quick start runs as it is written, and its help is that of the commands."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from adtool.cli import app
from adtool.core import arrays
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


@pytest.fixture(scope="module")
def generator():
    """examples/readme_help.py as a module."""
    found = importlib.util.spec_from_file_location("readme_help", README.parent / "examples" / "readme_help.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_help_in_the_readme_is_current(generator):
    text = README.read_text(encoding="utf-8")
    assert generator.renewed(text) == text, "run: python examples/readme_help.py"


def test_the_help_has_every_command_and_keeps_the_rest_of_the_readme(generator):
    old = f"before\n{generator.BEGIN}\nold\n{generator.END}\nafter\n"
    new = generator.renewed(old)
    assert new.startswith(f"before\n{generator.BEGIN}\n<details>")
    assert new.endswith(f"</details>\n{generator.END}\nafter\n")
    assert "old\n" not in new
    called = {words for words, _ in generator.commands()}
    assert {"adtool run", "adtool maps", "adtool prep folder", "adtool weights list"} <= called
    assert set(app.names()) == {words.split()[1] for words in called}
    assert all(f"Usage: {words} [OPTIONS]" in new for words in called)
    assert max(map(len, new.splitlines())) < 200
    assert generator.renewed(new) == new
