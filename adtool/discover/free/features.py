"""What anomalies look like: tokens of a frozen network, pooled where a guide (a map or a mask) says."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adtool.core import arrays, progress
from adtool.core.arrays import Bytes, Floats
from adtool.core.errors import BadDataError
from adtool.core.steps import resuming
from adtool.nn import families
from adtool.nn.backbone import Backbone
from adtool.nn.families import Family
from adtool_runtime import images, parallel
from adtool_runtime.classes import pooling, traits
from adtool_runtime.classes.placing import Described

Vectors = NDArray[np.float64]

# The block of a transformer that whole images are seen by. The last one says more of what is on them than of what a
# spot looks like; of 6, 8, 9, 11 and pairs of them this is best in the mean of eight sets, seen by DINOv2-S.
BLOCKS = (9,)
# Length of the traits beside features of a transformer, before their weight of .7: .6 in all, by the same eight sets.
BESIDE_BLOCKS = 6 / 7


@dataclass(frozen=True)
class Item:
    """An image (or a crop) to be described."""

    key: str
    load: Callable[[], tuple[Bytes, Floats]]  # (H, W, 3) and its guide (h, w): the higher, the more a place weighs
    image: str = ""  # id of the image that it is of


def layers(backbone: str) -> tuple[int, ...]:
    """The layers that whole images are seen by, in a network of that name."""
    family = families.family(backbone)
    return families.USUAL[family].layers if family is Family.CONV else BLOCKS


class NotFiniteItemsError(BadDataError):
    """A network makes NaN or infinite features of some items.

    Attributes:
        broken: why, by the id of the image that each is of.
    """

    def __init__(self, items: Iterable[Item], backbone: Backbone) -> None:
        ids = dict.fromkeys(item.image or item.key for item in items)
        remedy = " Give --engine torch: half precision is too small for it." if backbone.is_half else ""
        self.broken = {one: f"{backbone.name} makes NaN or infinite features of {one}.{remedy}" for one in ids}
        super().__init__(next(iter(self.broken.values())))


@dataclass(frozen=True)
class _Loaded:
    pixels: Floats  # (3, H, W) as the network wants it
    guided: list[tuple[Item, Floats, Vectors]]  # each item of this image, with its guide and traits


Further = Mapping[str, Sequence[Item]]  # by the key of an item: items of the same image with other guides
NO_FURTHER: Further = MappingProxyType({})


def describe(
    items: Sequence[Item],
    backbone: Backbone,
    cache: Path,
    *,
    image_size: int,
    batch_size: int,
    further: Further = NO_FURTHER,
) -> Described:
    """Describe items; what was described before a kill is read from `cache`.

    Args:
        items: what to describe, at least one.
        backbone: the network; all of its layers are used.
        cache: folder of one small file per item.
        image_size: side of the network's square input, in pixels.
        batch_size: images a batch.
        further: items that are described in the same pass, so that they are found in `cache` when they are asked for.

    Raises:
        NotFiniteItemsError: the network can't see some.
    """
    broken: list[Item] = []
    groups = [[item, *further.get(item.key, ())] for item in items]
    missing = [place for place, group in enumerate(groups) if any(not _cached(cache, x.key).exists() for x in group)]
    todo = resuming.whole_batches(groups, missing, batch_size)
    with progress.bar("features", len(todo)) as bar:
        for loaded, tokens in _tokens(todo, backbone, image_size, batch_size):
            for (item, _, plain), statistics in zip(*_described(loaded, tokens), strict=True):
                if np.isfinite(statistics).all() and np.isfinite(plain).all():
                    arrays.write_several(_cached(cache, item.key), [statistics, plain])
                else:
                    broken.append(item)
            bar.advance(len(loaded))
    if broken:
        raise NotFiniteItemsError(broken, backbone)
    kept = [arrays.read_several(_cached(cache, item.key), 2) for item in items]
    statistics = np.stack([one for one, _ in kept]).astype(np.float64)  # (N, 3, D)
    pooled, mean, squared = statistics[:, 0], statistics[:, 1], statistics[:, 2]
    variance = squared.mean(axis=0) - mean.mean(axis=0) ** 2
    channels = np.concatenate([np.full(layer.channels, layer.channels) for layer in backbone.layers])
    spread = np.sqrt(np.maximum(variance, 1e-12) * channels)
    length = BESIDE_BLOCKS if backbone.family is Family.TRANSFORMER else 1.0
    return Described(pooled - mean, spread, np.stack([one for _, one in kept]), traits_length=length)


def keep(cache: Path, key: str, layers: Sequence[Tensor], image: Bytes, guide: Floats) -> None:
    """Describe one item whose tokens are at hand, so that `describe` finds it in `cache`.

    Args:
        cache: as of `describe`, which is left what is not finite, to say so.
        key: of the item.
        layers: one (C, h, w) tensor each.
        image: (H, W, 3), or what `traits.thumbnail` made of it.
        guide: (h, w) as of an `Item`.
    """
    statistics = _statistics([guide], [layer.unsqueeze(0) for layer in layers])[0]
    plain = traits.of_anomaly(image, guide)
    if np.isfinite(statistics).all() and np.isfinite(plain).all():
        arrays.write_several(_cached(cache, key), [statistics, plain])


def pool(tokens: Tensor, guides: Sequence[Floats]) -> Tensor:
    """Mean of tokens with the softmax of a guide as weights; (B, C, h, w) -> (B, C).

    Args:
        tokens: features of one layer.
        guides: B guides of any size, averaged over the area of a token.
    """
    height, width = tokens.shape[-2:]
    small = [pooling.shrunk(guide, height, width) for guide in guides]
    logits = torch.from_numpy(np.stack(small)).to(tokens.device)  # (B, h, w)
    weights = logits.flatten(1).softmax(dim=1)  # (B, P)
    return torch.einsum("bcp,bp->bc", tokens.flatten(2), weights)


def _described(
    loaded: Sequence[_Loaded], tokens: Sequence[Tensor]
) -> tuple[list[tuple[Item, Floats, Vectors]], Floats]:
    """The G items of B images, and (G, 3, D) statistics, from layers of (B, C, h, w)."""
    guided = [one for image in loaded for one in image.guided]
    image_of = torch.tensor([place for place, image in enumerate(loaded) for _ in image.guided])
    repeated = tokens if len(guided) == len(loaded) else [layer[image_of.to(layer.device)] for layer in tokens]
    return guided, _statistics([guide for _, guide, _ in guided], repeated)


def _statistics(guides: Sequence[Floats], layers: Sequence[Tensor]) -> Floats:
    """Weighted mean, mean and mean square of each image's tokens; layers of (B, C, h, w) -> (B, 3, D)."""
    parts = [
        torch.stack([pool(tokens, guides), tokens.mean(dim=(2, 3)), tokens.square().mean(dim=(2, 3))], dim=1)
        for tokens in (layer.float() for layer in layers)
    ]
    return torch.cat(parts, dim=2).cpu().numpy()


def _tokens(
    groups: Sequence[Sequence[Item]], backbone: Backbone, image_size: int, batch_size: int
) -> Iterator[tuple[list[_Loaded], list[Tensor]]]:
    height, width = images.fit((image_size, image_size), image_size, backbone.multiple)

    def load(group: Sequence[Item]) -> _Loaded:
        image, guide = group[0].load()
        guides = [guide, *(item.load()[1] for item in group[1:])]
        pixels = images.prepare(image, height, width, backbone.mean, backbone.std)
        plain = [traits.of_anomaly(image, guide) for guide in guides]
        return _Loaded(pixels, list(zip(group, guides, plain, strict=True)))

    loaded = (one for _, one in parallel.prefetch(groups, load, ahead=4 * batch_size))
    batches = ((batch, np.stack([one.pixels for one in batch])) for batch in _batches(loaded, batch_size))
    yield from backbone.stream(batches)


def _batches(loaded: Iterable[_Loaded], size: int) -> Iterator[list[_Loaded]]:
    batch: list[_Loaded] = []
    for one in loaded:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _cached(cache: Path, key: str) -> Path:
    return cache / f"{key}.npy"
