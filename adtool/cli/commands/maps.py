"""Write one anomaly map per test image."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.maps.config import MapsConfig


@settings(MapsConfig)
def command(config: MapsConfig, *, force: bool = False) -> Outcome:
    """Write one anomaly map per test image.

    Learns the normal images of each category first, unless models/ holds a model that fits. The scores of normal
    images that a model did not learn from give the limit between OK and NOK, see `adtool decide`.
    """
    from adtool.maps import step  # pulls in torch, so only once the options are known to be good

    return step.run(config, force=force)
