"""Convert maps and crops to and from what other tools exchange."""

from adtool.cli.options import settings
from adtool.convert.config import ConvertConfig
from adtool.core.steps.step_run import Outcome


@settings(ConvertConfig)
def command(config: ConvertConfig, *, force: bool = False) -> Outcome:
    """Convert maps and crops to other tools' formats (--to), or other tools' maps to a maps folder (--from).

    What is read with --from is used by refine, discover and report like maps of our own.
    """
    from adtool.convert import step

    return step.run(config, force=force)
