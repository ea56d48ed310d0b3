"""Maps of new images: by the stored detector, and by the filter where the classes came from refined maps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from adtool.core import arrays
from adtool.core.dataset import dataset_folder, looking
from adtool.core.dataset.types import Sample
from adtool.core.layout import ClassesFolder, InspectedFolder
from adtool.core.map_source import MapSource, read_source
from adtool.core.progress import track
from adtool.core.steps import resuming, step_run
from adtool.detection import store as stored
from adtool.detection.contract import Scored
from adtool.detection.frame import Frame
from adtool.detection.scoring import OpenedModel
from adtool.inspect import beside
from adtool.inspect.chain import Chain
from adtool.maps.mapping import score_missing
from adtool.nn import backbone
from adtool.nn.backbone import Backbone
from adtool.nn.feature_reader import SeenImage
from adtool.nn.options import EngineChoice
from adtool.refine import again, each_category, extractor, free_category, model, refine_category, validation
from adtool.refine.feature_store import Extractor, ImageFeatures
from adtool.refine.model import Filter
from adtool.refine.refine_category import Blend
from adtool.refine.validation import FilteredImage
from adtool_runtime.refining.free import FreeFilter

Pairs = Iterator[tuple[SeenImage, Scored]]  # images with their maps
Refining = Callable[[Pairs], Pairs]
GIVEN = "given"  # folder of the detector's maps below that of the work, where they are refined


@dataclass(frozen=True)
class NewScores:
    """What was found of new images.

    Attributes:
        of: image scores by id, none for images that can't be read.
        backbone: of the detector, for whoever needs the same; None if its features are not those of the network.
        detector: its name.
        refused: ids of the images that it gave NaN or infinite scores.
    """

    of: dict[str, float]
    backbone: Backbone | None
    detector: str
    refused: Sequence[str]


def score(
    chain: Chain,
    samples: Sequence[Sample],
    final: InspectedFolder,
    engine: EngineChoice,
    work: Path,
    looked: ClassesFolder,
) -> NewScores:
    """Write the maps that are not there yet, and describe their images for the classes where that is one pass.

    Args:
        chain: what is stored.
        samples: the new images.
        final: where the maps are written.
        engine: what runs the networks.
        work: folder for what is not kept.
        looked: below it, where the classes look for what is described.
    """
    found = stored.open_model(chain.model, engine)
    if chain.is_refined and chain.note.settings.method == each_category.FREE:
        free = free_category.again(chain.note)
        refining = None if free is None else partial(_freely, chain=chain, made=free)
        scores = _once(final, chain, refining, found, samples, looked)
        return NewScores(scores, found.frame.backbone if found.frame.is_plain else None, found.name, found.refused)
    mix = refine_category.mix_again(chain.result, lambda: _source(chain)) if chain.is_refined else None
    if mix is not None and mix.taken == refine_category.GIVEN:
        mix = None
    if mix is None:
        scores = _once(final, chain, None, found, samples, looked)
    else:
        made = again.stored_filter(chain.maps, chain.category, chain.result)
        filtering = Filtering(made, mix, again.of_detector(made, found, chain.model, chain.category))
        if filtering.sees is None:  # its network sees the images once more
            given = work / GIVEN
            known, new = score_missing(found, samples, lambda one: given / f"{one.id}.tiff", "maps")
            eye = _extractor(engine, chain, made, found)
            scores = _again(final, chain, filtering, eye, [one for one in samples if one.id in known | new], given)
        else:
            refining = partial(_refined, chain=chain, filtering=filtering, frame=found.frame)
            scores = _once(final, chain, refining, found, samples, looked)
    return NewScores(scores, found.frame.backbone if found.frame.is_plain else None, found.name, found.refused)


@dataclass(frozen=True)
class Filtering:
    """The filter, how its maps are mixed with the given ones, and what it takes of what the detector sees."""

    made: Filter
    mix: Blend
    sees: Callable[[SeenImage], ImageFeatures] | None

    def mixed(self, chain: Chain, before: Scored, found: FilteredImage) -> Scored:
        """The refined map of an image."""
        refined = self.mix.of(before.scores, found.probability(*before.scores.shape))
        refined = looking.only_inside(refined, before.sample)
        keeps = chain.result.image_scores == "given"
        share = looking.share(before.sample)
        return Scored(before.sample, refined, before.image_score if keeps else self.mix.image_score(refined, share))


def _once(
    final: InspectedFolder,
    chain: Chain,
    refining: Refining | None,
    found: OpenedModel,
    samples: Sequence[Sample],
    looked: ClassesFolder,
) -> dict[str, float]:
    """Everything that is made of an image's features, in one pass."""
    frame = found.frame
    scores = arrays.written_scores({one.id: final.scores(one.id) for one in samples})
    todo = resuming.to_score(samples, scores, frame.batch_size)
    describer = beside.describer(chain.classes, frame, looked)
    pairs = _scored(found, frame.see(todo, describer.glance if describer else None))
    if refining is not None:
        pairs = refining(pairs)
    for seen, scored in track(pairs, "maps", len(todo)):
        if scored.sample.id in scores:  # seen again for the others of its batch
            continue
        if describer:  # before its map, since an image that has one is not seen again
            describer.keep(seen, scored.scores)
        arrays.write_scores(final.scores(scored.sample.id), scored.scores, scored.image_score)
        scores[scored.sample.id] = scored.image_score
    return scores


def _scored(found: OpenedModel, images: Iterable[SeenImage]) -> Pairs:
    for seen in images:
        for scored in found.score_seen([seen]):
            yield seen, scored


def _freely(pairs: Pairs, chain: Chain, made: FreeFilter) -> Pairs:
    """The same with maps that are refined without a filter that was trained."""
    keeps = chain.result.image_scores == "given"
    for seen, given in pairs:
        refined = made.refined(given.scores, arrays.read_image(given.sample.image, given.sample.reading))
        refined = looking.only_inside(refined, given.sample)
        own = given.image_score if keeps else free_category.image_score(refined, looking.share(given.sample))
        yield seen, Scored(given.sample, refined, own)


def _refined(pairs: Pairs, chain: Chain, filtering: Filtering, frame: Frame) -> Pairs:
    """The same with refined maps."""
    sees = filtering.sees
    assert sees is not None
    waiting: dict[str, tuple[SeenImage, Scored]] = {}

    def features() -> Iterator[ImageFeatures]:
        for seen, scored in pairs:
            waiting[seen.sample.id] = (seen, scored)
            yield sees(seen)

    made = filtering.made.to(frame.backbone.device)
    for one in validation.of_features(made, chain.category, features(), frame.batch_size):
        seen, scored = waiting.pop(one.sample.id)
        yield seen, filtering.mixed(chain, scored, one)


def _again(
    final: InspectedFolder,
    chain: Chain,
    filtering: Filtering,
    eye: Extractor,
    samples: Sequence[Sample],
    given: Path,
) -> dict[str, float]:
    """Filter the detector's maps, those in `given`, with a network that sees the images once more."""
    scores = arrays.written_scores({one.id: final.scores(one.id) for one in samples})
    todo = resuming.to_score(samples, scores, eye.batch_size)
    for one in track(validation.filtered(filtering.made, chain.category, eye, todo), "refine", len(todo)):
        if one.sample.id in scores:  # seen again for the others of its batch
            continue
        read = arrays.read_scores(given / f"{one.sample.id}.tiff")
        noted = arrays.image_score(read.scores) if read.image_score is None else read.image_score
        scored = filtering.mixed(chain, Scored(one.sample, read.scores, noted), one)
        arrays.write_scores(final.scores(one.sample.id), scored.scores, scored.image_score)
        scores[one.sample.id] = scored.image_score
    return scores


def _extractor(engine: EngineChoice, chain: Chain, made: Filter, found: OpenedModel) -> Extractor:
    """What sees images for the filter."""

    def network() -> Backbone:
        chosen, wanted = backbone.exact(engine), made.source
        own = wanted.name == found.frame.backbone.name
        return backbone.again(wanted, chosen if own else replace(chosen, weights=None))

    eye = extractor.of_filter(made, found, chain.model, network)
    model.check(made, eye, chain.category, again.filter_folder(chain.maps, chain.result).path)
    return eye


def _source(chain: Chain) -> MapSource:
    """The maps that were refined."""
    data = dataset_folder.read_dataset(step_run.noted_data(chain.given, None))
    return read_source(chain.given, data.category(chain.category))
