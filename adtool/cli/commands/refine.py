"""Clean anomaly maps by filtering a matching cost volume (CostFilter-AD)."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.refine.config import RefineConfig


@settings(RefineConfig)
def command(config: RefineConfig, *, force: bool = False) -> Outcome:
    """Clean the anomaly maps of any detector with CostFilter-AD.

    Trains the filter on defects painted on normal images first, unless models/costfilter/ holds one that fits. Maps
    of adtool's detectors are judged on painted defects, and are replaced only where that makes them better.
    """
    from adtool.refine import step  # pulls in torch, so only once the options are known to be good

    return step.run(config, force=force)
