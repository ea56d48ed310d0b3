"""EfficientAD: a student knows what a teacher sees in good parts, and in nothing else (Batzner et al., WACV 2024).

The paper's teacher is a small network that learned from ImageNet what a large one sees. ImageNet is not at hand: with
`--set teacher=distilled` one learns it from the backbone on the pictures of good parts and on made-up textures, and
`--set teacher=FILE` takes one that somebody trained. That takes ten thousands of steps; by default the backbone teaches
itself, and runs with the student when pictures are scored.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from adtool.core import arrays, config
from adtool.core.arrays import Floats
from adtool.core.errors import UsageError
from adtool.detection import holding_out, training
from adtool.detection.contract import About, Frame, MapRule, Needs, NormalImages, Scored, SeenImage, StoredModel
from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._efficientad import distillation, loss, pictures, teacher_file
from adtool.detectors._efficientad.network import BORDER, PATCH, EfficientAd, EfficientAdSizes
from adtool.detectors._efficientad.train import EfficientAdSchedule, TeacherThenStudent
from adtool.nn import families, seeding, smooth
from adtool.nn.averaging import averaged
from adtool.nn.families import Family

BACKBONE, DISTILLED = "backbone", "distilled"  # values of the setting `teacher`; any other is a file
LAYERS = {
    Family.CONV: (16, 32),
    Family.TRANSFORMER: (5, 6),
}  # of textures finer ones show noise, which no student knows

ABOUT = About(trains=True, templates="reconstruction")

_PAPER: dict[str, object] = {
    "teacher": DISTILLED,
    "compared": "student",
    "channels": 384,
    "share": 1.0,
    "input_px": 256,
    "borders": "unseen",
    "teacher_steps": 60_000,
    "teacher_batch": 16,
    "teacher_rate": 1e-4,
    "steps": 70_000,
    "batch": 1,
    "quantile": 0.999,
    "learn_rate": 1e-4,
    "recolour": 0.2,
    "dropout": 0.2,
    "blur": 0.0,
    "image_score": "max",
}
PRESETS: config.Presets = {
    "small": {},  # the defaults: minutes on two cores
    "paper": _PAPER,  # EfficientAD-S; with --backbone wide_resnet101_2, on a GPU
    "paper-m": {**_PAPER, "size": "medium"},  # EfficientAD-M
}
RULES = {"top1": arrays.IMAGE_SCORE_RULE, "max": "highest value of the map"}
NETWORK, QUANTILES = "network.", "quantiles"  # names of tensors, or what they begin with


class Settings(config.Config):
    """Settings of `--set`; sized so that training takes minutes on two cores."""

    size: Literal["small", "medium"] = Field("small", description="The paper's network S or M.")
    share: float = Field(0.25, gt=0, le=4, description="Inner channels, as a share of the paper's.")
    channels: int = Field(96, ge=1, description="Channels of the teacher; the student has twice as many.")
    input_px: int = Field(256, ge=64, description="Side of the network's input where --image-size is not given.")
    borders: Literal["mirrored", "unseen"] = Field(
        "mirrored", description="Whether pictures go on mirrored, so that all of them is scored, or not, as published."
    )
    teacher: str = Field(
        BACKBONE,
        description="What teaches: the backbone itself; `distilled`, a small network that learns from it on pictures "
        "of good parts and made-up textures, since the paper's ImageNet is not at hand; or a file with such a network "
        "(safetensors, or torch's state).",
    )
    layers: str = Field(
        "",
        description="Strides (or a transformer's blocks) of the backbone where it teaches; by default 16,32 (or 5,6).",
    )
    compared: Literal["teacher", "student"] = Field(
        "teacher",
        description="What the autoencoder is compared with: the teacher, or the student's second half (the paper; in "
        "a short training that says nothing).",
    )
    teacher_steps: int = Field(2000, ge=1, description="Steps of the teacher's distillation.")
    teacher_batch: int = Field(2, ge=1, description="Pictures a step of it.")
    teacher_rate: float = Field(1e-3, gt=0, description="Learning rate of it.")
    steps: int = Field(400, ge=1, description="Steps of student and autoencoder.")
    batch: int = Field(4, ge=1, description="Images a step of them.")
    learn_rate: float = Field(1e-3, gt=0, description="Learning rate of Adam; a tenth in the last twentieth.")
    weight_decay: float = Field(1e-5, ge=0, description="Weight decay.")
    quantile: float = Field(
        0.9, ge=0, lt=1, description="Of the squared differences to the teacher, from which on they are learned."
    )
    recolour: float = Field(0.0, ge=0, lt=1, description="Strength of the changes of colour that the autoencoder sees.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout in the autoencoder while it trains.")
    cache_gb: float = Field(8.0, ge=0, description="Space on the disk for pictures; beyond, they are read again.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the map.")
    image_score: Literal["top1", "max"] = Field("top1", description="Mean of the top 1 % of the map, or its maximum.")


def needs(settings: Settings, backbone: str) -> Needs:
    """Pictures, and the backbone's own layers where it teaches itself; a distilled teacher sees without it.

    Raises:
        UsageError: changes of colour, of which the backbone's features are not kept.
    """
    if settings.teacher == BACKBONE:
        if settings.recolour:
            raise UsageError("--set recolour takes a teacher that sees pictures itself: add --set teacher=distilled.")
        layers = config.numbers("layers", settings.layers, example="16,32") or LAYERS[families.family(backbone)]
        # Zeros beyond the border are an edge that no good part has: all of a picture's corners would be odd.
        replicates = families.replicates(backbone, families.REPLICATE)
        return Needs(layers, norm=False, replicates=replicates, image_size=settings.input_px, pixels=True)
    return Needs((), image_size=settings.input_px, pixels=True)


class Model:
    """A trained student, its teacher and autoencoder, and the quantiles of their maps of good parts."""

    def __init__(self, network: EfficientAd, quantiles: Tensor, settings: Settings, frame: Frame) -> None:
        self.network = network.eval()
        self.quantiles = quantiles  # (2, 2): lower and upper, of the student's map and of the autoencoder's
        self.settings = settings
        self._frame = frame

    def score(self, seen: SeenImage) -> Scored:
        """Score an image by how far the student and the autoencoder are from what teaches them."""
        scores = smooth.enlarge(self.grid(seen).cpu(), *seen.size, blur=self.settings.blur)
        whole = arrays.image_score(scores, seen.inputs) if self.settings.image_score == "top1" else float(scores.max())
        return Scored(seen.sample, scores, whole)

    def grid(self, seen: SeenImage) -> Tensor:
        """(h, w) mean of both maps, those of good parts brought to one scale."""
        maps = [loss.distance(one, other) for one, other in zip(*self.rebuild(seen), strict=True)]
        pairs = zip(maps, self.quantiles.tolist(), strict=True)
        first, second = (loss.comparable(one, low, high) for one, (low, high) in pairs)
        both = (first + second) / 2
        # The border gets what the lower quantile has become.
        return F.pad(both, [BORDER // 4] * 4) if self.settings.borders == "unseen" else both

    def map_rule(self) -> MapRule:
        """How the mean becomes a map."""
        worst: Literal["top1", "highest"] = "top1" if self.settings.image_score == "top1" else "highest"
        return MapRule(blur=self.settings.blur, image_score=worst, words=RULES[self.settings.image_score])

    def rebuild(self, seen: SeenImage) -> tuple[list[Tensor], list[Tensor]]:
        """What student and autoencoder are compared with, and they: (C, h, w) each."""
        batch = [one.unsqueeze(0) for one in _kept(seen, self._frame, self.network.sizes)]
        return rebuilt(self.network, batch, self.settings)

    def tensors(self) -> dict[str, Tensor]:
        """The networks, and the quantiles of their maps."""
        found = {f"{NETWORK}{name}": x for name, x in self.network.state_dict().items()}
        return {**found, QUANTILES: self.quantiles}

    def card(self) -> dict[str, object]:
        """How image scores come about, the networks' sizes, and where the teacher is from."""
        return {
            "image_score_rule": RULES[self.settings.image_score],
            "sizes": dataclasses.asdict(self.network.sizes),
            "teacher": _teacher_words(self.settings, self._frame),
        }


def fit(normals: NormalImages, settings: Settings) -> Model:
    """Learn from normal images of one category.

    Raises:
        BadDataError: no image could be read, or the teacher's file does not fit.
        MissingInputError: there is no such file.
        UsageError: pictures are too small.
    """
    frame, device = normals.frame, normals.frame.backbone.device

    sizes = _sizes(settings, frame)
    if sizes.grid < 1:
        raise UsageError(
            f"--set borders=unseen: no patch of {PATCH} x {PATCH} pixels lies within what the student sees at "
            f"{sizes.side} px. Give a larger --image-size, or --set borders=mirrored."
        )

    def kept(seen: SeenImage) -> list[Tensor]:
        return _kept(seen, frame, sizes)

    plan = _plan(settings, frame.seed)
    with seeding.drawn_from(frame.seed, plan.teacher_steps + plan.steps, device):  # each step has a number below
        network = EfficientAd(sizes).to(device)
    if network.teacher is not None and settings.teacher != DISTILLED:
        teacher_file.install(network.teacher, Path(settings.teacher))
    cache = normals.kept(kept, key=list(dataclasses.astuple(sizes)), gigabytes=settings.cache_gb)
    held_out, _ = holding_out.hold_out(cache.samples, frame.seed)
    away = {one.image for one in held_out}
    learned = [number for number, one in enumerate(cache.samples) if one.image not in away]
    network.train()
    lesson = TeacherThenStudent(cache, learned, network, frame.backbone, plan)
    training.train(lesson.course(), normals.folder.path, device)
    network.eval().requires_grad_(requires_grad=False)
    others = [number for number, one in enumerate(cache.samples) if one.image in away] or learned
    return Model(network, _quantiles(network, cache, others, settings), settings, frame)


def load(stored: StoredModel, settings: Settings) -> Model:
    """Make the model again of what is stored."""
    sizes = EfficientAdSizes(**stored.sizes)
    if sizes != _sizes(settings, stored.frame):
        raise ValueError("the networks have other sizes than their settings say")
    stored.require_shapes({QUANTILES: (2, 2)})
    network = EfficientAd(sizes)
    network.load_state_dict(
        {name.removeprefix(NETWORK): x for name, x in stored.tensors.items() if name.startswith(NETWORK)}
    )
    network = network.to(stored.frame.backbone.device).requires_grad_(requires_grad=False)
    return Model(network, stored.tensors[QUANTILES].cpu(), settings, stored.frame)


def rebuilt(network: EfficientAd, batch: Sequence[Tensor], settings: Settings) -> tuple[list[Tensor], list[Tensor]]:
    """Of an image, (1, ...) tensors of `_kept`: what student and autoencoder are compared with, and they."""
    shown, *seen = (one.to(network.shift.device) for one in batch)
    picture = pictures.normalised(shown)
    with torch.no_grad():
        truth, whole = network.described(picture, seen[0] if seen else None), network.autoencoder(picture)
        as_teacher, as_autoencoder = network.learned(picture)
    other = truth if settings.compared == "teacher" else as_autoencoder
    return [truth[0], other[0]], [as_teacher[0], whole[0]]


def _kept(seen: SeenImage, frame: Frame, sizes: EfficientAdSizes) -> list[Tensor]:
    """What is learned from an image: its picture, and what the backbone sees in it where it teaches itself."""
    shown, own = seen.glance, frame.backbone
    # In a graph that is exported it is the network's input.
    picture = (
        pictures.of_input(shown, own.mean, own.std) if isinstance(shown, Tensor) else pictures.of_image(shown, frame)
    )
    if sizes.taught:
        return [picture]
    small = averaged(picture[None], (sizes.side, sizes.side))[0].round()
    layers = [one[None] for one in seen.layers]
    return [small, distillation.pooled(layers, sizes.channels, sizes.grid, mirrored=bool(sizes.mirrored))[0]]


def _quantiles(network: EfficientAd, cache: FeatureCache, images: list[int], settings: Settings) -> Tensor:
    """Of both maps, over images that were not learned from (of fewer than three normal ones, over those that were)."""
    maps: list[list[Floats]] = [[], []]
    for batch in cache.batches(images, 1):
        for kept, one, other in zip(maps, *rebuilt(network, batch, settings), strict=True):
            kept.append(loss.distance(one, other).cpu().numpy())
    return torch.tensor([loss.quantiles(each) for each in maps])


def _teacher_words(settings: Settings, frame: Frame) -> str:
    if settings.teacher == BACKBONE:
        return f"the backbone {frame.backbone.name} itself"
    if settings.teacher != DISTILLED:
        return f"{Path(settings.teacher).name}, {teacher_file.noted(Path(settings.teacher))}"
    return f"distilled from {frame.backbone.name} on the pictures of good parts and made-up textures"


def _sizes(settings: Settings, frame: Frame) -> EfficientAdSizes:
    return EfficientAdSizes(
        medium=int(settings.size == "medium"),
        share=settings.share,
        channels=settings.channels,
        side=frame.input_px // distillation.ENLARGED if settings.teacher == BACKBONE else frame.input_px,
        mirrored=int(settings.borders == "mirrored"),
        dropout=settings.dropout,
        taught=int(settings.teacher != BACKBONE),
    )


def _plan(settings: Settings, seed: int) -> EfficientAdSchedule:
    return EfficientAdSchedule(
        teacher_steps=settings.teacher_steps if settings.teacher == DISTILLED else 0,
        teacher_batch=settings.teacher_batch,
        teacher_rate=settings.teacher_rate,
        steps=settings.steps,
        batch=settings.batch,
        learn_rate=settings.learn_rate,
        weight_decay=settings.weight_decay,
        quantile=settings.quantile,
        recolour=settings.recolour,
        seed=seed,
    )
