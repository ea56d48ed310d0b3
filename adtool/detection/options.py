"""Options of every step that runs a detector, written once."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from adtool.nn.options import DEFAULT_BACKBONE, BatchOptions, SeedOptions, TileOptions


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
    }
    data: Path | None = Field(None, description="Data set in MVTec AD layout, or a flat folder; by default data/.")
    models: Path = Field(Path("models"), description="Folder of the detectors' models.")
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")
    settings: tuple[str, ...] = Field(
        (),
        description="A setting of the detector (see `adtool list detectors NAME`); repeat for several.",
        json_schema_extra={"option": "--set", "metavar": "NAME=VALUE"},
    )
    backbone: str = Field(DEFAULT_BACKBONE, description="A timm name or alias (see `adtool weights list`).")
    image_size: int | None = Field(
        None, ge=32, le=4096, description="Side of the network input, in pixels; by default what suits the backbone."
    )
    held_out: float | None = Field(
        None,
        ge=0,
        le=0.5,
        description="Share of the normal images that is not learned from, to make the limit with; 0 for none, and no "
        "limit. By default none for detectors that leave each out in turn (patchcore), else a tenth.",
    )
