"""What a run of `discover` asks of a category: images, number of classes, network and its input, identity."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adtool.core import layout
from adtool.core.config import defaults
from adtool.core.dataset.types import Category
from adtool.core.errors import UsageError
from adtool.core.layout import ClassesFolder
from adtool.core.map_source import MapSource
from adtool.core.steps import inventory
from adtool.core.steps.identity import Identity
from adtool.core.words import counted
from adtool.discover.config import AUTO, BEST, ORACLE, DiscoverConfig, TrainSettings
from adtool.discover.ncd import base_set
from adtool.nn import families, precision
from adtool.nn.options import DEFAULT_BACKBONE

COMMAND = "discover"
IMAGE_SIZE = 256

DEFAULTS = {**defaults(DiscoverConfig), "padding": families.ZEROS, "rules": BEST, "settings": defaults(TrainSettings)}


def of_one_kind(source: MapSource, before: Path | None) -> tuple[MapSource, list[str]]:
    """The images that get a class: one that shows several kinds of defect belongs to none, and would blur them.

    Source: AnomalyNCD's public code, which removes the folder `combined` before it binarizes.

    Args:
        source: the maps of a category.
        before: folder of classes that lacks pictures only; if an older adtool gave such images a class, it stays so.

    Returns:
        The maps without those, and a sentence on them where there are some.
    """
    is_odd = np.array([source.category.is_combined(one) for one in source.samples], bool)
    if not is_odd.any() or (before is not None and _had(before, source, is_odd)):
        return source, []
    kept = np.flatnonzero(~is_odd)
    if not len(kept):
        return source, []
    there = counted(int(is_odd.sum()), "image")
    said = f"{source.category.name}: {there} of the kind {layout.COMBINED_KIND} left out: several kinds in one image."
    return replace(source, samples=[source.samples[k] for k in kept], image_scores=source.image_scores[kept]), [said]


def _had(before: Path, source: MapSource, is_odd: NDArray[np.bool_]) -> bool:
    there = {row["id"] for row in ClassesFolder(before).image_rows()}
    return any(one.id in there for one, odd in zip(source.samples, is_odd, strict=True) if odd)


def class_count(rule: str, category: Category) -> int | None:
    """The number of classes asked for, None for `auto`.

    Raises:
        UsageError: `oracle` without labels.
    """
    if rule == AUTO:
        return None
    if rule != ORACLE:
        return int(rule)
    kinds = {one.kind for one in category.test if not category.is_combined(one)} - {layout.UNKNOWN_KIND}
    if not kinds:
        raise UsageError(f"--classes oracle counts kinds, but {category.path} has none. Give a number, or auto.")
    return max(len(kinds), 2)


def identity(config: DiscoverConfig, source: MapSource, *, force: bool) -> Identity:
    """What decides the classes of a category."""
    settings = config.identity()
    settings |= {"backbone": backbone_name(config, source), "image_size": image_size(config, source)}
    settings |= families.noted_padding(replicates=replicates(config, source))
    settings |= {"rules": config.preset, "settings": config.training().model_dump(mode="json"), "base": None}
    settings |= source.category.reading.identity()
    out = config.out / source.category.name
    settings |= precision.noted(config.engine, config.device, out, force=force, missing=inventory.of_classes)
    inputs = {"images": source.category.fingerprint(), "maps": source.fingerprint()}
    if config.base is not None:
        inputs["base"] = base_set.fingerprint(config.base)
    if config.classes == ORACLE:
        inputs["kinds"] = source.category.label_fingerprint()
    return Identity(COMMAND, settings, config.seed, inputs, DEFAULTS)


def backbone_name(config: DiscoverConfig, source: MapSource) -> str:
    """The network for the features."""
    return config.backbone or source.note.settings.backbone or DEFAULT_BACKBONE


def replicates(config: DiscoverConfig, source: MapSource) -> bool:
    """Whether the free method sees borders as the maps' network did; another network sees zeros."""
    as_mapped = config.method == "free" and not config.backbone
    return as_mapped and families.replicates(backbone_name(config, source), source.note.settings.padding)


def image_size(config: DiscoverConfig, source: MapSource) -> int:
    """Side of the network's input."""
    return config.image_size or source.note.settings.image_size or IMAGE_SIZE
