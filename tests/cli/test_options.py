"""Options are made from settings."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest
from pydantic import Field

from adtool.cli.options import settings
from adtool.core.config import Config
from adtool.core.steps.step_run import Outcome


class Everything(Config):
    folders: tuple[Path, ...] = Field((), json_schema_extra={"cli": "argument"})
    number: int = Field(3, ge=1, le=9, description="A number.")
    share: float = Field(0.5, gt=0)
    maybe: int | None = Field(None, ge=2)
    choice: Literal["a", "b"] = "a"
    flag: bool = False
    many: tuple[int, ...] = ()
    pair: tuple[str, str] | None = None
    given: tuple[str, ...] = Field((), json_schema_extra={"option": "--set", "metavar": "NAME=VALUE"})


@pytest.fixture
def call(capsys):
    seen = []

    @settings(Everything, "try it")
    def command(config: Everything, *, force: bool = False) -> Outcome:
        """Try everything."""
        seen.append((config, force))
        return Outcome("try", Path("out"), rows=[{"value": float("nan")}])

    def invoke(*words):
        seen.clear()
        with pytest.raises(SystemExit) as stop:
            command.main(list(words), prog_name="adtool try it")
        printed = capsys.readouterr()
        return SimpleNamespace(code=stop.value.code, out=printed.out, err=printed.err, seen=list(seen))

    return invoke


def test_without_options_the_settings_have_their_defaults(call):
    assert call().seen == [(Everything(), False)]


def test_every_setting_is_an_option_of_its_type(call):
    ended = call("x", "y", "--number", "4", "--share", "0.25", "--maybe", "7", "--choice", "b", "--flag",
                 "--many", "8", "--many", "16", "--pair", "a", "b", "--set", "k=v", "--force")  # fmt: skip
    expected = Everything(
        folders=(Path("x"), Path("y")),
        number=4,
        share=0.25,
        maybe=7,
        choice="b",
        flag=True,
        many=(8, 16),
        pair=("a", "b"),
        given=("k=v",),
    )
    assert ended.seen == [(expected, True)]


@pytest.mark.parametrize(
    "words",
    [["--number", "0"], ["--number", "10"], ["--share", "0"], ["--maybe", "1"], ["--choice", "c"], ["--manx", "1"]],
)
def test_limits_and_choices_hold(call, words):
    ended = call(*words)
    assert (ended.code, ended.seen, ended.out) == (2, [], "")
    assert words[0][2:5] in ended.err


def test_help_names_limits_choices_and_the_way_to_give_pairs(call):
    shown = call("--help").out
    for text in ("Try everything.", "A number.", "One of: a, b.", "NAME=VALUE", "--force", "--json"):
        assert text in shown


def test_json_has_no_nan(call):
    assert json.loads(call("--json").out)["rows"] == [{"value": None}]


def test_a_wrong_value_names_the_command_as_it_was_typed(call):
    assert "adtool try it: share=0.0" in call("--share", "0").err
