"""How far from a memory good parts lie at each distance from the border of the picture.

Beyond the border nothing is known, so features beside it are less certain, and parts are cut there: good parts lie
farther from the memory at the border than elsewhere, which is no defect. So distances there are brought down to those
of the middle. They are never raised: where nothing but background is at the border, that would make noise of it.
"""

import torch
from torch import Tensor

DEPTH = 8  # the outer eighth of the grid has factors of its own, by the distance from the border


def rings(shape: tuple[int, int], depth: int, device: torch.device) -> Tensor:
    """(h, w) int64, places between each place of a grid and the border, `depth` at most."""
    rows, columns = (torch.arange(side, device=device) for side in shape)
    own = [torch.minimum(x, x.flip(0)) for x in (rows, columns)]
    return torch.minimum(own[0][:, None], own[1][None, :]).clamp_max(depth)


def depth_of(shape: tuple[int, int]) -> int:
    """How many rings of a grid have a factor of their own."""
    return max(1, round(min(shape) / DEPTH))


def factors(distance: Tensor, ring: Tensor, depth: int) -> Tensor:
    """What distances are multiplied with.

    Args:
        distance: (n,) of patches of good parts that the memory does not know.
        ring: (n,) int64, of each.
        depth: of the middle.

    Returns:
        (depth + 1,) of at most 1, 1 for the middle.
    """
    found = torch.ones(depth + 1, device=distance.device)
    middle = distance[ring == depth]
    for one in range(depth):
        own = distance[ring == one]
        if len(own) and len(middle):
            found[one] = (middle.mean() / own.mean().clamp_min(torch.finfo(own.dtype).tiny)).clamp_max(1)
    return found


def calm(distance: Tensor, shape: tuple[int, int], known: Tensor) -> Tensor:
    """(P,) distances of a grid with those near the border brought down by `factors`."""
    return distance * known[rings(shape, len(known) - 1, distance.device)].flatten()
