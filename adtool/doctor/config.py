"""Settings of `adtool doctor`."""

from pydantic import Field, model_validator

from adtool.detection.options import QUALITY_HELP, Quality
from adtool.nn.options import DEFAULT_BACKBONE, EngineOptions


class DoctorConfig(EngineOptions):
    """The chain to look at, and how many images it shall do."""

    detector: str = Field("auto", description="Detector of the chain (see `adtool list detectors`).")
    quality: Quality = Field("good", description=QUALITY_HELP)
    backbone: str = Field(DEFAULT_BACKBONE, description="Backbone of the chain: a timm name or alias.")
    image_size: int | None = Field(None, ge=32, le=4096, description="Side of the network input, in pixels.")
    images: int | None = Field(
        None, ge=1, description="Estimate time and memory for so many test images, from a short run on made-up ones."
    )
    train_images: int = Field(100, ge=1, description="Normal images of that estimate, of each category.")
    categories: int = Field(1, ge=1, description="Categories that those images are of: a plan for several machines.")
    machines: int = Field(1, ge=1, description="Machines of that plan, each as this one.")
    gpus: int = Field(0, ge=0, description="GPUs of all its machines together, each as the one here.")

    @property
    def is_plan(self) -> bool:
        """Whether more than one machine, or category, is asked for."""
        return (self.categories, self.machines, self.gpus) != (1, 1, 0)

    @model_validator(mode="after")
    def _of_images(self) -> "DoctorConfig":
        if self.is_plan and self.images is None:
            raise ValueError("--categories, --machines and --gpus are of a plan: give --images, too")
        if self.images is not None and self.categories > self.images:
            raise ValueError(f"--categories {self.categories} of --images {self.images}: each has an image at least")
        return self
