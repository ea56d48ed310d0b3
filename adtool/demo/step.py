"""demo: the whole chain on generated data, in a workspace of its own.

Writes <out>/{data,models,maps,classes,report}/
"""

import logging
import shlex
import time

from adtool.core import layout
from adtool.core.steps.step_run import Outcome
from adtool.demo.config import DemoConfig
from adtool.discover import step as discover
from adtool.discover.config import DiscoverConfig
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.prep.datasets import synthetic
from adtool.report import step as report
from adtool.report.config import ReportConfig

KINDS = 5  # of each generated category: four of defect, and the normal one

log = logging.getLogger("adtool")


def run(config: DemoConfig, *, force: bool = False) -> Outcome:
    """Prep synthetic -> maps -> discover -> report; what is done is not done again."""
    started = time.monotonic()
    data, made = config.out / layout.DATA / "synthetic", config.out / layout.MAPS
    log.info("1/4 adtool prep synthetic: pictures of made-up parts, some with painted defects")
    synthetic.run(synthetic.Config(out=data, seed=config.seed), force=force).raise_failures()
    log.info("2/4 adtool maps: how unlike the normal parts each pixel looks")
    maps.run(
        MapsConfig(data=data, out=made, models=config.out / layout.MODELS, seed=config.seed), force=force
    ).raise_failures()
    log.info("3/4 adtool discover --classes %d: which kinds of defect there are", KINDS)
    discover.run(
        DiscoverConfig(data=data, maps=made, out=config.out / layout.CLASSES, classes=str(KINDS), seed=config.seed),
        force=force,
    ).raise_failures()
    log.info("4/4 adtool report --html: how right that was, on one page")
    shown = ReportConfig(
        data=data, folders=(made, config.out / layout.CLASSES), out=config.out / layout.REPORT, html=True
    )
    outcome = report.run(shown)
    outcome.notes.append(
        f"Done in {time.monotonic() - started:.0f} s. {config.out} is a workspace, where every step can be done again "
        f"with other settings: adtool -C {shlex.quote(str(config.out))} report --html. "
        "Next, your own pictures: adtool run --normal GOOD --test ODD"
    )
    return outcome
