"""Options of every step that runs a detector, written once."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from adtool.core.config import READS
from adtool.core.look_at_help import LOOK_AT_HELP
from adtool.nn.options import DEFAULT_BACKBONE, BatchOptions, SeedOptions, TileOptions

Quality = Literal["fast", "good", "best"]
QUALITY_HELP = (
    "What the detector's settings and its backbone are by default: at several times the speed, as they are, or as well "
    "as can be (`adtool list detectors NAME`; what it has no defaults for is as good). What you give yourself, as "
    "--set or --backbone, counts before it."
)
BACKBONE_HELP = (
    f"A timm name or alias (see `adtool weights list`); by default that of --quality, else {DEFAULT_BACKBONE}."
)


class DetectorOptions(SeedOptions, BatchOptions, TileOptions):
    """What `train` and `maps` both take."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **SeedOptions.NOT_IDENTITY,
        **BatchOptions.NOT_IDENTITY,
        **TileOptions.NOT_IDENTITY,
        "data": "its images are inputs",
        "models": "where the models lie; what they are is noted",
        "category": "each has a note of its own",
        "settings": "the detector's settings are noted as it understands them",
        "backbone": "noted by the name of what was loaded",
        "image_size": "noted as it was decided",
        "centre_crop": "noted where there is one",
        "quality": "sets defaults, and what they came to is noted",
        "look_at": "noted by how pictures are read",
    }
    data: Path | None = Field(
        None,
        description="Data set in MVTec AD layout, or a flat folder; by default data/.",
        json_schema_extra={READS: True},
    )
    models: Path = Field(Path("models"), description="Folder of the detectors' models.")
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")
    settings: tuple[str, ...] = Field(
        (),
        description="A setting of the detector (see `adtool list detectors NAME`); repeat for several.",
        json_schema_extra={"option": "--set", "metavar": "NAME=VALUE"},
    )
    quality: Quality = Field("good", description=QUALITY_HELP)
    backbone: str | None = Field(None, description=BACKBONE_HELP)
    image_size: int | None = Field(
        None, ge=32, le=4096, description="Side of the network input, in pixels; by default what suits the backbone."
    )
    centre_crop: int | None = Field(
        None,
        ge=0,
        le=4096,
        description="See only the middle square of this side, in pixels, of the image brought to --image-size, as some "
        "papers do; beyond it the map has the nearest value inside. By default what a preset has, where --image-size "
        "is not given, else none (0). Not with --tile.",
    )
    look_at: str | None = Field(
        None, description=LOOK_AT_HELP, json_schema_extra={"metavar": "MASK|X,Y,W,H", "shown": "late"}
    )
    held_out: float | None = Field(
        None,
        ge=0,
        le=0.5,
        description="Share of the normal images that is not learned from, to make the limit with; 0 for none, and no "
        "limit. By default none for detectors that leave each out in turn (patchcore), else a tenth.",
    )

    @model_validator(mode="after")
    def _tiles_or_middle(self) -> "DetectorOptions":
        if self.tile is not None and self.centre_crop:
            raise ValueError(f"--centre-crop {self.centre_crop} and --tile {self.tile} exclude each other: give one")
        return self
