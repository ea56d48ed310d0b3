"""Settings of `adtool train`."""

from pydantic import Field

from adtool.detection.options import DetectorOptions


class TrainConfig(DetectorOptions):
    """Settings of `adtool train`."""

    detector: str = Field(
        description="A file name of adtool/detectors/ (see `adtool list detectors`).",
        json_schema_extra={"cli": "argument"},
    )
