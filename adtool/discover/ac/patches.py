"""Patches of images, how strange each is, and the mean weighted by that (Sohn et al., WACV 2023)."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from adtool.core import arrays, progress
from adtool.core.arrays import Bytes, Floats
from adtool.core.dataset.types import Sample
from adtool.core.steps import resuming
from adtool.discover.free.features import Item, NotFiniteItemsError
from adtool.nn.backbone import Backbone
from adtool_runtime import images, parallel

POOL = 3  # side of the neighbourhood that a patch is averaged over
AT_ONCE = 2**24  # distances held in memory

Vectors = NDArray[np.float64]
log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Sight:
    """How images are seen.

    Attributes:
        net: the network; all of its layers are used.
        image_size: side of its square input, in pixels.
        batch_size: images a batch.
        is_fine: whether patches are on the grid of the first layer, else on that of the last.
        seed: of which images others are compared with.
    """

    net: Backbone
    image_size: int
    batch_size: int
    is_fine: bool
    seed: int = 0

    def patches(self, items: Sequence[Item]) -> Iterator[tuple[Item, Tensor]]:
        """The patches of each item, (P, D) float32."""
        height, width = images.fit((self.image_size, self.image_size), self.image_size, self.net.multiple)

        def load(item: Item) -> Floats:
            return images.prepare(item.load()[0], height, width, self.net.mean, self.net.std)

        loaded = parallel.prefetch(items, load, ahead=4 * self.batch_size)

        def batches() -> Iterator[tuple[list[Item], Floats]]:
            while batch := list(islice(loaded, self.batch_size)):
                yield [item for item, _ in batch], np.stack([pixels for _, pixels in batch])

        for group, layers in self.net.stream(batches()):
            for place, item in enumerate(group):
                yield item, on_one_grid([layer[place].float() for layer in layers], is_fine=self.is_fine)


def on_one_grid(layers: Sequence[Tensor], *, is_fine: bool) -> Tensor:
    """Locally averaged features of several layers side by side.

    Args:
        layers: (C_l, h_l, w_l), shallow to deep.
        is_fine: whether on the grid of the first, else of the last.

    Returns:
        (P, D), D the sum of the channels.
    """
    target = layers[0 if is_fine else -1]
    shape = (target.shape[-2], target.shape[-1])
    found = []
    for layer in layers:
        x = F.avg_pool2d(layer.unsqueeze(0), POOL, 1, POOL // 2, count_include_pad=False)
        if x.shape[-2:] != shape:
            finer = x.shape[-1] > shape[-1]
            x = F.adaptive_avg_pool2d(x, shape) if finer else F.interpolate(x, shape, mode="bilinear")
        found.append(x.squeeze(0))
    return torch.cat(found).flatten(1).T.contiguous()


@dataclass(frozen=True)
class References:
    """The images that others are compared with.

    Attributes:
        patches: (M, P, D), in units of `scale`.
        scale: (D,) that features are divided by.
        keys: of the images, of which none is compared with itself; empty for new images, which are not among them.
        nearest: whether a patch is as strange as it lies from the nearest of all patches (they are normal), else as it
            lies from the nearest of each image, in the mean (a defect of one kind in a few of them hardly counts).
        spread: (1,) standard deviation of how strange patches are.
    """

    patches: Tensor
    scale: Tensor
    keys: Sequence[str]
    nearest: bool
    spread: float = 1.0

    def strangeness(self, patches: Tensor, key: str) -> Tensor:
        """How strange the patches of an image are, (P, D) in units of `scale` -> (P,)."""
        others = [number for number in range(len(self.patches)) if not self.keys or self.keys[number] != key]
        size = max(1, AT_ONCE // (patches.shape[0] * self.patches.shape[1]))
        parts = []
        for start in range(0, len(others), size):
            bank = self.patches[others[start : start + size]]  # (m, P, D)
            apart = torch.cdist(patches, bank.flatten(0, 1))  # (P, m * P)
            parts.append(apart.view(len(patches), *bank.shape[:2]).amin(dim=2))
        from_each = torch.cat(parts, dim=1)  # (P, M)
        return from_each.amin(dim=1) if self.nearest else from_each.mean(dim=1)

    def embed(self, patches: Tensor, key: str, temperature: float) -> Tensor:
        """The mean of an image's patches, each weighted by how strange it is; (P, D) -> (D,) in units of `scale`."""
        scaled = patches / self.scale
        weights = torch.softmax(self.strangeness(scaled, key) / (self.spread * temperature), dim=0)
        return weights @ scaled


def gather(items: Sequence[Item], sight: Sight, *, nearest: bool) -> References:
    """What others are compared with, at least two images.

    Raises:
        NotFiniteItemsError: the network can't see some.
    """
    seen = list(progress.track(sight.patches(items), "images to compare with", len(items)))
    broken = [item for item, patches in seen if not torch.isfinite(patches).all()]
    if broken and not nearest:
        raise NotFiniteItemsError(broken, sight.net)
    for item in broken:
        log.warning("skipped 1 unreadable image: %s makes NaN or infinite features of %s.", sight.net.name, item.key)
    seen = [(item, patches) for item, patches in seen if item not in broken]
    raw = torch.stack([patches for _, patches in seen])
    channels = [layer.channels for layer in sight.net.layers]
    parts = [part.var(dim=(0, 1), correction=0).sum().sqrt() for part in torch.split(raw, channels, dim=2)]
    # Each layer has the same weight, as far as its patches vary.
    scale = torch.cat([one.clamp_min(1e-6).expand(size) for one, size in zip(parts, channels, strict=True)])
    # As they are stored, so that new images are compared with the same.
    made = References((raw / scale).half().float(), scale, [item.key for item, _ in seen], nearest)
    strange = torch.stack([made.strangeness(one, key) for one, key in zip(made.patches, made.keys, strict=True)])
    return References(made.patches, scale, made.keys, nearest, max(float(strange.std(correction=0)), 1e-6))


def embed(items: Sequence[Item], sight: Sight, to: References, temperature: float, cache: Path) -> Vectors:
    """Weighted means of images' patches, (N, D); what was there before a kill is read from `cache`.

    Raises:
        NotFiniteItemsError: the network can't see some.
    """
    missing = [place for place, item in enumerate(items) if not _cached(cache, item.key).exists()]
    todo = resuming.whole_batches(items, missing, sight.batch_size)
    broken = []
    for item, patches in progress.track(sight.patches(todo), "features", len(todo)):
        vector = to.embed(patches, item.key, temperature).cpu().numpy()
        if np.isfinite(vector).all():
            arrays.write_several(_cached(cache, item.key), [vector])
        else:
            broken.append(item)
    if broken:
        raise NotFiniteItemsError(broken, sight.net)
    return np.stack([arrays.read_several(_cached(cache, item.key), 1)[0] for item in items]).astype(np.float64)


def of_images(samples: Sequence[Sample]) -> list[Item]:
    """Images as they are; where their maps point does not matter here."""

    def item(one: Sample) -> Item:
        return Item(one.id, _reader(one), one.id)

    return [item(one) for one in samples]


def _reader(one: Sample) -> Callable[[], tuple[Bytes, Floats]]:
    return lambda: (arrays.read_image(one.image, one.reading), np.zeros((1, 1), np.float32))


def _cached(cache: Path, key: str) -> Path:
    return cache / f"{key}.npy"
