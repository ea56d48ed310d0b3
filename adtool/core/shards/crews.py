"""Who does what is divided: the processes that `--workers` asks for."""

from adtool.core.shards.jobs import Crew
from adtool.core.shards.options import WorkerOptions
from adtool.core.shards.workers import LocalCrew


def asked_for(config: WorkerOptions) -> Crew | None:
    """The workers that are asked for; None if the work is not to be divided."""
    return None if config.workers is None else LocalCrew(int(config.workers))
