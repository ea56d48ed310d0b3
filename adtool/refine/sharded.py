"""refine --shard K/N and --workers N: what becomes of a category's maps is decided once, and its maps are divided."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from adtool.core.layout import MapsFolder
from adtool.core.limits import limit_file
from adtool.core.map_source import MapSource
from adtool.core.outcome import Outcome
from adtool.core.shards import crews, divided, shared_limit, told
from adtool.core.shards.jobs import Crew, Job
from adtool.core.shards.shard import Shard
from adtool.core.shards.shard_files import MADE, OF_ALL, SECONDS
from adtool.core.shards.shard_run import TURN, ShardRun, ShardWork
from adtool.core.steps import locks, notes
from adtool.core.steps.identity import Identity
from adtool.core.steps.note_form import NotedResult
from adtool.core.steps.step_run import Work
from adtool.nn import device
from adtool.refine import refine_category, refined_limit
from adtool.refine.config import RefineConfig
from adtool.refine.refine_category import Blend
from adtool.refine.refiners import Refiner

Prepare = Callable[[str, bool], Refiner]  # of a category; whether its filter is made anew


@dataclass(frozen=True)
class DividedRefine:
    """The categories whose maps are refined by several processes.

    Attributes:
        config: of the step.
        sources: the given maps by category.
        identities: of the categories.
        data: the data set.
        prepare: makes what refines a category.
    """

    config: RefineConfig
    sources: Mapping[str, MapSource]
    identities: Mapping[str, Identity]
    data: Path
    prepare: Prepare

    def run(self, *, force: bool) -> Outcome:
        """Do one shard, or let workers do all."""
        crew = crews.asked_for(self.config)
        return self._shard(force=force) if crew is None else self._by_workers(crew, force=force)

    @property
    def _noted(self) -> dict[str, object]:
        return {"data": self.data, "maps": self.config.maps}

    def _shard(self, *, force: bool) -> Outcome:
        config, shard = self.config, self.config.part
        assert shard is not None
        with ShardRun("refine", config.out, shard, force=force, waits=not config.no_wait) as work:
            todo = work.plan(self.identities, self._noted)
            for name, source in self.sources.items():
                if name not in todo:
                    work.outcome.rows.append(told.whole(config.out / name))
                    continue
                with work.category(name, keep_going=len(self.sources) > 1) as out:
                    refiner = self.prepare(name, force and out.began)
                    count = self._write(refiner, source, out)
                work.outcome.rows.append(told.line(out, count))
                work.outcome.notes += told.sentences(out)
        return work.outcome

    def _write(self, refiner: Refiner, source: MapSource, out: ShardWork) -> int:
        """Refine the shard's maps; how many it has."""
        with out.turn():
            every, mix, result = self._decided(refiner, source, out.folder)
        given = _part(every, out.shard)
        started = time.monotonic()
        scores = refiner.write(given, mix, every, MapsFolder(out.folder.parent)) if given.samples else {}
        source.require_unchanged(self.identities[out.folder.name].inputs["maps"])
        out.write(refine_category.rows(given, scores))
        skipped = [name for name in NotedResult.of(result).skipped if out.shard.holds(name)]
        out.result |= {**result, "images": len(scores), "skipped": skipped}
        out.result |= {OF_ALL: len(source.samples), MADE: len(scores), SECONDS: round(time.monotonic() - started, 2)}
        return len(scores)

    def _decided(self, refiner: Refiner, source: MapSource, folder: Path) -> tuple[MapSource, Blend, dict[str, object]]:
        """The usable maps, what becomes of them, and the result that is noted; decided by whoever comes first."""
        note = notes.read_note(folder)
        if note.whole_result:
            noted = note.result
            every = source.without(
                {name: f"{source.maps.scores(folder.name, name)} can't be used." for name in noted.skipped}
            )
            return every, refiner.again(every, noted), dict(note.whole_result)
        out = Work(folder)
        refiner.begin(out)
        every = refine_category.usable(source, out)
        mix = refiner.decide(every, out)
        refine_category.settle(every, out, refiner.rule, mix)
        is_given = NotedResult.of(out.result).image_scores == limit_file.GIVEN
        choose = partial(refined_limit.of_new, source, folder, self.config.asked(), has_given_scores=is_given)
        shared_limit.settle(folder, choose)
        notes.write(folder, {**note.document, "result": out.result}, notes.RUNNING)
        return every, mix, out.result

    def _by_workers(self, crew: Crew, *, force: bool) -> Outcome:
        config = self.config
        begun = divided.begun("refine", config.out, self.identities, self._noted, crew, force=force)
        for name in begun.todo:  # with all that the machine has, before it is divided
            refiner = self.prepare(name, force)
            with locks.waiting(allowed=True), locks.writing(config.out, TURN):
                self._decided(refiner, self.sources[name], config.out / name)
        total = sum(len(self.sources[name].samples) for name in begun.todo)
        job = Job("adtool.refine.step", config, "refine", total, device.gpus_to_share(config.device))
        return begun.done_by_workers(job)


def _part(every: MapSource, shard: Shard) -> MapSource:
    """The maps of a shard."""
    places = [place for place, one in enumerate(every.samples) if shard.holds(one.id)]
    return replace(every, samples=[every.samples[place] for place in places], image_scores=every.image_scores[places])
