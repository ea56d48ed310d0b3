"""Plates: `ok/*.png` to learn from, `ng/*.png` to test, each with its mask `ng/<name>_gt.png`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from adtool.core import files
from adtool.core.config import Config as Settings
from adtool.core.errors import MissingInputError
from adtool.core.steps.step_run import Identity, Outcome
from adtool.prep.writing import DatasetProfile, DatasetWriter, ReadingRules, prepare

PROFILE = DatasetProfile("plates", ("plates",), "good", "auto", source="where it is published", licence="what it says")


class Config(Settings):
    """Settings of `adtool prep plates`; what does not decide what is written is named with the reason."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {"source": "its files are inputs", "out": "where, not what"}
    source: Path = Field(description="Folder of the download.")
    out: Path = Field(Path("data/plates"), description="Folder to write.")


def run(config: Config, *, force: bool = False) -> Outcome:
    """Prepare the plates, of which the last tenth of the good ones is tested."""
    good = sorted((config.source / "ok").glob("*.png"))
    odd = [path for path in sorted((config.source / "ng").glob("*.png")) if not path.stem.endswith("_gt")]
    if not good or not odd:
        raise MissingInputError(f"{config.source} lacks images in ok/ or ng/. Give the right --source.")
    masks = {path: path.with_name(f"{path.stem}_gt.png") for path in odd}
    inputs = {"images": files.fingerprint((path.name, path) for path in [*good, *masks, *masks.values()])}

    def fill(writer: DatasetWriter) -> None:
        for number, path in enumerate(good):
            writer.link_image("plates", "train" if number < len(good) * 0.9 else "test", "good", path)
        for path, mask in masks.items():
            if writer.link_image("plates", "test", "defect", path):
                writer.convert_mask("plates", "defect", mask, path, name=path.stem)

    identity = Identity("prep plates", config.identity(), 0, inputs)
    return prepare(PROFILE, config.out, identity, fill, ReadingRules(list(masks.values())), force=force)
