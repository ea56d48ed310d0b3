"""What `discover` sees of some categories, seen once, for figures on many parts of the same images.

`number.py` and `new_kinds.py` find classes in hundreds of parts of a set, `ceiling.py` with what is true in place of
what was found. What an image looks like depends on the others by the deviation of all maps' scores alone, which is
that of the whole set here. So each image is described once, in a folder, and read again from there: remove the
folder after the code that describes has changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Category, Sample
from adtool.core.map_source import read_source
from adtool.core.steps import notes, step_run
from adtool.discover import asked, assign, pipeline
from adtool.discover.assign import DiscoveredClasses
from adtool.discover.config import DiscoverConfig
from adtool.discover.free import cluster, spots
from adtool.discover.free.features import Item
from adtool.discover.free.method import Sight
from adtool.discover.networks import Networks
from adtool_runtime.classes.placing import NO_STRENGTH, Described, Strength
from adtool_runtime.classes.spots import SpotAxes

SEEN = Path("descriptions_of_record")

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Some images, as `discover` sees them if they are all there are.

    Attributes:
        described: of all of them.
        scores: (N,).
        strength: of such scores.
        axes: of the anomalies' spots.
    """

    described: Described
    scores: NDArray[np.float64]
    strength: Strength
    axes: SpotAxes

    @property
    def is_odd(self) -> NDArray[np.bool_]:
        """Which are NOK, (N,)."""
        found: NDArray[np.bool_] = self.strength.of(self.scores) > NO_STRENGTH
        return found

    def points(self) -> NDArray[np.float64]:
        """Where the anomalies lie when they are clustered."""
        embedding = replace(cluster.fit_embedding(self.described, self.scores, self.strength), spots=self.axes)
        return embedding.directions(self.described)[self.is_odd]

    def classes(self, kinds: int | None, seed: int) -> DiscoveredClasses:
        """The classes that are found, with that many kinds; None estimates how many."""
        return assign.discover(self.described, self.scores, kinds, seed, self.strength, self.axes)


@dataclass(frozen=True)
class Images:
    """The tested images of a category.

    Attributes:
        name: of it, and of its maps.
        category: they are of.
        samples: N.
        kinds: (N,) their kinds, which no method sees.
        defects: the kinds that are not normal.
        items: N, as they are described.
        scores: (N,).
        normal_scores: of held-out normal images.
        limit: in force.
        sight: how they are seen.
        strength: by which they are decided, if not by the limit.
    """

    name: str
    category: Category
    samples: Sequence[Sample]
    kinds: NDArray[np.str_]
    defects: list[str]
    items: Sequence[Item]
    scores: NDArray[np.float64]
    normal_scores: NDArray[np.float64] | None
    limit: float | None
    sight: Sight
    strength: Strength | None = None

    def part(self, places: Places) -> Part:
        """Some of them, as if they were all."""
        items, scores = [self.items[place] for place in places], self.scores[places]
        strength = self.strength or cluster.fit_strength(scores, self.normal_scores, self.limit)
        is_odd = strength.of(scores) > NO_STRENGTH
        seen, layers = self.sight.spots(items, spots.asked_for(scores, is_odd))
        if seen is None:
            raise ValueError("spots are looked at by default")
        axes = spots.fit(seen, is_odd, [layer.channels for layer in layers])
        return Part(replace(self.sight.described(items), spots=seen), scores, strength, axes)


def read(folders: Sequence[Path]) -> Iterator[Images]:
    """All categories of some folders of finished maps, as `discover` with its defaults sees them."""
    for maps in folders:
        config = asked.settled(DiscoverConfig(maps=maps))
        dataset = dataset_folder.read_dataset(step_run.noted_data(maps, None))
        networks = Networks.of(config.layers, config.engine_choice)
        for name in notes.done_categories(maps):
            source, _ = asked.of_one_kind(read_source(maps, dataset.category(name)), None)
            seen_as = asked.backbone_name(config, source), asked.replicates(config, source)
            sight = Sight(
                networks.plain(*seen_as),
                partial(networks.close, *seen_as),
                asked.image_size(config, source),
                config.batch_size,
                SEEN / "_".join(maps.parts) / name,
            )
            found = pipeline.measure(source.samples, source.scores)
            yield Images(
                f"{maps} {name}",
                source.category,
                source.samples,
                np.array([one.kind for one in source.samples]),
                sorted({one.kind for one in source.samples if not source.category.is_normal(one)}),
                pipeline.whole_images(source.samples, source.scores, found.std),
                source.image_scores,
                source.normal_scores(),
                asked.limit_in_force(config, source),
                sight,
            )
