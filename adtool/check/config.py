"""Settings of `adtool check`."""

from pathlib import Path

from pydantic import Field

from adtool.core.config import READS
from adtool.core.shards.options import ShardOption


class CheckConfig(ShardOption):
    """What to check."""

    data: Path | None = Field(
        None, description="Data set, or a flat folder of images; by default data/.", json_schema_extra={READS: True}
    )
    maps: tuple[Path, ...] = Field(
        (), description="Folder of maps; repeat it for several. By default maps/ and refined/ where they are."
    )
    category: tuple[str, ...] = Field((), description="Category to check; repeat it for several. All if left out.")
    examples: int = Field(3, ge=1, description="Examples named for each finding.")
