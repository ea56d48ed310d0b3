"""Who does what is divided: the processes that `--workers` asks for."""

from adtool.core.shards import ray_crew
from adtool.core.shards.jobs import Crew
from adtool.core.shards.options import RAY, WorkerOptions
from adtool.core.shards.workers import LocalCrew


def asked_for(config: WorkerOptions) -> Crew | None:
    """The workers that are asked for; None if the work is not to be divided.

    Raises:
        UsageError: Ray is not installed, or asked for what it has not.
        MachineError: its cluster can't be reached.
    """
    if config.workers is None:
        return None
    engine, _, count = config.workers.rpartition(":")
    if RAY in (engine, count):
        return ray_crew.connected(config.address, int(count) if engine else None, config.gpus_per_worker)
    return LocalCrew(int(count))
