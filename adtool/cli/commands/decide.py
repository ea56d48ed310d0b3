"""OK or NOK: choose where the limit lies, in seconds, from maps that are there."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.decide.config import DecideConfig


@settings(DecideConfig, writes=True)
def command(config: DecideConfig) -> Outcome:
    """OK or NOK: choose where the limit lies, in seconds, from maps that are there.

    Give a share of false alarms, the limit itself, or the share of painted defects that shall be found. Shows what is
    expected of the limit and of its neighbours; without any of these options nothing is changed.
    """
    from adtool.decide import step

    return step.run(config)
