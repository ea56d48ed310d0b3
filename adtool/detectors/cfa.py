"""CFA: distance of adapted patches to the prototypes they were trained to gather at (Lee et al., 2022)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from adtool.core import arrays, config
from adtool.core.errors import UsageError
from adtool.core.layout import ModelFolder
from adtool.core.sample import Sample
from adtool.detectors import _files
from adtool.detectors._cfa.cache import FILE, Cache
from adtool.detectors._cfa.descriptor import Descriptor, Patches, joined
from adtool.detectors._cfa.loss import Pull, soft_minimum
from adtool.detectors._cfa.rules import RULES, image_weights
from adtool.detectors._cfa.train import STATE, Learned, Plan, mean_patches, memory, train, typical_distance
from adtool.detectors._contract import About, Frame, Needs, Scored
from adtool.nn import knn, smooth, weights
from adtool.nn.reading import Reader, Sight

ABOUT = About(trains=True, needs_normals=True, templates="normals")

PRESETS: Mapping[str, Mapping[str, object]] = {
    "original": {"rules": "original", "image_score": "max", "epochs": 30, "batch": 4},
    "anomalib": {"rules": "anomalib", "image_score": "max", "epochs": 30, "batch": 32},
}
TENSORS = ("bank", "weight", "bias", "scale", "radius")
SCORE_RULES = {"top1": arrays.IMAGE_SCORE_RULE, "max": "highest value of the map"}


class Settings(config.Config):
    """Settings of `--set`; chosen on defects painted on held-out normal images."""

    rules: Literal["default", "original", "anomalib"] = Field(
        "default", description="Read the method as the authors' code does, as anomalib's does, or without their slips."
    )
    layers: str = Field("", description="Strides (or a transformer's blocks), as 8,16; by default 8,16,32 (or 5,6).")
    grid: Literal["fine", "coarse"] = Field("fine", description="Put the layers on the finest or the coarsest grid.")
    pool: int = Field(3, ge=1, le=9, description="Side of the average pooling around each patch, in patches; odd.")
    scale: float = Field(
        1.0, ge=0, description="Typical squared distance before training, which features are scaled to; 0: as they are."
    )
    attracted: int = Field(3, ge=1, description="K: nearest prototypes that attract a patch, and that score it.")
    repelled: int = Field(3, ge=0, description="J: next prototypes that repel it.")
    margin: float = Field(0.1, ge=0, description="alpha: repulsion ends so far inside the sphere (squared distance).")
    nu: float = Field(1e-3, gt=0, description="Both losses are divided by it.")
    radius: float = Field(1e-5, gt=0, description="Radius of the spheres before it is trained.")
    gamma_c: int = Field(1, ge=1, description="So many times fewer prototypes than places of the grid (by k-means).")
    gamma_d: int = Field(1, ge=1, description="So many times fewer channels than the patch features have.")
    epochs: int = Field(15, ge=1, description="Times through all normal images; the last epoch is kept.")
    batch: int = Field(4, ge=1, description="Images a training step.")
    learn_rate: float = Field(1e-3, gt=0, description="Learning rate of AdamW.")
    weight_decay: float = Field(5e-4, ge=0, description="Weight decay of AdamW.")
    cache_gb: float = Field(8.0, ge=0, description="Space on the disk for features; beyond, images are read again.")
    blur: float = Field(4.0, ge=0, description="Sigma of the final Gaussian blur, in pixels of the map.")
    image_score: Literal["top1", "max"] = Field("top1", description="Mean of the top 1 % of the map, or its maximum.")


def needs(settings: Settings, backbone: str) -> Needs:
    """The layers and the input size for a backbone."""
    rules = RULES[settings.rules]
    try:
        given = tuple(int(part) for part in settings.layers.replace(" ", "").split(",") if part)
    except ValueError:
        raise UsageError(f"--set layers={settings.layers}: expected numbers with commas, for example 8,16.") from None
    if weights.canonical(backbone).startswith(("vit_", "deit")):
        return Needs(given or (5, 6), False, 308)
    if settings.rules == "default":
        return Needs(given or (8, 16, 32), False, 256)
    return Needs(given or (4, 8, 16), False, 224 if settings.rules == "original" else 256, rules.before_relu)


class Model:
    """A trained descriptor with its prototypes."""

    def __init__(self, learned: Learned, settings: Settings, frame: Frame) -> None:
        self.learned = learned
        self.settings = settings
        self.frame = frame
        self._patches = _patches(settings)
        self._bank = knn.Bank(learned.bank)

    def score(self, samples: Iterable[Sample]) -> Iterator[Scored]:
        """Score images in their order; what can't be read is skipped and said."""
        for sight in self.adapted(samples):
            _, height, width = sight.layers[0].shape
            vectors = sight.layers[0].flatten(1).T.contiguous()  # (P, D)
            squared, _ = self._bank.closest(vectors, self.settings.attracted)
            grid = soft_minimum(squared).view(height, width).cpu()
            scores = smooth.enlarge(
                grid, *sight.size, blur=self.settings.blur, mirrored=RULES[self.settings.rules].mirrored
            )
            whole = arrays.image_score(scores) if self.settings.image_score == "top1" else float(scores.max())
            yield Scored(sight.sample, scores, whole)

    def adapted(self, samples: Iterable[Sample]) -> Iterator[Sight]:
        """Adapted features of images, one (D, h, w) layer each; those of normal images serve as templates."""
        for sight in _reader(self.frame).see(samples):
            patches = joined(self._patches.of([layer.unsqueeze(0) for layer in sight.layers])).to(
                self.learned.bank.device
            )
            with torch.no_grad():
                vectors = self.learned.descriptor(patches)
            yield Sight(sight.sample, [vectors.T.unflatten(1, patches.shape[-2:])], sight.size)

    def save(self, folder: ModelFolder, card: Mapping[str, object]) -> None:
        """Write what was learned, and the model card with `card` in it."""
        tensors = {"bank": self.learned.bank, "radius": self.learned.radius, **self.learned.descriptor.state_dict()}
        own = {"detector": "cfa", "image_score_rule": SCORE_RULES[self.settings.image_score]}
        _files.write(folder, tensors, self.settings, self.frame, {**own, **card})
        (folder.path / STATE).unlink(missing_ok=True)  # only now: until here a kill costs one epoch


def fit(samples: Sequence[Sample], settings: Settings, frame: Frame, folder: ModelFolder) -> Model:
    """Learn from normal images.

    Raises:
        BadDataError: no image could be read.
    """
    rules = RULES[settings.rules]
    limit = int(settings.cache_gb * 1e9)
    cache = Cache(samples, _reader(frame), folder.path / FILE, patches=_patches(settings), limit_bytes=limit)
    try:
        mean = mean_patches(cache, image_weights(len(cache), settings.batch, rules.weighs))
        generator = torch.Generator().manual_seed(frame.seed)
        descriptor = Descriptor(mean.shape[1], settings.gamma_d, generator=generator).to(mean.device)
        bank = memory(mean, descriptor, compression=settings.gamma_c, seed=frame.seed)
        learned = Learned(descriptor, bank, torch.tensor(settings.radius, device=mean.device))
        typical = typical_distance(cache, learned, settings.attracted) if rules.scales and settings.scale else 0.0
        if typical:
            descriptor.scale.fill_((settings.scale / typical) ** 0.5)
            learned.bank = memory(mean, descriptor, compression=settings.gamma_c, seed=frame.seed)
        train(cache, learned, _pull(settings), _plan(settings, frame), folder.path)
    finally:
        cache.close()
    return Model(learned, settings, frame)


def _patches(settings: Settings) -> Patches:
    return Patches(settings.pool, RULES[settings.rules].pools, settings.grid == "coarse")


def _pull(settings: Settings) -> Pull:
    slices = RULES[settings.rules].slices_by_negatives
    return Pull(settings.attracted, settings.repelled, settings.margin, 1 / settings.nu, slices)


def _plan(settings: Settings, frame: Frame) -> Plan:
    return Plan(
        epochs=settings.epochs,
        batch=settings.batch,
        learn_rate=settings.learn_rate,
        weight_decay=settings.weight_decay,
        learns_radius=RULES[settings.rules].learns_radius,
        seed=frame.seed,
    )


def load(folder: ModelFolder, frame: Frame) -> Model:
    """Read a model that `Model.save` wrote.

    Raises:
        MissingInputError: there is none.
        BadDataError: its files are damaged, or it was made with another backbone.
    """
    tensors, settings = _files.read(folder, "cfa", Settings, frame, TENSORS)
    weight: Tensor = tensors["weight"]
    descriptor = Descriptor(weight.shape[1] - 2, generator=torch.Generator())
    descriptor.weight = torch.nn.Parameter(weight, requires_grad=False)
    descriptor.bias = torch.nn.Parameter(tensors["bias"], requires_grad=False)
    descriptor.scale = tensors["scale"]
    return Model(Learned(descriptor, tensors["bank"], tensors["radius"]), settings, frame)


def _reader(frame: Frame) -> Reader:
    # All images of one size, since the memory has one prototype for each place.
    return Reader(frame.backbone, frame.image_size, keep_aspect=False, batch_size=frame.batch_size)
