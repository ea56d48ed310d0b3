"""The two methods behind one face: decide whether maps are refined, then write all of them, or a shard's."""

from dataclasses import dataclass, field
from typing import Protocol

from adtool.core import files, layout
from adtool.core.layout import MapsFolder
from adtool.core.map_source import MapSource
from adtool.core.steps.note_form import NotedResult
from adtool.core.steps.step_run import Work
from adtool.refine import free_category, refine_category
from adtool.refine.blending import BlendRule
from adtool.refine.config import FreeSettings
from adtool.refine.feature_store import Extractor
from adtool.refine.map_detectors import MapDetectors
from adtool.refine.model import Filter
from adtool.refine.refine_category import GIVEN, Blend
from adtool_runtime.refining.free import FreeFilter


class Refiner(Protocol):
    """What refines the maps of one category."""

    @property
    def rule(self) -> BlendRule:
        """Whether the refined maps are taken, and which image scores go with them."""

    def begin(self, out: Work) -> None:
        """Note what refines."""

    def decide(self, given: MapSource, out: Work) -> Blend:
        """Decide whether all the usable maps of a category are refined, and how; noted in `out`."""

    def again(self, given: MapSource, noted: NotedResult) -> Blend:
        """The same as another process decided and noted it."""

    def write(self, given: MapSource, mix: Blend, every: MapSource, folder: MapsFolder) -> dict[str, float]:
        """Write those of the maps `given`, of all that there are, that are not written; image scores by id."""


def refine(refiner: Refiner, given: MapSource, out: Work) -> None:
    """Decide, write every map that is not written yet, and the tables; `refined_limit` decides on parts.

    Args:
        refiner: of the category.
        given: the maps to refine.
        out: the category's folder, and what is noted about it.
    """
    refiner.begin(out)
    given = refine_category.usable(given, out)
    mix = refiner.decide(given, out)
    folder = MapsFolder(out.folder.parent)
    scores = refiner.write(given, mix, given, folder)
    refine_category.settle(given, out, refiner.rule, mix)
    table = folder.images(out.folder.name)
    files.write_csv(table, layout.IMAGES_COLUMNS, refine_category.rows(given, scores))


@dataclass(frozen=True)
class TrainedRefiner:
    """By a trained filter.

    Attributes:
        made: the filter.
        eye: of the filter.
        rule: of the mix.
        detectors: that made the given maps.
        noted: what is noted of the filter.
    """

    made: Filter
    eye: Extractor
    rule: BlendRule
    detectors: MapDetectors
    noted: dict[str, object] = field(default_factory=dict)

    def begin(self, out: Work) -> None:
        """Note what refines."""
        out.result |= {**self.noted, "templates": self.eye.templates}

    def decide(self, given: MapSource, out: Work) -> Blend:
        """The mix of both maps."""
        return refine_category.decide(self.made, given, self.eye, out, self.rule, self.detectors)

    def again(self, given: MapSource, noted: NotedResult) -> Blend:
        """The same as it was noted."""
        return refine_category.mix_again(noted, lambda: given)

    def write(self, given: MapSource, mix: Blend, every: MapSource, folder: MapsFolder) -> dict[str, float]:
        """Write maps; image scores by id."""
        if mix.taken == GIVEN:
            return refine_category.keep(given, folder)
        own = None if self.rule.image_score == "refined" else refine_category.scores_of(given)
        return refine_category.write(self.made, mix, given, self.eye, folder, own)


@dataclass(frozen=True)
class FreeRefiner:
    """Without a filter that is trained.

    Attributes:
        settings: of the method.
        rule: whether the refined maps are taken.
        detectors: that made the given maps.
    """

    settings: FreeSettings
    rule: BlendRule
    detectors: MapDetectors

    def begin(self, out: Work) -> None:
        """There is nothing to note."""

    def _made(self, every: MapSource) -> FreeFilter:
        return FreeFilter(self.settings, free_category.scale_of(every))

    def decide(self, given: MapSource, out: Work) -> Blend:
        """Whether the refined maps are taken."""
        return free_category.decide(self._made(given), given, out, self.rule, self.detectors, self.settings.judged)

    def again(self, given: MapSource, noted: NotedResult) -> Blend:
        """The same as it was noted."""
        return Blend(noted.taken, noted.decision)

    def write(self, given: MapSource, mix: Blend, every: MapSource, folder: MapsFolder) -> dict[str, float]:
        """Write maps; image scores by id."""
        if mix.taken == GIVEN:
            return refine_category.keep(given, folder)
        return free_category.write(self._made(every), given, folder, self.rule)
