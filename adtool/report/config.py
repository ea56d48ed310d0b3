"""Settings of the report."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from adtool.core.config import READS
from adtool.core.shards.options import WorkerOptions


class ReportConfig(WorkerOptions):
    """What to report on, at which resolution, and what must be reached."""

    folders: tuple[Path, ...] = Field(
        (),
        description="Folders to report on; all finished ones of the workspace if none is named.",
        json_schema_extra={"cli": "argument", "metavar": "[FOLDER ...]"},
    )
    data: Path | None = Field(
        None,
        description="Data set in MVTec AD layout; default: the one the folders were made from.",
        json_schema_extra={READS: True},
    )
    out: Path = Field(Path("report"), description="Folder to write.")
    category: tuple[str, ...] = Field((), description="Category to report on; repeat it for several. All if left out.")
    eval_size: int | None = Field(
        None, ge=8, description="Take pixel metrics at this square size, in pixels; default: each mask's own size."
    )
    memory_gb: float = Field(
        2.0, gt=0, description="Memory for the scores of a category's pixels; what is beyond it is sorted on the disk."
    )
    min: tuple[str, ...] = Field(
        (),
        description="A figure that must be reached, else exit code 1; repeat for several. Without SOURCE it is that of "
        "the last folder of the chain that has the metric, without CATEGORY the mean.",
        json_schema_extra={"metavar": "[SOURCE:][CATEGORY:]METRIC=VALUE"},
    )
    max: tuple[str, ...] = Field(
        (),
        description="The same for a figure of which less is better, as false_alarms_at_limit=0.05: it must not be "
        "exceeded.",
        json_schema_extra={"metavar": "[SOURCE:][CATEGORY:]METRIC=VALUE"},
    )

    layout: Literal["source", "metric"] = Field(
        "source",
        description="What is printed: the metrics of each source, or one table a metric with a column a source.",
    )
    delta: tuple[str, str] | None = Field(
        None,
        description="Print two sources, named as in metrics.csv, and the second less the first instead: one table a "
        "metric, a line a category, and the mean of the categories that both have.",
        json_schema_extra={"metavar": "BASELINE OTHER"},
    )
    format: Literal["table", "markdown", "latex", "csv"] = Field(
        "table",
        description="How it is printed; of a form other than table stdout holds nothing else, and notes go to stderr.",
    )
    html: bool = Field(
        False, description="Also write report.html: one file with pictures, for people, that opens from disk."
    )
    figures: Path | None = Field(
        None,
        description="Folder to write figures for a paper into, as PNG and SVG: curves, scores with the limit, classes "
        "against kinds, a gallery. Takes matplotlib.",
        json_schema_extra={"metavar": "DIR"},
    )
    answers: Path | None = Field(
        None,
        description="Answers saved from report.html (category,id,answer); default: answers.csv in the report's folder.",
    )

    @property
    def draws_curves(self) -> bool:
        """Whether anything that is asked for shows curves."""
        return self.html or self.figures is not None

    @field_validator("delta")
    @classmethod
    def _as_completed(cls, pair: tuple[str, str] | None) -> tuple[str, str] | None:
        """A shell completes the name of a folder with a slash, which the name of a source does not have."""
        return None if pair is None else (pair[0].rstrip("/\\"), pair[1].rstrip("/\\"))

    @field_validator("min", "max")
    @classmethod
    def _are_gates(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        from adtool.report.gates import Gate  # late: it loads numpy, which no help needs

        for text in texts:
            Gate.parse(text)
        return texts
