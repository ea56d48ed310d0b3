"""What UniAD and HVQ-Trans share: the layers of their papers' network, and image scores by squares of pixels."""

from adtool.core import arrays
from adtool.core.arrays import Floats
from adtool.nn import families
from adtool.nn.families import Family
from adtool_runtime.judging import highest_mean

LAYERS = {Family.CONV: (2, 4, 8, 16), Family.TRANSFORMER: families.USUAL[Family.TRANSFORMER].layers}
POOL_PX = 16
RULES = {"top1": arrays.IMAGE_SCORE_RULE, "pooled": f"highest mean of {POOL_PX} x {POOL_PX} pixels"}


def image_score(scores: Floats, rule: str, inputs: float = 1.0) -> float:
    """The score of an image from its map (H, W), by a name of `RULES`; for `inputs` see `SeenImage`."""
    return arrays.image_score(scores, inputs) if rule == "top1" else highest_mean(scores, POOL_PX)
