"""What a detector is: a file of `adtool/detectors` (or an entry point of the group `adtool.detectors`).

Features go in, scores come out: the steps read files and run the backbone. The module has

* a docstring, whose first line is shown by `adtool list`;
* `ABOUT`: what it can do;
* `Settings`: its own settings (`--set`), and `PRESETS`: named values for them (`--set preset=NAME`);
* if it has other defaults where time is short or does not matter, `QUALITIES` (`--quality`, `detection.qualities`);
* `needs(settings, backbone) -> Needs`: the layers it wants, and how images shall be seen;
* if it learns from normal images, `fit(normals, settings) -> Model` and `load(stored, settings) -> Model`
  (`LearningDetector`);
* if its models can be exported, `Model.grid` and `Model.map_rule` (`Exportable`);
* if its models can score what they learned from as if it was new, `ABOUT.cross_fits`, and `Model.score_without`
  (`CrossFitting`): then every normal image helps to make the limit, else those that are held out
  (`detection.holding_out`);
* if it compares the test images with each other, `compare(samples, settings, frame) -> Comparison`
  (`ComparingDetector`).

Packages beside it whose names begin with an underscore are no plug-ins.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import JsonValue
from torch import Tensor

from adtool.core import config, plugins
from adtool.core.arrays import Floats
from adtool.core.config import Config
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.detection.frame import Frame as Frame
from adtool.detection.frame import Needs as Needs
from adtool.detection.image_scores import MapViews as MapViews
from adtool.detection.image_scores import Standard as Standard
from adtool.detection.model_files import StoredModel as StoredModel
from adtool.detection.normal_images import NormalImages as NormalImages
from adtool.detection.qualities import AS_IT_IS
from adtool.detection.qualities import Qualities as Qualities
from adtool.detection.qualities import Usual as Usual
from adtool.nn.feature_reader import SeenImage as SeenImage
from adtool_runtime.forms import MapRule as MapRule

GROUP = "detectors"
ORACLE = "oracle"  # value of the setting `stop`: by the masks of test images
# Of a setting that was added later, its `json_schema_extra`: what was made before it, with its default, still fits.
NOTED_IF_CHANGED: dict[str, JsonValue] = {"noted": "if changed"}


@dataclass(frozen=True)
class About:
    """What a detector declares.

    Attributes:
        trains: whether it learns for minutes or longer: `adtool train` does it, `maps` does so only if there is no
            model, and a model is replaced only when asked for. Others learn in a minute, whenever it is needed.
        templates: what it yields to compare an image with: `normals`, `reconstruction` (its model is `Rebuilding`),
            `others` or nothing.
        cross_fits: whether its models are `CrossFitting`.
        extends: whether its models are `Extending`, which takes that they are `CrossFitting`, too.
        multi_category: whether it learns one model from the normal images of all categories (`Sample.category`
            tells them apart), kept under models/<detector>/_all; `--set joint=false`, where it has that setting,
            makes it one for each.
        tiles: whether it can see large images in tiles: its features are local, so that images may differ in size.
    """

    trains: bool = False
    templates: str = ""
    cross_fits: bool = False
    extends: bool = False
    multi_category: bool = False
    tiles: bool = False


@dataclass(frozen=True)
class Scored:
    """One image's result.

    Attributes:
        sample: the image.
        scores: its map, (H, W) of any size with its ratio of sides.
        image_score: its score.
        views: what that is made from, if the model is `Standardised` and shall be by its settings.
    """

    sample: Sample
    scores: Floats
    image_score: float
    views: MapViews | None = None


class Model(Protocol):
    """A detector that has learned one category, or all."""

    def score(self, seen: SeenImage) -> Scored:
        """Score an image by what was seen of it."""

    def tensors(self) -> Mapping[str, Tensor]:
        """What was learned, as it is stored."""

    def card(self) -> Mapping[str, object]:
        """What else is noted in model.json: `image_score_rule` in words, and what `load` needs beside the settings."""


@runtime_checkable
class Rebuilding(Protocol):
    """A model that rebuilds the features of an image as if it were normal."""

    def rebuild(self, seen: SeenImage) -> tuple[list[Tensor], list[Tensor]]:
        """The features of an image and what became of them, one (C, h, w) tensor a layer each, always of one shape."""


@runtime_checkable
class CrossFitting(Protocol):
    """A model that can score a normal image it learned from as if it had not: without it and its near duplicates.

    Nothing is held out for the limit then. `fit` asks `NormalImages.groups` who is whose duplicate.
    """

    def score_without(self, seen: SeenImage, group: int) -> Scored:
        """Score an image, or what was painted on it, by what was learned from other groups than its own."""


@runtime_checkable
class Standardised(Protocol):
    """A model whose image scores are by the standard of good parts, once it is known (`detection.image_scores`)."""

    def with_standard(self, standard: Standard) -> Model:
        """The same model, which knows the standard and stores it."""


@runtime_checkable
class Exportable(Protocol):
    """A model that `adtool export` can write: a grid of scores by torch's operators alone, and a rule for the rest."""

    def grid(self, seen: SeenImage) -> Tensor:
        """(h, w) scores of an image that become its map; also followed by a tracer, with features of one size.

        What a tracer is shown has the network's input, (3, H, W), as `glance`.
        """

    def map_rule(self) -> MapRule:
        """How the grid becomes the map, and that an image score; without the standard of good parts.

        Raises:
            UsageError: its settings ask for what no graph can do.
        """


@runtime_checkable
class Showing(Protocol):
    """An `Exportable` model of two networks, whose maps show other scores than those that judge."""

    def grids(self, seen: SeenImage) -> tuple[Tensor, Tensor]:
        """(h, w) scores that judge, as of `Exportable.grid`, and those that become the map."""


@runtime_checkable
class Extending(Protocol):
    """A model that can learn a few more normal images without those that it learned from."""

    def extended(self, seen: Sequence[SeenImage], groups: Sequence[int]) -> "Model":
        """A model that learned them, too; `groups` of near duplicates have numbers that it does not know yet."""


class Comparison(Protocol):
    """Test images that are compared with each other.

    Attributes:
        sets: the images, in sets that are compared within themselves.
        image_score_rule: how image scores come about, in words.
    """

    sets: Sequence[Sequence[Sample]]
    image_score_rule: str

    def foretell(self, seen: Sequence[SeenImage], seeing_s: float, todo: Sequence[Sequence[Sample]]) -> None:
        """Say how long the sets `todo` will take, of which the first was seen in so many seconds."""

    def score(self, samples: Sequence[Sample], seen: Sequence[SeenImage]) -> Iterable[Scored]:
        """Score a set, of which so much could be seen."""


class Detector(Protocol):
    """What every detector's module has."""

    ABOUT: About
    PRESETS: config.Presets
    Settings: type[Config]

    def needs(self, settings: Config, backbone: str) -> Needs:
        """What it wants of a backbone."""


@runtime_checkable
class LearningDetector(Detector, Protocol):
    """The module of a detector that learns from normal images."""

    def fit(self, normals: NormalImages, settings: Config) -> Model:
        """Learn from normal images, with an instance of the module's `Settings`."""

    def load(self, stored: StoredModel, settings: Config) -> Model:
        """Make the model again of what its `tensors` and `card` gave."""


@runtime_checkable
class ComparingDetector(Detector, Protocol):
    """The module of a detector that needs no normal images; it keeps no model, and there is no limit."""

    def compare(self, samples: Sequence[Sample], settings: Config, frame: Frame) -> Comparison:
        """Divide a category's test images into sets; nothing is computed yet."""


def settings_of(name: str, detector: Detector, given: Sequence[str], usual: Usual = AS_IT_IS) -> Config:
    """The settings of a detector: its defaults, then those of a quality or a preset's, then those given with `--set`.

    Args:
        name: of the detector.
        detector: its module.
        given: `name=value`.
        usual: what a quality has for defaults; a preset is whole, and takes nothing of it.

    Raises:
        UsageError: no such preset or setting, or a value that does not fit.
    """
    asked = config.pairs(given)
    values = asked if config.PRESET in asked else {**usual.settings, **asked}
    return config.with_preset(detector.Settings, detector.PRESETS, values, owner=name)


def noted(settings: Config) -> dict[str, object]:
    """What a note says of a detector's settings: all but the layers, which it names as the backbone has them."""
    fields = type(settings).model_fields
    later = {name for name, field in fields.items() if field.json_schema_extra == NOTED_IF_CHANGED}
    unchanged = {name for name in later if getattr(settings, name) == fields[name].default}
    return settings.model_dump(mode="json", exclude={"layers", *unchanged})


def require_odd(name: str, side: int) -> None:
    """Refuse an even side of a neighbourhood, which has no middle: the grid would grow by one and be shifted.

    Raises:
        UsageError: it is even.
    """
    if side % 2 == 0:
        raise UsageError(f"--set {name}={side}: the side is odd, for example {side + 1}.")


def learns_jointly(detector: Detector, settings: Config) -> bool:
    """Whether it learns one model for all categories: it can, and its setting `joint`, if it has one, says so."""
    return detector.ABOUT.multi_category and bool(getattr(settings, "joint", True))


def is_by_oracle(settings: Config) -> bool:
    """Whether labels of test images decide what is learned: the setting `stop`, if there is one, says so."""
    return getattr(settings, "stop", None) == ORACLE


def shots(settings: Config) -> int:
    """How many normal images are learned from, 0 for all: the setting `shots`, if there is one, says so."""
    return int(getattr(settings, "shots", 0))


def load_plugin(name: str) -> Detector:
    """A detector's module by its name on the command line.

    Raises:
        UsageError: there is none of that name.
    """
    return plugins.load(GROUP, name)


def learner(name: str) -> LearningDetector:
    """The module of a detector that learns from normal images.

    Raises:
        UsageError: there is none of that name, or it learns nothing.
    """
    detector = load_plugin(name)
    if not isinstance(detector, LearningDetector):
        raise UsageError(
            f"{name} learns nothing beforehand, it compares the test images with each other. "
            f"Run `adtool maps --detector {name}`."
        )
    return detector


def compares(name: str) -> bool:
    """Whether a detector compares the test images with each other, and needs no normal ones.

    Raises:
        UsageError: there is none of that name.
    """
    return isinstance(load_plugin(name), ComparingDetector)
