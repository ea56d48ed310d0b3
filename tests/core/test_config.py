from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from adtool.core.config import Config, pairs, parse, with_preset
from adtool.core.errors import UsageError


class Settings(Config):
    epochs: int = Field(5, ge=1)
    scale: Literal["unit", "none"] = "unit"
    out: Path = Path("maps")


def test_text_becomes_the_type_of_the_field():
    assert parse(Settings, {"epochs": "10", "out": "x y"}, where="") == Settings(epochs=10, out=Path("x y"))


def test_an_unknown_name_is_an_error_that_lists_the_known_and_the_closest():
    with pytest.raises(UsageError, match=r"--set of x: there is no setting 'epoch' \(there are: .*mean 'epochs'\?\)"):
        parse(Settings, {"epoch": "10"}, where="--set of x")


def test_all_that_does_not_fit_is_said_at_once():
    with pytest.raises(UsageError) as caught:
        parse(Settings, {"epochs": "ten", "scale": "big"}, where="adtool x")
    assert "epochs='ten'" in str(caught.value)
    assert "scale='big'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Settings().epochs = 7


def test_pairs_are_split_at_the_first_equals_sign():
    assert pairs(["a=1", "b-c = x=y "]) == {"a": "1", "b_c": "x=y"}


@pytest.mark.parametrize("text", ["epochs", "=10", ""])
def test_what_is_no_pair_is_refused(text):
    with pytest.raises(UsageError, match="expected name=value"):
        pairs([text])


def test_a_name_given_twice_is_refused():
    with pytest.raises(UsageError, match="given twice"):
        pairs(["a=1", "a=2"])


PRESETS = {"quick": {"epochs": 1, "scale": "none"}, "paper": {"epochs": 50}}


def test_what_is_given_comes_before_the_preset_and_that_before_the_defaults():
    made = with_preset(Settings, PRESETS, {"preset": "quick", "epochs": "3"}, owner="it")
    assert (made.epochs, made.scale) == (3, "none")
    assert with_preset(Settings, PRESETS, {}, owner="it") == Settings()


def test_a_preset_that_there_is_not_is_said_with_those_there_are():
    with pytest.raises(UsageError) as caught:
        with_preset(Settings, PRESETS, {"preset": "papr"}, owner="it")
    assert str(caught.value) == (
        "--set preset=papr: it has no such preset (there are: quick, paper; did you mean 'paper'?)."
    )
    with pytest.raises(UsageError, match=r"there are: none\)"):
        with_preset(Settings, {}, {"preset": ""}, owner="it")


class OfCategories(Config):
    category: tuple[str, ...] = ()


@pytest.mark.parametrize("name", ["../x", "..", "", "a/b", "_kept", "/x"])
def test_a_category_that_would_lie_elsewhere_is_wrong_usage(name):
    with pytest.raises(UsageError, match="can't be the name of a category"):
        parse(OfCategories, {"category": ("bolt", name)}, where="adtool maps")
    assert parse(OfCategories, {"category": ("bolt",)}, where="").category == ("bolt",)
