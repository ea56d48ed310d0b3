"""Options of every step that runs a detector, written once."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from adtool.core.config import Config


class DetectorOptions(Config):
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
    weights: Path | None = Field(None, description="File with the weights of the backbone.")
    image_size: int | None = Field(
        None, ge=32, le=4096, description="Side of the network input, in pixels; by default what suits the backbone."
    )
    batch_size: int = Field(8, ge=1, le=1024, description="Images a batch of the backbone.")
    engine: Literal["auto", "openvino", "torch", "torch-f32"] = Field(
        "auto", description="What runs the network; torch-f32: in full precision on a GPU as well."
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:<n>.")
    seed: int = Field(
        0,
        ge=0,
        description="Seed of everything random; a training repeats on as many threads (OMP_NUM_THREADS).",
    )
