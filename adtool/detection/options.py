"""Options of every step that runs a detector, written once."""

from pathlib import Path

from pydantic import Field

from adtool.nn.options import BatchOptions, SeedOptions


class DetectorOptions(SeedOptions, BatchOptions):
    """What `train` and `maps` both take."""

    data: Path | None = Field(None, description="Data set in MVTec AD layout, or a flat folder; by default data/.")
    models: Path = Field(Path("models"), description="Folder of the detectors' models.")
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")
    settings: tuple[str, ...] = Field(
        (),
        description="A setting of the detector (see `adtool list detectors NAME`); repeat for several.",
        json_schema_extra={"option": "--set", "metavar": "NAME=VALUE"},
    )
    backbone: str = Field("tf_efficientnet_lite0", description="A timm name or alias (see `adtool weights list`).")
    image_size: int | None = Field(
        None, ge=32, le=4096, description="Side of the network input, in pixels; by default what suits the backbone."
    )
