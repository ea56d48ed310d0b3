"""Settings of `adtool maps`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from adtool.core.config import READS
from adtool.core.limits.options import LimitOptions
from adtool.core.map_types import MapTypeOption
from adtool.core.shards.options import ShardOptions
from adtool.detection.options import DetectorOptions


class MapsConfig(DetectorOptions, LimitOptions, ShardOptions, MapTypeOption):
    """Settings of `adtool maps`."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **DetectorOptions.NOT_IDENTITY,
        **LimitOptions.NOT_IDENTITY,
        **ShardOptions.NOT_IDENTITY,
        "detector": "noted by the name of what was chosen",
        "out": "where, not what",
        "add_normals": "what was added is noted by its content",
        "remove_normals": "what is left is noted by its content",
        "map_type": "noted where it is not float32",
        "overlays": "drawn of the maps, and changes none",
    }
    detector: str = Field(
        "auto",
        description="A file name of adtool/detectors/ (see `adtool list`); auto: patchcore where there are normal "
        "images, else musc.",
    )
    out: Path = Field(Path("maps"), description="Folder to write.")
    add_normals: Path | None = Field(
        None,
        description="Good parts for the model to learn, too: a folder, or answers.csv with good ones. They are copied "
        "beside the model; the old images are not read: maps --force learns from all of them anew.",
        json_schema_extra={READS: True},
    )
    remove_normals: tuple[str, ...] = Field(
        (), description="Take an added part out again, by its file name or id (see added.csv); repeat for several."
    )
    max_images: int | None = Field(
        None,
        ge=1,
        description="Only so many test images a category, drawn by the seed.",
        json_schema_extra={"was": "--limit"},
    )
    overlays: bool = Field(
        False,
        description="Also draw each picture beside its map, with boxes around the regions above the limit, into "
        "overlays/ of the category; their table is boxes.csv there. Of maps that are done nothing else is made again.",
    )
