"""List the plug-ins (detectors, data sets, metrics, formats) and a detector's settings."""

import importlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from adtool.cli.options import settings
from adtool.core.config import Config
from adtool.core.errors import UsageError
from adtool.core.steps.step_run import Outcome

GROUPS = {
    "detectors": "detectors",
    "datasets": "prep.datasets",
    "metrics": "report.metrics",
    "formats": "convert.formats",
}
TEMPLATE = "_template.py"
METRICS = "metrics"  # whose own names are those of reports and gates
OF_STEPS = {  # where a step's own settings of `--set` stand, and their presets
    "refine": ("adtool.refine.config", "FilterSettings", "adtool.refine.presets"),
    "refine-free": ("adtool.refine.config", "FreeSettings", ""),
    "discover": ("adtool.discover.config", "TrainSettings", "adtool.discover.presets"),
    "discover-ac": ("adtool.discover.config", "AcSettings", ""),
}


class ListPluginsConfig(Config):
    """What to list."""

    group: str | None = Field(
        None,
        description=f"One of {', '.join(GROUPS)}; all if left out. Or {' '.join(OF_STEPS)}, for its settings.",
        json_schema_extra={"cli": "argument"},
    )
    name: str | None = Field(
        None, description="A detector, to see its settings.", json_schema_extra={"cli": "argument"}
    )
    template: bool = Field(
        False,
        description="Print a detector in one file that works as it stands: adtool list detectors --template > mine.py, "
        "then adtool maps --plugin mine.py --detector mine.",
    )


@settings(ListPluginsConfig)
def command(config: ListPluginsConfig) -> Outcome:
    """List the plug-ins; `adtool list detectors NAME` or `adtool list refine` shows the settings that `--set` takes."""
    from adtool.core import plugins

    if config.group is not None and config.group not in (*GROUPS, *OF_STEPS):
        raise UsageError(f"There is no group '{config.group}'. There are: {', '.join((*GROUPS, *OF_STEPS))}.")
    outcome = Outcome("list", Path.cwd())
    if config.template:
        if config.group not in (None, "detectors") or config.name is not None:
            raise UsageError("--template prints a detector: adtool list detectors --template.")
        outcome.text = (plugins.folder("detectors") / TEMPLATE).read_text(encoding="utf-8")
        return outcome
    if config.group in OF_STEPS:
        module, name, presets = OF_STEPS[config.group]
        owner, of_presets = importlib.import_module(module), importlib.import_module(presets or module)
        known, options = getattr(of_presets, "PRESETS", {}), getattr(of_presets, "OPTIONS", {})
        outcome.rows, outcome.notes = _settings_of(getattr(owner, name), known if presets else {})
        outcome.notes += [
            f"preset={preset} also: " + " ".join(f"--{key.replace('_', '-')} {value}" for key, value in values.items())
            for preset, values in options.items()
        ]
        differences = getattr(of_presets, "DIFFERENCES", {}) if presets else {}
        outcome.notes += [f"not as in the paper: {key}: {why}" for key, why in differences.items()]
        return outcome
    if config.name is not None:
        if config.group != "detectors":
            raise UsageError("Only detectors have settings: adtool list detectors NAME.")
        outcome.rows, outcome.notes = _settings(config.name)
        return outcome
    for title, group in GROUPS.items():
        if config.group in (None, title):
            for name in plugins.names(group):
                called = plugins.called(group, name) if title == METRICS else name
                outcome.rows.append({"group": title, "name": called, "what it is": plugins.about(group, name)})
    return outcome


def _settings(name: str) -> tuple[list[dict[str, object]], list[str]]:
    from adtool.detection.contract import load_plugin

    detector = load_plugin(name)
    rows, notes = _settings_of(detector.Settings, detector.PRESETS)
    for quality, each in getattr(detector, "QUALITIES", {}).items():
        notes += [f"--quality {quality}: " + " ".join(one.words()) for one in each]
    return rows, notes


def _settings_of(
    kind: type[Config], presets: Mapping[str, Mapping[str, object]]
) -> tuple[list[dict[str, object]], list[str]]:
    rows: list[dict[str, object]] = [
        {"setting": key, "default": str(field.default), "what it does": field.description or ""}
        for key, field in kind.model_fields.items()
    ]
    notes = [
        f"preset={preset}: " + " ".join(f"{key}={value}" for key, value in values.items())
        for preset, values in presets.items()
    ]
    return rows, notes
