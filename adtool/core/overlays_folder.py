"""Names of the folder of overlays: below a category of maps, and in what `inspect` writes."""

from dataclasses import dataclass
from pathlib import Path

from adtool.core import names
from adtool.core.tables import TableForm
from adtool_runtime.cells import BOX_COLUMNS

OVERLAYS, BOXES_FILE = "overlays", "boxes.csv"
BOXES_COLUMNS = ("id", *BOX_COLUMNS)
INSPECT_BOXES_COLUMNS = ("file", *BOX_COLUMNS)
INSPECT_BOXES_FORM = TableForm(
    INSPECT_BOXES_COLUMNS, number=("score",), whole=("x", "y", "width", "height", "area_px"), name=("file",)
)


@dataclass(frozen=True)
class OverlaysFolder:
    """``maps/<category>/overlays/``, or ``inspected/overlays/``."""

    path: Path

    def picture(self, sample_id: str) -> Path:
        """A picture beside its map, both with the boxes of what was found."""
        return self.path / f"{names.require_below(sample_id)}.jpg"

    @property
    def boxes(self) -> Path:
        """Table of the boxes: BOXES_COLUMNS, of `inspect` INSPECT_BOXES_COLUMNS."""
        return self.path / BOXES_FILE
