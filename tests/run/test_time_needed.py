"""How long a run takes, reckoned by hand from what one picture took."""

from pathlib import Path

import pytest

from adtool.doctor.chain import Speed
from adtool.run import time_needed
from adtool.run.config import RunConfig
from adtool.run.pictures import GivenPictures

SPEED = Speed(start_s=4.0, learn_s=2.0, score_s=0.5, discover_s=0.25, peak_gib=1.0)
CONFIG = RunConfig(test=Path("odd"))


def given(normal, test):
    pictures = [Path(f"{k}.png") for k in range(max(normal, test))]
    return GivenPictures(pictures[:normal], pictures[:test], "odd", Path("data/odd"))


def test_each_step_takes_its_start_and_its_time_for_each_picture():
    found = time_needed.of_steps(given(30, 100), SPEED)
    assert found == {"maps": 4 + 2 * 30 + 0.5 * 100, "discover": 4 + 0.25 * 100, "report": 3 + 0.05 * 100}
    assert time_needed.total(given(30, 100), SPEED) == 114 + 29 + 8


@pytest.mark.parametrize(("minutes", "longer"), [(None, False), (3, False), (2, True)])
def test_it_is_said_by_steps_and_whether_it_is_longer_than_was_asked_for(minutes, longer, caplog):
    caplog.set_level("INFO", logger="adtool")
    asked = CONFIG.model_copy(update={"minutes": minutes})
    time_needed.say(asked, given(30, 100), SPEED, refined=False)
    assert "All of it takes about 3 min (maps 2 min, discover 29 s, report 8 s)." in caplog.text
    assert ("That is longer than --minutes 2." in caplog.text) == longer


def test_without_good_parts_it_is_the_least_and_refining_comes_to_it(caplog):
    caplog.set_level("INFO", logger="adtool")
    time_needed.say(CONFIG, given(0, 100), SPEED, refined=True)
    assert "at least: each picture is compared with all others" in caplog.text
    assert "--no-refine" in caplog.text
