"""Settings of `adtool discover`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from adtool.core.config import FORMER, PRESET, READS, Config, pairs, parse, preset_of, with_preset
from adtool.core.errors import UsageError
from adtool.core.shards.options import WorkerOptions
from adtool.discover.presets import BEST as BEST
from adtool.discover.presets import DINO, PRESETS
from adtool.nn.options import BatchOptions, BatchSize, SeedOptions

AUTO, ORACLE, AC, FREE = "auto", "oracle", "ac", "free"


class TrainSettings(Config):
    """Settings of the trained method (`--set`)."""

    epochs: int = Field(30, ge=0, description="How often all crops are drawn.")
    views: int = Field(4, ge=2, description="Random views of each crop, computed once.")
    exact: bool = Field(default=False, description="Draw two new views every epoch instead, as the reference does.")
    side: int = Field(154, ge=32, description="Side of a view, in pixels.")
    heads: int = Field(4, ge=1, description="Parallel classifiers; the one with the smallest loss is taken.")
    rate: float = Field(3e-3, gt=0, description="Learning rate at the start.")
    batch: int = Field(32, ge=2, description="Crops a batch, two views each.")
    normal: Literal["images", "crops"] = Field(
        "images",
        description="What says that a crop is normal: its image's score against held-out normals, or its own score in "
        "the range that binarization searches, as in the reference.",
    )
    hidden: int = Field(512, ge=1, description="Width of the projector's hidden layers.")
    start: Literal["free", "clusters", "random"] = Field(
        "free",
        description="What the classifiers start from: the classes that the free method gives the images, which are the "
        "pseudo labels then, too; k-means of the untrained features; or nothing.",
    )
    test_view: Literal["whole", "centre"] = Field(
        "whole",
        description="What is seen of a crop to tell its class: all of it, or its centre as in the reference, which "
        "resizes to 256 and cuts 224 out.",
    )
    temperature: float = Field(
        0.0,
        ge=0,
        description="How much a larger region counts for its image: the weights are a softmax of sqrt(area in "
        "pixels of the image) / temperature. 0 takes an eighth of the image's longer side; preset=paper takes 100, "
        "and 50 on MTD, as published.",
    )


class AcSettings(Config):
    """Settings of `--method ac` (`--set`)."""

    weights: Literal["auto", "normals", "unsupervised"] = Field(
        "auto",
        description="How strange a patch is, which it weighs by: its distance from the nearest patch of all normal "
        "images, or its mean distance from the nearest of each other image; auto: the first where there are any.",
    )
    references: int = Field(64, ge=2, le=10_000, description="Images that each is compared with, drawn at random.")
    tau: float = Field(
        0.5, gt=0, description="The smaller, the more strange patches outweigh others, in their standard deviations."
    )
    grid: Literal["fine", "coarse"] = Field("coarse", description="Put the layers on the finest or the coarsest grid.")


class DiscoverConfig(SeedOptions, BatchOptions, WorkerOptions):
    """Settings of `adtool discover`; what is not set is taken from the step that made the maps."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **SeedOptions.NOT_IDENTITY,
        **{name: why for name, why in BatchOptions.NOT_IDENTITY.items() if name != "weights"},  # which stand in it
        **WorkerOptions.NOT_IDENTITY,
        "data": "its images are inputs",
        "maps": "they are inputs",
        "out": "where, not what",
        "category": "each has a note of its own",
        "review": "nothing is computed by it",
        "preset": "noted as rules, as its older word",
    }
    data: Path | None = Field(
        None, description="Data set; by default the one the maps were made of.", json_schema_extra={READS: True}
    )
    maps: Path | None = Field(None, description="Folder of maps; by default refined/ if it fits maps/, else maps/.")
    out: Path = Field(Path("classes"), description="Folder to write.")
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All finished maps by default.")
    classes: str = Field(
        AUTO,
        description="Number of classes, the normal one included; `auto` chooses it by how well the classes are "
        "separated; `oracle` counts the kinds of the test folders, and is noted as such.",
    )
    method: Literal["free", "trained", "ac"] = Field(
        "free",
        description="Training-free clustering, AnomalyNCD's training on the crops, or Anomaly Clustering of whole "
        "images, which needs no maps but to tell the normal class (see --set).",
    )
    preset: str | None = Field(
        None,
        description=f"Settings throughout: {', '.join(PRESETS)}. paper trains as AnomalyNCD's paper does (`--method "
        f"trained --backbone {DINO}`, a GPU's work), but for what is given and what `adtool list discover` names.",
    )
    rules: str | None = Field(None, description="Older word for --preset.")
    settings: tuple[str, ...] = Field(
        (),
        description="A setting of the trained method, for instance epochs=10 (see `adtool list discover`), or of ac "
        "(`adtool list discover-ac`), or preset=paper, as --preset; repeat for several.",
        json_schema_extra={"option": "--set", "metavar": "NAME=VALUE"},
    )
    base: Path | None = Field(
        None,
        description="Labelled crops of other defects to learn from as well: images/<class>, masks/<class>; images that "
        "are no crops are cut around their masks.",
    )
    review: Path | None = Field(
        None, description="An edited classes.csv: rename, merge, split and reject classes that were found before."
    )
    features: Literal["maps", "crops"] = Field(
        "maps",
        description="What the free method clusters: whole images weighted by their maps, or crops around the regions.",
    )
    backbone: str = Field("", description="Network for the features; by default the maps' own, else the embedded one.")
    layers: tuple[int, ...] = Field((), description="Strides (or transformer blocks); by default the backbone's own.")
    image_size: int | None = Field(
        None, ge=32, description="Side of the network input, in pixels; by default that of the maps, else 256."
    )
    normal: Literal["limit", "scores"] = Field(
        "limit",
        description="What is normal: what the limit in force says is OK (`adtool decide`), so that classes and "
        "decisions agree; or, as where there is no limit, what scores no higher than 80 % of the normal images or, "
        "without such, the lower of two groups.",
        json_schema_extra={FORMER: "scores"},
    )
    erosion: int = Field(
        0, ge=0, description="Side of MEBin's erosion kernel in map pixels; 0 takes 6 at 518 px in proportion."
    )
    min_run: int = Field(
        4, ge=1, description="Thresholds over which the number of regions must hold: less finds more regions."
    )
    batch_size: BatchSize = 4

    def training(self) -> TrainSettings:
        """The settings of the trained method: the defaults, those of the preset if one is named, then `--set`.

        Raises:
            UsageError: no such preset or setting, or a value that does not fit.
        """
        asked = {} if self.method == AC else pairs(self.settings)
        return with_preset(TrainSettings, PRESETS, {**asked, PRESET: self.preset_name}, owner="discover")

    def grouping(self) -> AcSettings:
        """The settings of the method ac: the defaults, then `--set`.

        Raises:
            UsageError: no such setting, or a value that does not fit.
        """
        asked = {name: value for name, value in pairs(self.settings).items() if name != PRESET}
        return parse(AcSettings, asked if self.method == AC else {}, where="--set of discover --method ac")

    @property
    def preset_name(self) -> str:
        """The preset that was asked for: by `--preset`, `--rules` or `--set preset=`.

        Raises:
            UsageError: no such preset, or they name different ones.
        """
        options = {"--preset ": self.preset, "--rules ": self.rules, "--set preset=": pairs(self.settings).get(PRESET)}
        named = {
            f"{option}{name}": preset_of(PRESETS, {PRESET: name}, owner="discover", option=option)
            for option, name in options.items()
            if name is not None
        }
        if len(set(named.values())) > 1:
            raise UsageError(f"{' and '.join(named)} are {len(named)} ways to name one thing. Give one.")
        return next(iter(named.values()), BEST)

    @field_validator("classes")
    @classmethod
    def _count_or_rule(cls, value: str) -> str:
        if value in (AUTO, ORACLE) or (value.isdecimal() and int(value) > 1):
            return value
        raise ValueError("a number of at least 2, auto or oracle is wanted")
