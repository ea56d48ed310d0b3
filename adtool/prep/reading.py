"""Settings of `prep` that say how pictures and masks are to be read."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from adtool.core.config import Config
from adtool.core.dataset import looking
from adtool.core.errors import UsageError
from adtool.core.look_at_help import LOOK_AT_HELP
from adtool.core.masks import mask_reader
from adtool.core.masks.mask_reader import MaskReader, Orientation, Rule
from adtool_runtime.pictures.look_at import LookAt
from adtool_runtime.pictures.reading import PictureReading

NUMBER = r"-?(\d+\.?\d*|\.\d+)"
GREY = rf"^{NUMBER}:{NUMBER}$"
GREY_HELP = (
    "Grey values of images with more than 8 bits a channel that become black and white, as 0:4095; found from all "
    "images if left out."
)
RULE_HELP = (
    "What counts as defect in masks. auto: decided from all of them (opaque; any colour but black; grey from half of "
    "what was painted on). ge128: grey >= 128. gt0: anything but black. half_max: at least half of the mask's maximum. "
    "lt128: dark on white. alpha: opaque. index: a palette index other than 0."
)
ORIENTATION_HELP = (
    "How masks lie whose images have an orientation tag: upright, as viewers show the image; stored, as it lies in its "
    "file; auto: as their size fits, upright if both do."
)


class ReadingSettings(Config):
    """How pictures and masks are to be read, where that is not as the data set has it."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {"look_at": "what it says is an input"}
    mask_rule: Rule | None = Field(None, description=f"{RULE_HELP} The data set's own rule if left out.")
    mask_orientation: Orientation = Field("auto", description=ORIENTATION_HELP)
    look_at: str | None = Field(None, description=LOOK_AT_HELP, json_schema_extra={"metavar": "MASK|X,Y,W,H"})

    @property
    def part(self) -> LookAt | None:
        """The part of the pictures to look at.

        Raises:
            UsageError: what says it is neither a rectangle nor a file.
            BadDataError: the mask can't be read, or is black.
        """
        return looking.parsed(self.look_at)

    def reader(self, files: Iterable[Path], own_rule: str) -> MaskReader:
        """Reads some masks by the rule that was asked for, else by the data set's own."""
        return MaskReader(mask_reader.decide(files, self.mask_rule or own_rule), self.mask_orientation)


log = logging.getLogger("adtool")


def grey_range(text: str | None) -> tuple[float, float] | None:
    """The two numbers of `LOW:HIGH`.

    Raises:
        UsageError: the first is not the lower.
    """
    if text is None:
        return None
    low, high = (float(part) for part in text.split(":"))
    if low >= high:
        raise UsageError(f"--grey {text}: the first number must be lower than the second.")
    return low, high


def given_range(how: PictureReading, grey: tuple[float, float] | None) -> PictureReading:
    """The reading with the range of grey values that was asked for, where there are deep pictures."""
    if grey is None:
        return how
    if how.grey is None:
        log.warning("--grey is of no use here: all images have 8 bits.")
        return how
    low, high = grey
    return replace(how, grey=replace(how.grey, low=low, high=high))
