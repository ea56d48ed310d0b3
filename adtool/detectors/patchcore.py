"""PatchCore: distance of each patch to a memory of normal patches (Roth et al., CVPR 2022)."""

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor

from adtool.core import arrays, config
from adtool.core.errors import BadDataError
from adtool.detection import contract, image_scores
from adtool.detection.contract import About, MapViews, Needs, NormalImages, Scored, SeenImage, Standard, StoredModel
from adtool.detectors._patchcore import foreground, pooling, rotating
from adtool.detectors._patchcore import memory as memories
from adtool.detectors._patchcore.embedding import embed as embed
from adtool.detectors._patchcore.memory import Drawing, Found, PatchForm, PatchMemory, PatchSearch
from adtool.detectors._patchcore.settings import PRESETS as PRESETS
from adtool.detectors._patchcore.settings import QUALITIES as QUALITIES
from adtool.detectors._patchcore.settings import RULES, Settings
from adtool.nn import families, knn, smooth

ABOUT = About(templates="normals", cross_fits=True, extends=True, tiles=True)
POOLED = "pooled_"  # of the second memory's tensors
TOP_SHARE = 0.01  # of the patches, as AnomalyDINO scores images


def needs(settings: Settings, backbone: str) -> Needs:
    """The layers and the input size for a backbone.

    Raises:
        UsageError: an even pool.
    """
    contract.require_odd("pool", settings.pool)
    usual = families.USUAL[families.family(backbone)]
    given = config.numbers("layers", settings.layers, example="8,16")
    replicates = families.replicates(backbone, settings.padding)
    return Needs(
        given or usual.layers,
        settings.norm,
        settings.input_px or usual.image_size,
        centre_crop=settings.crop_px,
        replicates=replicates,
        keep_aspect=settings.keep_aspect,
    )


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
        if foreground.is_asked_for(self.settings.foreground, seen.sample.category):
            distance = distance * foreground.of(seen.layers[-1], found.shape).to(distance.device)
        blur, mirrored = self.settings.blur * seen.shrunk, self.settings.mirrored
        scores = smooth.enlarge(distance.cpu(), *seen.size, blur=blur, mirrored=mirrored)
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
        """The highest of the (h, w) patches' distances, as the map has them, that re-weighted, or a mean of some."""
        if self.settings.image_score == "patches":
            count = max(1, int(TOP_SHARE * distance.numel()))
            return float(distance.flatten().topk(count).values.mean())
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
    each = memories.shares(len(normals.samples) * settings.rotations, settings.drawn)
    drawings = [Drawing(form, each, generator) for form in forms]
    images = []
    turned = rotating.seen(normals, settings.rotations)
    for seen in chain(normals.see(), turned):  # some can't be read
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
    return PatchForm(settings.pool, settings.grid, settings.scale, settings.mapped)


def _memory(drawing: Drawing, settings: Settings, groups: Tensor, generator: torch.Generator) -> PatchMemory:
    drawn = drawing.drawn()
    memory = memories.standing(drawn, settings.scale)
    scaled = memory.scaled(drawn.patches, settings.scale)
    size = min(settings.bank_size, max(1, round(settings.bank_share * len(scaled))))
    if settings.coreset == "greedy":
        chosen = knn.greedy_coreset(scaled, size, projected=settings.projected, generator=generator)
    elif settings.coreset == "approximate":
        chosen = knn.approximate_coreset(scaled, size, projected=settings.projected, generator=generator)
    else:
        chosen = torch.randperm(len(scaled), generator=generator)[:size].to(scaled.device)
    return memories.filled(memory, drawn, chosen, groups, settings.scale, measures=settings.calm)


def load(stored: StoredModel, settings: Settings) -> Model:
    """Make the model again of what is stored."""
    own = sum(layer.channels for layer in stored.frame.backbone.layers)
    channels = settings.mapped or own
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
        forms |= {f"{POOLED}bank": ("M'", own), f"{POOLED}mean": (own,), f"{POOLED}spread": (own,)}
    forms |= image_scores.SHAPES if image_scores.SHAPES.keys() & stored.tensors.keys() else {}
    stored.require_shapes(forms)
    memory = PatchMemory.of(stored.tensors)
    if memory is None:
        raise KeyError("bank")
    known = {name: stored.tensors[name].float().cpu().numpy() for name in image_scores.SHAPES if name in stored.tensors}
    return Model(memory, settings, image_scores.of_arrays(known), PatchMemory.of(stored.tensors, POOLED))
