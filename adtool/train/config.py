"""Settings of `adtool train`."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from adtool.core.shards.options import WorkerOptions
from adtool.detection.options import DetectorOptions


class TrainConfig(DetectorOptions, WorkerOptions):
    """Settings of `adtool train`."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **DetectorOptions.NOT_IDENTITY,
        **WorkerOptions.NOT_IDENTITY,
        "detector": "the command of its notes, and their first setting",
    }
    detector: str = Field(
        description="A file name of adtool/detectors/ (see `adtool list detectors`).",
        json_schema_extra={"cli": "argument"},
    )
