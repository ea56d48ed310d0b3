"""From two folders of pictures to a report: everything, for a start."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.run.config import RunCommand


@settings(RunCommand)
def command(config: RunCommand, *, force: bool = False) -> Outcome:
    """From a folder of good parts and a folder of odd ones to a report: adtool run --normal GOOD --test ODD.

    Looks at ten pictures first, which takes less than a minute and tells how long the rest will take; then runs prep,
    maps, discover and report in the current folder. Run it again and it goes on where it stopped; run a step by itself
    to change its settings. Your pictures are not changed. What it did is written to adtool.toml, for --config.
    """
    from adtool.run import config_file, step  # pulls in torch, so only once the options are known to be good

    return step.run(config_file.asked(config), force=force)
