"""What a detector is: a file of this folder (or an entry point of the group `adtool.detectors`).

The module has

* a docstring, whose first line is shown by `adtool list`;
* `ABOUT`: what it can do;
* `Settings`: its own settings (`--set`), and `PRESETS`: named values for them (`--set preset=NAME`);
* `fit(samples, settings, frame, folder) -> Model` and `load(folder, frame) -> Model`.

Files of this folder whose names begin with an underscore are no plug-ins.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue
from torch import Tensor

from adtool.core import config, plugins
from adtool.core.arrays import Floats
from adtool.core.config import Config
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.core.layout import ModelFolder
from adtool.nn.backbone import Backbone

GROUP = "detectors"
# Of a setting that was added later, its `json_schema_extra`: what was made before it, with its default, still fits.
NOTED_IF_CHANGED: dict[str, JsonValue] = {"noted": "if changed"}


@dataclass(frozen=True)
class About:
    """What a detector declares.

    Attributes:
        trains: whether it learns for minutes or longer: `adtool train` does it, `maps` does so only if there is no
            model, and a model is replaced only when asked for. Others learn in a minute, whenever it is needed.
        needs_normals: whether it learns from normal images. One that does not is given the category's test images
            by `fit` at the start of every `maps` run; it has no model folder and no threshold.
        templates: what it yields to compare an image with: `normals`, `reconstruction` (its model is `Rebuilding`),
            `others` or nothing.
        multi_category: whether it learns one model from the normal images of all categories (`Sample.category`
            tells them apart), kept under models/<detector>/_all; `--set joint=false`, where it has that setting,
            makes it one for each.
    """

    trains: bool
    needs_normals: bool
    templates: str = ""
    multi_category: bool = False


@dataclass(frozen=True)
class Frame:
    """What the command line decides for every detector.

    Attributes:
        backbone: the network, with the layers that the detector asked for.
        image_size: side of the network's input, in pixels.
        batch_size: images a batch.
        seed: of everything random.
    """

    backbone: Backbone
    image_size: int
    batch_size: int
    seed: int


@dataclass(frozen=True)
class Scored:
    """One image's result: a map (H, W) of its own size, and the image's score."""

    sample: Sample
    scores: Floats
    image_score: float


class Model(Protocol):
    """A detector that has learned one category."""

    @property
    def frame(self) -> Frame:
        """What it runs in: backbone, image size ..."""

    def score(self, samples: Iterable[Sample]) -> Iterator[Scored]:
        """Score images in their order; what can't be read is skipped and said."""

    def save(self, folder: ModelFolder, card: Mapping[str, object]) -> None:
        """Write the weights, and the model card with `card` in it."""


class Rebuilding(Model, Protocol):
    """A detector's model that rebuilds the features of an image as if it were normal."""

    def reconstructions(self, samples: Iterable[Sample]) -> Iterator[tuple[Sample, list[Tensor], list[Tensor]]]:
        """For each image its features and what became of them, one (C, h, w) tensor a layer each.

        In the order of the images, and taken from them only as far as needed: some are made while others are seen.
        All have one shape. What can't be read is skipped and said.
        """


class Detector(Protocol):
    """The module of a detector."""

    ABOUT: About
    PRESETS: config.Presets
    Settings: type[Config]

    def needs(self, settings: Config, backbone: str) -> "Needs":
        """What it wants of a backbone."""

    def fit(self, samples: Sequence[Sample], settings: Config, frame: Frame, folder: ModelFolder) -> Model:
        """Learn from normal images.

        Args:
            samples: the images.
            settings: an instance of the module's `Settings`.
            frame: what it runs in.
            folder: where training keeps what it needs to go on after a kill (removed at the end) and its curves.csv.
                What is found there was left by the same training, interrupted.
        """

    def load(self, folder: ModelFolder, frame: Frame) -> Model:
        """Read what `Model.save` wrote."""


@dataclass(frozen=True)
class Needs:
    """What a detector wants of a backbone.

    Attributes:
        layers: strides of a convolutional network or blocks of a transformer; None for the backbone's own.
        norm: whether a transformer's final norm is applied.
        image_size: the input size it works best at.
        before_relu: whether a ResNet's features are taken before their last ReLU.
    """

    layers: tuple[int, ...] | None
    norm: bool
    image_size: int
    before_relu: bool = False


def settings_of(name: str, detector: Detector, given: Sequence[str]) -> Config:
    """The settings of a detector: its defaults, then a preset's, then those given with `--set`.

    Raises:
        UsageError: no such preset or setting, or a value that does not fit.
    """
    return config.with_preset(detector.Settings, detector.PRESETS, config.pairs(given), owner=name)


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


def load_plugin(name: str) -> Detector:
    """A detector's module by its name on the command line.

    Raises:
        UsageError: there is none of that name.
    """
    return plugins.load(GROUP, name)
