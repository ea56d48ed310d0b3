"""Maps of new images: by the stored detector, and by the filter where the classes came from refined maps."""

from collections.abc import Sequence
from pathlib import Path

from adtool.core import arrays
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Sample
from adtool.core.errors import MissingInputError
from adtool.core.layout import InspectedFolder, ModelFolder
from adtool.core.map_source import MapSource, read_source
from adtool.core.progress import track
from adtool.core.steps import notes, resuming, step_run, workspace_paths
from adtool.detection import origin
from adtool.detection import store as stored
from adtool.detection.scoring import OpenedModel
from adtool.inspect.chain import Chain
from adtool.inspect.config import InspectConfig
from adtool.maps.step import score_missing
from adtool.nn import backbone
from adtool.refine import extractor, model, refine_category, validation
from adtool.refine.feature_store import Extractor
from adtool.refine.model import Filter
from adtool.refine.refine_category import Blend

GIVEN = "given"  # folder of the detector's maps below that of the work, where they are refined


def score(config: InspectConfig, chain: Chain, samples: Sequence[Sample], work: Path) -> dict[str, float]:
    """Write the maps that are not there yet; image scores by id, none for images that can't be read.

    Args:
        config: of the step.
        chain: what is stored.
        samples: the new images.
        work: folder for what is not kept.
    """
    found = stored.open_model(
        chain.model,
        engine=config.engine,
        device=config.device,
        batch_size=config.batch_size,
        weights_file=config.weights,
    )
    final = InspectedFolder(config.out)
    mix = refine_category.mix_again(chain.result, lambda: _source(chain)) if chain.is_refined else None
    if mix is None or mix.taken == refine_category.GIVEN:
        known, made = score_missing(found, samples, lambda one: final.scores(one.id), "maps")
        return known | made
    given = work / GIVEN
    known, made = score_missing(found, samples, lambda one: given / f"{one.id}.tiff", "maps")
    return _refined(config, chain, mix, found, [one for one in samples if one.id in known | made], given)


def _refined(
    config: InspectConfig, chain: Chain, mix: Blend, found: OpenedModel, samples: Sequence[Sample], given: Path
) -> dict[str, float]:
    """Filter the detector's maps, those in `given`."""
    final = InspectedFolder(config.out)
    scores = arrays.written_scores({one.id: final.scores(one.id) for one in samples})
    todo = resuming.to_score(samples, scores, found.frame.batch_size)
    made, eye = _filter(config, chain, found)
    keeps = chain.result.image_scores == "given"
    for one in track(validation.filtered(made, chain.category, eye, todo), "refine", len(todo)):
        if one.sample.id in scores:  # seen again for the others of its batch
            continue
        before = arrays.read_scores(given / f"{one.sample.id}.tiff")
        refined = mix.of(before.scores, one.probability(*before.scores.shape))
        value = before.image_score if keeps and before.image_score is not None else arrays.image_score(refined)
        arrays.write_scores(final.scores(one.sample.id), refined, value)
        scores[one.sample.id] = value
    return scores


def _filter(config: InspectConfig, chain: Chain, found: OpenedModel) -> tuple[Filter, Extractor]:
    noted = chain.result.filter
    folder = ModelFolder(workspace_paths.found(noted, chain.maps, notes.read_note(chain.maps)))
    folder = origin.same(folder, chain.result.filter_weights) or folder
    if not folder.weights.exists():
        raise MissingInputError(
            f"The filter that made {chain.maps / chain.category} is not at {folder.path} any more. "
            "Run `adtool refine --force`, then `adtool discover --force`."
        )
    made = model.load(folder)

    def network() -> backbone.Backbone:
        name, _, layers = made.backbone
        weights_file = config.weights if name == found.frame.backbone.name else None
        engine = backbone.exact_engine(config.engine, config.device)
        return backbone.load(name, layers=layers, weights_file=weights_file, engine=engine, device=config.device)

    eye = extractor.of_filter(made, found, chain.model, network)
    model.check(made, eye, chain.category, folder.path)
    return made, eye


def _source(chain: Chain) -> MapSource:
    """The maps that were refined."""
    data = dataset_folder.read_dataset(step_run.noted_data(chain.given, None))
    return read_source(chain.given, data.category(chain.category))
