"""EfficientAD: a student knows what a teacher sees in good parts, and in nothing else (Batzner et al., WACV 2024).

The paper's teacher learned from ImageNet. Here one is distilled from the backbone, on the pictures of good parts and
on made-up textures; `--set teacher=FILE` takes another.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from adtool.core import arrays, config
from adtool.detection import holding_out, training
from adtool.detection.contract import About, Frame, Needs, NormalImages, Scored, SeenImage, StoredModel
from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._efficientad import loss, pictures, teacher_file
from adtool.detectors._efficientad.network import BORDER, EfficientAd, EfficientAdSizes
from adtool.detectors._efficientad.train import EfficientAdSchedule, TeacherThenStudent
from adtool.nn import seeding, smooth

ABOUT = About(trains=True, templates="reconstruction")

_PAPER: dict[str, object] = {
    "channels": 384,
    "share": 1.0,
    "input_px": 256,
    "borders": "unseen",
    "teacher_steps": 60_000,
    "teacher_batch": 16,
    "teacher_rate": 1e-4,
    "steps": 70_000,
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
OWN_LAYERS: tuple[int, ...] = ()  # the backbone teaches, and sees nothing afterwards


class Settings(config.Config):
    """Settings of `--set`; sized so that training takes minutes on two cores."""

    size: Literal["small", "medium"] = Field("small", description="The paper's network S or M.")
    share: float = Field(0.25, gt=0, le=4, description="Inner channels, as a share of the paper's.")
    channels: int = Field(128, ge=1, description="Channels of the teacher; the student has twice as many.")
    input_px: int = Field(256, ge=64, description="Side of the network's input where --image-size is not given.")
    borders: Literal["mirrored", "unseen"] = Field(
        "mirrored", description="Whether pictures go on mirrored, so that all of them is scored, or not, as published."
    )
    teacher: str = Field(
        "",
        description="File with a teacher (safetensors, or torch's state); by default one is distilled from the "
        "backbone on the pictures of good parts and made-up textures, since the paper's ImageNet is not at hand.",
    )
    teacher_steps: int = Field(300, ge=1, description="Steps of the teacher's distillation.")
    teacher_batch: int = Field(2, ge=1, description="Pictures a step of it.")
    teacher_rate: float = Field(1e-3, gt=0, description="Learning rate of it.")
    steps: int = Field(600, ge=1, description="Steps of student and autoencoder.")
    batch: int = Field(1, ge=1, description="Images a step of them.")
    learn_rate: float = Field(1e-3, gt=0, description="Learning rate of Adam; a tenth in the last twentieth.")
    weight_decay: float = Field(1e-5, ge=0, description="Weight decay.")
    quantile: float = Field(
        0.999, ge=0, lt=1, description="Of the squared differences to the teacher, from which on they are learned."
    )
    recolour: float = Field(0.0, ge=0, lt=1, description="Strength of the changes of colour that the autoencoder sees.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout in the autoencoder while it trains.")
    cache_gb: float = Field(8.0, ge=0, description="Space on the disk for pictures; beyond, they are read again.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the map.")
    image_score: Literal["top1", "max"] = Field("top1", description="Mean of the top 1 % of the map, or its maximum.")


def needs(settings: Settings, backbone: str) -> Needs:
    """Pictures alone: the backbone teaches by layers of its own, and the networks see without it."""
    return Needs(OWN_LAYERS, image_size=settings.input_px, pixels=True)


class Model:
    """A trained student, its teacher and autoencoder, and the quantiles of their maps of good parts."""

    def __init__(self, network: EfficientAd, quantiles: Tensor, settings: Settings, frame: Frame) -> None:
        self.network = network.eval()
        self.quantiles = quantiles  # (2, 2): lower and upper, of the student's map and of the autoencoder's
        self.settings = settings
        self._frame = frame

    def score(self, seen: SeenImage) -> Scored:
        """Score an image by how far the student is from its teacher, and from the autoencoder."""
        grid = self.grid(self._picture(seen)).cpu()
        if self.settings.borders == "unseen":  # the middle of what the lower quantile became
            grid = F.pad(grid, [BORDER // 4] * 4)
        scores = smooth.enlarge(grid, *seen.size, blur=self.settings.blur)
        whole = arrays.image_score(scores) if self.settings.image_score == "top1" else float(scores.max())
        return Scored(seen.sample, scores, whole)

    def grid(self, picture: Tensor) -> Tensor:
        """(h, w) scores of a picture (1, 3, S, S), normalised: the mean of both maps, made comparable."""
        maps = maps_of(self.network, picture)
        pairs = zip(maps, self.quantiles.tolist(), strict=True)
        first, second = (loss.comparable(one, low, high) for one, (low, high) in pairs)
        return (first + second) / 2

    def rebuild(self, seen: SeenImage) -> tuple[list[Tensor], list[Tensor]]:
        """What the teacher sees, and the student of the whole; and what they are on good parts: (C, h, w) each."""
        picture = self._picture(seen)
        with torch.no_grad():
            truth, rebuilt = self.network.described(picture), self.network.autoencoder(picture)
            as_teacher, as_autoencoder = self.network.learned(picture)
        return [truth[0], as_autoencoder[0]], [as_teacher[0], rebuilt[0]]

    def _picture(self, seen: SeenImage) -> Tensor:
        picture = pictures.of_image(seen.glance, self._frame).unsqueeze(0)
        return pictures.normalised(picture.to(self.network.shift.device))

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
    """
    frame, device = normals.frame, normals.frame.backbone.device

    def picture_of(seen: SeenImage) -> list[Tensor]:
        return [pictures.of_image(seen.glance, frame)]

    plan = _plan(settings, frame.seed)
    with seeding.drawn_from(frame.seed, plan.teacher_steps + plan.steps, device):  # each step has a number below
        network = EfficientAd(_sizes(settings, frame)).to(device)
    if settings.teacher:
        teacher_file.install(network.teacher, Path(settings.teacher))
    cache = normals.kept(picture_of, key=["pictures"], gigabytes=settings.cache_gb)
    held_out, _ = holding_out.hold_out(cache.samples, frame.seed)
    away = {one.image for one in held_out}
    learned = [number for number, one in enumerate(cache.samples) if one.image not in away]
    network.train()
    lesson = TeacherThenStudent(cache, learned, network, frame.backbone, plan)
    training.train(lesson.course(), normals.folder.path, device)
    network.eval().requires_grad_(requires_grad=False)
    others = [number for number, one in enumerate(cache.samples) if one.image in away] or learned
    return Model(network, _quantiles(network, cache, others), settings, frame)


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


def maps_of(network: EfficientAd, picture: Tensor) -> tuple[Tensor, Tensor]:
    """(h, w) squared distances of the student from its teacher, and from the autoencoder; of (1, 3, S, S)."""
    with torch.no_grad():
        truth, rebuilt = network.described(picture), network.autoencoder(picture)
        as_teacher, as_autoencoder = network.learned(picture)
    return loss.distance(truth, as_teacher)[0], loss.distance(rebuilt, as_autoencoder)[0]


def _quantiles(network: EfficientAd, cache: FeatureCache, images: list[int]) -> Tensor:
    """Of both maps, over images that were not learned from (of fewer than three normal ones, over those that were)."""
    device = network.shift.device
    maps = [maps_of(network, pictures.normalised(seen.to(device))) for (seen,) in cache.batches(images, 1)]
    return torch.tensor([loss.quantiles([one.cpu().numpy() for one in each]) for each in zip(*maps, strict=True)])


def _teacher_words(settings: Settings, frame: Frame) -> str:
    if settings.teacher:
        return f"{Path(settings.teacher).name}, {teacher_file.noted(Path(settings.teacher))}"
    return f"distilled from {frame.backbone.name} on the pictures of good parts and made-up textures"


def _sizes(settings: Settings, frame: Frame) -> EfficientAdSizes:
    return EfficientAdSizes(
        medium=int(settings.size == "medium"),
        share=settings.share,
        channels=settings.channels,
        side=frame.input_px,
        mirrored=int(settings.borders == "mirrored"),
        dropout=settings.dropout,
    )


def _plan(settings: Settings, seed: int) -> EfficientAdSchedule:
    return EfficientAdSchedule(
        teacher_steps=0 if settings.teacher else settings.teacher_steps,
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
