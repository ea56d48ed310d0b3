"""One shard of a step, beside its fellows: a `StepRun` of a part of the images.

Each shard holds a lock of its own for as long as it runs. What concerns all of them (the note of the whole, its limit,
the tables at the end) is done in turn, by whoever comes first; the last one to end makes the whole.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adtool.core import files, layout, names
from adtool.core.errors import AdtoolError, BadDataError, LockedError, MissingInputError
from adtool.core.layout import MapsFolder
from adtool.core.limits import keeping
from adtool.core.outcome import Outcome
from adtool.core.shards import merging, shard_files, shared_limit
from adtool.core.shards.shard import Shard
from adtool.core.shards.shard_files import TURN as TURN
from adtool.core.steps import folder_note, inventory, locks, notes
from adtool.core.steps.identity import Identity, as_noted
from adtool.core.steps.locks import FolderLock
from adtool.core.steps.note_form import StepNote
from adtool.core.steps.provenance import surroundings

log = logging.getLogger("adtool")


@dataclass
class ShardWork:
    """A shard of a category being written.

    Attributes:
        folder: of the category.
        shard: which it is.
        began: whether it was the first to begin the category, or began it anew.
        result: ends up in its note, and what is the same in all shards in that of the whole.
        is_whole: whether the whole was made at the end, since all others were done.
        waits_for: shards that are not done.
    """

    folder: Path
    shard: Shard
    began: bool
    result: dict[str, object] = field(default_factory=dict)
    is_whole: bool = False
    waits_for: list[Shard] = field(default_factory=list)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Alone among the shards, for what concerns all of them."""
        with locks.waiting(allowed=True), locks.writing(self.folder.parent, TURN):
            yield

    def write(self, rows: Sequence[Mapping[str, object]]) -> None:
        """The shard's table."""
        table = MapsFolder(self.folder.parent).images(self.folder.name, self.shard.name)
        files.write_csv(table, layout.IMAGES_COLUMNS, rows)


class ShardRun:
    """One run of a shard over categories.

    Args:
        command: of the step.
        out: folder that it writes.
        shard: which part.
        force: redo what is finished or was made otherwise; what other shards began in the same way is gone on with.
        waits: for others, where they have what is needed.
    """

    def __init__(self, command: str, out: Path, shard: Shard, *, force: bool, waits: bool) -> None:
        self.out = out
        self.shard = shard
        self.outcome = Outcome(command, out)
        self._force = force
        self._waits = waits
        self._planned: dict[str, Identity] = {}
        self._began: set[str] = set()
        self._held: FolderLock | None = None
        self._open = ExitStack()
        notes.refuse_foreign(out)
        notes.refuse_others(out, command)

    def __enter__(self) -> "ShardRun":
        self._open.enter_context(locks.waiting(allowed=self._waits))
        part = locks.part_of(self.out, self.shard.name)
        self._held = self._open.enter_context(locks.writing(self.out, part))
        return self

    def __exit__(self, *_: object) -> None:
        self._held = None
        self._open.close()

    def plan(self, identities: Mapping[str, Identity], noted: Mapping[str, object] | None = None) -> list[str]:
        """Note the categories' identities, begin those that nobody began, and say which this shard has to do.

        Args:
            identities: by category.
            noted: what the folder's note shall say besides.

        Raises:
            UsageError: a category was made with other settings and `--force` is not given, or in other shards.
            BadDataError: another version of adtool began it.
            MissingInputError: one that was finished lacks files.
        """
        todo = []
        with self._turn():
            for category, identity in identities.items():
                folder = self.out / names.require_category(category)
                if self._is_whole(folder, identity):
                    log.info("%s: already done, skipped.", folder)
                    notes.forget_parts(folder)
                    self.outcome.skipped.append(category)
                else:
                    self._begin(folder, identity)
                    todo.append(category)
            folder_note.write(self.out, self.outcome.command, noted or {})
        self._planned.update((category, identities[category]) for category in todo)
        return todo

    def _is_whole(self, folder: Path, identity: Identity) -> bool:
        """Whether a category is done by whoever did it."""
        notes.refuse_foreign(folder)
        note = notes.read_note(folder)
        different = identity.differences(note) if note.is_there else []
        if different and not self._force:
            raise notes.made_otherwise(folder, different)
        if note.state != notes.DONE or different or self._force:
            return False
        if gone := inventory.of_maps(folder):
            raise MissingInputError(
                f"{folder} was finished, and {inventory.files_are(len(gone))} missing, for instance {gone[0]}. "
                "Run the same command without --shard: it makes what is missing."
            )
        return True

    def _begin(self, folder: Path, identity: Identity) -> None:
        """Begin a category, or join those that have begun it."""
        note = notes.read_note(folder)
        is_other = bool(note.is_there and identity.differences(note))
        before: dict[str, Any] = {}
        if note.state == notes.DONE or is_other:
            before = shared_limit.noted(keeping.asked_before(folder, is_same=not is_other))
            self._begin_anew(folder, is_other=is_other)
            note = StepNote()
        shard_files.require_same_division(folder, self.shard.count, force=self._force)
        if self._force and shard_files.read_note(folder, self.shard).state == notes.DONE:
            shard_files.forget(folder, self.shard)
        if note.state == notes.RUNNING:
            _require_same_version(folder, note)
            return
        self._began.add(folder.name)
        notes.write(folder, {**notes.new_record(identity), **before}, notes.RUNNING)

    def _begin_anew(self, folder: Path, *, is_other: bool) -> None:
        busy = locks.others_at_work(self.out)
        if busy:
            how = "with other settings" if is_other else "again"
            raise LockedError(f"{folder} is to be made {how}, and others are at work in {self.out}: {busy[0]}.")
        notes.remove_folder(folder)

    @contextmanager
    def category(self, category: str, *, keep_going: bool) -> Iterator[ShardWork]:
        """Do the shard's part of one category; the whole is made as well if all others are done.

        Args:
            category: one of `plan`'s.
            keep_going: note an AdtoolError and go on instead of raising it.
        """
        assert self._held is not None
        folder, shard = self.out / category, self.shard
        path = shard_files.note_path(folder, shard)
        record = notes.new_record(self._planned[category])
        work = ShardWork(folder, shard, category in self._began)
        files.write_json(path, {**record, "state": notes.RUNNING})
        started = time.time()
        try:
            yield work
            inventory.require(shard_files.missing(folder, shard), folder)
            self._held.check()
            record["noted"]["seconds"] = round(time.time() - started, 1)
            files.write_json(path, {**record, "result": as_noted(work.result), "state": notes.DONE})
            self._make_whole(work)
        except AdtoolError as error:
            if shard_files.read_note(folder, shard).state != notes.DONE:
                files.write_json(path, {**record, "error": str(error), "state": notes.FAILED})
            self.outcome.failed[category] = error
            if not keep_going:
                raise
            log.error("%s: %s", category, error)
            return
        self.outcome.done.append(category)

    def _make_whole(self, work: ShardWork) -> None:
        """Make the whole if this shard is the last one, or another did meanwhile."""
        with self._turn():
            if notes.is_done(work.folder):
                work.is_whole = True
                return
            work.waits_for = list(shard_files.open_ones(work.folder, self.shard.all))
            if not work.waits_for:
                merging.merge(work.folder, self.shard.count)
                folder_note.write(self.out, self.outcome.command, {})
                work.is_whole = True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with locks.waiting(allowed=True), locks.writing(self.out, TURN):
            yield


def _require_same_version(folder: Path, note: StepNote) -> None:
    """Refuse to go on with what another adtool began; other libraries may change the last digits, which is said.

    Raises:
        BadDataError: another one began it.
    """
    then = _versions(note.document.get("noted"))
    now = _versions(surroundings())
    if then.get("adtool") != now.get("adtool"):
        raise BadDataError(
            f"{folder} was begun by adtool {then.get('adtool')}, and this is {now.get('adtool')}. Shards are made by "
            "one version: install the same everywhere, or run the same command without --shard here."
        )
    other = [f"{name} {then.get(name)} and {now[name]}" for name in now if then.get(name) != now[name]]
    if other:
        log.warning("%s: shards run with different versions, so that last digits may differ: %s.", folder, other[0])


def _versions(noted: Any) -> Mapping[str, str]:  # noqa: ANN401, of a JSON document
    versions = noted.get("versions") if isinstance(noted, dict) else None
    return versions if isinstance(versions, dict) else {}
