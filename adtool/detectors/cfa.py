"""CFA: distance of adapted patches to the prototypes they were trained to gather at (Lee et al., 2022)."""

import dataclasses
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from adtool.core import arrays, config
from adtool.core.errors import UsageError
from adtool.detection import contract
from adtool.detection.contract import About, Frame, MapRule, Needs, NormalImages, Scored, SeenImage, StoredModel
from adtool.detection.feature_cache import FeatureCache
from adtool.detectors._cfa import memory, stopping
from adtool.detectors._cfa.descriptor import COORDINATES, Descriptor, Patches, joined
from adtool.detectors._cfa.loss import Pull, soft_minimum
from adtool.detectors._cfa.rules import LAYERS, LAYERS_OF_VGG, RULES, SETTINGS, Rules, image_weights
from adtool.detectors._cfa.train import AdaptedDescriptor, CfaSchedule, train
from adtool.nn import families, knn, smooth, weights
from adtool.nn.families import Family

ABOUT = About(trains=True, templates="normals")

PRESETS: config.Presets = {name: {"rules": name} for name in SETTINGS}
_AS_RULES = "by default as rules has it"
SCORE_RULES = {"top1": arrays.IMAGE_SCORE_RULE, "max": "highest value of the map"}


class Settings(config.Config):
    """Settings of `--set`; chosen on defects painted on held-out normal images.

    By that measure the memory and the start of the paper lose much where parts are not aligned, and training gains
    nothing over the untrained start: the more steps, the lower the score. So there are few and small ones.
    """

    rules: Literal["default", "original", "anomalib", "anomalib-2023"] = Field(
        "default",
        description="Ours, or the method as the authors' code or anomalib's reads it, with its own settings; 2023 is "
        "that of the tables in its README, made with --backbone resnet18.tv_in1k and wide_resnet50_2.tv_in1k, which "
        "are torchvision's weights (timm's default of these names is another).",
    )
    layers: str = Field("", description="Strides (or a transformer's blocks), as 8,16; by default 8,16 (or 5,6).")
    grid: Literal["fine", "coarse"] = Field("coarse", description="Put the layers on the finest or the coarsest grid.")
    pool: int = Field(1, ge=1, le=9, description="Side of the average pooling around each patch, in patches; odd.")
    pooled_layers: Literal["all", "first"] | None = Field(
        None, description=f"Layers that are pooled; {_AS_RULES}.", json_schema_extra=contract.NOTED_IF_CHANGED
    )
    relu: Literal["after", "before"] | None = Field(
        None,
        description=f"Take a ResNet's features after its ReLU, or before it, through a leaky one; {_AS_RULES}.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    memory: Literal["coreset", "places"] = Field(
        "coreset", description="Prototypes: patches that cover all others, or the mean patch of each place (the paper)."
    )
    bank_size: int = Field(10_000, ge=1, description="Prototypes of the memory coreset.")
    drawn: int = Field(100_000, ge=1000, description="Patches drawn at random that the coreset is chosen from.")
    start: Literal["identity", "random"] = Field(
        "identity", description="The untrained descriptor leaves features as they are, or mixes them (the paper)."
    )
    scale: float = Field(
        1.0, ge=0, description="Typical squared distance before training, which features are scaled to; 0: as they are."
    )
    attracted: int = Field(3, ge=1, description="K: nearest prototypes that attract a patch.")
    repelled: int = Field(3, ge=0, description="J: next prototypes that repel it.")
    scored: int = Field(1, ge=1, description="Nearest prototypes that share a score by softmin; 1: plain distance.")
    margin: float = Field(0.1, ge=0, description="alpha: repulsion ends so far inside the sphere (squared distance).")
    nu: float = Field(1e-3, gt=0, description="Both losses are divided by it.")
    radius: float = Field(1.2, gt=0, description="Radius of the spheres before it is trained, in the unit of scale.")
    trains_radius: bool | None = Field(
        None,
        description=f"Train the radius, or keep it constant; {_AS_RULES}.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    gamma_c: int = Field(1, ge=1, description="So many times fewer prototypes than places, by k-means (memory places).")
    gamma_d: int = Field(1, ge=1, description="So many times fewer channels than the patch features have.")
    epochs: int = Field(
        2, ge=0, description="Times through all normal images, unless it stops earlier (stop). 0: as it starts."
    )
    stop: Literal["painted", "oracle", "none"] | None = Field(
        None,
        description="Keep the epoch of the best pixel AUROC, and stop soon after it: of defects painted on normal "
        "images that are not trained on, or of the test images' masks (an oracle, said in every figure); none: the "
        f"last epoch is kept. {_AS_RULES.capitalize()}.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    patience: int = Field(
        5,
        ge=1,
        description="Epochs without a better one before training stops.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    input_px: int | None = Field(
        None,
        ge=32,
        description=f"Side of the network's input where --image-size is not given; {_AS_RULES}.",
        json_schema_extra=contract.NOTED_IF_CHANGED,
    )
    batch: int = Field(4, ge=1, description="Images a training step.")
    learn_rate: float = Field(3e-5, gt=0, description="Learning rate of AdamW.")
    weight_decay: float = Field(5e-4, ge=0, description="Weight decay of AdamW.")
    cache_gb: float = Field(8.0, ge=0, description="Space on the disk for features; beyond, images are read again.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the map.")
    image_score: Literal["top1", "max"] = Field("top1", description="Mean of the top 1 % of the map, or its maximum.")

    @model_validator(mode="before")
    @classmethod
    def _of_reading(cls, given: dict[str, object]) -> dict[str, object]:
        """A reading brings its own values of other settings, unless they are given."""
        return {**SETTINGS.get(str(given.get("rules")), {}), **given}

    @property
    def reading(self) -> Rules:
        """The rules, with what is set otherwise."""
        own, pools, relu = RULES[self.rules], self.pooled_layers, self.relu
        return dataclasses.replace(
            own,
            pools=own.pools if pools is None else pools == "all",
            before_relu=own.before_relu if relu is None else relu == "before",
            learns_radius=own.learns_radius if self.trains_radius is None else self.trains_radius,
            image_size=self.input_px or own.image_size,
            stop=self.stop or own.stop,
        )


def needs(settings: Settings, backbone: str) -> Needs:
    """The layers and the input size for a backbone.

    Raises:
        UsageError: an even pool, or features before a ReLU that there is not.
    """
    contract.require_odd("pool", settings.pool)
    family, rules, known = families.family(backbone), settings.reading, weights.canonical(backbone)
    given = config.numbers("layers", settings.layers, example="8,16")
    usual = families.USUAL[family]
    layers, side = usual.layers, rules.image_size if settings.input_px else None
    if family is Family.CONV and settings.rules != "default":
        layers, side = LAYERS_OF_VGG if "vgg" in known else LAYERS, rules.image_size
    # The authors changed their ResNets alone; a VGG or an EfficientNet is taken as it is.
    before_relu = rules.before_relu and "resnet" in known
    if settings.relu == "before" and not before_relu:
        raise UsageError(f"--set relu=before: {backbone} is no ResNet, whose features alone are taken before the ReLU.")
    return Needs(given or layers, image_size=side or usual.image_size, before_relu=before_relu)


class Model:
    """A trained descriptor with its prototypes."""

    def __init__(self, learned: AdaptedDescriptor, settings: Settings) -> None:
        self.learned = learned
        self.settings = settings
        self._patches = _patches(settings)
        self._bank = knn.Bank(learned.bank)

    def score(self, seen: SeenImage) -> Scored:
        """Score an image by the distances of its adapted patches from the prototypes."""
        scores = smooth.enlarge(
            self.grid(seen).cpu(), *seen.size, blur=self.settings.blur, mirrored=self.settings.reading.mirrored
        )
        whole = arrays.image_score(scores, seen.inputs) if self.settings.image_score == "top1" else float(scores.max())
        return Scored(seen.sample, scores, whole)

    def grid(self, seen: SeenImage) -> Tensor:
        """(h, w) distances of an image's adapted patches from the prototypes."""
        adapted = self.adapted(seen)
        vectors = adapted.flatten(1).T.contiguous()  # (P, D)
        squared, _ = self._bank.closest(vectors, self.settings.scored)
        return soft_minimum(squared).view(adapted.shape[-2:])

    def map_rule(self) -> MapRule:
        """How distances become a map."""
        chosen = self.settings
        worst: Literal["top1", "highest"] = "top1" if chosen.image_score == "top1" else "highest"
        mirrored, words = chosen.reading.mirrored, SCORE_RULES[chosen.image_score]
        return MapRule(blur=chosen.blur, mirrored=mirrored, image_score=worst, words=words)

    def adapted(self, seen: SeenImage) -> Tensor:
        """Adapted features of an image, (D, h, w); those of normal images serve as templates."""
        patches = joined(self._patches.of([layer.unsqueeze(0) for layer in seen.layers])).to(self.learned.bank.device)
        with torch.no_grad():
            vectors: Tensor = self.learned.descriptor(patches)
        return vectors.T.reshape(-1, *patches.shape[-2:])

    def tensors(self) -> dict[str, Tensor]:
        """The descriptor and the prototypes."""
        return self.learned.state_dict()

    def card(self) -> dict[str, object]:
        """How image scores come about."""
        return {"image_score_rule": SCORE_RULES[self.settings.image_score]}


def fit(normals: NormalImages, settings: Settings) -> Model:
    """Learn from normal images.

    Raises:
        BadDataError: no image could be read, or what an interrupted training left is damaged.
    """
    patches = _patches(settings)

    def features_of(seen: SeenImage) -> list[Tensor]:
        return [layer.squeeze(0) for layer in patches.of([layer.unsqueeze(0) for layer in seen.layers])]

    judging: list[stopping.JudgingImage] = []
    if settings.reading.stop == stopping.PAINTED:
        painted_on, trained_on = stopping.held_out(normals.samples, normals.frame.seed)
        normals, judging = dataclasses.replace(normals, samples=trained_on), stopping.painted(painted_on, normals.frame)
    elif settings.reading.stop == stopping.ORACLE:
        judging = stopping.of_test(normals.category, normals.frame)
    key = [settings.rules, patches, *([settings.relu] if settings.relu else [])]
    cache = normals.kept(features_of, key=key, gigabytes=settings.cache_gb)
    learned = _untrained(cache, settings, normals.frame)
    judge = stopping.EarlyStop(learned, judging, _maps_of(learned, settings), settings.patience) if judging else None
    train(cache, learned, _pull(settings), _plan(settings, normals.frame.seed), normals.folder.path, judge)
    return Model(learned, settings)


def _maps_of(learned: AdaptedDescriptor, settings: Settings) -> stopping.Map:
    """Makes maps by what is learned so far; features come in half precision, as those that are trained on."""

    def made(seen: SeenImage) -> arrays.Floats:
        layers = [layer.float() for layer in seen.layers]
        return Model(learned, settings).score(dataclasses.replace(seen, layers=layers)).scores

    return made


def load(stored: StoredModel, settings: Settings) -> Model:
    """Make the model again of what is stored."""
    channels = sum(layer.channels for layer in stored.frame.backbone.layers)
    forms = {"descriptor.weight": ("D", channels + COORDINATES), "descriptor.bias": ("D",), "bank": ("M", "D")}
    stored.require_shapes(forms)
    bank = stored.tensors["bank"].float()
    learned = AdaptedDescriptor(Descriptor(channels, settings.gamma_d), bank, settings.radius)
    learned.load_state_dict(stored.tensors)
    return Model(learned.to(bank.device).requires_grad_(requires_grad=False), settings)


def _untrained(cache: FeatureCache, settings: Settings, frame: Frame) -> AdaptedDescriptor:
    generator, device = torch.Generator().manual_seed(frame.seed), frame.backbone.device
    channels = sum(shape[0] for shape in cache.shapes)
    descriptor = Descriptor(channels, settings.gamma_d, generator=generator, start=settings.start).to(device)
    if settings.memory == "coreset":
        bank = memory.of_patches(cache, descriptor, settings.bank_size, settings.drawn, generator)
    else:
        mean = memory.mean_patches(cache, image_weights(len(cache), settings.batch, settings.reading.weighs), device)
        bank = memory.of_places(mean, descriptor, compression=settings.gamma_c, seed=frame.seed)
    typical = memory.typical_distance(cache, descriptor, bank, settings.attracted) if settings.scale else 0.0
    if typical:
        factor = (settings.scale / typical) ** 0.5
        descriptor.scale.fill_(factor)
        bias = descriptor.bias.detach()  # not scaled, since it is the descriptor's own
        bank = bias + factor * (bank - bias)
    return AdaptedDescriptor(descriptor, bank, settings.radius)


def _patches(settings: Settings) -> Patches:
    return Patches(settings.pool, settings.reading.pools, settings.grid == "coarse")


def _pull(settings: Settings) -> Pull:
    slices = settings.reading.slices_by_negatives
    return Pull(settings.attracted, settings.repelled, settings.margin, 1 / settings.nu, slices)


def _plan(settings: Settings, seed: int) -> CfaSchedule:
    return CfaSchedule(
        epochs=settings.epochs,
        batch=settings.batch,
        learn_rate=settings.learn_rate,
        weight_decay=settings.weight_decay,
        learns_radius=settings.reading.learns_radius,
        seed=seed,
    )
