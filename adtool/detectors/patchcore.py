"""PatchCore: distance of each patch to a memory of normal patches (Roth et al., CVPR 2022)."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from adtool.core import arrays, config
from adtool.core.errors import BadDataError
from adtool.detection import contract, image_scores
from adtool.detection.contract import (
    About,
    MapViews,
    Needs,
    NormalImages,
    Qualities,
    Scored,
    SeenImage,
    Standard,
    StoredModel,
    Usual,
)
from adtool.detectors._patchcore import memory as memories
from adtool.detectors._patchcore import pooling
from adtool.detectors._patchcore.embedding import embed as embed
from adtool.detectors._patchcore.memory import Drawing, Found, PatchForm, PatchMemory, PatchSearch
from adtool.nn import families, knn, smooth
from adtool.nn.options import DEFAULT_BACKBONE

ABOUT = About(templates="normals", cross_fits=True, extends=True, tiles=True)
POOLED = "pooled_"  # of the second memory's tensors

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

QUALITIES: Qualities = {
    # As it was before grid, pooled and padding were settings: about five times faster in the search.
    "fast": (Usual({"grid": "coarse", "pooled": False, "padding": "zeros"}),),
    # By the mean of five development sets: examples/results/README.md, Qualities.
    "best": (Usual(backbone=DEFAULT_BACKBONE, image_size=320),),
}


class Settings(config.Config):
    """Settings of `--set`; chosen on defects painted on held-out normal images."""

    layers: str = Field("", description="Strides (or a transformer's blocks), as 8,16; by default 8,16 (or 5,6).")
    norm: bool = Field(False, description="Apply a transformer's final norm to the tokens.")
    padding: Literal["replicate", "zeros"] = Field(
        "replicate",
        description="What a convolutional network sees beyond the border; zeros look like an edge that no part has.",
        json_schema_extra={config.FORMER: "zeros"},
    )
    grid: Literal["fine", "coarse"] = Field("fine", description="Put the layers on the finest or the coarsest grid.")
    pooled: bool = Field(
        True,
        description="Compare patches pooled 3 x 3 on the coarse grid as well: shows large faint defects; not with "
        "scale=unit.",
        json_schema_extra={config.FORMER: False},
    )
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
    replicates = families.replicates(backbone, settings.padding)
    size = usual.image_size
    return Needs(given or usual.layers, settings.norm, size, replicates=replicates, keep_aspect=settings.keep_aspect)


class Model:
    """A memory of normal patches of one category, and one of pooled patches."""

    def __init__(
        self,
        memory: PatchMemory,
        settings: Settings,
        standard: Standard | None = None,
        pooled: PatchMemory | None = None,
    ) -> None:
        self.memory = memory
        self.settings = settings
        self.standard = standard
        self.pooled = pooled
        self._search = PatchSearch(memory, _form(settings))
        self._other = None if pooled is None else PatchSearch(pooled, pooling.form(settings.scale))
        self._levels = (_level(memory), _level(pooled))

    def score(self, seen: SeenImage) -> Scored:
        """Score an image by the distances of its patches."""
        return self._score(seen, None)

    def score_without(self, seen: SeenImage, group: int) -> Scored:
        """The same, without what the memory holds of one group of near duplicates.

        What the memory would hold in its place, had it never seen the group, is left aside: a part of it only, and
        taking what is nearest in its place makes scores too low.
        """
        return self._score(seen, group)

    def _score(self, seen: SeenImage, group: int | None) -> Scored:
        without = self._search.of_group(group)
        found = self._search.nearest(seen, without)
        distance = self._search.distances(found)
        if self._other is not None:
            other = self._other.distances(self._other.nearest(seen, self._other.of_group(group)))
            distance = pooling.both(distance, other, self._levels)
        scores = smooth.enlarge(distance.cpu(), *seen.size, blur=self.settings.blur * seen.shrunk)
        top1 = self.settings.image_score == "top1"
        worst = arrays.image_score(scores, seen.inputs) if top1 else self._highest(distance, found, without)
        # With patches of length 1 the scores are AnomalyDINO's, as they were published.
        if not self.settings.standard or self.settings.scale == "unit":
            return Scored(seen.sample, scores, worst)
        views = MapViews.of(scores, worst)
        return Scored(seen.sample, scores, image_scores.image_score(views, self.standard), views)

    def with_standard(self, standard: Standard) -> "Model":
        """The same memory, and image scores by the standard of good parts."""
        return Model(self.memory, self.settings, standard, self.pooled)

    def _highest(self, distance: Tensor, found: Found, without: Tensor | None) -> float:
        """The highest of the (h, w) patches' distances, as the map has them, or that re-weighted."""
        worst = int(distance.argmax())
        highest = float(distance.flatten()[worst])
        if self.settings.image_score == "max":
            return highest
        near = self._search.bank.neighbours(int(found.index[worst]), self.settings.neighbours, without)
        if len(near) < 2:  # noqa: PLR2004, a memory of one patch has no neighbourhood to weigh with
            return highest
        to_near = torch.linalg.vector_norm(self.memory.bank[near] - found.patches[worst], dim=1)
        return float(highest * (1 - torch.softmax(to_near, dim=0)[0]))

    def extended(self, seen: Sequence[SeenImage], groups: Sequence[int]) -> "Model":
        """The memories with patches of more images; see `PatchSearch.extended`."""
        drawn = self.settings.drawn
        pooled = None if self._other is None else self._other.extended(seen, groups, drawn)
        return Model(self._search.extended(seen, groups, drawn), self.settings, self.standard, pooled)

    def tensors(self) -> dict[str, Tensor]:
        """The memories, and the standard of good parts if it is known."""
        known = {} if self.standard is None else self.standard.as_arrays()
        standard = {name: torch.from_numpy(one) for name, one in known.items()}
        pooled = {} if self.pooled is None else self.pooled.tensors(POOLED)
        return self.memory.tensors() | pooled | standard

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
    forms = [_form(settings)]
    if settings.pooled and settings.scale != "unit":  # AnomalyDINO's scores are as they were published
        forms.append(pooling.form(settings.scale))
    each = memories.shares(len(normals.samples), settings.drawn)
    drawings = [Drawing(form, each, generator) for form in forms]
    images = []
    for seen in normals.see():  # some can't be read
        images.append(seen.sample.image)
        for drawing in drawings:
            drawing.add(seen)
    if not images:
        raise BadDataError("None of the normal training images could be read.")
    known = normals.groups()
    groups = torch.tensor([known.get(one, -1) for one in images])
    own, *other = [_memory(drawing, settings, groups, generator) for drawing in drawings]
    return Model(own, settings, pooled=other[0] if other else None)


def _level(memory: PatchMemory | None) -> float:
    return 1.0 if memory is None or memory.level is None else float(memory.level)


def _form(settings: Settings) -> PatchForm:
    return PatchForm(settings.pool, settings.grid, settings.scale)


def _memory(drawing: Drawing, settings: Settings, groups: Tensor, generator: torch.Generator) -> PatchMemory:
    drawn = drawing.drawn()
    memory = memories.standing(drawn, settings.scale)
    scaled = memory.scaled(drawn.patches, settings.scale)
    size = min(settings.bank_size, max(1, round(settings.bank_share * len(scaled))))
    if settings.coreset == "greedy":
        chosen = knn.greedy_coreset(scaled, size, projected=settings.projected, generator=generator)
    else:
        chosen = torch.randperm(len(scaled), generator=generator)[:size].to(scaled.device)
    return memories.filled(memory, drawn, chosen, groups, settings.scale)


def load(stored: StoredModel, settings: Settings) -> Model:
    """Make the model again of what is stored."""
    channels = sum(layer.channels for layer in stored.frame.backbone.layers)
    forms: dict[str, tuple[int | str, ...]] = {"bank": ("M", channels), "mean": (channels,), "spread": (channels,)}
    memory_forms: tuple[dict[str, tuple[int | str, ...]], ...] = (
        {"origin": ("M",)},
        {"borders": ("K",), "level": (1,)},
    )
    for later in memory_forms:  # models of before do not have them
        forms |= later if later.keys() & stored.tensors.keys() else {}
    if f"{POOLED}bank" in stored.tensors:
        others = {"M": "M'", "K": "K'"}  # its own numbers of them
        forms |= {
            f"{POOLED}{name}": tuple(others.get(str(side), side) for side in form) for name, form in forms.items()
        }
    forms |= image_scores.SHAPES if image_scores.SHAPES.keys() & stored.tensors.keys() else {}
    stored.require_shapes(forms)
    memory = PatchMemory.of(stored.tensors)
    if memory is None:
        raise KeyError("bank")
    own = {name: stored.tensors[name].float().cpu().numpy() for name in image_scores.SHAPES if name in stored.tensors}
    return Model(memory, settings, image_scores.of_arrays(own), PatchMemory.of(stored.tensors, POOLED))
