"""Settings of `adtool discover`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from adtool.core.config import PRESET, Config, Presets, pairs, preset_of, with_preset
from adtool.core.errors import UsageError
from adtool.nn.options import BatchOptions, BatchSize, SeedOptions

AUTO, ORACLE = "auto", "oracle"
BEST, PAPER = "best", "paper"

PRESETS: Presets = {
    BEST: {},  # the defaults: what works best here
    # The reference's own values (notes on its public code), as far as `TrainSettings` has them; it follows the
    # reference in other rules, too.
    PAPER: {"epochs": 50, "exact": True, "side": 224, "start": "random", "normal": "crops", "hidden": 2048},
}


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
    start: Literal["clusters", "random"] = Field(
        "clusters", description="What the classifiers start from: k-means of the untrained features, or nothing."
    )


class DiscoverConfig(SeedOptions, BatchOptions):
    """Settings of `adtool discover`; what is not set is taken from the step that made the maps."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **SeedOptions.NOT_IDENTITY,
        **{name: why for name, why in BatchOptions.NOT_IDENTITY.items() if name != "weights"},  # which stand in it
        "data": "its images are inputs",
        "maps": "they are inputs",
        "out": "where, not what",
        "category": "each has a note of its own",
        "review": "nothing is computed by it",
    }
    data: Path | None = Field(None, description="Data set; by default the one the maps were made of.")
    maps: Path | None = Field(None, description="Folder of maps; by default refined/ if it fits maps/, else maps/.")
    out: Path = Field(Path("classes"), description="Folder to write.")
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All finished maps by default.")
    classes: str = Field(
        AUTO,
        description="Number of classes, the normal one included; `auto` chooses it by how well the classes are "
        "separated; `oracle` counts the kinds of the test folders, and is noted as such.",
    )
    method: Literal["free", "trained"] = Field(
        "free",
        description="Training-free clustering, or AnomalyNCD's training on the crops (see --set).",
    )
    rules: str | None = Field(
        None, description=f"Of the trained method: older word for --set preset=. One of: {', '.join(PRESETS)}."
    )
    settings: tuple[str, ...] = Field(
        (),
        description="A setting of the trained method, for instance epochs=10, or preset=paper for the paper's settings "
        "throughout (see `adtool list discover`); repeat for several.",
        json_schema_extra={"option": "--set", "metavar": "NAME=VALUE"},
    )
    base: Path | None = Field(
        None,
        description="Labelled crops of other defects to learn from as well: images/<class>, masks/<class>; images that "
        "are no crops are cut around their masks.",
    )
    review: Path | None = Field(
        None, description="An edited classes.csv: rename, merge and reject classes that were found before."
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
        given = {**pairs(self.settings), PRESET: self.preset}
        return with_preset(TrainSettings, PRESETS, given, owner="discover")

    @property
    def preset(self) -> str:
        """The preset of the trained method, that of `--set preset=` or of `--rules`.

        Raises:
            UsageError: no such preset, or the two are not the same.
        """
        named = preset_of(PRESETS, pairs(self.settings), owner="discover")
        if self.rules is None:
            return named or BEST
        rules = preset_of(PRESETS, {PRESET: self.rules}, owner="discover", option="--rules ")
        if named not in ("", rules):
            raise UsageError(f"--set preset={named} and --rules {rules} are two ways to name one thing. Give one.")
        return rules

    @field_validator("classes")
    @classmethod
    def _count_or_rule(cls, value: str) -> str:
        if value in (AUTO, ORACLE) or (value.isdecimal() and int(value) > 1):
            return value
        raise ValueError("a number of at least 2, auto or oracle is wanted")
