"""HVQ-Trans: a convolutional network's features, rebuilt out of codebooks of normal ones (Lu et al., NeurIPS 2023)."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from adtool.core import config
from adtool.core.arrays import Floats
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.detection.contract import About, Frame, MapRule, Needs, NormalImages, Scored, SeenImage, StoredModel
from adtool.detectors._hvq.network import QuantisedRebuilder, RebuilderSizes, Rebuilt
from adtool.detectors._hvq.scale import FeatureScale, measure, on_one_grid
from adtool.detectors._hvq.square_scores import LAYERS, POOL_PX, RULES, image_score
from adtool.detectors._hvq.train import CachedImages, HvqSchedule, train
from adtool.nn import families, seeding, smooth

ABOUT = About(trains=True, templates="reconstruction", multi_category=True)

PRESETS: config.Presets = {
    "small": {},  # the defaults: minutes on two cores
    # The authors' code: with --backbone tf_efficientnet_b4, on a GPU.
    "paper": {
        "layers": "2,4,8,16",
        "input_px": 224,
        "resize": "corners",
        "scale": "none",
        "width": 256,
        "hidden": 1024,
        "depth": 4,
        "codes": 512,
        "epochs": 1000,
        "batch": 16,
        "learn_rate": 1e-4,
        "transport": 80.0,
        "image_score": "pooled",
        "blur": 0.0,
    },
}
NETWORK, SCALE = "network.", "scale."  # what names of tensors begin with

log = logging.getLogger("adtool")


class Settings(config.Config):
    """Settings of `--set`; sized so that training takes minutes on two cores."""

    joint: bool = Field(True, description="One model for all categories, in models/hvqtrans/_all; else one for each.")
    layers: str = Field("", description="Strides (or a transformer's blocks), as 4,8,16; by default 2,4,8,16 (or 5,6).")
    input_px: int = Field(256, ge=32, description="Side of the network's input where --image-size is not given.")
    resize: Literal["mean", "corners"] = Field(
        "mean", description="How fine layers come to the coarsest grid: averaged, or interpolated corner on corner."
    )
    scale: Literal["channel", "none"] = Field("channel", description="Scale channels to unit variance, or not at all.")
    width: int = Field(128, ge=8, multiple_of=8, description="Channels of the encoder; the decoder has twice as many.")
    hidden: int = Field(512, ge=8, description="Hidden channels of each transformer layer.")
    depth: int = Field(2, ge=1, description="Layers of the encoder, and of the decoder.")
    codes: int = Field(512, ge=2, description="Codes of each codebook.")
    epochs: int = Field(6, ge=1, description="Times through all normal images; the last epoch is kept.")
    batch: int = Field(8, ge=1, description="Images a step.")
    learn_rate: float = Field(1e-3, gt=0, description="Learning rate of AdamW; a tenth in the last fifth.")
    weight_decay: float = Field(1e-4, ge=0, description="Weight decay.")
    category: Literal["given", "predicted"] = Field(
        "given", description="Whose codebooks a test image gets: its folder's (as in the paper), or the likeliest."
    )
    transport: float = Field(10.0, ge=0, description="Weight of the optimal transport term in the score.")
    cache_gb: float = Field(8.0, ge=0, description="Space on the disk for features; beyond, images are read again.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the map.")
    image_score: Literal["top1", "pooled"] = Field(
        "top1", description="Mean of the top 1 % of the map, or the highest mean of 16 x 16 pixels."
    )


def needs(settings: Settings, backbone: str) -> Needs:
    """The layers and the input size for a backbone."""
    own = LAYERS[families.family(backbone)]
    given = config.numbers("layers", settings.layers, example="4,8,16")
    return Needs(given or own, norm=False, image_size=settings.input_px)


class Model:
    """A trained transformer with its codebooks."""

    def __init__(
        self,
        network: QuantisedRebuilder,
        scale: FeatureScale,
        categories: Sequence[str],
        settings: Settings,
        channels: Sequence[int],
    ) -> None:
        self.network = network.eval()
        self.scale = scale
        self.categories = list(categories)
        self.settings = settings
        self._channels = list(channels)  # of the backbone's layers

    def score(self, seen: SeenImage) -> Scored:
        """Score an image by how far its places are from what they were rebuilt as."""
        scores = smooth.enlarge(self.grid(seen).cpu(), *seen.size, blur=self.settings.blur)
        return Scored(seen.sample, scores, self._image_score(scores, seen.inputs))

    def grid(self, seen: SeenImage) -> Tensor:
        """(h, w) distances of an image's places from what they were rebuilt as."""
        truth, made = self._rebuilt(seen)
        apart = torch.linalg.vector_norm(made.features - truth, dim=1) + self.settings.transport * made.transport
        return apart[0]

    def map_rule(self) -> MapRule:
        """How distances become a map.

        Raises:
            UsageError: codebooks are chosen by what each picture looks like.
        """
        chosen = self.settings
        if chosen.category == "predicted" and len(self.categories) > 1:
            raise UsageError(
                "What was made with --set category=predicted can't be exported: each graph is of a category."
            )
        words = RULES[chosen.image_score]
        return MapRule(blur=chosen.blur, image_score=chosen.image_score, square=POOL_PX, words=words)

    def _image_score(self, scores: Floats, inputs: float = 1.0) -> float:
        return image_score(scores, self.settings.image_score, inputs)

    def rebuild(self, seen: SeenImage) -> tuple[list[Tensor], list[Tensor]]:
        """The features of an image and what became of them: one (C, h, w) tensor a layer of the backbone each."""
        truth, made = self._rebuilt(seen)
        before, after = (list(torch.split(x.squeeze(0), self._channels)) for x in (truth, made.features))
        return before, after

    def _rebuilt(self, seen: SeenImage) -> tuple[Tensor, Rebuilt]:
        """(1, C, h, w) scaled features of an image, and their reconstruction."""
        features = _one(seen, self.settings).to(self.scale.shift.device)
        truth = self.scale.apply(features.unsqueeze(0))
        with torch.no_grad():
            made: Rebuilt = self.network(truth, [self._label(seen.sample, features)])
        return truth, made

    def _label(self, sample: Sample, features: Tensor) -> int:
        if self.settings.category == "given" and sample.category in self.categories:
            return self.categories.index(sample.category)
        return self.scale.category(features)

    def tensors(self) -> dict[str, Tensor]:
        """The network, and how features are scaled."""
        found = {f"{NETWORK}{name}": x for name, x in self.network.state_dict().items()}
        return found | {f"{SCALE}{name}": x for name, x in vars(self.scale).items()}

    def card(self) -> dict[str, object]:
        """How image scores come about, the network's sizes, and whose codebooks it has."""
        return {
            "image_score_rule": RULES[self.settings.image_score],
            "sizes": dataclasses.asdict(self.network.sizes),
            "categories": self.categories,
        }


def fit(normals: NormalImages, settings: Settings) -> Model:
    """Learn from normal images, of one category or of all.

    Raises:
        BadDataError: no image could be read.
    """

    def features_of(seen: SeenImage) -> list[Tensor]:
        return [_one(seen, settings)]

    frame = normals.frame
    device = frame.backbone.device
    cache = normals.kept(features_of, key=[settings.resize], gigabytes=settings.cache_gb)
    categories = sorted({one.category for one in cache.samples})
    labels = [categories.index(one.category) for one in cache.samples]
    scale = _on(measure(cache, labels, scales=settings.scale == "channel"), device)
    plan = _plan(settings, len(cache), frame.seed)
    with seeding.drawn_from(frame.seed, plan.steps, device):  # each step has a number below
        network = QuantisedRebuilder(_sizes(settings, cache.shapes[0], len(categories))).to(device)
    train(CachedImages(cache, labels, scale), network, plan, normals.folder.path, device)
    return Model(network, scale, categories, settings, _channels(frame))


def load(stored: StoredModel, settings: Settings) -> Model:
    """Make the model again of what is stored."""
    channels, categories = _channels(stored.frame), stored.card.categories
    total = sum(channels)
    forms = {"shift": (total,), "spread": (total,), "means": (len(categories), total)}
    stored.require_shapes({f"{SCALE}{name}": form for name, form in forms.items()})
    sizes = RebuilderSizes(**stored.sizes)
    if sizes != _sizes(settings, (total, sizes.rows, sizes.columns), len(categories)):
        raise ValueError("the network has other sizes than its settings say")
    network = QuantisedRebuilder(sizes)
    network.load_state_dict(
        {name.removeprefix(NETWORK): x for name, x in stored.tensors.items() if name.startswith(NETWORK)}
    )
    scale = FeatureScale(**{name: stored.tensors[f"{SCALE}{name}"].float() for name in forms})
    network = network.to(stored.frame.backbone.device).requires_grad_(requires_grad=False)
    return Model(network, scale, categories, settings, channels)


def _channels(frame: Frame) -> list[int]:
    return [layer.channels for layer in frame.backbone.layers]


def _on(scale: FeatureScale, device: torch.device) -> FeatureScale:
    return FeatureScale(scale.shift.to(device), scale.spread.to(device), scale.means.to(device))


def _sizes(settings: Settings, shape: Sequence[int], categories: int) -> RebuilderSizes:
    channels, rows, columns = shape
    return RebuilderSizes(
        channels=channels,
        rows=rows,
        columns=columns,
        width=settings.width,
        hidden=settings.hidden,
        depth=settings.depth,
        codes=settings.codes,
        categories=categories,
    )


def _plan(settings: Settings, images: int, seed: int) -> HvqSchedule:
    steps = settings.epochs * -(-images // settings.batch)
    return HvqSchedule(steps, settings.batch, settings.learn_rate, settings.weight_decay, seed)


def _one(seen: SeenImage, settings: Settings) -> Tensor:
    return on_one_grid(seen.layers, corners=settings.resize == "corners")
