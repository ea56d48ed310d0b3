"""MuSc: compares the test images with one another, so it needs no normal ones (Li et al., ICLR 2024)."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from adtool.core import arrays, config, progress
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.detection import contract
from adtool.detection.contract import About, Frame, Needs, Scored, SeenImage
from adtool.detectors._musc import mutual_scoring as mutual
from adtool.nn import families, smooth
from adtool.nn.backbone import Backbone
from adtool.nn.families import Family, Usual

ABOUT = About(templates="others")
SUBSET = 200  # on every machine, so that the same command gives the same maps
TIMED = 9  # images, 36 pairs, that the estimate of the time is taken from
LONG_S = 90  # from here on a time is given in minutes
MIN_IMAGES = 2
USUAL = {Family.CONV: families.USUAL[Family.CONV], Family.TRANSFORMER: Usual(layers=(4, 6), image_size=252)}

PRESETS: config.Presets = {
    # The authors' settings, for --backbone vit_large_patch14_clip_336.openai; on VisA with --set neighbours=1,8,9. What
    # differs: full precision, and sets that don't fit into memory_gb are split by chance, not by their labels.
    "published": {
        "input_px": 518,
        "subset_size": 0,
        "share": 0.3,
        "corners": True,
        "embedding": "projected",
        "layers": "5,11,17,23",
        "aggregation": "1,3,5",
        "neighbours": "1,2,3",
        "image_score": "max",
        "blur": 0.0,
    },
}

log = logging.getLogger("adtool")


class Settings(config.Config):
    """Settings of `--set`; chosen on defects painted on normal images."""

    layers: str = Field("", description="Strides (or a transformer's blocks), as 8,16; by default 8,16 (or 4,6).")
    aggregation: str = Field(
        "1", description="Sides of the neighbourhoods that patches are described with, odd: 1,3,5."
    )
    share: float = Field(0.3, gt=0, le=1, description="Share of the other images, the most alike, that a score uses.")
    subset_size: int | None = Field(
        None, ge=0, description="Images compared with one another, 0 for all; by default 200."
    )
    memory_gb: float = Field(
        4.0,
        gt=0,
        description="What a set's features and distances may take in memory; where it is too little, sets are smaller.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    neighbours: str = Field(
        "1,2,3", description="Image scores are averaged over so many like images; 1 for not at all."
    )
    input_px: int | None = Field(
        None,
        ge=32,
        description="Side of the network's input where --image-size is not given; by default what suits the backbone.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    corners: bool = Field(
        False,
        description="Enlarge maps with the middles of corner patches on the corners.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    embedding: Literal["token", "projected"] = Field(
        "token",
        description="What says which images are alike: the class token (or mean) of the last layer, or what CLIP's "
        "head makes of it; other backbones have none.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    image_score: Literal["top1", "max"] = Field("max", description="Mean of the top 1 % of the map, or its maximum.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the map.")


RULES = {"top1": arrays.IMAGE_SCORE_RULE, "max": "highest pixel"}


def needs(settings: Settings, backbone: str) -> Needs:
    """The layers and the input size for a backbone; a transformer's last block as well, for its image embedding."""
    if any(degree < 1 or degree % 2 == 0 for degree in _degrees(settings)):
        raise UsageError(f"--set aggregation={settings.aggregation}: the sides are odd, for example 1,3,5.")
    if any(count < 1 for count in _neighbours(settings)):
        raise UsageError(f"--set neighbours={settings.neighbours}: the numbers start at 1 (the image itself).")
    family = families.family(backbone)
    side = settings.input_px or USUAL[family].image_size
    embedding = () if family is Family.CONV or _neighbours(settings) == (1,) else (-1,)
    return Needs((*_wanted(settings, family), *embedding), image_size=side, whole=True)


def _wanted(settings: Settings, family: Family) -> tuple[int, ...]:
    return config.numbers("layers", settings.layers, example="8,16") or USUAL[family].layers


def _compared(settings: Settings, network: Backbone) -> list[int]:
    """Places of the layers that are compared, among the backbone's: not of a last block that is there to embed."""
    indices = [layer.index for layer in network.layers]
    if network.family is Family.CONV or _neighbours(settings) == (1,):
        return list(range(len(indices)))
    wanted = {index % (indices[-1] + 1) for index in _wanted(settings, network.family)}  # -1 is the last block
    return [place for place, index in enumerate(indices) if index in wanted]


def _projects(settings: Settings, network: Backbone) -> bool:
    """Whether image embeddings are those of CLIP's head; where images are not averaged, none are needed."""
    return settings.embedding == "projected" and _neighbours(settings) != (1,) and network.projects


def _degrees(settings: Settings) -> tuple[int, ...]:
    return config.numbers("aggregation", settings.aggregation, example="1,3,5") or (1,)


def _neighbours(settings: Settings) -> tuple[int, ...]:
    return config.numbers("neighbours", settings.neighbours, example="1,2,3") or (1,)


@dataclass(frozen=True)
class SeenSet:
    """What the backbone sees in a set of images.

    Attributes:
        samples: the images that could be read, N.
        sizes: (height, width) of the network's input, in pixels, for each.
        layers: one (N, C, h, w) tensor of standardized features per layer; all layers have the coarsest's grid.
        embeddings: (N, D) one vector for each whole image.
        inputs: of each image, see `SeenImage`.
    """

    samples: list[Sample]
    sizes: list[tuple[int, int]]
    layers: list[Tensor]
    embeddings: Tensor
    inputs: list[float]


class Comparison:
    """Sets of images that are scored together."""

    def __init__(self, sets: Sequence[Sequence[Sample]], settings: Settings, frame: Frame) -> None:
        self.sets = [list(one) for one in sets]
        self.settings = settings
        self.frame = frame
        averaged = "" if _neighbours(settings) == (1,) else ", averaged with those of like images"
        self.image_score_rule = RULES[settings.image_score] + averaged

    def score(self, samples: Sequence[Sample], seen: Sequence[SeenImage]) -> Iterator[Scored]:
        """Score a set, in its order.

        Raises:
            BadDataError: fewer than two of its images could be read.
        """
        if len(seen) < MIN_IMAGES:
            raise BadDataError(
                f"{len(seen)} of {len(samples)} images of {samples[0].category} could be read; "
                f"MuSc compares images with one another, so it needs at least {MIN_IMAGES}."
            )
        return self._scored(self._features(seen))

    def _features(self, seen: Sequence[SeenImage]) -> SeenSet:
        height, width = seen[0].layers[-1].shape[-2:]
        layers = []
        for place in _compared(self.settings, self.frame.backbone):
            grids = [F.adaptive_avg_pool2d(one.layers[place], (height, width)) for one in seen]
            layers.append(mutual.standardize(torch.stack(grids)))
        embeddings = torch.stack([one.whole[-1] for one in seen]).cpu()
        if _projects(self.settings, self.frame.backbone):
            embeddings = self.frame.backbone.projected(embeddings)
        inputs = [one.inputs for one in seen]
        return SeenSet([one.sample for one in seen], [one.size for one in seen], layers, embeddings, inputs)

    def _scored(self, seen: SeenSet) -> Iterator[Scored]:
        grids = self._grids(seen).view(len(seen.samples), *seen.layers[0].shape[-2:])  # (N, h, w)
        maps = [
            smooth.enlarge(grid, *size, blur=self.settings.blur, corners=self.settings.corners)
            for grid, size in zip(grids, seen.sizes, strict=True)
        ]
        top1 = self.settings.image_score == "top1"
        pairs = zip(maps, seen.inputs, strict=True)
        own = torch.tensor([arrays.image_score(one, n) if top1 else float(one.max()) for one, n in pairs])  # (N,)
        averaged = mutual.smooth_image_scores(own, seen.embeddings, _neighbours(self.settings))
        for sample, scores, image_score in zip(seen.samples, maps, averaged.tolist(), strict=True):
            yield Scored(sample, scores, image_score)

    def _grids(self, seen: SeenSet) -> Tensor:
        """(N, P): the mean over layers and aggregations of the mutual scores."""
        half = self.frame.backbone.is_half
        combinations = list(product(seen.layers, _degrees(self.settings)))
        total = torch.zeros(())
        with progress.bar("pairs of images", len(combinations) * mutual.pairs(len(seen.samples))) as bar:
            for layer, degree in combinations:
                total = total + mutual.scores(_patches(layer, degree, half=half), self.settings.share, bar.advance)
        return total / len(combinations)

    def foretell(self, seen: Sequence[SeenImage], seeing_s: float, todo: Sequence[Sequence[Sample]]) -> None:
        """Say how long it will take, from a few pairs of each layer."""
        if len(seen) < MIN_IMAGES:
            return
        layers, comparing_s = self._features(seen[:TIMED]).layers, 0.0
        for layer in layers:
            few = _patches(layer, 1, half=self.frame.backbone.is_half)
            seconds = []
            for _ in range(2):  # the first warms up
                started = time.monotonic()
                mutual.scores(few, self.settings.share)
                seconds.append(time.monotonic() - started)
            comparing_s += min(seconds) / mutual.pairs(len(few))
        count, pairs = sum(len(each) for each in todo), sum(mutual.pairs(len(each)) for each in todo)
        degrees = len(_degrees(self.settings))
        left_s = seeing_s * (count / len(seen) - 1) + comparing_s * degrees * pairs
        log.info(
            "%s: %d images in sets of up to %d, %d pairs times %d layers and neighbourhoods: %s to go.",
            seen[0].sample.category,
            count,
            max(len(each) for each in todo),
            pairs,
            degrees * len(layers),
            f"about {left_s / 60:.0f} min" if left_s > LONG_S else f"about {left_s:.0f} s",
        )


def _patches(layer: Tensor, degree: int, *, half: bool) -> Tensor:
    """(N, C, h, w) -> (N, P, C) as it is compared, in half precision if the backbone has it."""
    patches = mutual.aggregate(layer, degree)
    return patches.half() if half else patches


def compare(samples: Sequence[Sample], settings: Settings, frame: Frame) -> Comparison:
    """Split the images into sets, at random by the seed; nothing is computed yet.

    The authors' code splits evenly within each kind, and so by the labels.

    Raises:
        MissingInputError: there is one image only.
        UsageError: more memory is to be used than the GPU has.
    """
    if len(samples) < MIN_IMAGES:
        where = samples[0].image if samples else "The data set"
        raise MissingInputError(
            f"{where} is the only image to score: MuSc compares images with one another. Add more, the more the "
            "better, or give normal images and --detector patchcore."
        )
    most = _affordable(settings, frame)
    size = _subset_size(settings) or len(samples)
    if most < min(size, len(samples)):
        log.info("Sets of %d images instead of %d fit into memory (--set memory_gb).", most, min(size, len(samples)))
    return Comparison(split(samples, min(size, most), frame.seed), settings, frame)


def split(samples: Sequence[Sample], size: int, seed: int) -> list[list[Sample]]:
    """Random sets of nearly the same number of images, at most `size` but at least two."""
    count = max(1, min(-(-len(samples) // size), len(samples) // MIN_IMAGES))
    order = np.random.default_rng(seed).permutation(len(samples))
    return [[samples[i] for i in sorted(part)] for part in np.array_split(order, count)]


def _subset_size(settings: Settings) -> int:
    return SUBSET if settings.subset_size is None else settings.subset_size


def _affordable(settings: Settings, frame: Frame) -> int:
    """How many images can be compared in the memory that may be used, which no machine decides.

    They need 4 N P (N + D) bytes, D the channels of all layers and twice those of the widest, which is aggregated.

    Raises:
        UsageError: the GPU has less.
    """
    network, limit = frame.backbone, settings.memory_gb * 2**30
    if network.device.type == "cuda":
        there = torch.cuda.get_device_properties(network.device).total_memory
        if limit > there:
            raise UsageError(f"--set memory_gb={settings.memory_gb:g}: this GPU has {there / 2**30:.1f} GB. Give less.")
    patches = (frame.input_px // network.multiple) ** 2
    channels = [layer.channels for layer in network.layers]
    depth = sum(channels) + 2 * max(channels)
    return max(MIN_IMAGES, int(((depth**2 + limit / patches) ** 0.5 - depth) / 2))
