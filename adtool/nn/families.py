"""The two families of backbones, and what a detector takes of one where nothing else is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from adtool.nn import weights
from adtool.nn.options import DEFAULT_BACKBONE

REPLICATE, ZEROS = "replicate", "zeros"  # what convolutions see beyond the border
# Of timm, where its plain vision transformers are; not all of them have names that begin with `vit_`.
TRANSFORMERS = ("deit", "vision_transformer", "vision_transformer_hybrid")


class Family(Enum):
    """What a backbone's layers are: the stages of a convolutional network, or the blocks of a transformer."""

    CONV = "conv"
    TRANSFORMER = "transformer"


@dataclass(frozen=True)
class Usual:
    """What to take of a family.

    Attributes:
        layers: strides of stages, or numbers of blocks.
        image_size: side of the network's input, in pixels.
    """

    layers: tuple[int, ...]
    image_size: int


# Known without asking timm.
OFTEN: Mapping[str, Family] = {
    DEFAULT_BACKBONE: Family.CONV,
    "vit_small_patch14_dinov2": Family.TRANSFORMER,
}

# Chosen on defects painted on held-out normal images. A detector that does better with others has a table of its own.
USUAL: Mapping[Family, Usual] = {
    Family.CONV: Usual(layers=(8, 16), image_size=256),
    Family.TRANSFORMER: Usual(layers=(5, 6), image_size=308),
}


def family(backbone: str) -> Family:
    """The family of a backbone.

    Args:
        backbone: a timm name or an alias.

    Raises:
        UsageError: timm knows no such model.
    """
    known = weights.canonical(backbone)
    if known in OFTEN:
        return OFTEN[known]
    from timm.models import is_model_in_modules  # late, as it takes seconds

    is_transformer = is_model_in_modules(known, TRANSFORMERS)
    return Family.TRANSFORMER if is_transformer else Family.CONV


def replicates(backbone: str, padding: str) -> bool:
    """Whether a network of that name sees its borders go on beyond the image; a transformer sees nothing there."""
    return padding == REPLICATE and family(backbone) is Family.CONV


def noted_padding(*, replicates: bool) -> dict[str, str]:
    """What a note says of the borders that features were seen with: nothing of zeros, which were all there was."""
    return {"padding": REPLICATE} if replicates else {}
