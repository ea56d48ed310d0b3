"""PatchCore: distance of each patch to a memory of normal patches (Roth et al., CVPR 2022)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from adtool.core import arrays, config
from adtool.core.errors import BadDataError
from adtool.detection import contract, image_scores
from adtool.detection.contract import About, MapViews, Needs, NormalImages, Scored, SeenImage, Standard, StoredModel
from adtool.nn import families, knn, smooth

ABOUT = About(templates="normals", cross_fits=True, extends=True, tiles=True)
MIN_SPREAD = 1e-6  # a channel that never changes is not blown up

PRESETS: config.Presets = {
    # AnomalyDINO (Damm et al., WACV 2025), all normals instead of few: tokens of the last block, cosine distance,
    # no pooling and no coreset. Its image size (shorter side 448) is --image-size 448 --set keep_aspect=true.
    "anomalydino": {
        "layers": "-1",
        "norm": True,
        "pool": 1,
        "scale": "unit",
        "coreset": "random",
        "bank_size": 100_000,
        "keep_aspect": True,
    },
}


class Settings(config.Config):
    """Settings of `--set`; chosen on defects painted on held-out normal images."""

    layers: str = Field("", description="Strides (or a transformer's blocks), as 8,16; by default 8,16 (or 5,6).")
    norm: bool = Field(False, description="Apply a transformer's final norm to the tokens.")
    grid: Literal["fine", "coarse"] = Field("coarse", description="Put the layers on the finest or the coarsest grid.")
    pool: int = Field(1, ge=1, le=9, description="Side of the average pooling around each patch, in patches; odd.")
    scale: Literal["channel", "none", "unit"] = Field(
        "none", description="Scale features per channel to unit variance, not at all, or each patch to length 1."
    )
    keep_aspect: bool = Field(False, description="Keep the ratio of the image's sides.")
    drawn: int = Field(100_000, ge=1000, description="Patches drawn at random that the coreset is chosen from.")
    coreset: Literal["greedy", "random"] = Field("greedy", description="How the memory is chosen; random is quick.")
    bank_size: int = Field(10_000, ge=1, description="Patches in the memory.")
    bank_share: float = Field(0.5, gt=0, le=1, description="Patches in the memory, as a share of those drawn.")
    projected: int = Field(32, ge=0, description="Dimensions of the random projection for the coreset, 0 for none.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the network's input.")
    image_score: Literal["top1", "max", "reweighted"] = Field(
        "top1", description="Mean of the top 1 % of the map, highest patch, or that re-weighted (PatchCore, eq. 7)."
    )
    neighbours: int = Field(9, ge=2, description="Neighbours of the re-weighting.")
    standard: bool = Field(
        True,
        description="Image scores also see what is unusual for its place, or for a whole map; not with scale=unit.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )


RULES = {
    "top1": arrays.IMAGE_SCORE_RULE,
    "max": "highest patch distance",
    "reweighted": "highest patch distance, re-weighted by its neighbourhood (PatchCore, eq. 7)",
}


def needs(settings: Settings, backbone: str) -> Needs:
    """The layers and the input size for a backbone.

    Raises:
        UsageError: an even pool.
    """
    contract.require_odd("pool", settings.pool)
    usual = families.USUAL[families.family(backbone)]
    given = config.numbers("layers", settings.layers, example="8,16")
    return Needs(given or usual.layers, settings.norm, usual.image_size, keep_aspect=settings.keep_aspect)


@dataclass(frozen=True)
class PatchMemory:
    """What was learned: the bank and how features are scaled before they are compared.

    Attributes:
        bank: (M, D) float32 scaled features.
        mean: (D,) subtracted.
        spread: (D,) divided by.
        origin: (M,) the group of near duplicates whose image each vector was taken from; None in models of before.
    """

    bank: Tensor
    mean: Tensor
    spread: Tensor
    origin: Tensor | None = None


class Model:
    """A memory of normal patches of one category."""

    def __init__(self, memory: PatchMemory, settings: Settings, standard: Standard | None = None) -> None:
        self.memory = memory
        self.settings = settings
        self.standard = standard
        self._bank = knn.Bank(memory.bank)

    def score(self, seen: SeenImage) -> Scored:
        """Score an image by the distances of its patches."""
        return self._score(seen, None)

    def score_without(self, seen: SeenImage, group: int) -> Scored:
        """The same, without what the memory holds of one group of near duplicates.

        What the memory would hold in its place, had it never seen the group, is left aside: a part of it only, and
        taking what is nearest in its place makes scores too low.
        """
        return self._score(seen, None if self.memory.origin is None else self.memory.origin == group)

    def _score(self, seen: SeenImage, without: Tensor | None) -> Scored:
        patches, shape = embed(seen.layers, pool=self.settings.pool, grid=self.settings.grid)
        scaled = _scaled(patches, self.memory, self.settings.scale)
        distance, index = self._bank.nearest(scaled, without)
        if self.settings.scale == "unit":
            distance = distance.square() / 2  # of unit vectors: 1 - cosine, as AnomalyDINO has it
        scores = smooth.enlarge(distance.view(shape).cpu(), *seen.size, blur=self.settings.blur * seen.shrunk)
        top1 = self.settings.image_score == "top1"
        worst = arrays.image_score(scores, seen.inputs) if top1 else self._highest(scaled, distance, index, without)
        # With patches of length 1 the scores are AnomalyDINO's, as they were published.
        if not self.settings.standard or self.settings.scale == "unit":
            return Scored(seen.sample, scores, worst)
        views = MapViews.of(scores, worst)
        return Scored(seen.sample, scores, image_scores.image_score(views, self.standard), views)

    def with_standard(self, standard: Standard) -> "Model":
        """The same memory, and image scores by the standard of good parts."""
        return Model(self.memory, self.settings, standard)

    def _highest(self, scaled: Tensor, distance: Tensor, index: Tensor, without: Tensor | None) -> float:
        worst = int(distance.argmax())
        if self.settings.image_score == "max":
            return float(distance[worst])
        near = self._bank.neighbours(int(index[worst]), self.settings.neighbours, without)
        if len(near) < 2:  # noqa: PLR2004, a memory of one patch has no neighbourhood to weigh with
            return float(distance[worst])
        to_near = torch.linalg.vector_norm(self.memory.bank[near] - scaled[worst], dim=1)
        return float(distance[worst] * (1 - torch.softmax(to_near, dim=0)[0]))

    def extended(self, seen: Sequence[SeenImage], groups: Sequence[int]) -> "Model":
        """The memory with patches of more images: those that are farthest from it, as many as others gave it.

        The coreset is chosen on as it was begun, from the new patches alone.
        """
        memory, settings = self.memory, self.settings
        each = [
            _scaled(embed(one.layers, pool=settings.pool, grid=settings.grid)[0], memory, settings.scale)
            for one in seen
        ]
        patches = torch.cat(each)
        images = len(torch.unique(memory.origin)) if memory.origin is not None else len(memory.bank)
        share = min(len(patches), max(1, round(len(memory.bank) / images * len(seen))))
        chosen = knn.more_of_coreset(patches, self._bank, share)
        numbers = [number for number, one in zip(groups, each, strict=True) for _ in range(len(one))]
        origin = torch.tensor(numbers, dtype=torch.float32).to(chosen.device)[chosen]
        known = memory.origin if memory.origin is not None else origin.new_full((len(memory.bank),), -1.0)
        bank = torch.cat([memory.bank, patches[chosen]])
        return Model(PatchMemory(bank, memory.mean, memory.spread, torch.cat([known, origin])), settings, self.standard)

    def tensors(self) -> dict[str, Tensor]:
        """The memory, and the standard of good parts if it is known."""
        known = {} if self.standard is None else self.standard.as_arrays()
        standard = {name: torch.from_numpy(one) for name, one in known.items()}
        return {name: tensor for name, tensor in vars(self.memory).items() if tensor is not None} | standard

    def card(self) -> dict[str, object]:
        """How image scores come about."""
        worst = RULES[self.settings.image_score]
        return {"image_score_rule": worst if self.standard is None else f"{worst}, {image_scores.WORDS}"}


def fit(normals: NormalImages, settings: Settings) -> Model:
    """Learn from normal images; nothing is kept meanwhile, it takes a minute.

    Raises:
        BadDataError: no image could be read.
    """
    generator = torch.Generator().manual_seed(normals.frame.seed)
    drawn, images = _draw(normals, settings, generator)  # (M, D), (M,)
    if settings.scale == "channel":
        spread, mean = torch.std_mean(drawn, dim=0, correction=0)
        memory = PatchMemory(drawn, mean, spread.clamp_min(MIN_SPREAD))
    else:
        memory = PatchMemory(drawn, drawn.new_zeros(drawn.shape[1]), drawn.new_ones(drawn.shape[1]))
    scaled = _scaled(drawn, memory, settings.scale)
    size = min(settings.bank_size, max(1, round(settings.bank_share * len(scaled))))
    if settings.coreset == "greedy":
        chosen = knn.greedy_coreset(scaled, size, projected=settings.projected, generator=generator)
    else:
        chosen = torch.randperm(len(scaled), generator=generator)[:size].to(scaled.device)
    origin = _origins(normals, images)[chosen.cpu()].to(scaled.device)
    return Model(PatchMemory(scaled[chosen].contiguous(), memory.mean, memory.spread, origin), settings)


def load(stored: StoredModel, settings: Settings) -> Model:
    """Make the model again of what is stored."""
    channels = sum(layer.channels for layer in stored.frame.backbone.layers)
    forms: dict[str, tuple[int | str, ...]] = {"bank": ("M", channels), "mean": (channels,), "spread": (channels,)}
    for later in ({"origin": ("M",)}, image_scores.SHAPES):  # models of before do not have them
        forms |= later if later.keys() & stored.tensors.keys() else {}
    stored.require_shapes(forms)
    known = {name: one.float() for name, one in stored.tensors.items()}
    own = {name: known.pop(name).cpu().numpy() for name in image_scores.SHAPES if name in known}
    return Model(PatchMemory(**known), settings, image_scores.of_arrays(own))


def embed(layers: Sequence[Tensor], *, pool: int, grid: str) -> tuple[Tensor, tuple[int, int]]:
    """Locally pooled features of several layers on one grid (PatchCore, section 3.1).

    Args:
        layers: (C_l, h_l, w_l) features, shallow to deep.
        pool: side of the average pooling; places outside the image don't count.
        grid: `fine` or `coarse`: the grid of the first or of the last layer.

    Returns:
        (P, C) with C the sum of the channels, and (h, w).
    """
    target = layers[0 if grid == "fine" else -1]
    shape = (target.shape[-2], target.shape[-1])
    found = []
    for layer in layers:
        x = layer.unsqueeze(0)
        if pool > 1:
            x = F.avg_pool2d(x, pool, 1, pool // 2, count_include_pad=False)
        if x.shape[-2:] != shape:
            finer = x.shape[-1] > shape[-1]
            x = F.adaptive_avg_pool2d(x, shape) if finer else F.interpolate(x, shape, mode="bilinear")
        found.append(x.squeeze(0))
    return torch.cat(found).flatten(1).T.contiguous(), shape


def _scaled(patches: Tensor, memory: PatchMemory, scale: str) -> Tensor:
    if scale == "unit":
        return F.normalize(patches, dim=1)
    return (patches - memory.mean) / memory.spread if scale == "channel" else patches


def _draw(normals: NormalImages, settings: Settings, generator: torch.Generator) -> tuple[Tensor, list[Path]]:
    """Random patches of all images, about the same number of each, and the image that each is of.

    Returns:
        (M, D), M at most `settings.drawn`; M files.
    """
    kept: list[Tensor] = []
    images: list[Path] = []
    shares = _shares(len(normals.samples), settings.drawn)
    for seen, share in zip(normals.see(), shares, strict=False):  # some can't be read
        patches, _ = embed(seen.layers, pool=settings.pool, grid=settings.grid)
        order = torch.randperm(len(patches), generator=generator)[:share]
        kept.append(patches[order.to(patches.device)])
        images += [seen.sample.image] * len(order)
    if not kept:
        raise BadDataError("None of the normal training images could be read.")
    return torch.cat(kept), images


def _origins(normals: NormalImages, images: Sequence[Path]) -> Tensor:
    """The groups of the images that patches were taken from: (M,) float32, as tensors are stored."""
    groups = normals.groups()
    return torch.tensor([groups.get(one, -1) for one in images], dtype=torch.float32)


def _shares(count: int, drawn: int) -> list[int]:
    """How many patches each of so many images gives, in all `drawn`: none is left out if there is one for each."""
    share, more = divmod(drawn, max(1, count))
    if share:
        return [share + (i < more) for i in range(count)]
    return [(i + 1) * drawn // count - i * drawn // count for i in range(count)]  # spread over all of them
