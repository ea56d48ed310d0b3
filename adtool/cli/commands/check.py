"""Find what is wrong with a data set or with maps, before hours are spent on it."""

from adtool.check.config import CheckConfig
from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome


@settings(CheckConfig)
def command(config: CheckConfig) -> Outcome:
    """Find what is wrong with a data set or with maps: what, where, and what to do.

    Unreadable files, sizes and masks that don't fit, images that are in train and test, maps without image, NaN,
    8-bit maps, and more. Ends with code 3 if something must be mended (errors); warnings are worth a look.
    """
    from adtool.check import step

    return step.run(config)
