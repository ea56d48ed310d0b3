"""What the cards of stored models say, `model.json`: of a detector, of the filter, of classes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from adtool.core import json_files
from adtool.core.json_files import JsonForm
from adtool.core.layout import ModelFolder
from adtool.core.pictures import tiling
from adtool.core.pictures.tiling import Tiling
from adtool_runtime.pictures import reading
from adtool_runtime.pictures.reading import PictureReading

LARGEST = 1 << 16  # of a network's sizes; what is larger is damage, and would fill the memory


class AnyCard(JsonForm):
    """What every detector's card may say; one that is plugged in may say nothing else."""

    format: int = Field(0, ge=0)
    image_score_rule: str = ""
    reading: Any = None  # of the pictures that were learned from
    precision: str = ""  # of the features that were learned from; earlier versions did not note it


class ModelCard(AnyCard):
    """The card of a detector's model."""

    detector: str
    settings: dict[str, Any]
    backbone: str
    backbone_weights: str = ""
    image_size: int = Field(ge=1, le=LARGEST)
    tile: int | None = Field(None, ge=1, le=LARGEST)
    overlap: int | None = Field(None, ge=0, le=LARGEST)
    centre_crop: int = Field(0, ge=0, le=LARGEST)
    beside_backbone: str = ""  # of a second network
    beside_backbone_weights: str = ""
    sizes: dict[str, Annotated[float, Field(ge=0, le=LARGEST)]] = Field(default_factory=dict)
    categories: list[str] = Field(default_factory=list)

    @property
    def tiling(self) -> Tiling | None:
        """The tiles that images are seen in, if they are."""
        return tiling.of(self.tile, self.overlap)


class FilterCard(JsonForm):
    """The card of a filter."""

    format: int = Field(0, ge=0)
    settings: dict[str, Any]
    categories: list[str]
    channels: list[Annotated[int, Field(ge=1, le=LARGEST)]]
    backbone: str
    backbone_weights: str
    layers: list[int]
    replicates: bool = False
    image_size: int = Field(ge=1, le=LARGEST)
    detectors: dict[str, str] = Field(default_factory=dict)


class CountCard(JsonForm):
    """An estimate of the number of kinds, the normal one not counted."""

    count: int = Field(ge=1)
    shares: dict[str, float] = Field(default_factory=dict)  # of the draws that chose each; not of earlier versions
    low: int = Field(1, ge=1)
    high: int = Field(1, ge=1)


class DoubtsCard(JsonForm):
    """Where a number of classes is least sure: what one fewer and one more would change."""

    merge: list[str] = Field(default_factory=list, max_length=2)  # the two that may be one
    split: str = ""  # the one that may be two


class ClassesCard(JsonForm):
    """The card of the classes of a category."""

    format: int = Field(0, ge=0)
    classes: list[str] = Field(min_length=1)
    method: Literal["free", "trained", "ac"]
    features: Literal["maps", "crops"]
    rules: Literal["best", "paper"]
    maps: dict[str, Any]  # the identity of the maps
    score_std: float = Field(ge=0)
    search_range: list[float] = Field(min_length=2, max_length=2)
    strength: list[float] = Field(min_length=2, max_length=2)
    backbone: str
    weights_id: str
    layers: list[int]
    replicates: bool = False
    image_size: int = Field(ge=1, le=LARGEST)
    erosion: int = Field(ge=0, le=LARGEST)
    min_run: int = Field(ge=0, le=LARGEST)
    side: int = Field(0, ge=0, le=LARGEST)
    test_view: Literal["whole", "centre"] = "whole"
    temperature: float = Field(0.0, ge=0)
    n_base: int = Field(0, ge=0, le=LARGEST)
    score_middle: float = 0.0
    score_width: float = 1.0
    spot_layers: list[int] = Field(default_factory=list)  # none for classes that were found without spots
    # of the method ac:
    grid: Literal["fine", "coarse"] = "coarse"
    tau: float = Field(1.0, gt=0)
    nearest: bool = False
    spread: float = Field(1.0, gt=0)
    review: dict[str, str] = Field(default_factory=dict)
    doubts: DoubtsCard = Field(default_factory=DoubtsCard)
    auto: CountCard | None = None  # how the number of classes was estimated, where it was


def remedy(folder: ModelFolder) -> str:
    """What to do about a damaged model."""
    return f"Make the model again: `adtool train {folder.detector} --force`."


def read(folder: ModelFolder) -> ModelCard:
    """The card of a model that is there.

    Raises:
        BadDataError: it is damaged.
    """
    return json_files.read(folder.card, ModelCard, remedy(folder))


def image_score_rule(folder: ModelFolder) -> str:
    """How image scores come about, as the model's card says it.

    Raises:
        BadDataError: the card is damaged.
    """
    return _any(folder).image_score_rule


def reading_of(folder: ModelFolder) -> PictureReading:
    """How the pictures that a model learned from were read.

    Raises:
        BadDataError: its card says what can't be understood.
    """
    noted = _any(folder).reading
    return reading.UNNOTED if noted is None else reading.from_json(noted, str(folder.card))


def precision_of(folder: ModelFolder) -> str:
    """The precision of the features that a model learned from, empty where it is not noted.

    Raises:
        BadDataError: the card is damaged.
    """
    return _any(folder).precision


def _any(folder: ModelFolder) -> AnyCard:
    return json_files.read(folder.card, AnyCard, remedy(folder)) if folder.card.exists() else AnyCard()
