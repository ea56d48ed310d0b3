"""For the line: what was learned, as a graph and data that run without torch and give the same answers."""

from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.export.config import ExportConfig


@settings(ExportConfig)
def command(config: ExportConfig, *, force: bool = False) -> Outcome:
    """For the line: what was learned, as a graph and data that run without torch and give the same answers.

    Writes a folder a category: the graph, adtool.json (how pictures are read and judged; the limit is data in it), five
    pictures with what is expected of them, and the runtime as a wheel. It is finished only if every runtime that is
    installed here gives adtool's own image scores and decisions, on these five pictures and on 50 more.
    """
    from adtool.export import step  # pulls in torch, so only once the options are known to be good

    return step.run(config, force=force)
