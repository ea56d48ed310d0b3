"""maps --shard K/N: the maps of a part of each category's images, beside others that make the other parts."""

import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial

from adtool.core.dataset.types import Category, Dataset, Sample
from adtool.core.layout import MapsFolder
from adtool.core.limits import evidence, keeping
from adtool.core.limits.asked import Asked
from adtool.core.outcome import Outcome
from adtool.core.shards import shared_limit, told
from adtool.core.shards.shard import Shard
from adtool.core.shards.shard_files import MADE, OF_ALL, SECONDS
from adtool.core.shards.shard_run import ShardRun, ShardWork
from adtool.core.steps.identity import Identity
from adtool.detection import store as stored
from adtool.detection.scoring import ComparedImages, Scorer
from adtool.detection.store import ChosenDetector
from adtool.maps import mapping
from adtool.maps.config import MapsConfig
from adtool.maps.mapping import ReadyModel

log = logging.getLogger("adtool")


def run(
    config: MapsConfig,
    data: Dataset,
    categories: Sequence[Category],
    chosen: ChosenDetector,
    identities: Mapping[str, Identity],
    *,
    force: bool,
) -> Outcome:
    """Score this shard's images of every category; the model is made by whichever shard comes first.

    Args:
        config: of the step, which names the shard.
        data: all categories.
        categories: to do.
        chosen: the detector.
        identities: of the categories.
        force: see `ShardRun`.
    """
    shard = config.part
    assert shard is not None
    with ShardRun("maps", config.out, shard, force=force, waits=not config.no_wait) as work:
        todo = work.plan(identities, {"data": data.path, "models": config.models})
        for category in categories:
            if category.name not in todo:
                work.outcome.rows.append(told.whole(config.out / category.name))
                continue
            with work.category(category.name, keep_going=len(categories) > 1) as out:
                mapping.require_images(category, chosen.name)
                learned_from = stored.source(chosen, data, category, config.models)
                every = mapping.asked_for(category, config.max_images, config.seed)
                anew = force and out.began
                learned = mapping.ready(chosen, category, learned_from, every, config.models, force=anew)
                count = _write(learned, category, every, out, config.asked())
            work.outcome.rows.append(told.line(out, count))
            work.outcome.notes += told.sentences(out)
    return work.outcome


def _write(learned: ReadyModel, category: Category, every: Sequence[Sample], out: ShardWork, asked: Asked) -> int:
    """Map the shard's images that have no map yet; how many it has."""
    samples = _own(every, learned.scorer, out.shard)
    folder, name = MapsFolder(out.folder.parent), category.name
    with out.turn():
        evidence.write(out.folder, learned.known)
        choose = partial(keeping.for_new_maps, out.folder, learned.known, asked, "maps")
        shared_limit.settle(out.folder, choose)
    started = time.monotonic()
    label = f"maps {name} {out.shard}"
    known, made = mapping.score_missing(learned.scorer, samples, lambda one: folder.scores(name, one.id), label)
    scores = known | made
    unread = [one.id for one in samples if one.id not in scores]
    rows = [mapping.row(one, scores[one.id]) for one in samples if one.id in scores]
    out.write(rows)
    out.result |= mapping.noted(learned, category, len(rows), unread, folder.path)
    out.result |= {OF_ALL: len(every), MADE: len(made), SECONDS: round(time.monotonic() - started, 2)}
    return len(rows)


def _own(samples: Sequence[Sample], scorer: Scorer, shard: Shard) -> list[Sample]:
    """The images of a shard; where images are compared with each other, its sets of them."""
    if not isinstance(scorer, ComparedImages):
        return shard.of(samples)
    own = scorer.comparison.sets[shard.number - 1 :: shard.count]
    if not own:
        log.info("There are %d sets of images to compare, and none of them is of shard %s.",
                 len(scorer.comparison.sets), shard)  # fmt: skip
    ids = {one.id for each in own for one in each}
    return [one for one in samples if one.id in ids]
