"""Metrics of every finished folder, as a table."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.report.config import ReportConfig


@settings(ReportConfig)
def command(config: ReportConfig) -> Outcome:
    """Metrics of every finished folder (maps/, refined/, classes/), or of those named.

    Labels (kinds and masks of the test images) are read here and nowhere else.
    """
    from adtool.report import step

    return step.run(config)
