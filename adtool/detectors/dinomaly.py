"""Dinomaly: features of a vision transformer, rebuilt by a decoder that knows normal ones (Guo et al., CVPR 2025)."""

import dataclasses
from functools import lru_cache

import torch
from pydantic import Field
from torch import Tensor

from adtool.core import arrays, config
from adtool.core.errors import UsageError
from adtool.detection import contract
from adtool.detection.contract import About, Frame, MapRule, Needs, NormalImages, Scored, SeenImage, StoredModel
from adtool.detectors._dinomaly.loss import distances
from adtool.detectors._dinomaly.network import Reconstructor, ReconstructorSizes, encoder_blocks, grouped
from adtool.detectors._dinomaly.train import DinomalySchedule, train
from adtool.nn import families, seeding, smooth, weights
from adtool.nn.families import Family

ABOUT = About(trains=True, templates="reconstruction", multi_category=True)

PRESETS: config.Presets = {
    "small": {},  # the defaults: minutes on two cores
    # The authors' code (dinomaly_mvtec_uni.py): with --backbone vit_base_patch14_reg4_dinov2, on a GPU. It sees the
    # middle 392 of 448 px; --centre-crop 0 --image-size 392 sees all, since a defect may lie at the border.
    "paper": {
        "input_px": 448,
        "crop_px": 392,
        "decoder_blocks": 8,
        "steps": 10_000,
        "batch": 16,
        "learn_rate": 2e-3,
        "last_rate": 2e-4,
        "warm_up": 100,
        "easy_until": 1000,
        "noise": 0.2,
    },
}


class Settings(config.Config):
    """Settings of `--set`; sized so that training takes minutes on two cores."""

    joint: bool = Field(True, description="One model for all categories, in models/dinomaly/_all; else one for each.")
    layers: str = Field("", description="Blocks of the transformer, as 2,3,4; by default eight of the middle.")
    input_px: int = Field(252, ge=28, description="Side of the network's input where --image-size is not given.")
    crop_px: int = Field(
        0,
        ge=0,
        description="Side of the middle of it that is seen, where --centre-crop is not given; 0: all.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    groups: int = Field(2, ge=1, description="Groups of layers that are compared, each as its mean.")
    decoder_blocks: int = Field(2, ge=1, description="Blocks of the decoder, a multiple of the groups at best.")
    noise: float = Field(0.2, ge=0, lt=1, description="Dropout in the bottleneck; the more, the less it can copy.")
    steps: int = Field(800, ge=1, description="Steps of the optimizer.")
    batch: int = Field(4, ge=1, description="Images a step.")
    learn_rate: float = Field(2e-3, gt=0, description="Learning rate of StableAdamW after the warm-up.")
    last_rate: float = Field(2e-4, ge=0, description="Learning rate at the end.")
    warm_up: int = Field(50, ge=0, description="Steps in which the learning rate rises.")
    easy_until: int = Field(80, ge=0, description="Steps until the easiest 90 % of places pass less gradient.")
    weight_decay: float = Field(1e-4, ge=0, description="Weight decay.")
    cache_gb: float = Field(8.0, ge=0, description="Space on the disk for features; beyond, images are read again.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the map.")


def needs(settings: Settings, backbone: str) -> Needs:
    """The blocks and the input size for a backbone.

    Raises:
        UsageError: it is no vision transformer, or there are fewer layers or blocks than groups.
    """
    given = config.numbers("layers", settings.layers, example="2,3,4,5")
    layers = given or encoder_blocks(_depth(weights.canonical(backbone)))
    if settings.groups > min(len(layers), settings.decoder_blocks):
        raise UsageError(
            f"--set groups={settings.groups}: there are only {len(layers)} layers and {settings.decoder_blocks} "
            "decoder blocks to group."
        )
    # `whole`: the class token and registers
    return Needs(layers, image_size=settings.input_px, centre_crop=settings.crop_px, whole=True)


@lru_cache(maxsize=8)
def _depth(name: str) -> int:
    """How many blocks a timm transformer has; no weights are made."""
    if families.family(name) is Family.TRANSFORMER:
        import timm  # late, as it takes seconds
        from timm.models.vision_transformer import VisionTransformer

        with torch.device("meta"):
            model = timm.create_model(name, pretrained=False)
        if type(model) is VisionTransformer:
            return len(model.blocks)
    raise UsageError(
        f"dinomaly rebuilds the tokens of a plain vision transformer, which {name} is not. "
        "Give --backbone dinov2_vits14, or vit_base_patch14_reg4_dinov2 (the paper's)."
    )


class Model:
    """A trained decoder."""

    def __init__(self, network: Reconstructor, settings: Settings) -> None:
        self.network = network.eval()
        self.settings = settings
        self._device = next(network.parameters()).device

    def score(self, seen: SeenImage) -> Scored:
        """Score an image by how far its patches are from their reconstructions."""
        scores = smooth.enlarge(self.grid(seen).cpu(), *seen.size, blur=self.settings.blur)
        return Scored(seen.sample, scores, arrays.image_score(scores, seen.inputs))

    def grid(self, seen: SeenImage) -> Tensor:
        """(h, w) distances of an image's patches from their reconstructions."""
        truth, made = self._rebuilt(seen)
        apart = torch.stack([distances(a, b) for a, b in zip(truth, made, strict=True)]).mean(dim=0)  # (1, P)
        return apart.view(seen.layers[0].shape[-2:])

    def map_rule(self) -> MapRule:
        """How distances become a map."""
        return MapRule(blur=self.settings.blur, words=arrays.IMAGE_SCORE_RULE)

    def rebuild(self, seen: SeenImage) -> tuple[list[Tensor], list[Tensor]]:
        """What the encoder saw in an image and what the decoder made of it: one (C, h, w) tensor a group each."""
        shape = seen.layers[0].shape[-2:]
        truth, made = self._rebuilt(seen)
        return [_as_map(x, shape) for x in truth], [_as_map(x, shape) for x in made]

    def _rebuilt(self, seen: SeenImage) -> tuple[list[Tensor], list[Tensor]]:
        """(1, P, C) patches of each group, and their reconstructions."""
        tokens = [group.to(self._device).unsqueeze(0) for group in _group_tokens(seen, self.settings.groups)]
        with torch.no_grad():
            made = self.network(tokens)
        return self.network.patches(tokens), made

    def tensors(self) -> dict[str, Tensor]:
        """The decoder."""
        return self.network.state_dict()

    def card(self) -> dict[str, object]:
        """How image scores come about, and the decoder's sizes."""
        return {"image_score_rule": arrays.IMAGE_SCORE_RULE, "sizes": dataclasses.asdict(self.network.sizes)}


def fit(normals: NormalImages, settings: Settings) -> Model:
    """Learn from normal images, of one category or of all.

    Raises:
        BadDataError: no image could be read.
    """

    def features_of(seen: SeenImage) -> list[Tensor]:
        return _group_tokens(seen, settings.groups)

    frame = normals.frame
    device = frame.backbone.device
    cache = normals.kept(features_of, key=[settings.groups], gigabytes=settings.cache_gb)
    with seeding.drawn_from(frame.seed, settings.steps, device):  # each step has a number below
        made = Reconstructor(_sizes(settings, frame, _prefix(frame, cache.shapes[0][0]))).to(device)
    train(cache, made, _plan(settings, frame.seed), normals.folder.path, device)
    return Model(made, settings)


def load(stored: StoredModel, settings: Settings) -> Model:
    """Make the model again of what is stored."""
    network = Reconstructor(ReconstructorSizes(**stored.sizes))
    if network.sizes != _sizes(settings, stored.frame, stored.frame.backbone.prefix):
        raise ValueError("the decoder has other sizes than its settings say")
    network.load_state_dict(stored.tensors)
    return Model(network.to(stored.frame.backbone.device).requires_grad_(requires_grad=False), settings)


def _prefix(frame: Frame, tokens: int) -> int:
    """How many of an image's tokens are no patches."""
    side = frame.input_px // frame.backbone.multiple
    return tokens - side * side


def _sizes(settings: Settings, frame: Frame, prefix: int) -> ReconstructorSizes:
    return ReconstructorSizes(
        channels=frame.backbone.layers[0].channels,
        blocks=settings.decoder_blocks,
        groups=settings.groups,
        prefix=prefix,
        noise=settings.noise,
    )


def _plan(settings: Settings, seed: int) -> DinomalySchedule:
    return DinomalySchedule(
        steps=settings.steps,
        batch=settings.batch,
        peak=settings.learn_rate,
        last=settings.last_rate,
        warm_up=settings.warm_up,
        easy_until=settings.easy_until,
        weight_decay=settings.weight_decay,
        seed=seed,
    )


def _group_tokens(seen: SeenImage, groups: int) -> list[Tensor]:
    """(T, C) tokens of each group of layers, those that are no patches first."""
    pairs = zip(seen.first, seen.layers, strict=True)
    return grouped([torch.cat([first, layer.flatten(1).T]) for first, layer in pairs], groups)


def _as_map(patches: Tensor, shape: torch.Size) -> Tensor:
    """(1, P, C) -> (C, h, w)."""
    return patches.squeeze(0).T.reshape(-1, *shape)
