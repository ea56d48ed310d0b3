"""Run the whole chain on generated data."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.demo.config import DemoConfig


@settings(DemoConfig)
def command(config: DemoConfig, *, force: bool = False) -> Outcome:
    """Run the whole chain on generated data: prep synthetic, maps, discover, report."""
    from adtool.demo import step  # pulls in torch, so only once the options are known to be good

    return step.run(config, force=force)
