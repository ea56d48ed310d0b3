"""Settings of `adtool refine`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from adtool.core.config import PRESET, READS, Config, pairs, preset_of
from adtool.core.errors import UsageError
from adtool.core.limits.options import LimitOptions
from adtool.core.map_types import MapTypeOption
from adtool.core.shards.options import ShardOptions
from adtool.nn.options import BatchOptions, SeedOptions
from adtool.refine.presets import PRESETS


class FilterSettings(Config):
    """Settings of `--set`: the filter network and how it is trained. Chosen on painted defects."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        "layers": "noted as the backbone has them",
        "judged": "of the refined maps' identity, not of the filter's",
        **dict.fromkeys(("weight", "blur_given", "blur_mixed", "top"), "as judged, where they are given"),
        "stored": "where features lie meanwhile; the filter is the same",
        "joint": "noted as filter, the categories that share one",
    }
    layers: str = Field("", description="Strides (or a transformer's blocks) to match; by default those of the maps.")
    templates: int = Field(4, ge=1, le=256, description="Normal images an image is matched with, if it is not rebuilt.")
    tested: int = Field(
        0, ge=0, le=4096, description="Normal images that images to refine are matched with; 0: as many as in training."
    )
    apart: bool = Field(
        False, description="A volume and a training step for each template, and the mean of the maps, as with GLAD."
    )
    matches: int = Field(64, ge=1, le=4096, description="Matches kept per position, the channels of the volume (K).")
    plane: int = Field(32, ge=16, le=256, description="Side of the volume; multiples of 16 suit the network.")
    width: int = Field(16, ge=4, le=128, description="Channels of the network's first block; 48 in the paper.")
    reduced: int = Field(4, ge=1, le=16, description="Channels the volume is first reduced to, in widths.")
    by_features: bool = Field(True, description="Guide the network with the image's features.")
    by_map: bool = Field(True, description="Guide it with the map of the best matches.")
    guide: Literal["image", "reconstruction"] = Field(
        "image", description="Whose features guide it; the latter where the maps' detector rebuilds images."
    )
    initial: Literal["best", "same"] = Field(
        "best",
        description="What that map is of: the best match in each layer, or the same place of the reconstruction.",
    )
    aligned: bool = Field(False, description="Enlarge costs to the plane with aligned corners.")
    adaptor: bool = Field(True, description="Let the recognised category weigh the focal loss (several categories).")
    joint: Literal["auto", "true", "false"] = Field(
        "auto", description="One filter for all categories (auto: where there are several), or one for each."
    )
    painted: int = Field(1600, ge=1, description="Images painted for training, in all.")
    clean: float = Field(0.3, ge=0, lt=1, description="Share of them that stay clean.")
    structural: float = Field(0.5, ge=0, le=1, description="Share of the others with structural defects.")
    faint: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of structural defects that are large and faint: uneven shades, frayed or worn surfaces.",
    )
    steps: int = Field(700, ge=1, description="Training steps.")
    batch: int = Field(8, ge=2, le=256, description="Images a training step.")
    rate: float = Field(1e-3, gt=0, le=1, description="Learning rate of Adam at its peak.")
    schedule: Literal["cosine", "plateau"] = Field(
        "cosine",
        description="How the rate falls: along a cosine, or by half where the loss has not for five passes over the "
        "normal images (plateau).",
    )
    plateau_every: int = Field(
        0, ge=0, description="Steps between looks at the loss; 0: a pass over the normal images."
    )
    ssim: float = Field(0.2, ge=0, le=10, description="Weight of the structural similarity in the loss.")
    stored: Literal["auto", "true", "false"] = Field(
        "auto",
        description="Keep features of painted images on disk, or see the images anew (auto: where disk is short).",
    )
    judged: int = Field(200, ge=2, description="Painted images a category that the mix is decided on.")
    weight: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="Of the filtered map beside the given one, both as they are; 0: decided on painted defects.",
    )
    blur_given: float = Field(0.0, ge=0, le=50, description="Sigma that given maps are blurred with, in px at 256 px.")
    blur_mixed: float = Field(0.0, ge=0, le=50, description="The same, of the mixed maps.")
    top: int = Field(
        0, ge=0, description="Pixels of a map of 256 px whose mean is its image score, if that is made anew; 0: 1 %."
    )


class FreeSettings(Config):
    """Settings of `--set` with `--method free`, in pixels of maps of 256 px. Chosen on the development sets."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {"judged": "of what is decided, noted with it"}
    fill: bool = Field(True, description="Give what is enclosed by higher scores the lowest of the way out.")
    contrast: float = Field(
        0.6, ge=0, le=10, description="How much more scores count where the picture differs from around."
    )
    near: float = Field(5.0, gt=0, le=100, description="How far around reaches, in pixels.")
    close: int = Field(6, ge=0, le=100, description="Radius of gaps that are closed, in pixels; 0: none.")
    follow: int = Field(4, ge=0, le=100, description="Radius in which the map follows the picture; 0: it does not.")
    smooth: float = Field(
        0.001, gt=0, le=1, description="Variance of grey values (0 to 1) below which it is not followed."
    )
    judged: int = Field(100, ge=2, description="Painted images a category that is decided on.")


class RefineConfig(SeedOptions, BatchOptions, LimitOptions, ShardOptions, MapTypeOption):
    """Settings of `adtool refine`."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **SeedOptions.NOT_IDENTITY,
        **BatchOptions.NOT_IDENTITY,
        **LimitOptions.NOT_IDENTITY,
        **ShardOptions.NOT_IDENTITY,
        "maps": "they are inputs",
        "data": "its images are inputs",
        "out": "where, not what",
        "models": "where the models lie; what they are is noted",
        "model": "its weights are an input",
        "category": "each has a note of its own",
        "settings": "noted as the filter's settings",
        "preset": "noted as the filter's settings",
        "textures": "its pictures are an input",
        "backbone": "noted by the name of what was loaded",
        "image_size": "noted as it was decided",
        "map_type": "noted where it is not float32",
    }
    NOT_OF_FILTER: ClassVar[Mapping[str, str]] = {
        "keep": "what becomes of the maps that it makes",
        "image_score": "what becomes of the maps that it makes",
        "method": "what else could make them",
    }
    NOT_FREE: ClassVar[tuple[str, ...]] = ("preset", "model", "textures", "backbone", "image_size")
    maps: Path = Field(Path("maps"), description="Folder of maps, made by any detector.")
    data: Path | None = Field(
        None, description="Data set; by default the one the maps were made from.", json_schema_extra={READS: True}
    )
    out: Path = Field(Path("refined"), description="Folder to write.")
    models: Path = Field(Path("models"), description="Folder of models; the filter's is costfilter/.")
    model: Path | None = Field(None, description="Folder of a trained filter to use, so that none is trained.")
    category: tuple[str, ...] = Field((), description="Category; repeat for several. All by default.")
    preset: str | None = Field(
        None,
        description="As --set preset=: small, or a variant as it was released with CostFilter-AD; paper: the one that "
        f"fits the maps. One of: {', '.join(PRESETS)}.",
    )
    method: Literal["trained", "free"] = Field(
        "trained",
        description="A filter trained on painted defects; or, in seconds, maps that are filled and follow the picture.",
    )
    keep: Literal["auto", "always", "never"] | None = Field(
        None,
        description="Whether filtered maps replace the given ones: where they win on painted defects (auto, the "
        "default), always (with a preset of the paper), never.",
    )
    image_score: Literal["given", "refined"] | None = Field(
        None,
        description="Image scores and decisions: those of the given maps (the default), or made anew from the refined "
        "ones (with a preset of the paper).",
    )
    settings: tuple[str, ...] = Field(
        (),
        description="A setting of the filter; see `adtool list refine`, `refine-free`.",
        json_schema_extra={"option": "--set", "metavar": "NAME=VALUE"},
    )
    textures: Path | None = Field(
        None, description="Folder of texture pictures to paint with, for instance DTD.", json_schema_extra={READS: True}
    )
    backbone: str | None = Field(None, description="A timm name or alias; by default that of the maps.")
    image_size: int | None = Field(None, ge=32, le=4096, description="Side of the network input; by default the maps'.")

    def named_preset(self) -> str:
        """The preset that is asked for, by `--preset` or `--set preset=`; empty if none is.

        Raises:
            UsageError: there is none of that name, or the two say different things.
        """
        named = preset_of(PRESETS, pairs(self.settings), owner="refine")
        if self.preset is None:
            return named
        asked = preset_of(PRESETS, {PRESET: self.preset}, owner="refine", option="--preset ")
        if named not in ("", asked):
            raise UsageError(f"--set preset={named} and --preset {asked} are two ways to name one thing. Give one.")
        return asked
