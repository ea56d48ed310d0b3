"""PatchCore: distance of each patch to a memory of normal patches (Roth et al., CVPR 2022)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor

from adtool.core import arrays, config
from adtool.core.arrays import Floats
from adtool.core.errors import BadDataError, UsageError
from adtool.detection import contract, image_scores
from adtool.detection.contract import (
    About,
    Frame,
    MapRule,
    MapViews,
    Needs,
    NormalImages,
    Scored,
    SeenImage,
    Standard,
    StoredModel,
)
from adtool.detectors._patchcore import foreground, memories, pooling, rotating
from adtool.detectors._patchcore.embedding import embed as embed
from adtool.detectors._patchcore.memories import BESIDE, Learning, Looked, Memories, MemoriesSearch
from adtool.detectors._patchcore.memory import PatchMemory, shares
from adtool.detectors._patchcore.settings import PRESETS as PRESETS
from adtool.detectors._patchcore.settings import QUALITIES as QUALITIES
from adtool.detectors._patchcore.settings import RULES, Settings
from adtool.nn import families, smooth

ABOUT = About(templates="normals", cross_fits=True, extends=True, tiles=True)
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
        beside=_beside(settings),
    )


def _beside(settings: Settings) -> tuple[str, Needs] | None:
    """What the second network shall be, and see, with its own usual layers and input size."""
    if not settings.beside:
        return None
    usual = families.USUAL[families.family(settings.beside)]
    replicates = families.replicates(settings.beside, settings.padding)
    return settings.beside, Needs(
        usual.layers, image_size=usual.image_size, replicates=replicates, keep_aspect=settings.keep_aspect
    )


class Model:
    """Memories of normal patches of one category, and perhaps those of a second network."""

    def __init__(
        self,
        memory: PatchMemory,
        settings: Settings,
        standard: Standard | None = None,
        pooled: PatchMemory | None = None,
        beside: Memories | None = None,
        engine: str = "torch",
    ) -> None:
        self.memory = memory
        self.settings = settings
        self.standard = standard
        self.pooled = pooled
        self.beside = beside
        self.engine = engine
        self._search = MemoriesSearch(Memories(memory, pooled), settings, engine)
        self._second = None if beside is None else MemoriesSearch(beside, settings, engine)

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
        looked = self._search.look(seen, group)
        distance = looked.distance
        if foreground.is_asked_for(self.settings.foreground, seen.sample.category):
            distance = distance * foreground.of(seen.layers[-1], looked.found.shape).to(distance.device)
            looked = replace(looked, distance=distance)
        scores = shown = self._enlarged(distance, seen)
        if self._second is not None:
            shown = self._enlarged(self._both(distance, seen, group), seen)
        top1 = self.settings.image_score == "top1"
        worst = arrays.image_score(scores, seen.inputs) if top1 else self._highest(looked, seen.inputs)
        # With patches of length 1 the scores are AnomalyDINO's, as they were published.
        if not self.settings.standard or self.settings.scale == "unit":
            return Scored(seen.sample, shown, worst)
        views = MapViews.of(scores, worst)
        return Scored(seen.sample, shown, image_scores.standardised(views, self.standard), views)

    def grid(self, seen: SeenImage) -> Tensor:
        """(h, w) distances of an image's patches, those of the border brought down."""
        return self._search.look(seen, None).distance

    def grids(self, seen: SeenImage) -> tuple[Tensor, Tensor]:
        """The same, and the (h, w) distances of both networks as one, which are shown."""
        distance = self.grid(seen)
        return distance, self._both(distance, seen, None)

    def map_rule(self) -> MapRule:
        """How distances become a map.

        Raises:
            UsageError: the part is found in each picture, or scores are by the memory's neighbourhood.
        """
        chosen = self.settings
        if chosen.foreground != "all":
            raise UsageError(
                f"--set foreground={chosen.foreground} finds the part anew in each picture, which no graph does. Make "
                "maps with --set foreground=all."
            )
        if chosen.image_score == "reweighted":
            raise UsageError("--set image_score=reweighted is in no graph. Make maps with max or top1.")
        rule = RULES[chosen.image_score]
        return MapRule(blur=chosen.blur, mirrored=chosen.mirrored, image_score=chosen.image_score, words=rule)

    def _both(self, distance: Tensor, seen: SeenImage, group: int | None) -> Tensor:
        """(h, w) distances of both networks as one: they draw better together; the first one judges images better."""
        if self._second is None or seen.beside is None:
            raise ValueError("A second network's memory is searched with what that network sees.")
        other = self._second.look(seen.beside, group).distance.to(distance.device)
        return pooling.both(distance, other, (self._search.level, self._second.level), self.settings.beside_weight)

    def _enlarged(self, distance: Tensor, seen: SeenImage) -> Floats:
        blur, mirrored = self.settings.blur * seen.shrunk, self.settings.mirrored
        return smooth.enlarge(distance.cpu(), *seen.size, blur=blur, mirrored=mirrored)

    def with_standard(self, standard: Standard) -> "Model":
        """The same memory, and image scores by the standard of good parts."""
        return Model(self.memory, self.settings, standard, self.pooled, self.beside, self.engine)

    def _highest(self, looked: Looked, inputs: float) -> float:
        """The highest of the (h, w) patches' distances, as the map has them, that re-weighted, or a mean of some."""
        distance, found = looked.distance, looked.found
        if self.settings.image_score == "patches":
            count = max(1, int(TOP_SHARE * distance.numel() / inputs))
            return float(distance.flatten().topk(count).values.mean())
        worst = int(distance.argmax())
        highest = float(distance.flatten()[worst])
        if self.settings.image_score == "max":
            return highest
        bank = self._search.own.bank
        near = bank.neighbours(int(found.index[worst]), self.settings.neighbours, looked.without)
        if len(near) < 2:  # noqa: PLR2004, a memory of one patch has no neighbourhood to weigh with
            return highest
        to_near = torch.linalg.vector_norm(self.memory.bank[near] - found.patches[worst], dim=1)
        return float(highest * (1 - torch.softmax(to_near, dim=0)[0]))

    def extended(self, seen: Sequence[SeenImage], groups: Sequence[int]) -> "Model":
        """The memories with patches of more images; see `PatchSearch.extended`."""
        own = self._search.extended(seen, groups)
        own, beside = own.halved() if self.settings.half else own, None
        if self._second is not None:
            beside = self._second.extended([one.beside for one in seen if one.beside is not None], groups)
            beside = beside.halved() if self.settings.half else beside
        return Model(own.own, self.settings, self.standard, own.pooled, beside, self.engine)

    def tensors(self) -> dict[str, Tensor]:
        """The memories, and the standard of good parts if it is known."""
        known = {} if self.standard is None else self.standard.as_arrays()
        standard = {name: torch.from_numpy(one) for name, one in known.items()}
        beside = {} if self.beside is None else self.beside.tensors(BESIDE)
        found = Memories(self.memory, self.pooled).tensors() | beside
        if self.settings.half:
            found = {name: one.half() if name.endswith("bank") else one for name, one in found.items()}
        return found | standard

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
    each = shares(len(normals.samples) * settings.rotations, settings.drawn)
    learning = Learning(settings, each, generator)
    second = Learning(settings, each, generator) if settings.beside else None
    images = []
    turned = rotating.seen(normals, settings.rotations)
    for seen in chain(normals.see(), turned):  # some can't be read
        images.append(seen.sample.image)
        learning.add(seen)
        if second is not None and seen.beside is not None:
            second.add(seen.beside)
    if not images:
        raise BadDataError("None of the normal training images could be read.")
    known = normals.groups()
    groups = torch.tensor([known.get(one, -1) for one in images])
    own = learning.memories(groups)
    beside = None if second is None else second.memories(groups)
    return Model(own.own, settings, None, own.pooled, beside, normals.frame.backbone.engine)


def load(stored: StoredModel, settings: Settings) -> Model:
    """Make the model again of what is stored."""
    frame = stored.frame
    forms = memories.shapes(stored.tensors, _channels(frame), settings.mapped)
    if frame.beside is not None:
        forms |= memories.shapes(stored.tensors, _channels(frame.beside), settings.mapped, BESIDE)
    forms |= image_scores.SHAPES if image_scores.SHAPES.keys() & stored.tensors.keys() else {}
    stored.require_shapes(forms)
    own = Memories.of(stored.tensors)
    if own is None:
        raise KeyError("bank")
    known = {name: stored.tensors[name].float().cpu().numpy() for name in image_scores.SHAPES if name in stored.tensors}
    beside = Memories.of(stored.tensors, BESIDE)
    return Model(own.own, settings, image_scores.of_arrays(known), own.pooled, beside, frame.backbone.engine)


def _channels(frame: Frame) -> int:
    return sum(layer.channels for layer in frame.backbone.layers)
