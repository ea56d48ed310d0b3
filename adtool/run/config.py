"""Settings of `adtool run`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from adtool.core.config import READS
from adtool.core.limits.asked import RULES
from adtool.core.limits.options import LimitOptions
from adtool.core.look_at_help import LOOK_AT_HELP
from adtool.core.masks.mask_reader import Orientation, Rule
from adtool.detection.options import QUALITY_HELP, Quality
from adtool.nn.options import DEFAULT_BACKBONE, SeedOptions, TileOptions
from adtool.prep.reading import GREY, GREY_HELP, ORIENTATION_HELP, RULE_HELP

# Settings of `prep folder`, that are handed on to it as they are.
OF_PREP = ("masks", "kinds_from_folders", "normal_kinds", "mask_rule", "mask_orientation", "pages", "grey", "look_at")
OF_LABELS = "the first look knows no labels"


class RunConfig(SeedOptions, LimitOptions, TileOptions):
    """What a newcomer has and may want; every other setting is one of a step."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {  # of the first look; each step that is run notes its own
        "normal": "its pictures are inputs",
        "test": "its pictures are inputs",
        "grey": "noted where it is given",
        "look_at": "noted where it is given",
        **TileOptions.NOT_IDENTITY,
        "seed": "a part of its own",
        "backbone": "noted by its name, as it was chosen",
        "quality": "sets defaults, and what they came to is noted",
        "minutes": "chooses a quality",
        **dict.fromkeys(("kinds_from_folders", "normal_kinds", "masks", "mask_rule", "mask_orientation"), OF_LABELS),
        "pages": "the first look takes the first",
        **dict.fromkeys((*RULES, "classes"), "no part of the first look"),
        "refine": "no part of the first look",
        "steps": "each step that is run notes its own",
    }
    normal: Path | None = Field(
        None,
        description="Folder with pictures of good parts: 20 do, 100 are better. Without it the tested pictures are "
        "compared with each other, and there is no limit for OK and NOK.",
        json_schema_extra={READS: True},
    )
    test: Path = Field(
        description="Folder with the pictures to test; for its subfolders see --kinds-from-folders.",
        json_schema_extra={READS: True},
    )
    kinds_from_folders: bool | None = Field(
        None,
        description="Whether subfolders of --test are kinds of defect, for figures in the report, or just folders; by "
        "default their names say so: good, OK, scratch, NG are, 2026-11-27, line1, camera_A are not.",
        json_schema_extra={"option": "--kinds-from-folders/--no-kinds-from-folders"},
    )
    normal_kinds: tuple[str, ...] = Field(
        (), description="Subfolder of --test that holds good parts, where its name does not say so; repeat for several."
    )
    masks: Path | None = Field(
        None,
        description="Folder of masks, named like the pictures to test, for figures in the report.",
        json_schema_extra={READS: True},
    )
    mask_rule: Rule = Field("auto", description=RULE_HELP)
    mask_orientation: Orientation = Field("auto", description=ORIENTATION_HELP)
    pages: Literal["first", "all"] = Field(
        "first", description="Of files with several pages: the first, or each as a picture of its own."
    )
    grey: str | None = Field(None, pattern=GREY, description=GREY_HELP)
    look_at: str | None = Field(None, description=LOOK_AT_HELP, json_schema_extra={"metavar": "MASK|X,Y,W,H"})
    quality: Quality | None = Field(None, description=f"{QUALITY_HELP} By default good, or what --minutes chooses.")
    minutes: float | None = Field(
        None,
        gt=0,
        description="Take the best quality with which all is done in so many minutes here, reckoned from the first "
        "look; a run that goes on keeps what was chosen, but with --force. refine is not counted, and only done if you "
        "ask for it.",
    )
    backbone: str | None = Field(
        None,
        description="Network that looks at the pictures: a timm name or alias (see `adtool weights list`); by default "
        f"that of --quality, else {DEFAULT_BACKBONE}.",
    )
    classes: str = Field(
        "auto", description="Number of classes, that of the good parts included, if you know it; auto guesses it."
    )
    refine: bool | None = Field(
        None,
        description="Clean the maps with a trained filter (adtool refine). It trains for many minutes on a CPU, so by "
        "default it is done where there is a GPU only, and not with --minutes.",
        json_schema_extra={"option": "--refine/--no-refine"},
    )
    steps: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Settings of steps, by their names, that count before those that `run` gives them.",
        json_schema_extra={"cli": "none"},
    )


class RunCommand(RunConfig):
    """What is typed: where a file says the rest, not even the pictures need be named."""

    test: Path | None = Field(  # type: ignore[assignment]
        None,
        description="Folder with the pictures to test; for its subfolders see --kinds-from-folders.",
        json_schema_extra={READS: True},
    )
    config: Path | None = Field(
        None,
        description="File with the settings of all steps, as `adtool run` writes it into adtool.toml; what is typed "
        "counts before it.",
    )
