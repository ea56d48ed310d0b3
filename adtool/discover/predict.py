"""Classes that were found before, and what they make of new images: a class, or none of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from adtool.core import json_files
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.layout import ClassesFolder
from adtool.core.model_cards import ClassesCard
from adtool.core.steps import notes
from adtool.discover import forms, halves, novelty, pipeline
from adtool.discover.ac import method as ac_method
from adtool.discover.ac.patches import Sight
from adtool.discover.assign import Assigned, DiscoveredClasses, LocatedItems
from adtool.discover.binarize import SearchRange
from adtool.discover.config import AC
from adtool.discover.free import method as free_method
from adtool.discover.free.features import Item
from adtool.discover.ncd import method as ncd_method
from adtool.discover.ncd import trunk
from adtool.discover.ncd.fit import FitRuntime
from adtool.discover.pipeline import ClassingMethod, FoundRegions, ScoresOf
from adtool.discover.regions import Finder
from adtool.nn import backbone, weight_files
from adtool.nn.backbone import Backbone, FeatureSource
from adtool.nn.options import EngineChoice
from adtool.nn.precision import FULL
from adtool_runtime.classes import placing, spots

FEATURES = "features"  # folder below that of the work
REMEDY = "Run `adtool discover --force`."

Values = NDArray[np.float64]


@dataclass(frozen=True)
class PredictionRuntime:
    """Where and how fast, not what.

    Attributes:
        engine: what runs the backbone, and its weights, if they are to be taken from a file.
        opened: a backbone that is there already, taken if it is the one of the classes.
    """

    engine: EngineChoice
    opened: Backbone | None = None


@dataclass(frozen=True)
class StoredClasses:
    """The classes of a category as `discover` stored them.

    Attributes:
        folder: where.
        card: model.json.
        tensors: model.safetensors.
        precision: that they were found in.
    """

    folder: ClassesFolder
    card: ClassesCard
    tensors: Mapping[str, NDArray[Any]]
    precision: str = FULL

    @property
    def names(self) -> list[str]:
        """Names as they were found, K."""
        return list(self.card.classes)

    @property
    def way(self) -> ClassingMethod:
        """How the classes of images come about."""
        return ClassingMethod(self.card.method, self.card.features, self.card.rules, self.card.temperature)

    @property
    def source(self) -> FeatureSource:
        """Of the features that they were found on."""
        card = self.card
        return FeatureSource(card.backbone, card.weights_id, tuple(card.layers), card.replicates)

    def limit(self, share: float) -> float:
        """The distance that a share of the anomalies exceeds which the classes were found on."""
        return novelty.limit(self.tensors[novelty.NEAREST if self.remembers else "distances"], share)

    @property
    def remembers(self) -> bool:
        """Whether where the anomalies lay is stored: not by earlier versions, nor where whole images have no class."""
        return self.way.is_whole and bool(novelty.forms(self.tensors))

    def reach(self, limit: float) -> float:
        """Images whose points have this mean distance are as alike as one at a limit is to its class."""
        if novelty.is_close(self.tensors):
            return novelty.reach(limit, self.tensors)
        # Distances of the trained method are 1 - cosine: half the squared distance of points of length 1.
        return (2 * limit) ** 0.5 if self.card.method == "trained" else limit

    def called(self, name: str) -> str:
        """What a class found is called since a person reviewed the classes; `unknown` if it was rejected."""
        return self.card.review.get(name, name)


@dataclass(frozen=True)
class Predicted:
    """Where N new images lie among the classes.

    Attributes:
        images: the class of each, as an index into `Known.names`.
        distance: (N,) from the nearest anomaly that is known, or from the class.
        points: (N, E) where each lies, for comparing new images with each other.
        ranks: of those that are anomalous and differ, the share of the known anomalies that lie nearer to their
            nearest; empty where that is not known.
    """

    images: Assigned
    distance: Values
    points: Values
    ranks: Values


def read(folder: ClassesFolder) -> StoredClasses:
    """Read what `discover` stored of a category.

    Raises:
        MissingInputError: there is nothing.
        BadDataError: it is damaged, or of an adtool that did not keep what is needed.
    """
    if not folder.card.exists() or not folder.model.exists():
        raise MissingInputError(f"No classes at {folder.path}. Run `adtool discover` first.")
    card = json_files.read(folder.card, ClassesCard, REMEDY)
    try:
        tensors = safetensors.load(folder.model.read_bytes())
    except SafetensorError as error:
        raise BadDataError(f"{folder.model} can't be read ({error}). {REMEDY}") from None
    wrong = weight_files.misfit(tensors, forms.ANY_COUNT[card.method])
    if wrong := wrong or weight_files.misfit(tensors, forms.of_count(card, tensors)):
        raise _unfit(folder, wrong)
    if card.method == AC and (wrong := ac_method.misfit(tensors, len(card.classes))):
        raise _unfit(folder, wrong)
    if wrong := weight_files.misfit(tensors, novelty.forms(tensors)):
        raise _unfit(folder, wrong)
    if halves.is_split(card) and (wrong := halves.misfit(card, tensors)):
        raise _unfit(folder, wrong)
    for name, values in tensors.items():
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise BadDataError(f"{folder.model}: the tensor `{name}` holds NaN or infinite values. {REMEDY}")
    return StoredClasses(folder, *halves.apart(card, tensors), notes.read_note(folder.path).settings.precision or FULL)


def _unfit(folder: ClassesFolder, wrong: str) -> BadDataError:
    return BadDataError(f"{folder.model} does not fit its {folder.card.name}: {wrong}. {REMEDY}")


def place(
    known: StoredClasses,
    samples: Sequence[Sample],
    scores_of: ScoresOf,
    image_scores: Values,
    work: ClassesFolder,
    runtime: PredictionRuntime,
) -> Predicted:
    """Give new images their class, in the way of those that the classes were found on.

    Args:
        known: the classes.
        samples: N images, at least one.
        scores_of: their maps.
        image_scores: (N,).
        work: folder for binaries, crops and features.
        runtime: how.

    Raises:
        BadDataError: the backbone's weights are others than those that the classes were found with.
    """
    card = known.card
    found = FoundRegions(SearchRange(*card.search_range), card.score_std)
    finder = Finder(found.search, card.erosion, card.min_run, samples[0].reading.look_at)
    way = known.way
    if way.is_whole:
        has_region = pipeline.marked(samples, scores_of, finder, work, "regions")
    else:
        pipeline.find(found, samples, scores_of, finder, work, "regions")
        has_region = found.has_region(samples)
    if way.method == "trained":
        seen = _learned(known, pipeline.crop_items(work, found.crops, 1.0), work, runtime)
    elif way.method == AC:
        seen = _compared(known, samples, work, runtime)
    elif way.is_whole:
        items = pipeline.whole_images(samples, scores_of, found.std)
        seen = _embedded(known, items, image_scores, work, runtime)
    else:
        items = pipeline.crop_items(work, found.crops, pipeline.MASK_TEMPERATURE)
        seen = _embedded(known, items, image_scores[found.crop_image(samples)], work, runtime)
    classes = DiscoveredClasses(known.names, seen.items, seen.probabilities, seen.apart, {}, {})
    strength = placing.Strength(*card.strength).of(image_scores)
    of_images = pipeline.classes_of_images(way, classes, found, samples, strength)
    is_odd = strength > placing.NO_STRENGTH
    if known.remembers and seen.unreduced is not None and seen.clearness is not None:
        away = novelty.away(seen.unreduced, seen.clearness, known.tensors)
        ranks = novelty.ranks(away[is_odd], known.tensors)
        return Predicted(of_images, np.where(is_odd, away, 0), seen.unreduced, ranks)
    distance = novelty.of_class(pipeline.of_images(way, seen.apart, found, samples), of_images.labels)
    distance[~has_region & ~is_odd] = 0  # nothing is there that could be strange
    return Predicted(of_images, distance, pipeline.of_images(way, seen.points, found, samples), np.zeros(0))


def _embedded(
    known: StoredClasses, items: Sequence[Item], scores: Values, work: ClassesFolder, runtime: PredictionRuntime
) -> LocatedItems:
    """Items as the free method sees them."""
    card, tensors = known.card, known.tensors
    net = _network(known, runtime)
    _require_width(known, "scale", net)
    side = card.image_size if card.features == "maps" else int(card.image_size * pipeline.CROP_SHARE)

    looks = partial(close_up, known, runtime.engine) if card.spot_layers else None
    sight = free_method.Sight(net, looks, side, runtime.engine.batch_size, work.path / FEATURES)
    strength = placing.Strength(card.score_middle, card.score_width)
    return free_method.locate(tensors, strength, items, scores, sight)


def close_up(known: StoredClasses, engine: EngineChoice) -> Backbone:
    """The network that sees spots; errors as in `place`."""
    found = backbone.again(replace(known.source, layers=tuple(known.card.spot_layers)), engine)
    _check_weights(known, found)
    _require_width(known, spots.TENSORS[0], found)
    return found


def _require_width(known: StoredClasses, tensor: str, net: Backbone) -> None:
    width = sum(layer.channels for layer in net.layers)
    if wrong := weight_files.misfit(known.tensors, {tensor: (width,)}):
        raise _unfit(known.folder, wrong)


def _compared(
    known: StoredClasses, samples: Sequence[Sample], work: ClassesFolder, runtime: PredictionRuntime
) -> LocatedItems:
    """Images as Anomaly Clustering sees them."""
    card, net = known.card, _network(known, runtime)
    _require_width(known, "scale", net)
    sight = Sight(net, card.image_size, runtime.engine.batch_size, card.grid == ac_method.FINE)
    how = {"nearest": card.nearest, "spread": card.spread, "tau": card.tau}
    return ac_method.locate(known.tensors, samples, sight, how, work.path / FEATURES)


def _network(known: StoredClasses, runtime: PredictionRuntime) -> Backbone:
    there = runtime.opened
    wanted = known.source
    if there is not None and (there.source, there.precision) == (wanted, known.precision):
        return there
    net = backbone.again(wanted, runtime.engine)
    _check_weights(known, net)
    return net


def _learned(
    known: StoredClasses, items: Sequence[Item], work: ClassesFolder, runtime: PredictionRuntime
) -> LocatedItems:
    """Crops as the trained method sees them; their points have the length 1."""
    card = known.card
    frozen = trunk.load(card.backbone, runtime.engine, layers=card.layers)
    _check_weights(known, frozen.net)
    place = FitRuntime(work.path / FEATURES, 0, runtime.engine.batch_size)
    try:
        points, logits = ncd_method.predict(known.tensors, items, frozen, card.side, place, test_view=card.test_view)
    except ncd_method.MisfitError as error:
        raise _unfit(known.folder, str(error)) from None
    base = card.n_base
    probabilities = placing.class_probabilities(logits, base)[:, base:]
    assigned = Assigned(probabilities.argmax(axis=1), probabilities.max(axis=1))
    return LocatedItems(assigned, points, 1 - logits[:, base:], probabilities)


def _check_weights(known: StoredClasses, net: Backbone) -> None:
    if net.weights_id != known.card.weights_id:
        raise BadDataError(
            f"{known.folder.path} was made with other weights of {net.name} ({known.card.weights_id}, not "
            f"{net.weights_id}). Give the same --weights, or run `adtool discover --force`."
        )
