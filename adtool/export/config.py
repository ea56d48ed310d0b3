"""Settings of `adtool export`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from adtool.core import layout
from adtool.core.config import READS
from adtool.export.precision import Precision
from adtool.nn.options import EngineOptions

COMMAND = "export"
UNKNOWN = 0.03


class ExportConfig(EngineOptions):
    """Settings of `adtool export`; whatever decides a map is taken from what is stored."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **EngineOptions.NOT_IDENTITY,
        "maps": "noted as what made them",
        "models": "noted by the weights of the one that was found",
        "data": "its images are inputs",
        "classes": "its classes are inputs",
        "category": "each has a note of its own",
        "out": "where, not what",
        "weights": "must be those that the model was made with",
    }
    maps: Path | None = Field(
        None,
        description="Folder of maps whose detector and limit are exported; by default maps/, with --with-refine "
        "refined/.",
    )
    models: Path | None = Field(
        None, description="Folder of models; by default the one that the maps were made with, else models/."
    )
    data: Path | None = Field(
        None,
        description="Data set whose images the answers are compared on; by default that of the maps.",
        json_schema_extra={READS: True},
    )
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")
    format: Literal["openvino", "onnx", "both"] = Field("openvino", description="Format of the graph.")
    precision: Precision = Field(
        "f32",
        description="Of the graph's weights: f16 and int8 make it smaller on the disk, and what that costs is said; "
        "what is computed stays in full precision.",
    )
    with_refine: bool = Field(False, description="Export what refined the maps, too; their limit is that of --maps.")
    with_classes: bool = Field(False, description="Export the classes of `discover`, too: pictures get a class.")
    classes: Path | None = Field(None, description="Folder of those classes; by default classes/.")
    unknown: float = Field(
        UNKNOWN, ge=0, lt=1, description="Share of the anomalies of those classes that would be `unknown`; 0: none is."
    )
    out: Path = Field(Path("export"), description="Folder to write.")

    @property
    def maps_folder(self) -> Path:
        """Of the maps."""
        return self.maps or Path(layout.REFINED if self.with_refine else layout.MAPS)

    @property
    def classes_folder(self) -> Path:
        """Of the classes."""
        return self.classes or Path(layout.CLASSES)
