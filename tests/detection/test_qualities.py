"""`--quality` sets defaults: whatever is asked for by itself wins, and what did not count is said."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from adtool.core.config import Config
from adtool.core.errors import UsageError
from adtool.detection import qualities
from adtool.detection.contract import settings_of
from adtool.detection.options import DetectorOptions
from adtool.detection.qualities import Usual
from adtool.detectors import musc, patchcore
from adtool.nn import weights
from adtool.nn.options import DEFAULT_BACKBONE

DINO = "dinov2_vits14"


class Settings(Config):
    grid: str = "fine"
    size: int = 10


TWO = SimpleNamespace(
    Settings=Settings,
    PRESETS={"paper": {"size": 5}},
    QUALITIES={
        "fast": (Usual({"grid": "coarse", "size": 2}),),
        "best": (Usual({"size": 50}, DINO, 448), Usual({"size": 20}, image_size=320)),
    },
)


@pytest.fixture
def chosen(caplog, monkeypatch):
    """What a detector of two settings comes to, and what is said of it: `chosen("fast", "grid=fine")`."""
    there: list[object] = []
    monkeypatch.setattr(weights, "find_local", lambda _: there[0] if there else None)
    caplog.set_level(logging.INFO, logger="adtool")

    def of(quality, *given, has_weights=False, **asked):
        there[:] = [object()] if has_weights else []
        caplog.clear()
        options = DetectorOptions(quality=quality, settings=given, **asked)
        settings = settings_of("two", TWO, given, qualities.usual(TWO, options))
        qualities.say("two", TWO, settings, options)
        seen = (qualities.backbone(TWO, options), qualities.image_size(TWO, options))
        return (settings.grid, settings.size, *seen), caplog.messages

    return of


def test_without_a_quality_everything_is_as_by_default_and_nothing_is_said(chosen):
    assert chosen("good") == (("fine", 10, DEFAULT_BACKBONE, None), [])
    assert patchcore.Settings() == settings_of("patchcore", patchcore, [])


def test_a_quality_sets_what_nobody_gave_and_says_so(chosen):
    expected = ["--quality fast of two: grid=coarse, size=2."]
    assert chosen("fast") == (("coarse", 2, DEFAULT_BACKBONE, None), expected)


def test_what_is_given_wins_and_that_is_said_where_it_differs(chosen):
    found, said = chosen("fast", "grid=fine", "size=2")
    assert found == ("fine", 2, DEFAULT_BACKBONE, None)
    assert said == ["--quality fast would have grid=coarse; grid=fine was given."]


def test_a_preset_is_whole_and_takes_nothing_of_a_quality(chosen):
    found, (said,) = chosen("fast", "preset=paper")
    assert found == ("fine", 5, DEFAULT_BACKBONE, None)
    assert said == "--quality fast would have grid=coarse, size=2; preset=paper was given, which is whole."


def test_a_backbone_is_taken_where_its_weights_are_with_the_settings_that_are_for_it(chosen):
    found, said = chosen("best", has_weights=True)
    assert found == ("fine", 50, DINO, 448)
    assert said == [f"--quality best of two: size=50, --backbone {DINO}, --image-size 448."]


def test_without_its_weights_the_next_counts_and_the_way_to_them_is_said(chosen):
    found, said = chosen("best")
    assert found == ("fine", 20, DEFAULT_BACKBONE, 320)
    assert said[0] == (
        f"--quality best would have --backbone {DINO}; its weights are not on this machine "
        f"(adtool weights install {DINO})."
    )


@pytest.mark.parametrize(
    ("asked", "why"),
    [({"backbone": "resnet18"}, "resnet18 was given"), ({"weights": Path("own.pth")}, "--weights was given")],
)
def test_a_backbone_or_weights_of_ones_own_win(chosen, asked, why):
    found, said = chosen("best", has_weights=True, **asked)
    assert found == ("fine", 20, asked.get("backbone", DEFAULT_BACKBONE), 320)
    assert said[0].startswith(f"--quality best would have --backbone {DINO}; {why}")


def test_weights_of_ones_own_are_of_the_default_backbone_and_take_what_is_for_it(caplog):
    options = DetectorOptions(quality="best", weights=Path("own.pth"))
    assert qualities.image_size(patchcore, options) == 320
    assert qualities.image_size(patchcore, options.model_copy(update={"backbone": "resnet18"})) is None


@pytest.mark.parametrize("name", [DINO, weights.ALIASES[DINO]])
def test_the_backbone_of_a_quality_may_be_named_too_by_either_name(chosen, name):
    found, _ = chosen("best", backbone=name)  # whether its weights are here is said when they are looked for
    assert found == ("fine", 50, name, 448)


def test_an_image_size_of_ones_own_wins(chosen):
    found, said = chosen("best", image_size=256)
    assert found == ("fine", 20, DEFAULT_BACKBONE, 256)
    assert "--quality best would have --image-size 320; 256 was given." in said


def test_a_detector_without_qualities_is_the_same_in_all_and_that_is_said(caplog):
    caplog.set_level(logging.INFO, logger="adtool")
    options = DetectorOptions(quality="fast")
    settings = settings_of("musc", musc, [], qualities.usual(musc, options))
    assert settings == musc.Settings()
    qualities.say("musc", musc, settings, options)
    assert caplog.messages == ["--quality fast: musc has nothing of its own for it, and does as by default."]


def test_a_value_that_does_not_fit_is_wrong_usage_with_a_quality_too(chosen):
    with pytest.raises(UsageError, match="no setting 'gird'"):
        chosen("fast", "gird=fine")
