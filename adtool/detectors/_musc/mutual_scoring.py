"""Mutual scoring: how far each patch of an image is from the other images of its set (MuSc, Li et al., ICLR 2024)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from adtool_runtime import parallel

CHUNK_BYTES = {"cpu": 4 * 2**20, "cuda": 256 * 2**20}  # of similarities at a time; a core's share of cache on a CPU


def standardize(features: Tensor) -> Tensor:
    """Each image's features to mean 0 and variance 1 over all of its (C, h, w) together; (N, C, h, w) -> the same."""
    return F.layer_norm(features, features.shape[1:])


def aggregate(features: Tensor, degree: int) -> Tensor:
    """Patches described together with their surroundings (MuSc, section 3.2, LNAMD).

    Args:
        features: (N, C, h, w) standardized features of one layer.
        degree: side of the neighbourhood in patches, odd; 1 leaves each patch by itself.

    Returns:
        (N, P, C) of length 1, P = h * w in raster order. Zeros outside the image are averaged in, as in the authors'
        code, whose adaptive pooling of the C * degree**2 values of a neighbourhood is this mean.
    """
    mean = F.avg_pool2d(features, degree, 1, degree // 2) if degree > 1 else features
    return F.normalize(mean.flatten(2).transpose(1, 2), dim=2).contiguous()


def scores(patches: Tensor, share: float, on_pair: Callable[[int], None] = lambda _: None) -> Tensor:
    """Mutual scores (MuSc, section 3.3, MSM).

    Each patch has, to every other image, the distance of the nearest of that image's patches. Its score is the mean
    of the lowest of these: what is normal finds its like in many images, what is not finds it in few.

    Args:
        patches: (N, P, D) of length 1, N at least 2.
        share: of the distances that are averaged, counted from the lowest; at least one is.
        on_pair: told how many pairs of images were compared since it was last told.

    Returns:
        (N, P) Euclidean distances of unit vectors, 0 to 2, float32 on the CPU. A distance below 1e-3 is rounding.
    """
    kept = max(1, int(share * (len(patches) - 1)))  # int: the authors'; they have none, and NaN, below 5 images
    table = _similarities(patches, on_pair)  # (N, N, P)
    found = []
    for one in table:
        lowest = one.T.contiguous().float().topk(kept, dim=1).values  # (P, kept); the highest similarities
        found.append((2 - 2 * lowest).clamp_min(0).sqrt().mean(dim=1).cpu())
    return torch.stack(found)


def table_bytes(count: int, patches: int) -> int:
    """Memory that `scores` needs beside its argument, for so many images of so many patches."""
    return 4 * count * count * patches


def pairs(count: int) -> int:
    """How many pairs of images `scores` compares."""
    return count * (count - 1) // 2


def _similarities(patches: Tensor, on_pair: Callable[[int], None]) -> Tensor:
    """(N, N, P): at [i, j, p] the highest cosine of patch p of image i with a patch of j; -2 where i is j.

    The matrix of a pair is computed once: its rows' maxima are image i's, its columns' are image j's. One image is
    compared with a handful at once, so that the matrix is made and reduced near the core that made it.
    """
    count, size, width = patches.shape
    table = patches.new_full((count, count, size), -2)
    flat = patches.view(count * size, width)
    step = max(1, CHUNK_BYTES[patches.device.type] // (patches.element_size() * size * size))

    def compare(i: int) -> int:
        for first in range(i + 1, count, step):
            last = min(first + step, count)
            found = patches[i] @ flat[first * size : last * size].T  # (P, n * P) of n images
            table[i, first:last] = found.view(size, last - first, size).amax(dim=2).T
            table[first:last, i] = found.amax(dim=0).view(last - first, size)
        return count - 1 - i

    for done in _beside_each_other(range(count - 1), compare, patches.device):
        on_pair(done)
    return table


def _beside_each_other(items: Sequence[int], work: Callable[[int], int], device: torch.device) -> Iterator[int]:
    """Work through items; on a CPU with one thread for each core, each of which computes alone.

    Threads that share one product wait for one another: two were slower than one where other work ran beside them.
    """
    if device.type != "cpu":
        yield from map(work, items)
        return

    def alone(item: int) -> int:
        torch.set_num_threads(1)
        return work(item)

    workers = torch.get_num_threads()
    with _threads_restored():
        for _, done in parallel.prefetch(items, alone, workers=workers, ahead=4 * workers):
            yield done


@contextmanager
def _threads_restored() -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def smooth_image_scores(image_scores: Tensor, embeddings: Tensor, neighbours: Sequence[int]) -> Tensor:
    """Image scores averaged with those of images that look alike (MuSc, section 3.4, RsCIN).

    Args:
        image_scores: (N,) of one set.
        embeddings: (N, D) one vector for each image, of any length.
        neighbours: for each k, an image's score becomes the mean over its k most similar images (itself one of them)
            weighted by their cosine; the results are averaged. 1 leaves the scores as they are.

    Returns:
        (N,) in the scores' own unit. The authors first stretch the scores to [0, 1]; since every row of weights sums
        to 1, that only shifts and scales the result, and would make scores of two sets incomparable.
    """
    unit = F.normalize(embeddings, dim=1)
    # A negative cosine, which the authors' embeddings don't have, is no likeness; weights then never sum to 0.
    similarity = (unit @ unit.T).clamp_min(0).fill_diagonal_(1)  # (N, N)
    found = []
    for count in neighbours:
        values, indices = similarity.topk(min(count, len(similarity)), dim=1)
        found.append((values * image_scores[indices]).sum(dim=1) / values.sum(dim=1))
    return torch.stack(found).mean(dim=0)
