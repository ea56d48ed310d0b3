"""Options of whatever runs a network, written once; free of torch, since the command line is made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, model_validator

from adtool.core.config import Config
from adtool.core.pictures import tiling
from adtool.core.pictures.tiling import Tiling

DEFAULT_BACKBONE = "tf_efficientnet_lite0"  # its weights come with the installation

LATE: dict[str, JsonValue] = {"shown": "late"}
LAST: dict[str, JsonValue] = {"shown": "last"}  # in a command's help, after what is its own

Engine = Literal["auto", "openvino", "torch", "torch-f16", "torch-f32"]
BatchSize = Annotated[int, Field(ge=1, le=1024, description="Images a batch of the network.", json_schema_extra=LAST)]


@dataclass(frozen=True)
class EngineChoice:
    """What runs a network: the options as plain values, for whatever is below a step."""

    weights: Path | None = None
    engine: Engine = "auto"
    device: str = "auto"
    batch_size: int = 8


ANY_ENGINE = EngineChoice()


class EngineOptions(Config):
    """Which weights, and what runs them."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        "weights": "noted as backbone_weights, by what is in the file",
        "engine": "noted as precision, where that differs",
        "device": "noted as precision, where that differs",
    }
    weights: Path | None = Field(None, description="File with the weights of the backbone.", json_schema_extra=LAST)
    engine: Engine = Field(
        "auto",
        description="What runs the network; torch-f16: in half precision, on a GPU; torch-f32: as torch.",
        json_schema_extra=LAST,
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:<n>.", json_schema_extra=LAST)


class BatchOptions(EngineOptions):
    """How many images at a time, too."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {**EngineOptions.NOT_IDENTITY, "batch_size": "how fast, not what"}
    batch_size: BatchSize = 8

    @property
    def engine_choice(self) -> EngineChoice:
        """The options as plain values."""
        return EngineChoice(self.weights, self.engine, self.device, self.batch_size)


class TileOptions(Config):
    """Whether images are seen in tiles."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = dict.fromkeys(("tile", "overlap"), "noted where there are tiles")
    tile: int | None = Field(
        None,
        gt=0,
        description="For large images and small defects: see them in tiles of this side, in pixels of the image; each "
        "is brought to --image-size. patchcore can; by default images are seen whole.",
        json_schema_extra=LATE,
    )
    overlap: int | None = Field(
        None,
        ge=0,
        description="Least overlap of neighbouring tiles, in pixels of the image; by default a quarter of --tile.",
        json_schema_extra=LATE,
    )

    @model_validator(mode="after")
    def _fit_together(self) -> "TileOptions":
        if self.overlap is not None and self.tile is None:
            raise ValueError(f"--overlap {self.overlap} is of tiles: give --tile, too")
        if self.tile is not None and self.overlap is not None and self.overlap >= self.tile:
            raise ValueError(f"--overlap {self.overlap} must be less than the tiles' side (--tile {self.tile})")
        return self

    @property
    def tiling(self) -> Tiling | None:
        """The tiles that are asked for, if any."""
        return tiling.of(self.tile, self.overlap)


class SeedOptions(Config):
    """What makes a run repeatable."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {"seed": "a part of its own"}
    seed: int = Field(
        0,
        ge=0,
        description="Seed of everything random; a training repeats on as many threads (OMP_NUM_THREADS).",
        json_schema_extra=LAST,
    )
