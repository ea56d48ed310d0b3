"""A workspace with tiny pictures, and what must be true of it: the same bytes, and nothing left over."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from adtool.core import files
from tests.torture.process import scratch_of

TIMES = {"noted", "seconds", "images_per_second", "speed"}  # keys of notes that are never the same
KINDS = {"good": 4, "hole": 4, "line": 4}

Snapshot = Mapping[str, bytes]


def make(workspace: Path) -> Path:
    """Pictures: g/ of good parts, o/<kind>/ to test, new/ for tomorrow."""
    from PIL import Image

    rng = np.random.default_rng(1)
    for folder, count in {"g": 9, **{f"o/{kind}": n for kind, n in KINDS.items()}, "new": 4}.items():
        (workspace / folder).mkdir(parents=True)
        for number in range(count):
            pixels = rng.normal(128, 8, (48, 48, 3)).clip(0, 255).astype(np.uint8)
            y, x = rng.integers(6, 32, 2)
            if folder.endswith("hole") or (folder == "new" and number % 2):
                pixels[y : y + 10, x : x + 10] = 10
            if folder.endswith("line"):
                pixels[y : y + 3] = 250
            Image.fromarray(pixels).save(workspace / folder / f"{folder.replace('/', '_')}{number}.png")
    return workspace


def copy(source: Path, target: Path) -> Path:
    """The same workspace at another place, without anything of the last one there."""
    for path in (target, scratch_of(target)):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
    return target


def snapshot(workspace: Path) -> dict[str, bytes]:
    """Every file, hidden ones too, with the times of notes and the workspace's own place left out."""
    return {
        path.relative_to(workspace).as_posix(): _plain(path, workspace)
        for path in sorted(workspace.rglob("*"))
        if path.is_file()
    }


def _plain(path: Path, workspace: Path) -> bytes:
    data = path.read_bytes().replace(str(workspace).encode(), b"WORKSPACE")
    # What a kill left under a temporary name is half by right, and may not be there at the end: see `differences`.
    if path.suffix == ".json" and not files.is_temporary(path.name):
        try:
            document = json.loads(data)
        except ValueError as error:
            raise ValueError(f"{path.relative_to(workspace)}: {error}") from None
        return json.dumps(_without_times(document), sort_keys=True).encode()
    if path.name == "curves.csv":
        return re.sub(rb",[0-9.]+$", b"", data, flags=re.MULTILINE)  # the last column is `seconds`
    return data


def _without_times(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def differences(found: Snapshot, wanted: Snapshot) -> list[str]:
    """What is lost, left over, or other than it should be."""
    lost = [f"lost: {name}" for name in wanted if name not in found]
    left = [f"left over: {name}" for name in found if name not in wanted]
    other = [f"differs: {name}" for name in wanted if name in found and found[name] != wanted[name]]
    return lost + left + other


def half_files(found: Snapshot, before: Snapshot, after: Snapshot) -> list[str]:
    """Files under their own name that are neither as before nor as after the run that was killed, but for notes."""
    return [
        f"half: {name}"
        for name, data in found.items()
        if name in {*before, *after}
        and not name.endswith("_step.json")
        and data not in (before.get(name), after.get(name))
        and not (name.endswith("dataset.json") and _is_beginning(data, after.get(name)))
    ]


def _is_beginning(data: bytes, whole: bytes | None) -> bool:
    """Whether a card says part of what the finished one says: `prep` writes it before it counts what it then reads."""
    card, finished = json.loads(data), json.loads(whole or b"{}")
    return set(card) < set(finished) and all(finished[key] == value for key, value in card.items())


def leftovers(workspace: Path) -> list[str]:
    """Temporary files and folders outside the workspace."""
    scratch = scratch_of(workspace)
    return [f"left over in the system's temporary folder: {path.name}" for path in sorted(scratch.iterdir())]
