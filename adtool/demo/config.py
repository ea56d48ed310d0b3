"""Settings of `adtool demo`."""

from pathlib import Path

from pydantic import Field

from adtool.core.config import Config


class DemoConfig(Config):
    """Settings of `adtool demo`."""

    out: Path = Field(Path("demo"), description="Folder to write: a workspace of its own.")
    seed: int = Field(0, ge=0, description="Seed of everything random.")
