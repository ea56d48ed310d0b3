"""What was asked of `refine`, made whole: the preset that fits the maps, and what goes with it unless it is given."""

import logging
from collections.abc import Mapping, Sequence

from adtool.core import config as settings_of
from adtool.core.config import PRESET
from adtool.core.errors import UsageError
from adtool.core.map_source import MapSource
from adtool.refine import presets
from adtool.refine.blending import BlendRule
from adtool.refine.config import FilterSettings, RefineConfig
from adtool.refine.feature_store import Extractor
from adtool_runtime.refining.mixing import Finish

USUAL: Mapping[str, object] = {"keep": "auto", "image_score": "given"}
OF_MIXTURE = ("weight", "blur_given", "blur_mixed", "top")

log = logging.getLogger("adtool")


def preset(config: RefineConfig, sources: Mapping[str, MapSource]) -> str:
    """The preset that is asked for, `paper` as the variant that fits the maps; empty if none is.

    Raises:
        UsageError: there is none of that name, or the categories' maps came from different detectors.
    """
    named = config.named_preset()
    if named != presets.PAPER:
        return named
    fitting = {name: _fitting(source) for name, source in sources.items()}
    if len(set(fitting.values())) > 1:
        which = ", ".join(f"{name}: {variant}" for name, variant in fitting.items())
        raise UsageError(f"The categories' maps have different variants ({which}). Name one, or refine by --category.")
    found = next(iter(fitting.values()))
    log.info("preset=paper: %s, by the detector of the maps.", found)
    return found


def _fitting(source: MapSource) -> str:
    if source.maps.reconstructions(source.category.name).is_dir():
        return presets.GLAD
    return presets.fitting(source.note.all_settings)


def with_usual(config: RefineConfig, preset: str = "") -> RefineConfig:
    """The options, with those of the preset and else the usual ones where nothing was given."""
    wanted = {**USUAL, **presets.OPTIONS.get(preset, {})}
    return config.model_copy(update={name: value for name, value in wanted.items() if getattr(config, name) is None})


def filter_settings(given: Sequence[str], preset: str = "") -> FilterSettings:
    """Settings of the filter: defaults, then the preset's, then those given with `--set`.

    Raises:
        UsageError: no such preset or setting, or a value that does not fit.
    """
    values = settings_of.pairs(given) | ({PRESET: preset} if preset else {})
    return settings_of.with_preset(FilterSettings, presets.PRESETS, values, owner="refine")


def rule(config: RefineConfig, settings: FilterSettings | None = None) -> BlendRule:
    """What decides between the given and the refined maps; without settings of a filter, for maps that need none."""
    kept, image_score = str(config.keep), str(config.image_score)
    if settings is None:
        return BlendRule(kept, image_score, config.seed)
    finish = Finish(settings.blur_given, settings.blur_mixed, settings.top)
    return BlendRule(kept, image_score, config.seed, settings.weight, finish)


def mixed(settings: FilterSettings) -> dict[str, object]:
    """What is noted of the mixture, where it is not decided on painted defects alone."""
    return {name: value for name in OF_MIXTURE if (value := getattr(settings, name))}


def require_reconstructions(settings: FilterSettings, preset: str, eyes: Mapping[str, Extractor]) -> None:
    """Refuse what needs each image's reconstruction where there is none.

    Raises:
        UsageError: the maps of a category came from a detector that rebuilds nothing, or whose model is gone.
    """
    needs = [f"guide={settings.guide}"] if settings.guide == "reconstruction" else []
    needs += [f"initial={settings.initial}"] if settings.initial == "same" else []
    lacking = [name for name, eye in eyes.items() if eye.rebuilder is None]
    if needs and lacking:
        owner = presets.REBUILDING.get(preset, "dinomaly or hvqtrans")
        what = " and ".join(needs) + (f" of preset={preset}" if preset else "")
        raise UsageError(
            f"{what} needs a reconstruction of each image, and {lacking[0]} has none: its maps must come from {owner}, "
            "with its model in --models and without --backbone."
        )
