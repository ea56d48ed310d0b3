"""Settings of `adtool decide`."""

from pathlib import Path

from pydantic import Field, model_validator

from adtool.core.limits.options import LimitOptions


class DecideConfig(LimitOptions):
    """Settings of `adtool decide`; without one that chooses a limit, the one in force is shown and stays."""

    maps: Path | None = Field(
        None,
        description="Folder of maps to decide on; by default refined/ if it was made from maps/, else maps/.",
        json_schema_extra={"cli": "argument", "metavar": "MAPS"},
    )
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")
    answers: Path | None = Field(
        None,
        description="Table of answers, as the page saves it (id,answer with good or defect): the limit is moved by "
        "them, or with --found finds this share of the defects among them.",
    )
    inspected: Path | None = Field(
        None, description="Folder that `adtool inspect` wrote with these maps: its decisions are written again, too."
    )
    export: Path | None = Field(
        None,
        description="Folder that `adtool export` wrote, export/ or that of one category: its limit is chosen, and what "
        "was exported stays.",
    )

    @model_validator(mode="after")
    def _maps_or_export(self) -> "DecideConfig":
        others = {"MAPS": self.maps, "--answers": self.answers, "--inspected": self.inspected}
        given = [name for name, value in others.items() if value is not None]
        if self.export is not None and given:
            raise ValueError(f"--export is decided on by itself: leave {' and '.join(given)} out")
        return self

    @model_validator(mode="after")
    def _answers_choose_it(self) -> "DecideConfig":
        if self.answers is not None and not (self.at is None and self.false_alarms is None):
            raise ValueError("--answers choose the limit, alone or with --found: give neither --at nor --false-alarms")
        return self
