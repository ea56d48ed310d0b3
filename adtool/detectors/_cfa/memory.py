"""The memory of CFA: what patches are pulled to, chosen before the descriptor is trained and never moved."""

from collections.abc import Sequence

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._cfa.descriptor import Descriptor, joined
from adtool.nn import knn

MEASURED = 64  # images that a typical distance is taken from
KMEANS_ITERATIONS = 3000  # the authors' code
PROJECTED = 32  # dimensions of the random projection that a coreset is chosen in


def of_places(mean: Tensor, descriptor: Descriptor, *, compression: int, seed: int) -> Tensor:
    """Prototypes of the untrained descriptor, one for each place of the grid, or `compression` times fewer.

    Args:
        mean: (1, C, h, w) mean patch features of the training images. The descriptor is linear, so its output for the
            mean is the mean of its outputs.
        descriptor: not trained yet.
        compression: gamma_c; k-means makes that many times fewer prototypes.
        seed: of k-means.

    Returns:
        (M, D) prototypes.
    """
    with torch.no_grad():
        bank = descriptor(mean)
    count = len(bank) // compression
    if compression == 1 or not count:
        return bank
    found = KMeans(count, n_init=1, max_iter=KMEANS_ITERATIONS, random_state=seed).fit(bank.cpu().numpy())
    return torch.from_numpy(found.cluster_centers_).to(bank)


def mean_patches(cache: FeatureCache, weights: Sequence[float], device: torch.device) -> Tensor:
    """Weighted mean of the patch features of all images: (1, C, h, w)."""
    total: list[Tensor] = []
    for layers, weight in zip(cache.batches(range(len(cache)), 1), weights, strict=True):
        total = [weight * x.double() + (total[i] if total else 0) for i, x in enumerate(layers)]
    return joined([x.float().to(device) for x in total])


def of_patches(
    cache: FeatureCache, descriptor: Descriptor, size: int, drawn: int, generator: torch.Generator
) -> Tensor:
    """Patches of normal images, whatever their place, that cover all the others (a coreset): (M, D), M <= `size`.

    Args:
        cache: features of normal images.
        descriptor: not trained yet.
        size: how many to choose.
        drawn: patches drawn at random, the same number of each image, that they are chosen from.
        generator: on the CPU.
    """
    share = -(-drawn // len(cache))
    kept = []
    for layers in cache.batches(range(len(cache)), 1):
        with torch.no_grad():
            vectors = descriptor(joined([layer.to(descriptor.weight.device) for layer in layers]))
        order = torch.randperm(len(vectors), generator=generator)[:share]
        kept.append(vectors[order.to(vectors.device)])
    found = torch.cat(kept)
    return found[knn.greedy_coreset(found, size, projected=PROJECTED, generator=generator)].contiguous()


def typical_distance(cache: FeatureCache, descriptor: Descriptor, bank: Tensor, nearest: int) -> float:
    """Mean squared distance of the patches of some images to their nearest prototypes."""
    found = knn.Bank(bank)
    sums = []
    for layers in cache.batches(range(min(MEASURED, len(cache))), 1):
        with torch.no_grad():
            vectors = descriptor(joined([layer.to(bank.device) for layer in layers]))
        sums.append(found.closest(vectors, nearest)[0].mean())
    return float(torch.stack(sums).mean())
