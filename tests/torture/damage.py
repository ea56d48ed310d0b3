"""Damaged files: each must be read, or be an error that names it; never a bug, and never the code of a gate.

`fresh_processes` runs commands on workspaces with one damaged file; `readers` calls the readers themselves, which is
a hundred times as fast.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adtool.core import arrays, faults, files
from adtool.core.dataset import dataset_folder
from adtool.core.errors import EXIT_BUG, AdtoolError
from adtool.core.layout import ClassesFolder, MapsFolder, ModelFolder
from adtool.core.steps import notes
from adtool.inspect import verdict

Rng = np.random.Generator
Strike = Callable[[bytes, Rng], bytes]

NAME, SIDE = "o", 64
LIMIT_S = 300
ADTOOL = (sys.executable, "-m", "adtool")
QUICK = ("--image-size", str(SIDE), "--set", "drawn=1000", "--set", "bank_size=64")
MADE = (
    ("prep", "folder", "--normal", "g", "--test", NAME),
    ("maps", *QUICK),
    ("discover", "--classes", "3"),
    ("inspect", "new"),
    ("report",),
)
TRIED: tuple[Sequence[str], ...] = (
    ("report", "--html"),
    ("maps", *QUICK, "--false-alarms", "0.3"),
    ("discover", "--classes", "3", "--force"),
    ("inspect", "new", "--out", "again"),
    ("inspect", "new", "--json"),
    ("check", "--maps", "maps"),
    ("convert", "--to", "npy"),
)
ENDS = {0, 2, 3, 5, 6}  # what a command may end with
WRONG: tuple[object, ...] = ("abc", "", [1], {"a": 1}, None, True, -1, 1e308, 10**18, [[]], "nan")
CELLS = ("nan", "inf", "-inf", "", "abc", "1e999", "0x1", "9" * 400, "../../x")


def fresh_processes(folder: Path, count: int) -> list[str]:
    """Commands in fresh processes, each on a workspace with one damaged file; descriptions of what went wrong."""
    whole, rng = _workspace(folder / "whole"), np.random.default_rng(0)
    wrong = []
    for number in range(count):
        place = folder / f"damaged{number}"
        shutil.copytree(whole, place)
        said = _strike(_chosen(place, rng), rng)
        words = TRIED[number % len(TRIED)]
        code, output = _run(words, place)
        if code not in ENDS or "Traceback" in output:
            wrong.append(f"adtool {' '.join(words)} ended with {code} ({said}): {output.strip()[-300:]}")
        shutil.rmtree(place)
    return wrong


def readers(folder: Path, count: int) -> list[str]:
    """The readers in this process, each on a damaged file; descriptions of what went wrong."""
    whole, rng = _workspace(folder / "whole"), np.random.default_rng(1)
    wrong = []
    kept = [path for path in sorted(whole.rglob("*")) if path.is_file() and _readers_of(path)]
    for _ in range(count):
        path = kept[int(rng.integers(len(kept)))]
        before = path.read_bytes()
        said = _strike(path, rng)
        for read in _readers_of(path):
            try:
                read(path)
            except AdtoolError:
                continue
            except Exception as error:  # noqa: BLE001, any other error is what is looked for
                if faults.of_machine(error) is None:
                    wrong.append(f"{type(error).__name__} ({said}): {str(error)[:200]}")
        if path.is_dir():
            path.rmdir()
        path.write_bytes(before)
    return wrong


def _readers_of(path: Path) -> list[Callable[[Path], object]]:
    """What reads a file of this name."""
    by_name: dict[str, list[Callable[[Path], object]]] = {
        "_step.json": [lambda p: notes.note_of(p.parent), lambda p: notes.result_of(p.parent)],
        "dataset.json": [lambda p: dataset_folder.read_dataset(p.parent)],
        "model.json": [_read_model],
        "weights.safetensors": [_read_model],
        "model.safetensors": [_read_model],
        "normals.csv": [lambda p: ModelFolder(p.parent).normal_rows()],
        "crops.csv": [lambda p: ClassesFolder(p.parent).crop_rows()],
        "classes.csv": [lambda p: ClassesFolder(p.parent).class_rows()],
        "images.csv": [_read_images],
        "inspect.csv": [lambda p: verdict.tables.read(p, verdict.FORM, "")],
    }
    by_suffix: dict[str, list[Callable[[Path], object]]] = {
        ".tiff": [arrays.read_scores],
        ".png": [arrays.read_image, arrays.image_size],
        ".csv": [files.read_csv],
        ".json": [files.read_json],
    }
    return by_name.get(path.name) or by_suffix.get(path.suffix, [])


def _read_images(path: Path) -> object:
    if (path.parent / "crops.csv").exists():
        return ClassesFolder(path.parent).image_rows()
    return MapsFolder(path.parent.parent).image_rows(path.parent.name)


def _read_model(path: Path) -> object:
    from adtool.core import model_cards
    from adtool.discover import predict

    if (path.parent / "crops.csv").exists():
        return predict.read(ClassesFolder(path.parent))
    return model_cards.read(ModelFolder(path.parent))


def _chosen(place: Path, rng: Rng) -> Path:
    """One of the files, those that hold notes, cards and tables more often than pictures."""
    found = [path for path in sorted(place.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    texts = [path for path in found if path.suffix in (".json", ".csv", ".safetensors")]
    chosen = texts if rng.random() < 0.7 else found
    return chosen[int(rng.integers(len(chosen)))]


def _strike(path: Path, rng: Rng) -> str:
    """Damage a file in place; what was done."""
    strikes: list[Strike] = [_cut, _flip, _empty, _zeros]
    strikes += {".json": [_deep, _long, _field, _field, _field, _list], ".csv": [_cell, _cell, _row, _column]}.get(
        path.suffix, []
    )
    strike = strikes[int(rng.integers(len(strikes)))]
    data = strike(path.read_bytes(), rng)
    path.unlink()  # it may be a hard link to someone's picture
    if rng.random() < 0.02:
        path.mkdir()
        return f"{path.name}: a folder"
    path.write_bytes(data)
    return f"{path.parent.name}/{path.name}: {strike.__name__.strip('_')}"


def _cut(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(max(1, len(data))))]


def _flip(data: bytes, rng: Rng) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        if changed:
            changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
    return bytes(changed)


def _empty(data: bytes, rng: Rng) -> bytes:
    return b""


def _zeros(data: bytes, rng: Rng) -> bytes:
    return bytes(len(data))


def _deep(data: bytes, rng: Rng) -> bytes:
    return b"[" * 200_000


def _long(data: bytes, rng: Rng) -> bytes:
    return b'{"state": ' + b"9" * 6000 + b"}"


def _list(data: bytes, rng: Rng) -> bytes:
    return b"[" + data + b"]"


def _field(data: bytes, rng: Rng) -> bytes:
    """A field of another kind, or none, somewhere in a JSON document."""
    try:
        document = json.loads(data)
    except ValueError:
        return data
    parts: list[Any] = [document]
    holder: Any = document
    while parts:
        holder = parts[int(rng.integers(len(parts)))]
        parts = [one for one in _items(holder) if isinstance(one, dict | list) and one]
        if rng.random() < 0.5:
            break
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if keys:
        key = keys[int(rng.integers(len(keys)))]
        if isinstance(holder, dict) and rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = WRONG[int(rng.integers(len(WRONG)))]
    return json.dumps(document).encode()


def _items(holder: Any) -> list[Any]:
    return list(holder.values()) if isinstance(holder, dict) else list(holder)


def _cell(data: bytes, rng: Rng) -> bytes:
    lines = [line.split(",") for line in data.decode(errors="replace").splitlines()]
    if len(lines) > 1:
        line = lines[int(rng.integers(1, len(lines)))]
        line[int(rng.integers(len(line)))] = CELLS[int(rng.integers(len(CELLS)))]
    return "\n".join(",".join(line) for line in lines).encode() + b"\n"


def _row(data: bytes, rng: Rng) -> bytes:
    """A line twice, or one that ends early."""
    lines = data.splitlines(keepends=True)
    if lines:
        place = int(rng.integers(len(lines)))
        changed = lines[place] * 2 if rng.random() < 0.5 else lines[place].rpartition(b",")[0] + b"\n"
        lines[place] = changed
    return b"".join(lines)


def _column(data: bytes, rng: Rng) -> bytes:
    """Another name of a column, or the name of its neighbour."""
    head, _, rest = data.partition(b"\n")
    names = head.split(b",")
    names[int(rng.integers(len(names)))] = names[0] if rng.random() < 0.5 else b"other"
    return b",".join(names) + b"\n" + rest


def _workspace(place: Path) -> Path:
    """A small finished workspace, made once."""
    if (place / "report").exists():
        return place
    rng = np.random.default_rng(5)
    for name, count in (("g", 8), (f"{NAME}/good", 3), (f"{NAME}/hole", 5), (f"{NAME}/line", 5), ("new", 3)):
        for number in range(count):
            image = rng.normal(128, 8, (SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
            if "hole" in name:
                image[20:30, 20 + number : 30 + number] = 10
            if "line" in name:
                image[10 + number : 13 + number] = 250
            arrays.write_png(place / name / f"{number}.png", image)
    for words in MADE:
        code, output = _run(words, place)
        if code:
            raise RuntimeError(f"adtool {' '.join(words)} ended with {code}: {output}")
    return place


def _run(words: Sequence[str], place: Path) -> tuple[int, str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(
            (*ADTOOL, *words, "--quiet"), cwd=place, capture_output=True, text=True, timeout=LIMIT_S, check=False,
            env=environment, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return EXIT_BUG, f"it did not end within {LIMIT_S} s"
    return ended.returncode, ended.stdout + ended.stderr
