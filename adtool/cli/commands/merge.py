"""Make one folder of what was done in shards."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.merge.config import MergeConfig


@settings(MergeConfig, writes=True)
def command(config: MergeConfig) -> Outcome:
    """Make one folder of what was done in shards (--shard K/N), byte for byte what one process makes.

    The shard that ends last does it by itself; this is for when it was stopped before, and says which shards are
    missing.
    """
    from adtool.merge import step

    return step.run(config)
