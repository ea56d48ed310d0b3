"""What decides the result of a step, by which a later run knows whether what is there is the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adtool.core import layout
from adtool.core.steps.note_form import DAMAGED, StepNote

SEPARATOR = "-"  # of the two parts of a fingerprint


def as_noted(value: object) -> object:
    """A value as it looks after a trip through JSON."""
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Mapping):
        return {str(key): as_noted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_noted(item) for item in value]
    return value


@dataclass(frozen=True)
class Identity:
    """What decides a category's result.

    Attributes:
        command: that makes it.
        settings: that change it.
        seed: of everything random.
        inputs: fingerprints of what it is made from, by name.
        defaults: what settings were before there was a choice, as a rule their defaults (`config.defaults`): a note of
            an older adtool does not name settings that came later, and was not made otherwise for that.
    """

    command: str
    settings: Mapping[str, object]
    seed: int
    inputs: Mapping[str, str]
    defaults: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The four parts as a JSON object."""
        return {
            "command": self.command,
            "settings": as_noted(self.settings),
            "seed": self.seed,
            "inputs": dict(self.inputs),
        }

    def differences(self, note: StepNote) -> list[str]:
        """What differs from a noted identity: settings as `name: then -> now`, inputs by their names alone."""
        if note.state == DAMAGED:
            return [f"its {layout.STEP_FILE} is damaged"]
        then = note.identity()
        found = changed(note.all_settings, self.as_json()["settings"], self.defaults)
        found += [f"changed: {name}" for name in _changed_inputs(note.inputs, self.inputs)]
        if then["command"] != self.command:
            found.append(f"command: {then['command']!r} -> {self.command!r}")
        if then["seed"] != self.seed:
            found.append(f"seed: {then['seed']} -> {self.seed}")
        return found

    def upgraded(self, note: StepNote) -> dict[str, Any] | None:
        """A note that differs in nothing with fingerprints of whole files; None if it has them."""
        inputs = dict(self.inputs)
        return None if note.inputs == inputs else {**note.document, "inputs": inputs}


# What is decided by another setting: where that one differs, it is the cause, and these need no line.
FOLLOWERS = {"backbone": frozenset({"backbone_weights", "layers"})}
NOT_THE_DETECTORS = frozenset({"backbone", "max_images", "keep", "judged", "filter", "image_score"})

RENAMED = {"limit": "max_images"}  # settings by the names that earlier versions noted


def changed(then: Mapping[str, Any], now: Mapping[str, Any], defaults: Mapping[str, object]) -> list[str]:
    """Settings as `name: then -> now`, their causes first and alone: `another detector: patchcore -> musc`.

    One that is named on one side only has its default on the other.
    """
    unequal = _unequal(then, now, defaults)
    causes = [name for name in ("detector", *FOLLOWERS) if name in unequal]
    follow = {one for cause in causes for one in FOLLOWERS.get(cause, ())}
    if "detector" in causes:
        follow |= {*unequal} - NOT_THE_DETECTORS
    rest = [name for name in unequal if name not in (*causes, *follow)]
    found = [f"another {name}: {unequal[name][0]} -> {unequal[name][1]}" for name in causes]
    return found + [f"{name}: {unequal[name][0]!r} -> {unequal[name][1]!r}" for name in rest]


def _unequal(
    then: Mapping[str, Any], now: Mapping[str, Any], defaults: Mapping[str, object]
) -> dict[str, tuple[Any, Any]]:
    """What differs, (then, now) by name; of settings within settings as `outer.inner`."""
    found: dict[str, tuple[Any, Any]] = {}
    then = {RENAMED.get(name, name): value for name, value in then.items()}
    for name in sorted({*then, *now}):
        default = as_noted(defaults.get(name))
        before, after = then.get(name, default), now.get(name, default)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            inner = _unequal(before, after, default if isinstance(default, dict) else {})
            found |= {f"{name}.{each}": pair for each, pair in inner.items()}
        elif before != after:
            found[name] = (before, after)
    return found


def is_same(one: object, other: object) -> bool:
    """Whether two fingerprints are of the same files.

    Those of adtool 0.1.0 saw the first 64 KiB of each file, and are the first part of today's; beside one of them only
    that part is compared.
    """
    if not (isinstance(one, str) and isinstance(other, str)):
        return one == other
    if SEPARATOR in one and SEPARATOR in other:
        return one.partition(SEPARATOR)[2] == other.partition(SEPARATOR)[2]
    return one.partition(SEPARATOR)[0] == other.partition(SEPARATOR)[0]


def same_origin(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two identities, as they are noted, are the same."""
    plain = all(one.get(name) == other.get(name) for name in ("command", "settings", "seed"))
    return plain and not _changed_inputs(_mapping(one, "inputs"), _mapping(other, "inputs"))


def _changed_inputs(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in sorted({*then, *now}) if not is_same(then.get(name), now.get(name))]


def _mapping(note: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = note.get(name)
    return value if isinstance(value, Mapping) else {}
