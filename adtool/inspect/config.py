"""Settings of `adtool inspect`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from adtool.core.config import READS
from adtool.core.limits.asked import RULES
from adtool.core.limits.options import LimitOptions
from adtool.core.shards.options import ShardOptions
from adtool.nn.options import BatchOptions


class InspectConfig(BatchOptions, LimitOptions, ShardOptions):
    """Settings of `adtool inspect`; whatever decides a map or a class is taken from what is stored."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **BatchOptions.NOT_IDENTITY,
        **ShardOptions.NOT_IDENTITY,
        **dict.fromkeys(RULES, "noted under decided, as the limit that came of it"),
        "new": "its images are inputs",
        "category": "noted as what was found",
        "classes": "noted under decided, by what is in them",
        "maps": "noted as what made them",
        "models": "noted by the weights of the one that was found",
        "out": "where, not what",
        "unknown": "noted under decided: it changes no map",
        "alike": "noted under decided: it changes no map",
        "fail_on_nok": "an exit code",
        "weights": "must be those that the model was made with",
    }
    new: Path = Field(
        description="Folder with the new images, or one image.",
        json_schema_extra={READS: True, "cli": "argument", "metavar": "NEW"},
    )
    category: str | None = Field(None, description="What the images show; needed where several categories are known.")
    classes: Path | None = Field(None, description="Folder of classes; by default classes/, if there is one.")
    maps: Path | None = Field(
        None,
        description="Folder of maps whose detector (and filter) to use; by default that the classes were made from.",
    )
    models: Path | None = Field(
        None, description="Folder of models; by default the one that the maps were made with, else models/."
    )
    out: Path = Field(Path("inspected"), description="Folder to write.")
    unknown: float = Field(
        0.03,
        ge=0,
        lt=1,
        description="Share of the anomalies that the classes were found on that would be `unknown`: the higher, the "
        "fewer new images get a class; 0 for no unknown ones, and no suspicion of new classes.",
    )
    alike: int = Field(5, ge=2, description="Unknown images that look alike before a new class is suspected.")
    fail_on_nok: bool = Field(False, description="End with the exit code 1 if a part is NOK, for batch jobs.")
