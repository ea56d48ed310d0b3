"""Settings of the report."""

from pathlib import Path

from pydantic import Field

from adtool.core.config import Config


class ReportConfig(Config):
    """What to report on, and at which resolution."""

    folders: tuple[Path, ...] = Field(
        (),
        description="Folders to report on; all finished ones of the workspace if none is named.",
        json_schema_extra={"cli": "argument", "metavar": "[FOLDER ...]"},
    )
    data: Path | None = Field(
        None, description="Data set in MVTec AD layout; default: the one the folders were made from."
    )
    out: Path = Field(Path("report"), description="Folder to write.")
    category: tuple[str, ...] = Field((), description="Category to report on; repeat it for several. All if left out.")
    eval_size: int | None = Field(
        None, ge=8, description="Take pixel metrics at this square size, in pixels; default: each mask's own size."
    )
