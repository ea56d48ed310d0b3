"""Group the anomalies nobody labelled into defect classes."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.discover.config import DiscoverConfig


@settings(DiscoverConfig)
def command(config: DiscoverConfig, *, force: bool = False) -> Outcome:
    """Group the anomalies nobody labelled into defect classes (AnomalyNCD).

    Finds regions in the maps (MEBin), cuts crops around them, and sorts what is anomalous into `normal` and c1, c2, ...
    `--method trained` learns the classes from the crops, `free` clusters frozen features. Edit classes.csv and give it
    to `--review` to name, merge, split and reject classes.
    """
    from adtool.discover import step  # pulls in torch, so only once the options are known to be good

    return step.run(config, force=force)
