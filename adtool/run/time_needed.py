"""How long the chain takes, reckoned from the first look."""

import logging

from adtool.doctor.chain import HOUR_S, MINUTE_S, Speed, duration
from adtool.run.config import RunConfig
from adtool.run.pictures import GivenPictures

REPORT_START_S, REPORT_S = 3.0, 0.05  # and for each picture; on two cores, Magnetic Tile Defects

log = logging.getLogger("adtool")


def of_steps(given: GivenPictures, speed: Speed) -> dict[str, float]:
    """Seconds by step, without refine, whose training can't be reckoned so."""
    images = len(given.test)
    return {
        "maps": speed.start_s + speed.learn_s * len(given.normal) + speed.score_s * images,
        "discover": speed.start_s + speed.discover_s * images,
        "report": REPORT_START_S + REPORT_S * images,
    }


def total(given: GivenPictures, speed: Speed) -> float:
    """Seconds of all steps."""
    return sum(of_steps(given, speed).values())


def say(config: RunConfig, given: GivenPictures, speed: Speed, *, refined: bool) -> None:
    """Say how long it will take, and whether that is longer than was asked for."""
    seconds = total(given, speed)
    parts = ", ".join(f"{name} {duration(each)}" for name, each in of_steps(given, speed).items())
    least = "" if given.normal else " at least: each picture is compared with all others"
    log.info("All of it takes about %s%s (%s).", duration(seconds), least, parts)
    if config.minutes is not None and seconds > config.minutes * MINUTE_S:
        log.warning("That is longer than --minutes %g.", config.minutes)
    if refined:
        log.info("To that comes refine, which trains for minutes on a GPU and for an hour on a CPU: --no-refine.")
    elif seconds > HOUR_S:
        log.info("Ctrl-C stops it at any time; the same command goes on.")
