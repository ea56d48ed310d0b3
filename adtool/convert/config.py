"""Settings of `adtool convert`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field, model_validator

from adtool.core.config import READS, Config


class ConvertConfig(Config):
    """What to convert, in which direction."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        "source": "what it holds is an input",
        "from_": "maps that are read are noted by their values",
        "data": "the images of what is converted are looked at by the step that made it",
        "out": "where, not what",
        "reconstructions": "pictures that are copied",
        "category": "what each holds is an input",
    }
    source: Path | None = Field(
        None,
        description="Folder to read: one of ours with --to (maps/ or classes/ by default), another tool's with --from.",
        json_schema_extra={"cli": "argument", "metavar": "FOLDER"},
    )
    to: str | None = Field(None, description="Format to write (see `adtool list formats`).")
    from_: str | None = Field(
        None, description="Format to read; what is written is a maps folder.", json_schema_extra={"option": "--from"}
    )
    data: Path | None = Field(
        None,
        description="Data set that the images are of; with --to by default the one that the folder was made from.",
        json_schema_extra={READS: True},
    )
    out: Path | None = Field(
        None, description="Folder to write; by default converted/<format>/ with --to, maps/ with --from."
    )
    reconstructions: Path | None = Field(
        None,
        description="With --from: pictures of what the other tool rebuilt of test and training images, laid out as the "
        "data set (<category>/train/good/000.png, <category>/test/<kind>/000.png). `adtool refine` takes them as "
        "templates, as CostFilter-AD does those of GLAD.",
    )
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")

    @model_validator(mode="after")
    def _has_one_direction(self) -> "ConvertConfig":
        if (self.to is None) == (self.from_ is None):
            raise ValueError("give either --to FORMAT or --from FORMAT (see `adtool list formats`)")
        if self.from_ is not None and self.source is None:
            raise ValueError("--from needs the folder to read: adtool convert FOLDER --from FORMAT")
        if self.reconstructions is not None and self.from_ is None:
            raise ValueError("--reconstructions goes with --from: they are of the tool whose maps are read")
        return self
