"""Settings of `adtool demo`."""

from pathlib import Path

from pydantic import Field

from adtool.nn.options import SeedOptions


class DemoConfig(SeedOptions):
    """Settings of `adtool demo`."""

    out: Path = Field(Path("demo"), description="Folder to write: a workspace of its own.")
