"""Train a detector on the normal images of each category."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.train.config import TrainConfig


@settings(TrainConfig)
def command(config: TrainConfig, *, force: bool = False) -> Outcome:
    """Train a detector on the normal images of each category.

    Those that it did not learn from set the limit between OK and NOK. An interrupted training goes on where it
    stopped. `adtool maps --detector DETECTOR` uses the model, and trains one itself if there is none.
    """
    from adtool.train import step  # pulls in torch, so only once the options are known to be good

    return step.run(config, force=force)
