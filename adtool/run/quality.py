"""The quality of a run: what is asked for, what it was begun with, or the best that is done in time (`--minutes`)."""

import logging
import time
from collections.abc import Iterator
from typing import get_args

from adtool.core.steps import notes
from adtool.core.steps.note_form import NotedResult
from adtool.core.steps.step_run import StepRun
from adtool.detection.options import Quality
from adtool.doctor.chain import MINUTE_S, duration
from adtool.run import first, time_needed
from adtool.run.config import RunConfig
from adtool.run.first import FirstLook
from adtool.run.pictures import GivenPictures

QUALITIES: tuple[Quality, ...] = get_args(Quality)  # the quickest first
DEFAULT: Quality = "good"

log = logging.getLogger("adtool")


def begun(config: RunConfig, given: GivenPictures, *, force: bool) -> RunConfig:
    """What is asked for, with the quality that it was begun with if none is; without any, time is to choose it.

    Args:
        config: as it was typed.
        given: the pictures.
        force: whether time chooses anew.
    """
    noted = notes.read_note(first.FOLDER / given.name).result
    before = _before(noted)
    chooses = config.minutes is not None and config.quality is None
    if before is None or (chooses and force):
        return config if chooses else config.model_copy(update={"quality": config.quality or DEFAULT})
    if config.quality not in (None, before):
        log.info("This was begun with --quality %s; %s was given.", before, config.quality)
        return config
    if chooses:
        log.info("This was begun with --quality %s, which it keeps. With --force, --minutes chooses anew.", before)
    limit = noted.minutes if config.minutes is None else config.minutes
    return config.model_copy(update={"quality": before, "minutes": limit})


def _before(noted: NotedResult) -> Quality | None:
    """The quality of what lies there, None if there is nothing; earlier versions knew one alone."""
    return noted.quality if noted.quality in QUALITIES else DEFAULT if noted.speed else None


def choose(config: RunConfig, given: GivenPictures, started: float) -> tuple[RunConfig, FirstLook]:
    """The best quality that is done in time, else the quickest; with what was seen in measuring it.

    Args:
        config: says how many minutes there are.
        given: the pictures.
        started: when they began, by the monotonic clock.
    """
    assert config.minutes is not None
    chosen: tuple[RunConfig, FirstLook] | None = None
    why = "the quickest there is"
    for one in _different(config, given):
        look = first.look(one, given)
        seconds = time_needed.total(given, look.speed)
        fits = time.monotonic() - started + seconds <= config.minutes * MINUTE_S
        log.info("With --quality %s all would take about %s.", one.quality, duration(seconds))
        if fits or chosen is None:
            chosen = one, look
        if not fits:
            break
        why = "the best that is done in time"
    assert chosen is not None
    log.info("--minutes %g: --quality %s is taken, %s.", config.minutes, chosen[0].quality, why)
    return chosen


def settle(config: RunConfig, given: GivenPictures) -> None:
    """Note the quality once maps were made with it, so that whoever goes on keeps it."""
    noted = notes.read_note(first.FOLDER / given.name).result
    now = {"quality": config.quality, "minutes": config.minutes}
    if (noted.quality, noted.minutes) != tuple(now.values()):
        with StepRun(first.COMMAND, first.FOLDER) as work:
            work.amend(given.name, now)


def _different(config: RunConfig, given: GivenPictures) -> Iterator[RunConfig]:
    """A run of each quality; of those that come to the same, one: the default if it is among them."""
    each = {quality: config.model_copy(update={"quality": quality}) for quality in QUALITIES}
    usual = {quality: first.usual(one, given) for quality, one in each.items()}
    for quality, one in each.items():
        if quality == DEFAULT or usual[quality] != usual[DEFAULT]:
            yield one
