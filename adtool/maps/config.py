"""Settings of `adtool maps`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from adtool.detection.options import DetectorOptions


class MapsConfig(DetectorOptions):
    """Settings of `adtool maps`."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **DetectorOptions.NOT_IDENTITY,
        "detector": "noted by the name of what was chosen",
        "out": "where, not what",
        "false_alarms": "decisions are made anew from the same maps",
    }
    detector: str = Field(
        "auto",
        description="A file name of adtool/detectors/ (see `adtool list`); auto: patchcore where there are normal "
        "images, else musc.",
    )
    out: Path = Field(Path("maps"), description="Folder to write.")
    false_alarms: float = Field(
        0.01, gt=0, lt=1, description="Share of held-out normal images that the threshold lets through as NOK."
    )
    limit: int | None = Field(None, ge=1, description="Only so many test images a category, drawn by the seed.")
