"""Settings of `adtool export`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from adtool.nn.options import EngineOptions


class ExportConfig(EngineOptions):
    """Settings of `adtool export`; whatever decides a map is taken from what is stored."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **EngineOptions.NOT_IDENTITY,
        "maps": "noted as what made them",
        "models": "noted by the weights of the one that was found",
        "data": "its images are inputs",
        "category": "each has a note of its own",
        "out": "where, not what",
        "weights": "must be those that the model was made with",
    }
    maps: Path = Field(Path("maps"), description="Folder of maps whose detector and limit are exported.")
    models: Path | None = Field(
        None, description="Folder of models; by default the one that the maps were made with, else models/."
    )
    data: Path | None = Field(
        None, description="Data set whose images the answers are compared on; by default that of the maps."
    )
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")
    format: Literal["openvino", "onnx", "both"] = Field("openvino", description="Format of the graph.")
    out: Path = Field(Path("export"), description="Folder to write.")
