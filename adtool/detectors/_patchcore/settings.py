"""Settings of PatchCore, and the names of some together."""

from typing import Literal

from pydantic import Field

from adtool.core import arrays, config
from adtool.detection import contract
from adtool.detection.contract import Qualities, Usual
from adtool.nn.options import DEFAULT_BACKBONE

SECOND = "dinov2_vits14"
ALL = 10_000_000  # patches: more than any category has

PRESETS: config.Presets = {
    # PatchCore (Roth et al., CVPR 2022) by its authors' code, with the 1 % of its fast runs, and with the paper's
    # re-weighted image score (eq. 7), which that code leaves out. With --backbone wide_resnet50_2.tv_in1k, which are
    # torchvision's weights (timm's default of wide_resnet50_2 is another). What differs: images are averaged where they
    # are shrunk, not interpolated; the random projection is drawn from a Gaussian.
    "paper": {
        "layers": "8,16",
        "padding": "zeros",
        "input_px": 256,
        "crop_px": 224,
        "keep_aspect": True,  # the shorter side is brought to 256
        "grid": "fine",
        "pool": 3,
        "mapped": 1024,
        "pooled": False,
        "scale": "none",
        "drawn": ALL,
        "coreset": "approximate",
        "bank_size": ALL,
        "bank_share": 0.01,
        "projected": 128,
        "calm": False,
        "blur": 4.0,
        "mirrored": True,
        "image_score": "reweighted",
        "neighbours": 9,
        "standard": False,
    },
    # AnomalyDINO (Damm et al., WACV 2025) in its setting that knows nothing of the parts, with --backbone dinov2_vits14
    # and --set shots=4 for few normal images. What differs: an image that is no square is brought to the area of one of
    # 448 px, not to 448 px along its shorter side, and maps are blurred at that size, not at the image's.
    "anomalydino": {
        "layers": "-1",
        "norm": True,
        "input_px": 448,
        "keep_aspect": True,
        "pool": 1,
        "scale": "unit",
        "rotations": 8,
        "foreground": "published",
        "drawn": ALL,
        "coreset": "random",
        "bank_size": ALL,
        "bank_share": 1.0,
        "image_score": "patches",
    },
}

QUALITIES: Qualities = {
    # As it was before grid, pooled and padding were settings: about five times faster in the search.
    "fast": (Usual({"grid": "coarse", "pooled": False, "padding": "zeros"}),),
    # By the mean of five development sets: examples/results/README.md, Qualities.
    "best": (
        Usual({"beside": SECOND}, backbone=DEFAULT_BACKBONE, second=SECOND),
        Usual(backbone=DEFAULT_BACKBONE, image_size=320),
    ),
}


class Settings(config.Config):
    """Settings of `--set`; chosen on defects painted on held-out normal images."""

    layers: str = Field("", description="Strides (or a transformer's blocks), as 8,16; by default 8,16 (or 5,6).")
    norm: bool = Field(False, description="Apply a transformer's final norm to the tokens.")
    padding: Literal["replicate", "zeros"] = Field(
        "replicate",
        description="What a convolutional network sees beyond the border; zeros look like an edge that no part has.",
        json_schema_extra={config.FORMER: "zeros"},
    )
    grid: Literal["fine", "coarse"] = Field("fine", description="Put the layers on the finest or the coarsest grid.")
    pooled: bool = Field(
        True,
        description="Compare patches pooled 3 x 3 on the coarse grid as well: shows large faint defects; not with "
        "scale=unit.",
        json_schema_extra={config.FORMER: False},
    )
    pool: int = Field(1, ge=1, le=9, description="Side of the average pooling around each patch, in patches; odd.")
    scale: Literal["channel", "none", "unit"] = Field(
        "none", description="Scale features per channel to unit variance, not at all, or each patch to length 1."
    )
    input_px: int | None = Field(
        None,
        ge=32,
        description="Side of the network's input where --image-size is not given; by default what suits the backbone.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    crop_px: int = Field(
        0,
        ge=0,
        description="Side of the middle of it that is seen, where --centre-crop is not given; 0: all.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    keep_aspect: bool = Field(False, description="Keep the ratio of the image's sides.")
    beside: str = Field(
        "",
        description="A second backbone, as dinov2_vits14, whose distances are mixed into the map; image scores stay "
        "those of the first. Takes its time in addition.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    beside_weight: float = Field(
        1.33,
        gt=0,
        description="Weight of its squared distances; those of the first weigh 1.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    shots: int = Field(
        0,
        ge=0,
        description="Learn from so many normal images alone, drawn by the seed; 0: from all.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    rotations: int = Field(
        1,
        ge=1,
        le=72,
        description="Learn from each normal image in so many turns, evenly around.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    foreground: Literal["all", "pca", "published"] = Field(
        "all",
        description="Places that are scored: all, or those of the part by the first principal component of its "
        "features (as DINOv2 scales them); published: the latter in the categories in which AnomalyDINO does so.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    mapped: int = Field(
        0,
        ge=0,
        description="Channels that the neighbourhood of each layer, and then all layers, are averaged to, with zeros "
        "beyond the border (the paper: 1024); 0: channels stay.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    calm: bool = Field(
        True,
        description="Bring distances near the border down to what they are elsewhere on good parts.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    mirrored: bool = Field(
        False,
        description="Let the blur see the map mirrored beyond its border, not its border's value.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    drawn: int = Field(100_000, ge=1000, description="Patches drawn at random that the coreset is chosen from.")
    coreset: Literal["greedy", "approximate", "random"] = Field(
        "greedy",
        description="How the memory is chosen; approximate: greedy, begun as the authors' code does; random is quick.",
    )
    bank_size: int = Field(10_000, ge=1, description="Patches in the memory.")
    half: bool = Field(
        False,
        description="Keep the memory in half precision: half the file; searched in single precision.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    bank_share: float = Field(0.5, gt=0, le=1, description="Patches in the memory, as a share of those drawn.")
    projected: int = Field(32, ge=0, description="Dimensions of the random projection for the coreset, 0 for none.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the network's input.")
    image_score: Literal["top1", "max", "reweighted", "patches"] = Field(
        "top1",
        description="Mean of the top 1 % of the map, highest patch, that re-weighted (PatchCore, eq. 7), or mean of "
        "the top 1 % of patches.",
    )
    neighbours: int = Field(9, ge=2, description="Neighbours of the re-weighting.")
    standard: bool = Field(
        True,
        description="Image scores also see what is unusual for its place, or for a whole map; not with scale=unit.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )


RULES = {
    "top1": arrays.IMAGE_SCORE_RULE,
    "max": "highest patch distance",
    "patches": "mean of the top 1 % of patch distances",
    "reweighted": "highest patch distance, re-weighted by its neighbourhood (PatchCore, eq. 7)",
}
