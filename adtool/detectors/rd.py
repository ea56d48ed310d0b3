"""Reverse distillation: stages of a convolutional network, rebuilt from a narrow embedding (Deng and Li, CVPR 2022)."""

import dataclasses
import itertools
import zlib
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from adtool.core import arrays, config
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.detection import feature_cache
from adtool.detection.contract import About, Frame, MapRule, Needs, NormalImages, Scored, SeenImage, StoredModel
from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._rd import scale as scaling
from adtool.detectors._rd.loss import distances
from adtool.detectors._rd.network import STAGES, RdSizes, Reverse
from adtool.detectors._rd.projection import with_noise
from adtool.detectors._rd.scale import StageScale
from adtool.detectors._rd.train import CachedStages, RdSchedule, train
from adtool.nn import families, seeding, smooth
from adtool.nn.families import Family
from adtool.nn.feature_reader import Picture

ABOUT = About(trains=True, templates="reconstruction", multi_category=True)

_PAPER: dict[str, object] = {  # the authors' code (RD4AD, main.py and its networks)
    "layers": "4,8,16",
    "input_px": 256,
    "scale": "none",
    "loss": "images",
    "blocks": "6,4,3",
    "embedding_blocks": 3,
    "narrow": 0.25,
    "wide": 0.5,
    "steps": 0,
    "epochs": 200,
    "batch": 16,
    "learn_rate": 5e-3,
    "falls": False,
    "combine": "sum",
    "blur": 4.0,
    "image_score": "max",
}
PRESETS: config.Presets = {
    "small": {},  # the defaults: minutes on two cores
    "paper": _PAPER,  # with --backbone wide_resnet50_2.tv_in1k, on a GPU
    # RD++ (Tien et al., CVPR 2023), the same way. Its code takes from 10 to 300 epochs, another number each category,
    # and keeps the epoch that is best on the test images; here it is 200, and the last.
    "rdpp": {**_PAPER, "projects": True},
}
LAYERS = (8, 16, 32)  # not the 4 of the paper: of textures the finest stage shows noise, which nothing can rebuild
RULES = {"top1": arrays.IMAGE_SCORE_RULE, "max": "highest value of the map"}
NETWORK, SHIFT, SPREAD = "network.", "shift.", "spread."  # what names of tensors begin with
COUNTERS = "num_batches_tracked"  # of the norms: whole numbers, which nothing reads


class Settings(config.Config):
    """Settings of `--set`; sized so that training takes minutes on two cores."""

    joint: bool = Field(False, description="One model for all categories, in models/rd/_all; else one for each.")
    layers: str = Field("", description="Strides of three stages, each twice the one before; by default 8,16,32.")
    input_px: int = Field(256, ge=32, description="Side of the network's input where --image-size is not given.")
    scale: Literal["channel", "none"] = Field("channel", description="Scale channels to unit variance, or not at all.")
    loss: Literal["places", "images"] = Field(
        "places", description="1 - cosine at each place (the paper), or of an image's stage as a whole (its code)."
    )
    blocks: str = Field("1,1,1", description="Residual blocks that rebuild each stage, shallow to deep.")
    embedding_blocks: int = Field(1, ge=1, description="Residual blocks of the embedding.")
    narrow: float = Field(0.5, gt=0, le=4, description="Inner channels of the embedding's blocks, as a share.")
    wide: float = Field(1.0, gt=0, le=8, description="Inner channels of the decoder's blocks, as a share.")
    projects: bool = Field(
        False, description="Project stages first, and learn with noise painted on normal images to take it away (RD++)."
    )
    projection_rate: float = Field(1e-3, gt=0, description="Learning rate of the projections.")
    projection_weight: float = Field(0.2, ge=0, description="Weight of the projections' loss.")
    steps: int = Field(300, ge=0, description="Steps of the optimizer; 0: as many as epochs take.")
    epochs: int = Field(200, ge=1, description="Times through all normal images, with steps=0.")
    batch: int = Field(8, ge=2, description="Images a step.")
    learn_rate: float = Field(3e-3, gt=0, description="Learning rate of Adam.")
    falls: bool = Field(True, description="Let learning rates fall along a cosine; else they stay.")
    combine: Literal["mean", "sum"] = Field(
        "mean", description="What becomes of the three maps; the sum's are enlarged corner on corner, as in the code."
    )
    cache_gb: float = Field(8.0, ge=0, description="Space on the disk for features; beyond, images are read again.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the map.")
    image_score: Literal["top1", "max"] = Field("top1", description="Mean of the top 1 % of the map, or its maximum.")


def needs(settings: Settings, backbone: str) -> Needs:
    """The layers and the input size for a backbone.

    Raises:
        UsageError: it is no convolutional network, or the layers are not three that halve the grid.
    """
    if families.family(backbone) is not Family.CONV:
        raise UsageError(
            f"rd rebuilds three stages of a convolutional network, each half as fine as the one before, which "
            f"{backbone} does not have. Leave --backbone out, or give wide_resnet50_2.tv_in1k (the paper's)."
        )
    layers = config.numbers("layers", settings.layers, example="8,16,32") or LAYERS
    if len(layers) != STAGES or any(b != 2 * a for a, b in itertools.pairwise(layers)):
        raise UsageError(f"--set layers={settings.layers}: rd takes three strides, each twice the one before.")
    if len(_blocks(settings)) != STAGES or min(_blocks(settings)) < 1:
        raise UsageError(f"--set blocks={settings.blocks}: three numbers from 1 on are wanted, for example 1,1,1.")
    return Needs(layers, image_size=settings.input_px, pixels=settings.projects)


class Model:
    """A trained embedding and decoder."""

    def __init__(self, network: Reverse, scale: StageScale, settings: Settings) -> None:
        self.network = network.eval()
        self.scale = scale
        self.settings = settings
        self._device = next(network.parameters()).device

    def score(self, seen: SeenImage) -> Scored:
        """Score an image by how far its stages are from what they were rebuilt as."""
        truth, made = self._rebuilt(seen)
        total, is_sum = np.zeros(seen.size, np.float32), self.settings.combine == "sum"
        for a, b in zip(truth, made, strict=True):
            total += smooth.enlarge(distances(a, b)[0].cpu(), *seen.size, blur=0, corners=is_sum)
        if not is_sum:
            total /= STAGES
        scores = smooth.enlarge(torch.from_numpy(total), *seen.size, blur=self.settings.blur)
        whole = arrays.image_score(scores, seen.inputs) if self.settings.image_score == "top1" else float(scores.max())
        return Scored(seen.sample, scores, whole)

    def grid(self, seen: SeenImage) -> Tensor:
        """(H, W) the same before the blur, in torch: three grids become one only at the size of the map."""
        is_sum = self.settings.combine == "sum"
        apart = [distances(a, b)[0] for a, b in zip(*self._rebuilt(seen), strict=True)]
        total = torch.stack([smooth.followed(one, *seen.size, corners=is_sum) for one in apart]).sum(dim=0)
        return total if is_sum else total / STAGES

    def map_rule(self) -> MapRule:
        """How distances become a map."""
        worst: Literal["top1", "highest"] = "top1" if self.settings.image_score == "top1" else "highest"
        return MapRule(blur=self.settings.blur, image_score=worst, words=RULES[self.settings.image_score])

    def rebuild(self, seen: SeenImage) -> tuple[list[Tensor], list[Tensor]]:
        """The stages of an image and what became of them, one (C, h, w) tensor each."""
        truth, made = self._rebuilt(seen)
        return [x.squeeze(0) for x in truth], [x.squeeze(0) for x in made]

    def _rebuilt(self, seen: SeenImage) -> tuple[list[Tensor], list[Tensor]]:
        truth = self.scale.apply([layer.to(self._device).unsqueeze(0) for layer in seen.layers])
        with torch.no_grad():
            return truth, self.network(self.network.projected(truth))

    def tensors(self) -> dict[str, Tensor]:
        """The network, and how stages are scaled."""
        state = self.network.state_dict()
        found = {f"{NETWORK}{name}": x for name, x in state.items() if not name.endswith(COUNTERS)}
        for begin, values in ((SHIFT, self.scale.shift), (SPREAD, self.scale.spread)):
            found |= {f"{begin}{number}": x for number, x in enumerate(values)}
        return found

    def card(self) -> dict[str, object]:
        """How image scores come about, and the network's sizes."""
        return {
            "image_score_rule": RULES[self.settings.image_score],
            "sizes": dataclasses.asdict(self.network.sizes),
        }


def fit(normals: NormalImages, settings: Settings) -> Model:
    """Learn from normal images, of one category or of all.

    Raises:
        BadDataError: no image could be read.
    """
    frame, device = normals.frame, normals.frame.backbone.device
    cache = _cached(normals, settings)
    sizes = _sizes(settings, frame)
    scale = scaling.plain(sizes.channels)
    if settings.scale == "channel":
        scale = scaling.measure(cache, range(len(cache)), STAGES)
    scale = scale.to(device)
    plan = _plan(settings, len(cache), frame.seed)
    with seeding.drawn_from(frame.seed, plan.steps, device):  # each step has a number below
        network = Reverse(sizes).to(device)
    train(CachedStages(cache, scale), network, plan, normals.folder.path, device)
    return Model(network, scale, settings)


def load(stored: StoredModel, settings: Settings) -> Model:
    """Make the model again of what is stored."""
    sizes = RdSizes(**stored.sizes)
    if sizes != _sizes(settings, stored.frame):
        raise ValueError("the network has other sizes than its settings say")
    stored.require_shapes(
        {f"{begin}{number}": (count,) for begin in (SHIFT, SPREAD) for number, count in enumerate(sizes.channels)}
    )
    network = Reverse(sizes)
    counters = {name: x for name, x in network.state_dict().items() if name.endswith(COUNTERS)}
    state = {name.removeprefix(NETWORK): x for name, x in stored.tensors.items() if name.startswith(NETWORK)}
    network.load_state_dict({**counters, **state})
    shift, spread = (
        [stored.tensors[f"{begin}{number}"].float() for number in range(STAGES)] for begin in (SHIFT, SPREAD)
    )
    network = network.to(stored.frame.backbone.device).requires_grad_(requires_grad=False)
    return Model(network, StageScale(shift, spread), settings)


def _cached(normals: NormalImages, settings: Settings) -> FeatureCache:
    """Stages of all images; where projections learn, those of the image with noise behind them."""
    frame = normals.frame

    def see(chosen: Iterable[Sample]) -> Iterator[tuple[Sample, list[Tensor]]]:
        plain, again = itertools.tee(frame.see(chosen))
        if not settings.projects:
            yield from ((seen.sample, seen.layers) for seen in plain)
            return
        noisy = frame.see(_noised(again, frame))
        for seen, other in zip(plain, noisy, strict=True):
            yield seen.sample, [*seen.layers, *other.layers]

    key, limit = [settings.projects], settings.cache_gb
    return feature_cache.cached(normals.samples, see, frame, normals.folder, key=key, gigabytes=limit)


def _noised(images: Iterable[SeenImage], frame: Frame) -> Iterator[Picture]:
    """The same images with noise, which depends on the seed and the image alone."""
    for seen in images:
        rng = np.random.default_rng([frame.seed, zlib.crc32(seen.sample.id.encode())])
        yield Picture(seen.sample, with_noise(seen.glance, frame.input_px, rng))


def _blocks(settings: Settings) -> tuple[int, ...]:
    return config.numbers("blocks", settings.blocks, example="1,1,1")


def _sizes(settings: Settings, frame: Frame) -> RdSizes:
    first, second, third = (layer.channels for layer in frame.backbone.layers)
    blocks = _blocks(settings)
    return RdSizes(
        channels_1=first,
        channels_2=second,
        channels_3=third,
        blocks_1=blocks[0],
        blocks_2=blocks[1],
        blocks_3=blocks[2],
        embedding_blocks=settings.embedding_blocks,
        narrow=settings.narrow,
        wide=settings.wide,
        linear=int(settings.scale == "channel"),
        projects=int(settings.projects),
    )


def _plan(settings: Settings, images: int, seed: int) -> RdSchedule:
    return RdSchedule(
        steps=settings.steps or settings.epochs * -(-images // settings.batch),
        batch=settings.batch,
        learn_rate=settings.learn_rate,
        projection_rate=settings.projection_rate,
        falls=settings.falls,
        by_place=settings.loss == "places",
        projection_weight=settings.projection_weight,
        seed=seed,
    )
