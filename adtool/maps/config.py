"""Settings of `adtool maps`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from adtool.core.config import Config


class MapsConfig(Config):
    """Settings of `adtool maps`."""

    data: Path | None = Field(None, description="Data set in MVTec AD layout, or a flat folder; by default data/.")
    out: Path = Field(Path("maps"), description="Folder to write.")
    models: Path = Field(Path("models"), description="Folder of the detectors' models.")
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")
    detector: str = Field("auto", description="A file name of adtool/detectors/ (see `adtool list`); auto: patchcore.")
    settings: tuple[str, ...] = Field(
        (),
        description="A setting of the detector (see `adtool list detectors NAME`); repeat for several.",
        json_schema_extra={"option": "--set", "metavar": "NAME=VALUE"},
    )
    backbone: str = Field("tf_efficientnet_lite0", description="A timm name or alias (see `adtool weights list`).")
    weights: Path | None = Field(None, description="File with the weights of the backbone.")
    image_size: int | None = Field(
        None, ge=32, le=4096, description="Side of the network input, in pixels; by default what suits the backbone."
    )
    false_alarms: float = Field(
        0.01, gt=0, lt=1, description="Share of held-out normal images that the threshold lets through as NOK."
    )
    limit: int | None = Field(None, ge=1, description="Only so many test images a category, drawn by the seed.")
    batch_size: int = Field(8, ge=1, le=1024, description="Images a batch.")
    engine: Literal["auto", "openvino", "torch"] = Field("auto", description="What runs the network.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:<n>.")
    seed: int = Field(0, ge=0, description="Seed of everything random.")
