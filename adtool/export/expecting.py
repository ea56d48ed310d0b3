"""What adtool says of pictures, which an export is compared with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from adtool.core import model_cards
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Sample
from adtool.core.errors import MissingInputError
from adtool.core.steps import step_run
from adtool.detection.contract import CrossFitting, Scored
from adtool.detection.scoring import OpenedModel
from adtool.export import comparing
from adtool.export.comparing import Expected
from adtool.export.config import ExportConfig
from adtool.export.parts import Parts
from adtool.export.sources import Source

WITH_IT, MORE = 5, 50  # pictures that go with it, and that are compared besides


@dataclass(frozen=True)
class Answers:
    """Pictures, those that go with the export first, and what adtool says of each, by id."""

    samples: list[Sample]
    expected: dict[str, Expected]


def answers(config: ExportConfig, source: Source, of: Parts) -> Answers:
    """What adtool says.

    Args:
        config: of the export.
        source: what is exported.
        of: it, its parts.

    Raises:
        MissingInputError: the data set is not there, or none of its pictures can be read.
        BadDataError: it is another one.
    """
    opened, classes = of.opened, of.classes
    samples = _samples(config, source, opened)
    found = {one.sample.id: Expected(one.scores, one.image_score) for one in _scored(of, samples)}
    read = [one for one in samples if one.id in found]
    if not read:
        data = step_run.noted_data(config.maps_folder, config.data)
        raise MissingInputError(f"None of the images of {source.category} in {data} can be read to compare with.")
    if classes is not None:
        scores = {name: one.image_score for name, one in found.items()}
        named = classes.expected(read, lambda one: found[one.id].scores, scores)
        found = {name: replace(one, class_name=named[name]) for name, one in found.items()}
    with_it = comparing.spread(read, WITH_IT)
    return Answers([*with_it, *(one for one in read if one not in with_it)], found)


def _scored(of: Parts, samples: Sequence[Sample]) -> Iterator[Scored]:
    opened = of.opened
    for seen in opened.frame.see(samples):
        for one in opened.score_seen([seen]):
            yield one if of.refiner is None else of.refiner.refined(seen, one)


def _samples(config: ExportConfig, source: Source, opened: OpenedModel) -> list[Sample]:
    data = dataset_folder.read_dataset(step_run.noted_data(config.maps_folder, config.data), is_quiet=True)
    category = data.category(source.category)
    step_run.check_same_data(source.note, category.fingerprint(), source.folder, data.path)
    chosen = comparing.spread(category.test, WITH_IT + MORE)
    # What a detector knows by heart has a score of nothing but rounding, unless distances are taken exactly.
    most = WITH_IT + MORE if isinstance(opened.model, CrossFitting) else WITH_IT
    chosen += comparing.spread(category.train, max(0, most - len(chosen)))
    return list(dataset_folder.with_reading(chosen, model_cards.reading_of(source.model)))
