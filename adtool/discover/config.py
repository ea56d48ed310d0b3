"""Settings of `adtool discover`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from adtool.core.config import Config

AUTO, ORACLE = "auto", "oracle"


class DiscoverConfig(Config):
    """Settings of `adtool discover`; what is not set is taken from the step that made the maps."""

    data: Path | None = Field(None, description="Data set; by default the one the maps were made of.")
    maps: Path | None = Field(None, description="Folder of maps; by default refined/ if it fits maps/, else maps/.")
    out: Path = Field(Path("classes"), description="Folder to write.")
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All finished maps by default.")
    classes: str = Field(
        AUTO,
        description="Number of classes, the normal one included; `auto` chooses it by how well the classes are "
        "separated; `oracle` counts the kinds of the test folders, and is noted as such.",
    )
    features: Literal["maps", "crops"] = Field(
        "maps",
        description="What is clustered: whole images weighted by their maps, or crops around the regions found.",
    )
    backbone: str = Field("", description="Network for the features; by default the maps' own, else the embedded one.")
    weights: Path | None = Field(None, description="File with the weights of the backbone.")
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
    engine: Literal["auto", "openvino", "torch"] = Field("auto", description="What runs the network.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:<n>.")
    batch_size: int = Field(4, ge=1, description="Images a batch.")
    seed: int = Field(0, ge=0, description="Seed of everything random.")

    @field_validator("classes")
    @classmethod
    def _count_or_rule(cls, value: str) -> str:
        if value in (AUTO, ORACLE) or (value.isdecimal() and int(value) > 1):
            return value
        raise ValueError("a number of at least 2, auto or oracle is wanted")
