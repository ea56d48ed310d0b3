"""Tomorrow's images with the stored models: OK or NOK, where, and which class."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.inspect.config import InspectConfig


@settings(InspectConfig)
def command(config: InspectConfig, *, force: bool = False) -> Outcome:
    """Tomorrow's images with the stored models: OK or NOK, where, and which class.

    Uses the detector and the filter that the classes were made with, the limit of the maps, and the classes with the
    names that a person gave them. An image that is unlike every class is `unknown`; says when many of those look alike,
    when the scores of accepted parts drift from those of the normal images, and when images are darker, brighter, less
    sharp, noisier or shifted beyond all that was learned from.
    """
    from adtool.inspect import step  # pulls in torch, so only once the options are known to be good

    return step.run(config, force=force)
