"""The reference's help is that of the commands."""

import importlib.util
from pathlib import Path

import pytest

from adtool.cli import app

SCRIPT = Path(__file__).parents[1] / "examples" / "reference.py"


@pytest.fixture(scope="module")
def generator():
    """examples/reference.py as a module."""
    found = importlib.util.spec_from_file_location("reference", SCRIPT)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_help_in_the_reference_is_current(generator):
    text = SCRIPT.with_suffix(".md").read_text(encoding="utf-8")
    assert generator.renewed(text) == text, "run: python examples/reference.py"


def test_the_help_has_every_command_and_keeps_the_rest_of_the_file(generator):
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
