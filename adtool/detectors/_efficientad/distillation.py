"""What a teacher of EfficientAD learns: to see in patches of a picture what a backbone sees in them twice as large.

The paper distils it on ImageNet; here it is done with the pictures of good parts and made-up textures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.detectors._efficientad import pictures
from adtool.detectors._efficientad.network import BORDER
from adtool.nn.averaging import in_channels
from adtool.nn.backbone import Backbone
from adtool_runtime import images

ENLARGED = 2  # the backbone sees pictures so many times as large
UNSEEN = BORDER // 4  # places at each border that no patch within a picture is around
NEIGHBOURS = 3  # places along a side that a feature of the backbone is averaged over
MIN_SPREAD = 1e-6  # a channel that never changes is not blown up


@dataclass(frozen=True)
class Target:
    """What the backbone sees, as a teacher is to see it.

    Attributes:
        backbone: with its layers.
        shift, spread: (C, 1, 1) of the channels; what they are divided by after the subtraction.
    """

    backbone: Backbone
    shift: Tensor
    spread: Tensor

    def see(self, shown: Tensor, grid: int) -> Tensor:
        """(B, 3, S, S) pictures -> (B, C, grid, grid), of patches that lie wholly within them."""
        found = enlarged(self.backbone, shown, len(self.shift), grid)
        return (found - self.shift) / self.spread


def pooled(layers: Sequence[Tensor], channels: int, grid: int, *, mirrored: bool) -> Tensor:
    """What a backbone sees, averaged over neighbours, in so many channels at each place of a teacher's grid.

    Args:
        layers: (B, C, h, w) each.
        channels: neighbouring ones of the layers' are averaged to so many, or repeated.
        grid: side of the teacher's.
        mirrored: whether that is of the whole picture, or of the patches that lie wholly within it.

    Returns:
        (B, channels, grid, grid).
    """
    beyond = 0 if mirrored else UNSEEN
    size = (grid + 2 * beyond,) * 2
    found = [F.avg_pool2d(x.float(), NEIGHBOURS, 1, NEIGHBOURS // 2, count_include_pad=False) for x in layers]
    found = [F.interpolate(x, size, mode="bilinear", align_corners=False) for x in found]
    places = torch.cat(found, dim=1).flatten(2).transpose(1, 2)  # (B, P, C)
    whole = in_channels(places, channels).transpose(1, 2).reshape(len(places), channels, *size)
    return whole[..., beyond : beyond + grid, beyond : beyond + grid]


def enlarged(backbone: Backbone, shown: Tensor, channels: int, grid: int) -> Tensor:
    """What a backbone sees of (B, 3, S, S) pictures enlarged, in the patches that lie wholly within; see `pooled`."""
    side = images.rounded(ENLARGED * shown.shape[-1], backbone.multiple)
    large = F.interpolate(shown, (side, side), mode="bilinear", align_corners=False)
    with torch.no_grad():
        layers = backbone.features(pictures.normalised(large, backbone.mean, backbone.std))
    return pooled(layers, channels, grid, mirrored=False)


def target(backbone: Backbone, channels: int, seen: Sequence[Tensor], grid: int) -> Target:
    """A target whose channels have mean 0 and variance 1 on some pictures, (3, S, S) each."""
    whole = torch.cat([enlarged(backbone, one[None].to(backbone.device), channels, grid) for one in seen])
    spread, shift = torch.std_mean(whole.double(), dim=(0, 2, 3), correction=0)
    return Target(backbone, shift.float()[:, None, None], spread.float().clamp_min(MIN_SPREAD)[:, None, None])
