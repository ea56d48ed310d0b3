"""What a run of `discover` asks of a category: images, number of classes, network and its input, identity."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adtool.core import layout
from adtool.core.config import defaults, former, pairs
from adtool.core.dataset.types import Category
from adtool.core.errors import UsageError
from adtool.core.layout import ClassesFolder
from adtool.core.limits import limit_file
from adtool.core.map_source import MapSource
from adtool.core.steps import inventory, notes
from adtool.core.steps.identity import Identity
from adtool.core.words import counted
from adtool.discover import presets
from adtool.discover.config import AC, AUTO, BEST, FREE, ORACLE, AcSettings, DiscoverConfig, TrainSettings
from adtool.discover.ncd import base_set
from adtool.nn import families, precision
from adtool.nn.options import DEFAULT_BACKBONE

COMMAND = "discover"
IMAGE_SIZE = 256
FORMER_START = "clusters"
LIMIT = "limit_in_force"  # among the settings of an identity

DEFAULTS = {
    **defaults(DiscoverConfig),
    **former(DiscoverConfig),
    "padding": families.ZEROS,
    "rules": BEST,
    "settings": {**defaults(TrainSettings), **defaults(AcSettings)},
}

log = logging.getLogger("adtool")


def settled(config: DiscoverConfig) -> DiscoverConfig:
    """The options with those that a preset sets where they were not given, which is said.

    Raises:
        UsageError: no such preset, one of the trained method where another method is asked for, or crops where a method
            sees none.
    """
    if config.method == AC and config.features != "maps":
        raise UsageError(f"--method {AC} groups whole images: leave --features {config.features} out.")
    config.training()  # what is no setting is refused, whether a preset is named or not
    option = f"--preset {config.preset_name}"
    usual = presets.OPTIONS.get(config.preset_name)
    if usual is None:
        return config
    if "method" in config.model_fields_set and config.method != usual["method"]:
        raise UsageError(
            f"{option} is of --method {usual['method']}, and --method {config.method} was given. Leave one of them out."
        )
    given = {one: getattr(config, one) for one in usual if one in config.model_fields_set}
    _say_preset(config, usual, given)
    if config.base is None:
        log.warning("%s without --base: %s", option, presets.DIFFERENCES["--base"])
    return config.model_copy(update={one: value for one, value in usual.items() if one not in given})


def _say_preset(config: DiscoverConfig, usual: Mapping[str, object], given: Mapping[str, object]) -> None:
    """What a preset sets, and what was given against it."""
    option, train = f"--preset {config.preset_name}", config.training()
    asked, preset = pairs(config.settings), presets.PRESETS[config.preset_name]
    in_force = {f"--{one.replace('_', '-')} ": value for one, value in usual.items() if one not in given}
    in_force |= {f"{one}=": value for one, value in preset.items() if one not in asked}
    log.info("%s: %s.", option, " ".join(f"{one}{value}" for one, value in in_force.items()))
    for one, value in usual.items():
        if one in given and given[one] != value:
            log.info("%s would have --%s %s; %s was given.", option, one.replace("_", "-"), value, given[one])
    for one, value in preset.items():
        if getattr(train, one) != value:
            log.info("%s would have %s=%s; %s=%s was given.", option, one, value, one, getattr(train, one))


def of_category(config: DiscoverConfig, dataset: str, category: str) -> DiscoverConfig:
    """The options for one category: of MTD, the paper's temperature is another.

    Args:
        config: settled.
        dataset: its name.
        category: its name.
    """
    is_mtd = any(name.lower().partition("_")[0] == presets.MTD for name in (dataset, category))
    if not is_mtd or config.preset_name != presets.PAPER or presets.TEMPERATURE in pairs(config.settings):
        return config
    added = f"{presets.TEMPERATURE}={presets.MTD_TEMPERATURE:g}"
    log.info("%s is of MTD: %s, as published.", category, added)
    return config.model_copy(update={"settings": (*config.settings, added)})


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
    own = (config.grouping() if config.method == AC else config.training()).model_dump(mode="json")
    if config.method == FREE:  # to which it is nothing, and whose folders noted the default that it had then
        own |= {"start": FORMER_START}
    settings |= {"rules": config.preset_name, "settings": own, "base": None}
    settings |= source.category.reading.identity()
    settings[LIMIT] = _noted_limit(config, source, force=force)
    out = config.out / source.category.name
    settings |= precision.noted(config.engine, config.device, out, force=force, missing=inventory.of_classes)
    inputs = {"images": source.category.fingerprint(), "maps": source.fingerprint()}
    if config.base is not None:
        inputs["base"] = base_set.fingerprint(config.base)
    if config.classes == ORACLE:
        inputs["kinds"] = source.category.label_fingerprint()
    return Identity(COMMAND, settings, config.seed, inputs, DEFAULTS)


def limit_in_force(config: DiscoverConfig, source: MapSource) -> float | None:
    """The limit that tells what is normal; None where there is none, or where scores shall tell."""
    return limit_file.read(source.folder).value if config.normal == "limit" else None


def _noted_limit(config: DiscoverConfig, source: MapSource, *, force: bool) -> float | None:
    """The limit in force; of finished classes the one they were found with, which is said if another is in force."""
    now, folder = limit_in_force(config, source), config.out / source.category.name
    note = notes.read_note(folder)
    then = note.all_settings.get(LIMIT, now)
    if force or then == now or note.state != notes.DONE:
        return now
    log.warning(
        "%s: the classes were found with the limit %s, and %s is in force now: some images' classes and decisions may "
        "not agree. `adtool discover --force` finds them again.",
        source.category.name, then, now,
    )  # fmt: skip
    return then if isinstance(then, float | int) else None


def backbone_name(config: DiscoverConfig, source: MapSource) -> str:
    """The network for the features."""
    return config.backbone or source.note.settings.backbone or DEFAULT_BACKBONE


def replicates(config: DiscoverConfig, source: MapSource) -> bool:
    """Whether methods without training see borders as the maps' network did; another network sees zeros."""
    as_mapped = config.method in ("free", AC) and not config.backbone
    return as_mapped and families.replicates(backbone_name(config, source), source.note.settings.padding)


def image_size(config: DiscoverConfig, source: MapSource) -> int:
    """Side of the network's input."""
    return config.image_size or source.note.settings.image_size or IMAGE_SIZE
