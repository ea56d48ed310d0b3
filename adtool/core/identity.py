"""What decides the result of a step, by which a later run knows whether what is there is the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adtool.core import layout

DAMAGED = "damaged"  # state of a note that can't be read


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
    """What decides a category's result."""

    command: str
    settings: Mapping[str, object]
    seed: int
    inputs: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """The four parts as a JSON object."""
        return {
            "command": self.command,
            "settings": as_noted(self.settings),
            "seed": self.seed,
            "inputs": dict(self.inputs),
        }

    def differences(self, note: Mapping[str, Any]) -> list[str]:
        """What differs from a noted identity: settings as `name: then -> now`, inputs by their names alone."""
        if note.get("state") == DAMAGED:
            return [f"its {layout.STEP_FILE} is damaged"]
        mine = self.as_json()
        then, now = note.get("settings") or {}, mine["settings"]
        found = _changed_settings(then, now)
        found += [f"changed: {name}" for name in _unequal(note.get("inputs") or {}, mine["inputs"])]
        if note.get("command") != self.command:
            found.append(f"command: {note.get('command')!r} -> {self.command!r}")
        if note.get("seed") != self.seed:
            found.append(f"seed: {note.get('seed')} -> {self.seed}")
        return found


# What is decided by another setting: where that one differs, it is the cause, and these need no line.
FOLLOWERS = {"backbone": frozenset({"backbone_weights", "layers"})}
NOT_THE_DETECTORS = frozenset({"backbone", "limit", "keep", "judged", "filter", "image_score"})


def _changed_settings(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Settings as `name: then -> now`, their causes first and alone: `another detector: patchcore -> musc`."""
    unequal = _unequal(then, now)
    causes = [name for name in ("detector", *FOLLOWERS) if name in unequal]
    follow = {one for cause in causes for one in FOLLOWERS.get(cause, ())}
    if "detector" in causes:
        follow |= {*unequal} - NOT_THE_DETECTORS
    rest = [name for name in unequal if name not in (*causes, *follow)]
    found = [f"another {name}: {then.get(name)} -> {now.get(name)}" for name in causes]
    return found + [f"{name}: {then.get(name)!r} -> {now.get(name)!r}" for name in rest]


def _unequal(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
