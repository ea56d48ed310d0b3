"""What a teacher of EfficientAD learns: to see in patches of a picture what a backbone sees in them twice as large.

The paper distils it on ImageNet; here it is done with the pictures of good parts and made-up textures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.detectors._efficientad import pictures
from adtool.nn.backbone import Backbone
from adtool_runtime import images

ENLARGED = 2  # the backbone sees pictures so many times as large
STRIDE = 4  # pixels between the features of a patch description network
NEIGHBOURS = 3  # places along a side that a feature of the backbone is averaged over
MIN_SPREAD = 1e-6  # a channel that never changes is not blown up


@dataclass(frozen=True)
class Target:
    """What the backbone sees, as a teacher is to see it.

    Attributes:
        backbone: with its layers.
        channels: of the teacher.
        side: of pictures, in pixels.
        shift, spread: of the channels; what they are divided by after the subtraction.
    """

    backbone: Backbone
    channels: int
    side: int
    shift: Tensor
    spread: Tensor

    def see(self, shown: Tensor, grid: int) -> Tensor:
        """(B, 3, S, S) pictures -> (B, C, grid, grid), of patches that lie wholly within them."""
        found = (embedded(self.backbone, shown, self.channels) - self.shift) / self.spread
        beyond = (found.shape[-1] - grid) // 2
        return found[..., beyond : beyond + grid, beyond : beyond + grid]


def embedded(backbone: Backbone, shown: Tensor, channels: int) -> Tensor:
    """What a backbone sees of pictures enlarged: all its layers, averaged over neighbours, in so many channels.

    Args:
        backbone: with its layers.
        shown: (B, 3, S, S) pictures.
        channels: neighbouring ones of the layers' are averaged to so many, or repeated.

    Returns:
        (B, channels, S / 4, S / 4).
    """
    side = images.rounded(ENLARGED * shown.shape[-1], backbone.multiple)
    large = F.interpolate(shown, (side, side), mode="bilinear", align_corners=False)
    with torch.no_grad():
        layers = backbone.features(pictures.normalised(large, backbone.mean, backbone.std))
    grid = (shown.shape[-1] // STRIDE,) * 2
    found = [F.avg_pool2d(x.float(), NEIGHBOURS, 1, NEIGHBOURS // 2, count_include_pad=False) for x in layers]
    found = [F.interpolate(x, grid, mode="bilinear", align_corners=False) for x in found]
    places = torch.cat(found, dim=1).flatten(2).transpose(1, 2)  # (B, P, C)
    pooled = F.adaptive_avg_pool1d(places, channels)
    return pooled.transpose(1, 2).reshape(len(shown), channels, *grid)


def target(backbone: Backbone, channels: int, seen: Sequence[Tensor]) -> Target:
    """A target whose channels have mean 0 and variance 1 on some pictures, (3, S, S) each."""
    whole = torch.cat([embedded(backbone, one[None].to(backbone.device), channels) for one in seen])
    spread, shift = torch.std_mean(whole.double(), dim=(0, 2, 3), correction=0)
    shift, spread = shift.float()[:, None, None], spread.float().clamp_min(MIN_SPREAD)[:, None, None]
    return Target(backbone, channels, seen[0].shape[-1], shift, spread)
