"""The best quality that is done in time, and that a run which goes on keeps it."""

import logging
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from adtool.core import arrays, files
from adtool.core.errors import UsageError
from adtool.core.steps import notes
from adtool.detection.qualities import Usual
from adtool.detectors import patchcore
from adtool.doctor.chain import Speed
from adtool.run import first, quality, step, time_needed
from adtool.run.config import RunConfig
from adtool.run.first import FirstLook, FirstPicture
from adtool.run.pictures import GivenPictures

NOTE = first.FOLDER / "parts"


@pytest.fixture
def given(workspace):
    """Ten good parts and twenty to test."""
    paths = [Path("pictures") / f"{i:02}.png" for i in range(30)]
    for path in paths:
        arrays.write_png(path, np.zeros((8, 8, 3), np.uint8))
    return GivenPictures(paths[:10], paths[10:], "parts", Path("data/parts"))


@pytest.fixture
def run(given, monkeypatch, caplog):
    """What a run does about its quality; the measured times are 1, 3 and 30 minutes."""
    caplog.set_level(logging.INFO, logger="adtool")
    best = {"best": (Usual({"bank_size": 20_000}),)}
    monkeypatch.setattr(patchcore, "QUALITIES", {**patchcore.QUALITIES, **best})
    seconds = {"fast": 60, "good": 180, "best": 1800}

    def look(config, given):
        calls.append(config.quality)
        start = seconds[config.quality] - time_needed.total(given, Speed(0, 0, 0, 0, 0))
        picture = np.zeros((8, 8, 3), np.uint8)
        return FirstLook(Speed(start / 2, 0, 0, 0, 0), [FirstPicture(given.test[0], picture, picture, 1.0)])

    calls: list[str] = []
    monkeypatch.setattr(first, "look", look)

    def of(*, force=False, refused=False, **asked):
        """Maps that are refused are not settled."""
        calls.clear()
        caplog.clear()
        typed = RunConfig(normal=Path("good"), test=Path("odd"), **asked)
        config, seen = quality.begun(typed, given, force=force), None
        if config.quality is None:
            config, seen = quality.choose(config, given, time.monotonic())
        speed = first.take(config, given, seen, force=force)
        time_needed.say(typed, given, speed, refined=False)
        if not refused:
            quality.settle(config, given)
        return config.quality, list(calls)

    return of


def noted():
    found = notes.read_note(NOTE).result
    return found.quality, found.minutes


@pytest.mark.parametrize(
    ("minutes", "taken", "measured"),
    [(2, "fast", ["fast", "good"]), (5, "good", ["fast", "good", "best"]), (31, "best", ["fast", "good", "best"])],
)
def test_the_best_that_is_done_in_time_is_taken_noted_and_said(run, caplog, minutes, taken, measured):
    assert run(minutes=minutes) == (taken, measured)
    assert noted() == (taken, minutes)
    assert f"--minutes {minutes}: --quality {taken} is taken, the best that is done in time." in caplog.messages
    assert "With --quality good all would take about 3 min." in caplog.messages
    assert not any("longer" in one for one in caplog.messages)


def test_if_none_fits_the_quickest_is_taken_and_how_long_it_will_take_is_said(run, caplog):
    assert run(minutes=0.5) == ("fast", ["fast"])
    assert "--minutes 0.5: --quality fast is taken, the quickest there is." in caplog.messages
    assert "That is longer than --minutes 0.5." in caplog.messages
    assert any(one.startswith("All of it takes about 1 min") for one in caplog.messages)


def test_time_that_is_gone_counts(run, given, monkeypatch):
    config, _ = quality.choose(RunConfig(test=Path("odd"), minutes=4), given, time.monotonic() - 100)
    assert config.quality == "fast"


def test_whoever_goes_on_keeps_what_was_chosen(run, caplog):
    run(minutes=2)
    assert run() == ("fast", [])
    assert run(minutes=60) == ("fast", [])
    assert caplog.messages[0].startswith("This was begun with --quality fast, which it keeps. With --force, --minutes ")
    assert run(minutes=60, force=True) == ("best", ["fast", "good", "best"])
    assert noted() == ("best", 60)
    assert run() == ("best", [])


def test_a_quality_that_is_asked_for_wins_and_is_noted_once_maps_are_made_with_it(run, caplog):
    run(minutes=2)
    assert run(quality="good", refused=True)[0] == "good"
    assert "This was begun with --quality fast; good was given." in caplog.messages
    assert noted() == ("fast", 2), "its maps are those that lie there"
    assert run()[0] == "fast"
    assert run(quality="good", force=True)[0] == "good"
    assert run() == ("good", [])
    assert noted() == ("good", None)


def test_a_quality_and_minutes_say_whether_it_fits(run, caplog):
    assert run(quality="best", minutes=5) == ("best", ["best"])
    assert "That is longer than --minutes 5." in caplog.messages


def test_what_an_earlier_version_began_was_of_the_default(run, given):
    run()
    note = notes.read_note(NOTE).document
    del note["result"]["quality"], note["result"]["minutes"]
    files.write_json(NOTE / "_step.json", note)
    assert run(minutes=2) == ("good", [])


def test_pictures_that_are_compared_with_each_other_are_the_same_in_all_qualities(run, given):
    config = RunConfig(test=Path("odd"), minutes=2)
    alone = GivenPictures([], given.test, "parts", given.data)
    assert [one.quality for one in quality._different(config, alone)] == ["good"]


def test_refine_is_not_begun_by_itself_when_time_is_short(given, monkeypatch):
    monkeypatch.setattr(step.device, "pick", lambda _: torch.device("cuda"))
    asked = {"normal": Path("good"), "test": Path("odd")}
    assert step._is_refined(RunConfig(**asked), given)
    assert not step._is_refined(RunConfig(**asked, minutes=5), given)
    assert step._is_refined(RunConfig(**asked, minutes=5, refine=True), given)


def test_the_maps_are_made_with_the_quality_and_the_command_that_is_shown_says_so(given):
    discovered = step.DiscoverConfig()
    for chosen, shown in (("fast", True), ("good", False)):
        config = RunConfig(normal=Path("good"), test=Path("odd"), quality=chosen)
        stages = step._stages(config, given, discovered, refined=False)
        words = next(one.words for one in stages if one.words[1] == "maps")
        assert ("--quality" in words) is shown
        assert first.of_maps(config).quality == chosen


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_minutes_are_more_than_none(minutes):
    with pytest.raises(UsageError, match=r"minutes=.*greater than 0"):
        step.parse(RunConfig, {"test": "odd", "minutes": minutes}, where="adtool run")
