"""doctor: the state of this machine, what a chain needs, and how long it would take.

Reads  nothing of the workspace
Writes nothing that stays
"""

import logging
from pathlib import Path

from adtool.core.errors import MissingWeightsError
from adtool.core.steps.step_run import Outcome
from adtool.doctor import chain, machine, plan
from adtool.doctor.config import DoctorConfig
from adtool.nn import device

log = logging.getLogger("adtool")


def run(config: DoctorConfig) -> Outcome:
    """Look at everything; with a number of images, measure as well.

    Raises:
        UsageError: there is no such detector or backbone.
        MissingWeightsError: the chain shall be timed, but its weights are not here.
    """
    needed = chain.need(config)
    if config.images is not None and needed.to_do:
        raise MissingWeightsError(
            f"The {needed.what} {needed.state}, so it can't be timed. To get them: {needed.to_do}."
        )
    found = [*machine.facts(Path.cwd()), needed]
    if config.images is not None:
        log.info("Timing the chain on %d generated pictures ...", chain.TRAIN)
        is_least = chain.compares_images(config.detector)
        speed = chain.measure(config)
        if config.is_plan:
            found += plan.facts(speed, config, on_gpu=device.pick(config.device).type == "cuda")
        else:
            found += chain.estimate(speed, config.images, config.train_images, is_least=is_least)
    outcome = Outcome("doctor", Path.cwd(), rows=[fact.as_row() for fact in found])
    if not any(fact.to_do for fact in found):
        outcome.notes.append("Nothing needs to be done.")
    return outcome
