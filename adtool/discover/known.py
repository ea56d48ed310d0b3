"""Classes that were found before, and what they make of new images: a class, or none of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from adtool.core import checked
from adtool.core.checked import Checked
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.layout import ClassesFolder
from adtool.core.sample import Sample
from adtool.discover import cluster, features, merge, places, strange, trained, traits, trunk
from adtool.discover.assign import Assigned, Classes
from adtool.discover.binarize import SearchRange
from adtool.discover.cluster import Embedding, Strength
from adtool.discover.features import Item
from adtool.discover.learn import Place
from adtool.discover.places import Found, ScoresOf, Way
from adtool.discover.regions import Finder
from adtool.discover.traits import Scaling
from adtool.nn import backbone, checkpoints
from adtool.nn.backbone import Backbone

FEATURES = "features"  # folder below that of the work
REMEDY = "Run `adtool discover --force`."
LARGEST = 1 << 16  # of a size; what is larger is damage, and would fill the memory
# Shapes that don't depend on the number of classes.
FORMS: Mapping[str, Mapping[str, tuple[int | str, ...]]] = {
    "trained": {"distances": ("N",), "head": ("K", "D")},
    "free": {
        "distances": ("N",),
        "scale": ("D",),
        "origin": ("D",),
        "axes": ("E", "D"),
        **{f"traits_{name}": (len(traits.NAMES),) for name in ("middle", "width", "origin")},
        "traits_length": (1,),
    },
}

Values = NDArray[np.float64]


class Card(Checked):
    """model.json."""

    classes: list[str] = Field(min_length=1)
    method: Literal["free", "trained"]
    features: Literal["maps", "crops"]
    rules: Literal["best", "paper"]
    maps: dict[str, Any]
    score_std: float = Field(ge=0)
    search_range: list[float] = Field(min_length=2, max_length=2)
    strength: list[float] = Field(min_length=2, max_length=2)
    backbone: str
    weights_id: str
    layers: list[int]
    image_size: int = Field(ge=1, le=LARGEST)
    erosion: int = Field(ge=0, le=LARGEST)
    min_run: int = Field(ge=0, le=LARGEST)
    side: int = Field(0, ge=0, le=LARGEST)
    n_base: int = Field(0, ge=0, le=LARGEST)
    score_middle: float = 0.0
    score_width: float = 1.0
    review: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Runtime:
    """Where and how fast, not what.

    Attributes:
        weights_file: of the backbone, if it is to be taken from there.
        engine: `auto`, `openvino` or `torch`.
        device: `auto`, `cpu`, `cuda` or `cuda:<n>`.
        batch_size: images a batch.
    """

    weights_file: Path | None
    engine: str
    device: str
    batch_size: int


@dataclass(frozen=True)
class Known:
    """The classes of a category as `discover` stored them.

    Attributes:
        folder: where.
        card: model.json.
        tensors: model.safetensors.
    """

    folder: ClassesFolder
    card: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]

    @property
    def names(self) -> list[str]:
        """Names as they were found, K."""
        return list(self.card["classes"])

    def limit(self, share: float) -> float:
        """The distance from its class that a share of the images exceeds which the classes were found on."""
        return strange.limit(self.tensors["distances"], share)

    def reach(self, limit: float) -> float:
        """Images whose points have this mean distance are as alike as one at a limit is to its class."""
        # Distances of the trained method are 1 - cosine: half the squared distance of points of length 1.
        return limit if self.card["method"] == "free" else (2 * limit) ** 0.5

    def called(self, name: str) -> str:
        """What a class found is called since a person reviewed the classes; `unknown` if it was rejected."""
        return str((self.card.get("review") or {}).get(name, name))


@dataclass(frozen=True)
class Placed:
    """Where N new images lie among the classes.

    Attributes:
        images: the class of each, as an index into `Known.names`.
        distance: (N,) from the class.
        points: (N, E) where each lies, for comparing new images with each other.
        found: regions and crops.
    """

    images: Assigned
    distance: Values
    points: Values
    found: Found


def read(folder: ClassesFolder) -> Known:
    """Read what `discover` stored of a category.

    Raises:
        MissingInputError: there is nothing.
        BadDataError: it is damaged, or of an adtool that did not keep what is needed.
    """
    if not folder.card.exists() or not folder.model.exists():
        raise MissingInputError(f"No classes at {folder.path}. Run `adtool discover` first.")
    card = checked.read(folder.card, Card, REMEDY)
    try:
        tensors = safetensors.load(folder.model.read_bytes())
    except SafetensorError as error:
        raise BadDataError(f"{folder.model} can't be read ({error}). {REMEDY}") from None
    wrong = checkpoints.misfit(tensors, FORMS[card.method])
    if wrong := wrong or checkpoints.misfit(tensors, _sized(card, tensors)):
        raise _unfit(folder, wrong)
    for name, values in tensors.items():
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise BadDataError(f"{folder.model}: the tensor `{name}` holds NaN or infinite values. {REMEDY}")
    return Known(folder, card.model_dump(), tensors)


def _sized(card: Card, tensors: Mapping[str, NDArray[Any]]) -> dict[str, tuple[int | str, ...]]:
    """The shapes that the number of classes and other tensors decide."""
    count = len(card.classes)
    if card.method == "trained":
        return {"head": (card.n_base + count, "D")}
    size = tensors["axes"].shape[0] + tensors["traits_middle"].shape[0]
    return {"middles": (count, tensors["scale"].shape[0]), "centres": (count - 1, size)}


def _unfit(folder: ClassesFolder, wrong: str) -> BadDataError:
    return BadDataError(f"{folder.model} does not fit its {folder.card.name}: {wrong}. {REMEDY}")


def place(
    known: Known,
    samples: Sequence[Sample],
    scores_of: ScoresOf,
    image_scores: Values,
    work: ClassesFolder,
    runtime: Runtime,
) -> Placed:
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
    found = Found(SearchRange(*card["search_range"]), float(card["score_std"]))
    finder = Finder(found.search, int(card["erosion"]), int(card["min_run"]))
    places.find(found, samples, scores_of, finder, work, "regions")
    way = Way(card["method"], card["features"], card["rules"])
    if way.method == "trained":
        seen = _learned(known, places.crop_items(work, found.crops, 1.0), work, runtime)
    elif way.is_whole:
        items = places.whole_images(samples, scores_of, found.std)
        seen = _embedded(known, items, image_scores, work, runtime)
    else:
        items = places.crop_items(work, found.crops, places.MASK_TEMPERATURE)
        seen = _embedded(known, items, image_scores[found.crop_image(samples)], work, runtime)
    classes = Classes(known.names, seen.items, seen.probabilities, seen.apart, {}, {})
    strength = Strength(*card["strength"]).of(image_scores)
    of_images = places.classes_of_images(way, classes, found, samples, strength)
    distance = strange.of_class(places.of_images(way, seen.apart, found, samples), of_images.labels)
    plain = ~found.has_region(samples) & (strength <= cluster.NO_STRENGTH)
    distance[plain] = 0  # nothing is there that could be strange
    return Placed(of_images, distance, places.of_images(way, seen.points, found, samples), found)


@dataclass(frozen=True)
class _Seen:
    """Where N items lie.

    Attributes:
        items: their classes.
        points: (N, E).
        apart: (N, K) distances from the classes.
        probabilities: (N, K).
    """

    items: Assigned
    points: Values
    apart: Values
    probabilities: Values


def _embedded(known: Known, items: Sequence[Item], scores: Values, work: ClassesFolder, runtime: Runtime) -> _Seen:
    """Items as the free method sees them."""
    card, tensors = known.card, known.tensors
    net = backbone.load(
        card["backbone"],
        layers=tuple(card["layers"]),
        weights_file=runtime.weights_file,
        engine=runtime.engine,
        device=runtime.device,
    )
    _check_weights(known, net)
    if wrong := checkpoints.misfit(tensors, {"scale": (sum(layer.channels for layer in net.layers),)}):
        raise _unfit(known.folder, wrong)
    side = int(card["image_size"]) if card["features"] == "maps" else int(card["image_size"] * places.CROP_SHARE)
    cache = work.path / FEATURES
    described = features.describe(items, net, cache, image_size=side, batch_size=runtime.batch_size)
    strength = Strength(card["score_middle"], card["score_width"])
    scaling = Scaling.stored(tensors)
    embedding = Embedding(tensors["scale"], tensors["origin"], tensors["axes"], scaling, strength)
    placed = cluster.place(embedding.directions(described), strength.of(scores), tensors["centres"])
    whole = embedding.whole(described, scores)
    apart = cluster.distances(whole, tensors["middles"])
    return _Seen(Assigned(placed.labels, placed.confidence), whole, apart, placed.probabilities)


def _learned(known: Known, items: Sequence[Item], work: ClassesFolder, runtime: Runtime) -> _Seen:
    """Crops as the trained method sees them; their points have the length 1."""
    card = known.card
    frozen = trunk.load(
        card["backbone"],
        weights_file=runtime.weights_file,
        engine=runtime.engine,
        device=runtime.device,
        layers=card["layers"],
    )
    _check_weights(known, frozen.net)
    place = Place(work.path / FEATURES, 0, runtime.batch_size)
    try:
        points, logits = trained.predict(known.tensors, items, frozen, int(card["side"]), place)
    except trained.MisfitError as error:
        raise _unfit(known.folder, str(error)) from None
    base = int(card["n_base"])
    probabilities = merge.class_probabilities(logits, base)[:, base:]
    assigned = Assigned(probabilities.argmax(axis=1), probabilities.max(axis=1))
    return _Seen(assigned, points, 1 - logits[:, base:], probabilities)


def _check_weights(known: Known, net: Backbone) -> None:
    if net.weights_id != known.card["weights_id"]:
        raise BadDataError(
            f"{known.folder.path} was made with other weights of {net.name} ({known.card['weights_id']}, not "
            f"{net.weights_id}). Give the same --weights, or run `adtool discover --force`."
        )
