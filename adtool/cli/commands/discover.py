"""Group the anomalies nobody labelled into defect classes."""

from adtool.cli.options import settings
from adtool.core.step import Outcome
from adtool.discover.config import DiscoverConfig


@settings(DiscoverConfig)
def command(config: DiscoverConfig, *, force: bool = False) -> Outcome:
    """Group the anomalies nobody labelled into defect classes (AnomalyNCD, without its training).

    Finds regions in the maps (MEBin), cuts crops around them, and clusters what is anomalous into `normal` and
    c1, c2, ... Edit classes.csv to name the classes.
    """
    from adtool.discover import step  # pulls in torch, so only once the options are known to be good

    return step.run(config, force=force)
