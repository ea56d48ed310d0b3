"""inspect --shard K/N and --workers N: the maps are divided, and whoever ends last judges the parts by them.

The networks take nearly all of the time. What compares images with each other (how many are alike, whether scores have
drifted, the colours) is done once, by the same code as without shards, which finds the maps written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adtool.core import files
from adtool.core.dataset.types import Sample
from adtool.core.outcome import Outcome
from adtool.core.shards import crews, jobs, shard_files
from adtool.core.shards.jobs import Crew, Job
from adtool.core.shards.shard import Shard
from adtool.core.shards.shard_run import TURN
from adtool.core.steps import locks, notes, whole_folder
from adtool.core.steps.whole_folder import WholeFolder
from adtool.core.words import first_few
from adtool.inspect.config import InspectConfig
from adtool.inspect.noting import COMMAND
from adtool.nn import device

SHOWN = 8  # shards named


@dataclass(frozen=True)
class DividedInspect:
    """New images that several processes look at.

    Attributes:
        config: of the step.
        asked: the folder to be written.
        samples: all new images.
        score: writes the maps of some of them.
        judge: does all the rest, given settings that divide nothing.
    """

    config: InspectConfig
    asked: WholeFolder
    samples: Sequence[Sample]
    score: Callable[[Sequence[Sample]], object]
    judge: Callable[[InspectConfig], Outcome]

    def run(self, *, force: bool) -> Outcome:
        """Do one shard, or let workers do all."""
        plain = self.config.model_copy(update={"shard": None, "workers": None})
        shard = self.config.part
        if shard is None:
            crew = crews.asked_for(self.config)
            assert crew is not None
            return self._by_workers(crew, plain, force=force)
        with locks.waiting(allowed=not self.config.no_wait), locks.writing(self.config.out, shard.name):
            if self._begin(shard.count, force=force):
                self._write(shard)
                with locks.waiting(allowed=True), locks.writing(self.config.out, TURN):
                    open_ones = list(shard_files.open_ones(self.config.out, shard.all))
                    if open_ones and not notes.is_done(self.config.out):
                        return self._told(shard, open_ones)
                    return self.judge(plain)
        return self.judge(plain)

    def _begin(self, count: int, *, force: bool) -> bool:
        """Begin the folder, or join those that have begun it; False if it is done."""
        out = self.config.out
        with locks.waiting(allowed=True), locks.writing(out, TURN):
            shard_files.require_same_division(out, count, force=force)
            return whole_folder.begin(self.asked, force=force, at_work=locks.others_at_work(out))

    def _write(self, shard: Shard) -> None:
        path = shard_files.note_path(self.config.out, shard)
        record = notes.new_record(self.asked.identity)
        files.write_json(path, {**record, "state": notes.RUNNING})
        own = shard.of(self.samples)
        if own:
            self.score(own)
        files.write_json(path, {**record, "state": notes.DONE})

    def _told(self, shard: Shard, open_ones: Sequence[Shard]) -> Outcome:
        outcome = Outcome(COMMAND, self.config.out, done=[self.config.out.name])
        count = sum(shard.holds(one.id) for one in self.samples)
        waits = first_few([str(one) for one in open_ones], SHOWN)
        outcome.notes.append(f"Shard {shard} is done, {count} of {len(self.samples)} images; {waits} not yet.")
        return outcome

    def _by_workers(self, crew: Crew, plain: InspectConfig, *, force: bool) -> Outcome:
        config = self.config
        with locks.waiting(allowed=True):
            shard_files.clear_other_divisions(config.out, crew.count, [config.out])
        if self._begin(crew.count, force=force):
            gpus = device.gpus_to_share(config.device)
            each = config.model_copy(update={"fail_on_nok": False})  # told here
            tasks = jobs.of_shards(crew.count)
            crew.run(Job("adtool.inspect.step", each, "maps", len(self.samples), gpus, tasks)).raise_first()
        return self.judge(plain)
