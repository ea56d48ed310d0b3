"""A trained filter: the network, its templates, and what it makes of an image's features."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from
from safetensors.torch import save as tensors_to
from torch import Tensor

from adtool.core import config, files, json_files
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.core.model_cards import FilterCard
from adtool.nn import device as machine
from adtool.nn import seeding, weight_files
from adtool.nn.backbone import FeatureSource
from adtool.refine import volume
from adtool.refine.config import FilterSettings
from adtool.refine.feature_store import NORMALS, RECONSTRUCTION, Extractor
from adtool.refine.network import FilterNetwork, FilterShape
from adtool.refine.rebuilders import GivenReconstructions, RebuildingDetector

ODDS_EPS = 1e-6  # of a mean of probabilities, so that its log-odds are finite
NETWORK, TEMPLATES = "network.", "templates."  # prefixes of the tensors' names


@dataclass
class Filter:
    """What training leaves.

    Attributes:
        network: in evaluation mode.
        templates: for each category one (N, C, h, w) float16 tensor a layer; none where images bring their own.
        settings: it was made with.
        source: of its features.
        image_size: side of the backbone's input.
        detectors: for each category which detector's model made the reconstructions that it learned from; empty if
            it learned from normal images.
    """

    network: FilterNetwork
    templates: Mapping[str, list[Tensor]]
    settings: FilterSettings
    source: FeatureSource
    image_size: int
    detectors: Mapping[str, str] = field(default_factory=dict)

    @property
    def learned_with(self) -> str:
        """What images were compared with in training."""
        return RECONSTRUCTION if self.detectors else NORMALS

    @property
    def categories(self) -> list[str]:
        """In the order of the adaptor's classes."""
        return list(self.templates)

    def to(self, device: torch.device) -> "Filter":
        """The filter where the features are that it shall work on; its network is moved, not copied."""
        templates = {name: [layer.to(device) for layer in layers] for name, layers in self.templates.items()}
        return replace(self, network=self.network.to(device), templates=templates)

    @torch.inference_mode()
    def filtered(self, features: Sequence[Tensor], category: str, own: Sequence[Tensor] = ()) -> tuple[Tensor, Tensor]:
        """Filter images of one category.

        Args:
            features: one (B, C, h, w) float32 tensor a layer, on the filter's device.
            category: whose templates they are matched with.
            own: the images' own templates instead, one (B, N, C, h', w') tensor a layer.

        Returns:
            (B, h, w) log-odds of being anomalous on the volume's plane, and (B, classes) logits of the category.
        """
        return self.followed(features, category, own)

    def followed(self, features: Sequence[Tensor], category: str, own: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """As `filtered`, so that a tracer can follow."""
        stored = [layer.float().unsqueeze(0) for layer in self.templates[category]]
        rounds = in_rounds(list(own) or stored, self.settings)
        with machine.all_bits():
            found = [self.network(*inputs(features, some, self.settings)) for some in rounds]
        odds = [pixels[:, 1] - pixels[:, 0] for pixels, _ in found]
        mean = odds[0] if len(odds) == 1 else torch.logit(torch.stack(odds).sigmoid().mean(dim=0), eps=ODDS_EPS)
        return mean, torch.stack([classes for _, classes in found]).mean(dim=0)


def in_rounds(templates: Sequence[Tensor], settings: FilterSettings) -> list[list[Tensor]]:
    """The templates that are matched at a time: all together, or each by itself.

    Args:
        templates: one (B or 1, N, C, h, w) tensor a layer.
        settings: of the filter.
    """
    if not settings.apart:
        return [list(templates)]
    return [[layer[:, n : n + 1] for layer in templates] for n in range(templates[0].shape[1])]


def inputs(
    features: Sequence[Tensor], templates: Sequence[Tensor], settings: FilterSettings
) -> tuple[Tensor, Sequence[Tensor], Tensor]:
    """What the network takes: the volume, the features, the initial map.

    Args:
        features: one (B, C, h, w) tensor a layer.
        templates: one (B or 1, N, C, h', w') tensor a layer.
        settings: of the filter.
    """
    plane = (settings.plane, settings.plane)
    kept = [min(settings.matches, t.shape[1] * t.shape[-2] * t.shape[-1]) for t in templates]
    costs = [volume.match(x, t, k) for x, t, k in zip(features, templates, kept, strict=True)]
    aligned = settings.aligned
    if settings.initial == "same":
        first = volume.same_place(features, templates, plane, align_corners=aligned)
    else:
        first = volume.initial_map(costs, plane, align_corners=aligned)
    guides = features if settings.guide == "image" else [layer[:, 0] for layer in templates]
    return volume.stack([_filled(x, settings.matches) for x in costs], plane, align_corners=aligned), guides, first


def _filled(costs: Tensor, matches: int) -> Tensor:
    """A coarse layer with few templates has fewer matches than asked for; the last is repeated."""
    lacking = matches - costs.shape[1]
    return torch.cat([costs, costs[:, -1:].expand(-1, lacking, -1, -1)], dim=1) if lacking > 0 else costs


def enlarged(odds: Tensor, height: int, width: int) -> np.ndarray:
    """One map of log-odds (h, w) at another size; aligned corners, as in training."""
    grown = F.interpolate(odds[None, None], (height, width), mode="bilinear", align_corners=True)
    return np.ascontiguousarray(grown[0, 0].cpu().numpy(), dtype=np.float32)


def save(made: Filter, folder: ModelFolder, card: Mapping[str, object]) -> None:
    """Write the weights with the templates, and the model card with `card` in it.

    Raises:
        BadDataError: weights are not finite: the training came apart.
    """
    tensors = {NETWORK + name: value.cpu().contiguous() for name, value in made.network.state_dict().items()}
    for number, layers in enumerate(made.templates.values()):
        tensors |= {f"{TEMPLATES}{number}.{place}": layer.cpu().contiguous() for place, layer in enumerate(layers)}
    try:
        _refuse_not_finite(tensors)
    except ValueError as error:
        raise BadDataError(
            f"The training of {folder.path} came apart ({error}). Give it a smaller learning rate with --set."
        ) from None
    files.write_bytes(folder.weights, tensors_to(tensors))
    source = made.source
    own = {
        "detector": "costfilter",
        "settings": json.loads(made.settings.model_dump_json()),
        "categories": made.categories,
        "channels": list(made.network.shape.channels),
        "backbone": source.name,
        "backbone_weights": source.weights_id,
        "layers": source.layers,
        "replicates": source.replicates,
        "image_size": made.image_size,
        "templates": made.learned_with,
        "detectors": dict(made.detectors),
    }
    files.write_json(folder.card, json_files.numbered({**own, **card}))


def load(folder: ModelFolder) -> Filter:
    """Read a filter that `save` wrote.

    Raises:
        MissingInputError: there is none.
        BadDataError: its files are damaged.
    """
    if not folder.card.exists() or not folder.weights.exists():
        raise MissingInputError(
            f"No trained filter at {folder.path}. Run `adtool refine` without --model to train one."
        )
    remedy = "Train it again with --force."
    card = json_files.read(folder.card, FilterCard, remedy)
    try:
        settings = config.parse(FilterSettings, card.settings, where="settings")
        tensors = tensors_from(folder.weights.read_bytes())
        _refuse_not_finite(tensors)
        made = network(settings, tuple(card.channels), len(card.categories), seed=0)
        made.load_state_dict({k.removeprefix(NETWORK): v for k, v in tensors.items() if k.startswith(NETWORK)})
        depth = 0 if card.detectors else len(card.channels)
        forms = {
            f"{TEMPLATES}{number}.{place}": ("N", size, f"h{place}", f"h{place}")
            for number in range(len(card.categories))
            for place, size in enumerate(card.channels[:depth])
        }
        if wrong := weight_files.misfit(tensors, forms):
            raise ValueError(wrong)
        templates = {
            category: [tensors[f"{TEMPLATES}{number}.{place}"] for place in range(depth)]
            for number, category in enumerate(card.categories)
        }
        source = FeatureSource(card.backbone, card.backbone_weights, tuple(card.layers), card.replicates)
        return Filter(made.eval(), templates, settings, source, card.image_size, card.detectors)
    except (SafetensorError, UsageError, KeyError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        first = next(iter(str(error).splitlines()), "")
        raise BadDataError(f"The filter at {folder.path} can't be read ({first}). {remedy}") from None


def _refuse_not_finite(tensors: Mapping[str, Tensor]) -> None:
    if wrong := weight_files.not_finite(tensors):
        raise ValueError(f"the tensor `{wrong}` holds NaN or infinite values")


@seeding.untouched()
def network(settings: FilterSettings, channels: tuple[int, ...], classes: int, *, seed: int) -> FilterNetwork:
    """An untrained network."""
    shape = FilterShape(
        keep=settings.matches,
        channels=channels,
        classes=classes,
        width=settings.width,
        reduced=settings.reduced,
        by_features=settings.by_features,
        by_map=settings.by_map,
    )
    return FilterNetwork(shape, torch.Generator().manual_seed(seed))


def check(made: Filter, eye: Extractor, category: str, where: object) -> None:
    """Refuse to filter what was seen otherwise than what the filter learned from.

    Raises:
        BadDataError: another backbone, other layers or borders, other templates, or reconstructions of another model.
    """
    source, now, learned = made.source, eye.backbone.source, f"The filter at {where} was trained with"
    name = source.name
    if (name, source.weights_id) != (now.name, now.weights_id):
        raise BadDataError(
            f"{learned} the backbone {name} ({source.weights_id}), not {now.name} ({now.weights_id}). "
            "Give that --backbone, or train another filter without --model."
        )
    if made.learned_with != eye.templates and eye.rebuilder:
        raise BadDataError(
            f"{learned} normal images as templates, and these maps come with reconstructions. "
            f"Add --backbone {name}, which leaves those out, or train another filter without --model."
        )
    if made.learned_with != eye.templates:
        raise BadDataError(
            f"{learned} a detector's reconstructions as templates, which these maps don't come with. Give the maps and "
            "--models of that detector, leave out --backbone, or train another filter without --model."
        )
    if source.layers != now.layers:
        given = ",".join(map(str, source.layers))
        raise BadDataError(
            f"{learned} the layers {given}. Add --set layers={given}, or train another filter without --model."
        )
    if source.replicates != now.replicates:
        borders = [f"padding={one.padding}" for one in (source, now)]
        raise BadDataError(
            f"{learned} features of {borders[0]}, and these maps were made with {borders[1]}. "
            "Give maps that were made as its own were, or train another filter without --model."
        )
    if eye.rebuilder and made.detectors.get(category) != eye.rebuilder.weights:
        raise BadDataError(
            f"{learned} reconstructions of another model than {_place(eye.rebuilder)}. "
            "Give the --models it was trained with, or train another filter without --model."
        )


def _place(rebuilder: RebuildingDetector | GivenReconstructions) -> object:
    return rebuilder.folder if isinstance(rebuilder, GivenReconstructions) else rebuilder.folder.path
