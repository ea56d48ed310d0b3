"""The matching cost volume: what each position of an image costs to explain with positions of its templates."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.core.arrays import Floats
from adtool.core.errors import UsageError
from adtool.nn import tracing

BLOCK_BYTES = {"cpu": 8 * 2**20, "cuda": 512 * 2**20}  # of the costs in work at a time; on a CPU they stay in the cache
GROUPS_KEPT = 8  # groups of columns per kept match, to find a bound with


def match(image: Tensor, templates: Tensor, keep: int) -> Tensor:
    """For each position of the image, the costs of its `keep` best matches in all templates together.

    Positions are taken in blocks, so that memory does not grow with their number.

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
    at_once = max(1, BLOCK_BYTES[image.device.type] // (4 * N * positions))
    kept = image.new_empty(len(image), h * w, keep, dtype=torch.float32)
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        # Rows are the image's positions. The released code for Dinomaly has those of the reconstruction there, by a
        # swap of names, so that a defect shows where its reconstruction is, not where it is.
        rows = F.normalize(image.float().flatten(2), dim=1).transpose(1, 2)  # (B, P, C)
        columns = F.normalize(templates.float().flatten(3), dim=2).transpose(1, 2).flatten(2)  # (B or 1, C, N * P')
        if tracing.is_followed():  # its own runtime shares out the work
            costs = 1 - rows @ columns
            chosen = costs.topk(keep, dim=2, largest=False).indices.sort(dim=2).values
            return costs.gather(2, chosen).transpose(1, 2).reshape(len(image), keep, h, w)
        for one, into, others in zip(rows, kept, columns.expand(len(image), -1, -1), strict=True):
            for some, place in zip(one.split(at_once), into.split(at_once), strict=True):
                place.copy_(_smallest(1 - some @ others, keep))
    return kept.transpose(1, 2).reshape(len(image), keep, h, w)


def _smallest(costs: Tensor, keep: int) -> Tensor:
    """The `keep` smallest of each row in the order they stand in, the earlier of equal ones; (R, M) -> (R, keep)."""
    if costs.shape[1] == keep:
        return costs
    if costs.device.type == "cpu":
        return torch.from_numpy(_smallest_on_cpu(costs.numpy(), keep))
    # A stable sort, as topk leaves open which of equal costs it takes, and a plain background has many.
    chosen = costs.sort(dim=1, stable=True).indices[:, :keep].sort(dim=1).values
    return costs.gather(1, chosen)


def _smallest_on_cpu(costs: Floats, keep: int) -> Floats:
    """As `_smallest`, several times as fast as sorting or torch's topk on a processor: most costs are only compared."""
    few = _candidates(costs, keep)
    last = np.partition(few, keep - 1, axis=1)[:, keep - 1 : keep]
    chosen = few <= last
    for row in np.flatnonzero(np.count_nonzero(chosen, axis=1) > keep):  # equal costs: the later ones go
        equal = np.flatnonzero(few[row] == last[row])
        chosen[row, equal[keep - np.count_nonzero(few[row] < last[row]) :]] = False
    return few[chosen].reshape(len(costs), keep)


def _candidates(costs: Floats, keep: int) -> Floats:
    """Costs among which the `keep` smallest of each row are, in their order, filled up with infinity."""
    rows, columns = costs.shape
    groups = GROUPS_KEPT * keep
    if columns < 2 * groups:
        return costs
    # Each group of columns has its least cost; `keep` costs are at most as large as the keep-th of those.
    least = costs[:, : columns // groups * groups].reshape(rows, -1, groups).min(axis=1)
    small = costs <= np.partition(least, keep - 1, axis=1)[:, keep - 1 : keep]
    counts = np.count_nonzero(small, axis=1)
    few = np.full((rows, int(counts.max())), np.inf, dtype=costs.dtype)
    few[np.arange(few.shape[1]) < counts[:, None]] = costs[small]
    return few


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


def same_place(
    image: Sequence[Tensor], templates: Sequence[Tensor], plane: tuple[int, int], *, align_corners: bool = False
) -> Tensor:
    """The other coarse map: what an image costs to explain with the same place of its reconstruction, in the mean.

    Args:
        image: one (B, C, h, w) tensor per layer.
        templates: one (B, 1, C, h, w) tensor per layer.
        plane: height and width of the map.
        align_corners: as in `stack`.

    Returns:
        (B, L, height, width), the same in each layer, as the released code for Dinomaly has it.
    """
    costs = [
        1 - F.cosine_similarity(x.float(), t[:, 0].float(), dim=1).unsqueeze(1)
        for x, t in zip(image, templates, strict=True)
    ]
    mean = torch.stack([_resize(one, plane, align_corners=align_corners) for one in costs]).mean(dim=0)
    return mean.expand(-1, len(costs), -1, -1)


def _resize(maps: Tensor, plane: tuple[int, int], *, align_corners: bool) -> Tensor:
    return F.interpolate(maps, size=plane, mode="bilinear", align_corners=align_corners)
