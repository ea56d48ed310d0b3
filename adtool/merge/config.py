"""Settings of `adtool merge`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from adtool.core.config import Config


class MergeConfig(Config):
    """Settings of `adtool merge`."""

    step: Literal["maps", "refined"] = Field(
        description="What was made in shards: maps or refined.",
        json_schema_extra={"cli": "argument", "metavar": "STEP"},
    )
    out: Path | None = Field(None, description="Its folder; by default that of the same name.")
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")
