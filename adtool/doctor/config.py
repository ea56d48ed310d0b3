"""Settings of `adtool doctor`."""

from pydantic import Field

from adtool.nn.options import DEFAULT_BACKBONE, EngineOptions


class DoctorConfig(EngineOptions):
    """The chain to look at, and how many images it shall do."""

    detector: str = Field("auto", description="Detector of the chain (see `adtool list detectors`).")
    backbone: str = Field(DEFAULT_BACKBONE, description="Backbone of the chain: a timm name or alias.")
    image_size: int | None = Field(None, ge=32, le=4096, description="Side of the network input, in pixels.")
    images: int | None = Field(
        None, ge=1, description="Estimate time and memory for so many test images, from a short run on made-up ones."
    )
    train_images: int = Field(100, ge=1, description="Normal images of that estimate.")
