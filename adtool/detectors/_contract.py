"""What a detector is: a file of this folder (or an entry point of the group `adtool.detectors`).

The module has

* a docstring, whose first line is shown by `adtool list`;
* `ABOUT`: what it can do;
* `Settings`: its own settings (`--set`), and `PRESETS`: named values for them (`--set preset=NAME`);
* `fit(samples, settings, frame) -> Model` and `load(folder, frame) -> Model`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from adtool.core import config, plugins
from adtool.core.arrays import Floats
from adtool.core.config import Config
from adtool.core.errors import UsageError
from adtool.core.layout import ModelFolder
from adtool.core.sample import Sample
from adtool.nn.backbone import Backbone

GROUP = "detectors"


@dataclass(frozen=True)
class About:
    """What a detector declares.

    Attributes:
        trains: whether `adtool train` must run before it can score.
        needs_normals: whether it learns from normal images.
        templates: what it yields to compare an image with: `normals`, `reconstruction`, `others` or nothing.
    """

    trains: bool
    needs_normals: bool
    templates: str = ""


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

    def score(self, samples: Iterable[Sample]) -> Iterator[Scored]:
        """Score images in their order; what can't be read is skipped and said."""

    def save(self, folder: ModelFolder, card: Mapping[str, object]) -> None:
        """Write the weights, and the model card with `card` in it."""


class Detector(Protocol):
    """The module of a detector."""

    ABOUT: About
    PRESETS: Mapping[str, Mapping[str, object]]
    Settings: type[Config]

    def needs(self, settings: Config, backbone: str) -> "Needs":
        """What it wants of a backbone."""

    def fit(self, samples: Sequence[Sample], settings: Config, frame: Frame) -> Model:
        """Learn from normal images."""

    def load(self, folder: ModelFolder, frame: Frame) -> Model:
        """Read what `Model.save` wrote."""


@dataclass(frozen=True)
class Needs:
    """What a detector wants of a backbone.

    Attributes:
        layers: strides of a convolutional network or blocks of a transformer; None for the backbone's own.
        norm: whether a transformer's final norm is applied.
        image_size: the input size it works best at.
    """

    layers: tuple[int, ...] | None
    norm: bool
    image_size: int


def settings_of(name: str, detector: Detector, given: Sequence[str]) -> Config:
    """The settings of a detector: its defaults, then a preset's, then those given with `--set`.

    Raises:
        UsageError: no such preset or setting, or a value that does not fit.
    """
    values: dict[str, object] = dict(config.pairs(given))
    preset = values.pop("preset", None)
    if preset is not None:
        if str(preset) not in detector.PRESETS:
            known = ", ".join(detector.PRESETS) or "none"
            raise UsageError(f"--set preset={preset}: {name} has no such preset (there are: {known}).")
        values = {**detector.PRESETS[str(preset)], **values}
    return config.parse(detector.Settings, values, where=f"--set of {name}")


def load_plugin(name: str) -> Detector:
    """A detector's module by its name on the command line.

    Raises:
        UsageError: there is none of that name.
    """
    return plugins.load(GROUP, name)
