"""Settings of `adtool models`."""

from pathlib import Path

from pydantic import Field

from adtool.core.config import Config


class ListModelsConfig(Config):
    """Where to look."""

    models: Path = Field(Path("models"), description="Folder of models.")


class RemoveModelsConfig(ListModelsConfig):
    """What to remove."""

    names: tuple[str, ...] = Field(
        (), description="Models as `adtool models list` names them.", json_schema_extra={"cli": "argument"}
    )
    unused: bool = Field(False, description="All finished ones that no maps of this workspace need.")
    force: bool = Field(False, description="Remove also what maps of this workspace need.")
