"""Settings of `adtool decide`."""

from pathlib import Path

from pydantic import Field

from adtool.core.limits.options import LimitOptions


class DecideConfig(LimitOptions):
    """Settings of `adtool decide`; without one that chooses a limit, the one in force is shown and stays."""

    maps: Path | None = Field(
        None,
        description="Folder of maps to decide on; by default refined/ if it was made from maps/, else maps/.",
        json_schema_extra={"cli": "argument", "metavar": "MAPS"},
    )
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")
    inspected: Path | None = Field(
        None, description="Folder that `adtool inspect` wrote with these maps: its decisions are written again, too."
    )
