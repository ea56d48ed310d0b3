"""Settings of `adtool doctor`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from adtool.core.config import Config


class DoctorConfig(Config):
    """The chain to look at, and how many images it shall do."""

    detector: str = Field("auto", description="Detector of the chain (see `adtool list detectors`).")
    backbone: str = Field("tf_efficientnet_lite0", description="Backbone of the chain: a timm name or alias.")
    weights: Path | None = Field(None, description="File with the weights of the backbone.")
    image_size: int | None = Field(None, ge=32, le=4096, description="Side of the network input, in pixels.")
    engine: Literal["auto", "openvino", "torch", "torch-f32"] = Field(
        "auto", description="What runs the network; torch-f32: in full precision on a GPU as well."
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:<n>.")
    images: int | None = Field(
        None, ge=1, description="Estimate time and memory for so many test images, from a short run on made-up ones."
    )
    train_images: int = Field(100, ge=1, description="Normal images of that estimate.")
