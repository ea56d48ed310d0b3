"""Show the state of this machine: versions, devices, memory, folders, usable weights, and how long a chain takes."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.doctor.config import DoctorConfig


@settings(DoctorConfig)
def command(config: DoctorConfig) -> Outcome:
    """Show the state of this machine, what a chain needs, and what to do where something is missing.

    With --images N a short run on made-up pictures tells how long N images will take here.
    """
    from adtool.doctor import step  # pulls in torch

    return step.run(config)
