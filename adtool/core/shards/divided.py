"""A step that its own workers do: over categories' images in shards, or a category at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adtool.core.errors import AdtoolError, PartialFailureError
from adtool.core.outcome import Outcome
from adtool.core.shards import jobs, shard_files, told
from adtool.core.shards.jobs import Crew, Job
from adtool.core.shards.shard import Shard
from adtool.core.shards.shard_run import ShardRun
from adtool.core.steps import folder_note, locks, notes
from adtool.core.steps.identity import Identity


@dataclass(frozen=True)
class BegunWork:
    """Categories of maps that were begun.

    Attributes:
        command: of the step.
        out: folder that it writes.
        names: of all categories that were asked for.
        todo: those that are not done yet.
        crew: that does them.
    """

    command: str
    out: Path
    names: Sequence[str]
    todo: Sequence[str]
    crew: Crew

    def done_by_workers(self, job: Job) -> Outcome:
        """Let workers do what is to be done; categories that could not be done don't take the others with them.

        Args:
            job: without its tasks.

        Raises:
            AdtoolError: none could be done, by the error of a worker.
        """
        failed: list[AdtoolError] = []
        if self.todo:
            results = self.crew.run(replace(job, tasks=self.crew.tasks(self.todo), out=self.out))
            failed = list(results.failed.values())
        outcome = Outcome(self.command, self.out)
        for name in self.names:
            folder = self.out / name
            if notes.is_done(folder):
                (outcome.done if name in self.todo else outcome.skipped).append(name)
                outcome.rows.append(told.whole(folder))
                is_new = name in self.todo
                outcome.notes += told.sentences_of(folder) if is_new else told.unread_in(folder)
            elif failed:
                outcome.failed[name] = _reason(name, failed)
        if failed and not outcome.failed:
            raise failed[0]
        return outcome


def _reason(name: str, failed: Sequence[AdtoolError]) -> AdtoolError:
    """Why a category was not done, of what workers say that did shards of several."""
    each = (one.reasons for one in failed if isinstance(one, PartialFailureError))
    return next((reasons[name] for reasons in each if name in reasons), failed[0])


def begun(
    command: str,
    out: Path,
    identities: Mapping[str, Identity],
    noted: Mapping[str, object],
    crew: Crew,
    *,
    force: bool,
) -> BegunWork:
    """Begin categories, anew where that is asked for, so that workers only go on.

    Args:
        command: of the step.
        out: folder that it writes.
        identities: by category.
        noted: what the folder's note shall say besides.
        crew: that shall do them.
        force: as of a step.
    """
    shard_files.clear_other_divisions(out, crew.count, (out / name for name in identities))
    with ShardRun(command, out, Shard(1, crew.count), force=force, waits=True) as run:
        todo = run.plan(identities, noted)
    return BegunWork(command, out, list(identities), todo, crew)


def by_category(command: str, crew: Crew, job: Job, names: Sequence[str]) -> Outcome:
    """Let each category be done whole by one worker, as many side by side as there are workers.

    Args:
        command: of the step.
        crew: that does them.
        job: without its tasks, with the folder that the step writes.
        names: of the categories.

    Raises:
        AdtoolError: nothing could be done.
    """
    assert job.out is not None
    tasks = dict(zip(names, jobs.of_categories(names), strict=True))
    results = crew.run(replace(job, tasks=list(tasks.values())))
    outcome = Outcome(command, job.out)
    for name, task in tasks.items():
        told_of = results.done.get(task.name)
        if told_of is None:
            outcome.failed[name] = results.failed[task.name]
            continue
        outcome.done += told_of["done"]
        outcome.skipped += told_of["skipped"]
        outcome.rows += told_of["rows"]
        outcome.notes += told_of["notes"]
    if job.out.is_dir():
        with locks.writing(job.out):  # two that ended at once may have written it without each other
            folder_note.write(job.out, notes.note_of(job.out).command, {})
    return outcome
