"""UniAD: features of all categories, rebuilt by one transformer that can't copy them (You et al., NeurIPS 2022)."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from adtool.core import config
from adtool.core.errors import UsageError
from adtool.detection import contract
from adtool.detection.contract import About, Frame, MapRule, Needs, NormalImages, Scored, SeenImage, StoredModel
from adtool.detectors._hvq.scale import FeatureScale, measure, on_one_grid
from adtool.detectors._hvq.square_scores import LAYERS, POOL_PX, RULES, image_score
from adtool.detectors._uniad.network import UniadSizes, UnifiedRebuilder, hidden_places
from adtool.detectors._uniad.train import UniadSchedule, train
from adtool.nn import families, seeding, smooth

ABOUT = About(trains=True, templates="reconstruction", multi_category=True)

PRESETS: config.Presets = {
    "small": {},  # the defaults: minutes on two cores
    # The authors' code: with --backbone tf_efficientnet_b4, on a GPU (there on eight, eight images each).
    "paper": {
        "layers": "2,4,8,16",
        "input_px": 224,
        "resize": "corners",
        "scale": "none",
        "width": 256,
        "hidden": 1024,
        "depth": 4,
        "heads": 8,
        "dropout": 0.1,
        "neighbours": 7,
        "jitter": 20.0,
        "jitter_share": 1.0,
        "steps": 0,
        "epochs": 1000,
        "batch": 64,
        "learn_rate": 1e-4,
        "corners": True,
        "image_score": "pooled",
        "blur": 0.0,
    },
}
NETWORK, SCALE = "network.", "scale."  # what names of tensors begin with


class Settings(config.Config):
    """Settings of `--set`; sized so that training takes minutes on two cores."""

    joint: bool = Field(True, description="One model for all categories, in models/uniad/_all; else one for each.")
    layers: str = Field("", description="Strides (or a transformer's blocks), as 4,8,16; by default 2,4,8,16 (or 5,6).")
    input_px: int = Field(256, ge=32, description="Side of the network's input where --image-size is not given.")
    resize: Literal["mean", "corners"] = Field(
        "mean", description="How fine layers come to the coarsest grid: averaged, or interpolated corner on corner."
    )
    scale: Literal["channel", "none"] = Field("channel", description="Scale channels to unit variance, or not at all.")
    width: int = Field(128, ge=8, multiple_of=8, description="Channels of the transformer.")
    hidden: int = Field(256, ge=8, description="Hidden channels of each of its layers.")
    depth: int = Field(2, ge=1, description="Layers of the encoder, and of the decoder.")
    heads: int = Field(4, ge=1, description="Heads of attention; the width is a multiple of them.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout while it trains.")
    neighbours: int = Field(
        7, ge=0, description="Side of the square around a place that it does not see; odd, 0: it sees all."
    )
    jitter: float = Field(20.0, ge=0, description="Strength of the noise on features while it trains.")
    jitter_share: float = Field(1.0, ge=0, le=1, description="Share of the steps with noise.")
    steps: int = Field(800, ge=0, description="Steps of the optimizer; 0: as many as epochs take.")
    epochs: int = Field(1000, ge=1, description="Times through all normal images, with steps=0.")
    batch: int = Field(8, ge=1, description="Images a step.")
    learn_rate: float = Field(1e-3, gt=0, description="Learning rate of AdamW; a tenth in the last fifth.")
    weight_decay: float = Field(1e-4, ge=0, description="Weight decay.")
    cache_gb: float = Field(8.0, ge=0, description="Space on the disk for features; beyond, images are read again.")
    corners: bool = Field(False, description="Enlarge maps corner on corner, as the authors' code does.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the map.")
    image_score: Literal["top1", "pooled"] = Field(
        "top1", description="Mean of the top 1 % of the map, or the highest mean of 16 x 16 pixels."
    )


def needs(settings: Settings, backbone: str) -> Needs:
    """The layers and the input size for a backbone.

    Raises:
        UsageError: an even side of a neighbourhood, or a width that the heads can't share.
    """
    if settings.width % settings.heads:
        raise UsageError(f"--set width={settings.width}: no multiple of heads={settings.heads}.")
    if settings.neighbours:
        contract.require_odd("neighbours", settings.neighbours)
    given = config.numbers("layers", settings.layers, example="4,8,16")
    return Needs(given or LAYERS[families.family(backbone)], norm=False, image_size=settings.input_px)


class Model:
    """A trained transformer."""

    def __init__(
        self, network: UnifiedRebuilder, scale: FeatureScale, settings: Settings, channels: Sequence[int]
    ) -> None:
        self.network = network.eval()
        self.scale = scale
        self.settings = settings
        self._channels = list(channels)  # of the backbone's layers

    def score(self, seen: SeenImage) -> Scored:
        """Score an image by how far its places are from what they were rebuilt as."""
        apart = self._apart(seen).cpu()
        scores = smooth.enlarge(apart, *seen.size, blur=self.settings.blur, corners=self.settings.corners)
        return Scored(seen.sample, scores, image_score(scores, self.settings.image_score, seen.inputs))

    def grid(self, seen: SeenImage) -> Tensor:
        """(h, w) the same as distances, or (H, W) where those are enlarged corner on corner, which no runtime does."""
        apart = self._apart(seen)
        return smooth.followed(apart, *seen.size, corners=True) if self.settings.corners else apart

    def map_rule(self) -> MapRule:
        """How distances become a map."""
        chosen = self.settings
        words = RULES[chosen.image_score]
        return MapRule(blur=chosen.blur, image_score=chosen.image_score, square=POOL_PX, words=words)

    def _apart(self, seen: SeenImage) -> Tensor:
        """(h, w) distances of an image's places from what they were rebuilt as."""
        truth, made = self._rebuilt(seen)
        return torch.linalg.vector_norm(made - truth, dim=1)[0]

    def rebuild(self, seen: SeenImage) -> tuple[list[Tensor], list[Tensor]]:
        """The features of an image and what became of them: one (C, h, w) tensor a layer of the backbone each."""
        before, after = (list(torch.split(x.squeeze(0), self._channels)) for x in self._rebuilt(seen))
        return before, after

    def _rebuilt(self, seen: SeenImage) -> tuple[Tensor, Tensor]:
        """(1, C, h, w) scaled features of an image, and their reconstruction."""
        features = _one(seen, self.settings).to(self.scale.shift.device)
        truth = self.scale.apply(features.unsqueeze(0))
        with torch.no_grad():
            return truth, self.network(truth)

    def tensors(self) -> dict[str, Tensor]:
        """The network, and how features are scaled."""
        found = {f"{NETWORK}{name}": x for name, x in self.network.state_dict().items()}
        return found | {f"{SCALE}{name}": getattr(self.scale, name) for name in ("shift", "spread")}

    def card(self) -> dict[str, object]:
        """How image scores come about, and the network's sizes."""
        return {
            "image_score_rule": RULES[self.settings.image_score],
            "sizes": dataclasses.asdict(self.network.sizes),
        }


def fit(normals: NormalImages, settings: Settings) -> Model:
    """Learn from normal images, of all categories or of one.

    Raises:
        BadDataError: no image could be read.
        UsageError: a place would see none.
    """

    def features_of(seen: SeenImage) -> list[Tensor]:
        return [_one(seen, settings)]

    frame = normals.frame
    device = frame.backbone.device
    cache = normals.kept(features_of, key=[settings.resize], gigabytes=settings.cache_gb)
    sizes = _sizes(settings, cache.shapes[0])
    if bool(hidden_places(sizes.rows, sizes.columns, sizes.neighbours).all(dim=1).any()):
        raise UsageError(
            f"--set neighbours={settings.neighbours}: on a grid of {sizes.rows} x {sizes.columns} a place would see "
            "nothing. Give fewer, or a larger --image-size."
        )
    measured = measure(cache, [0] * len(cache), scales=settings.scale == "channel")
    scale = FeatureScale(measured.shift.to(device), measured.spread.to(device), measured.means)
    plan = _plan(settings, len(cache), frame.seed)
    with seeding.drawn_from(frame.seed, plan.steps, device):  # each step has a number below
        network = UnifiedRebuilder(sizes).to(device)
    train(cache, scale, network, plan, normals.folder.path, device)
    return Model(network, scale, settings, _channels(frame))


def load(stored: StoredModel, settings: Settings) -> Model:
    """Make the model again of what is stored."""
    channels = _channels(stored.frame)
    total = sum(channels)
    stored.require_shapes({f"{SCALE}{name}": (total,) for name in ("shift", "spread")})
    sizes = UniadSizes(**stored.sizes)
    if sizes != _sizes(settings, (total, sizes.rows, sizes.columns)):
        raise ValueError("the network has other sizes than its settings say")
    network = UnifiedRebuilder(sizes)
    network.load_state_dict(
        {name.removeprefix(NETWORK): x for name, x in stored.tensors.items() if name.startswith(NETWORK)}
    )
    shift, spread = (stored.tensors[f"{SCALE}{name}"].float() for name in ("shift", "spread"))
    network = network.to(stored.frame.backbone.device).requires_grad_(requires_grad=False)
    return Model(network, FeatureScale(shift, spread, shift.unsqueeze(0)), settings, channels)


def _channels(frame: Frame) -> list[int]:
    return [layer.channels for layer in frame.backbone.layers]


def _sizes(settings: Settings, shape: Sequence[int]) -> UniadSizes:
    channels, rows, columns = shape
    return UniadSizes(
        channels=channels,
        rows=rows,
        columns=columns,
        width=settings.width,
        hidden=settings.hidden,
        depth=settings.depth,
        neighbours=settings.neighbours,
        heads=settings.heads,
        dropout=settings.dropout,
    )


def _plan(settings: Settings, images: int, seed: int) -> UniadSchedule:
    return UniadSchedule(
        steps=settings.steps or settings.epochs * -(-images // settings.batch),
        batch=settings.batch,
        learn_rate=settings.learn_rate,
        weight_decay=settings.weight_decay,
        jitter=settings.jitter,
        jitter_share=settings.jitter_share,
        seed=seed,
    )


def _one(seen: SeenImage, settings: Settings) -> Tensor:
    return on_one_grid(seen.layers, corners=settings.resize == "corners")
