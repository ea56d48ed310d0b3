"""The matching cost volume: what each position of an image costs to explain with positions of its templates."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.core.errors import UsageError

CHUNK_BYTES = 64 * 2**20  # of the costs of one chunk of templates; one template is the least


def match(image: Tensor, templates: Tensor, keep: int) -> Tensor:
    """For each position of the image, the costs of its `keep` best matches in all templates together.

    Templates are taken in chunks, so that memory does not grow with their number.

    Args:
        image: (B, C, h, w) features of one layer.
        templates: (B, N, C, h', w') features of the N templates of each image, or (1, N, C, h', w') of all.
        keep: number of matches kept, at most N * h' * w'.

    Returns:
        (B, keep, h, w) float32 costs, 1 - cosine similarity, in [0, 2]. Axis 1 keeps the templates' raster order,
        template after template; it is not sorted by cost. Of equal costs the earlier are kept.

    Raises:
        UsageError: there are fewer than `keep` positions.
    """
    h, w = image.shape[-2:]
    N, positions = templates.shape[1], templates.shape[-2] * templates.shape[-1]
    if not 0 < keep <= N * positions:
        raise UsageError(
            f"Cannot keep {keep} matches of {N} templates with {positions} positions each: "
            f"keep 1 to {N * positions}, or use more templates."
        )
    at_once = max(1, CHUNK_BYTES // (4 * len(image) * h * w * positions))
    # Rows are the image's positions. The released code for Dinomaly has those of the reconstruction there, by a
    # swap of names, so that a defect shows where its reconstruction is, not where it is.
    with torch.autocast(image.device.type, enabled=False):
        rows = F.normalize(image.float().flatten(2), dim=1).transpose(1, 2)  # (B, P, C)
        kept = rows.new_empty(*rows.shape[:2], 0)
        for chunk in torch.split(templates, at_once, dim=1):
            columns = F.normalize(chunk.float().flatten(3), dim=2).transpose(1, 2).flatten(2)  # (B, C, n * P')
            kept = _smallest(torch.cat([kept, 1 - rows @ columns], dim=2), keep)
    return kept.transpose(1, 2).reshape(len(image), keep, h, w)


def _smallest(costs: Tensor, keep: int) -> Tensor:
    """The `keep` smallest of each row in the order they stand in; (B, P, M) -> (B, P, min(M, keep))."""
    if costs.shape[2] <= keep:
        return costs
    best = costs.topk(keep, dim=2, largest=False, sorted=False)
    chosen = best.indices
    # Which of equal costs topk takes is left open, and identical patches are common (a plain background).
    tied = (costs <= best.values.amax(dim=2, keepdim=True)).count_nonzero(dim=2) > keep  # (B, P)
    if tied.any():
        chosen[tied] = costs[tied].sort(dim=1, stable=True).indices[:, :keep]
    return costs.gather(2, chosen.sort(dim=2).values)


def stack(costs: Sequence[Tensor], plane: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    """The volume that the network filters.

    Args:
        costs: one (B, K, h, w) tensor per layer, from `match`; their grids may differ.
        plane: height and width of the volume.
        align_corners: as three of the four released variants do; by default pixels are areas, as in AnomalyDINO's
            and as maps are enlarged elsewhere in adtool.

    Returns:
        (B, K, L, height, width)
    """
    return torch.stack([_resize(layer, plane, align_corners=align_corners) for layer in costs], dim=2)


def initial_map(costs: Sequence[Tensor], plane: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    """The coarse anomaly map that guides the network: the cost of the best match in each layer.

    In training and test alike; the released variants scale or enlarge it differently in the two (HVQ-Trans by 70
    and 40), and the one for Dinomaly throws the minima away.

    Args:
        costs: one (B, K, h, w) tensor per layer, from `match`.
        plane: height and width of the map.
        align_corners: as in `stack`.

    Returns:
        (B, L, height, width)
    """
    best = [layer.amin(dim=1, keepdim=True) for layer in costs]
    return torch.cat([_resize(layer, plane, align_corners=align_corners) for layer in best], dim=1)


def _resize(maps: Tensor, plane: tuple[int, int], *, align_corners: bool) -> Tensor:
    return F.interpolate(maps, size=plane, mode="bilinear", align_corners=align_corners)
