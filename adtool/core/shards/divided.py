"""A step over categories that its own workers do: begun by the driver, done by them as shards, told by the driver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adtool.core.errors import AdtoolError
from adtool.core.outcome import Outcome
from adtool.core.shards import shard_files, told, workers
from adtool.core.shards.shard import Shard
from adtool.core.shards.shard_run import ShardRun
from adtool.core.shards.workers import Job
from adtool.core.steps import notes
from adtool.core.steps.identity import Identity


@dataclass(frozen=True)
class BegunWork:
    """Categories that were begun.

    Attributes:
        command: of the step.
        out: folder that it writes.
        names: of all categories that were asked for.
        todo: those that are not done yet.
        count: of the workers.
    """

    command: str
    out: Path
    names: Sequence[str]
    todo: Sequence[str]
    count: int

    def done_by_workers(self, job: Job) -> Outcome:
        """Let workers do what is to be done; categories that could not be done don't take the others with them.

        Raises:
            AdtoolError: none could be done, by the error of a worker.
        """
        failed: AdtoolError | None = None
        if self.todo:
            try:
                workers.run(job, self.count)
            except AdtoolError as error:
                failed = error
        outcome = Outcome(self.command, self.out)
        for name in self.names:
            folder = self.out / name
            if notes.is_done(folder):
                (outcome.done if name in self.todo else outcome.skipped).append(name)
                outcome.rows.append(told.whole(folder))
                outcome.notes += told.sentences_of(folder) if name in self.todo else []
            elif failed is not None:
                outcome.failed[name] = failed
        if failed is not None and not outcome.failed:
            raise failed
        return outcome


def begun(
    command: str,
    out: Path,
    identities: Mapping[str, Identity],
    noted: Mapping[str, object],
    count: int,
    *,
    force: bool,
) -> BegunWork:
    """Begin categories, anew where that is asked for, so that workers only go on.

    Args:
        command: of the step.
        out: folder that it writes.
        identities: by category.
        noted: what the folder's note shall say besides.
        count: of the workers.
        force: as of a step.
    """
    shard_files.clear_other_divisions(out, count, (out / name for name in identities))
    with ShardRun(command, out, Shard(1, count), force=force, waits=True) as run:
        todo = run.plan(identities, noted)
    return BegunWork(command, out, list(identities), todo, count)
