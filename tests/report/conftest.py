"""A finished workspace as `maps` and `discover` leave it, made without either."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from adtool.core import arrays, files, layout
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category, Sample
from adtool.core.layout import ClassesFolder, MapsFolder

# What a file system allows: quotes, markup, an entity, other scripts, a comma.
AWKWARD = "a \"b\" <img src=x onerror=alert(1)> &amp; 'c', größe ☃"
LIMIT = 5.0
SIZE, PLACE = (40, 56), np.s_[5:12, 5:12]  # of the images, (height, width), and where their defects are
# One good part is above the limit and one defect is below it; the awkward one is the most doubtful.
SCORES = {
    "test/good/000": 1.0,
    "test/good/001": 2.0,
    f"test/good/{AWKWARD}": 5.25,
    "test/hole/000": 9.0,
    "test/hole/001": 3.0,
    "test/scratch/000": 8.0,
    "test/scratch/001": 7.0,
}
CLASSES = {
    "test/good/000": "normal",
    "test/good/001": "normal",
    f"test/good/{AWKWARD}": "c1",
    "test/hole/000": "c1",
    "test/hole/001": "c1",
    "test/scratch/000": "c2",
    "test/scratch/001": "c3",
}

HALVES = {f"test/good/{AWKWARD}": "2", "test/hole/000": "1", "test/hole/001": "1"}  # of c1, which may be two


@pytest.fixture(scope="session")
def finished():
    """`make()` fills the current folder with a data set, maps/ and classes/; the constants are beside it."""
    return SimpleNamespace(make=_make, awkward=AWKWARD, limit=LIMIT, scores=SCORES, classes=CLASSES)


def _make(*categories: str, flat: bool = False, limit: float | None = LIMIT) -> None:
    data = Path("flat") if flat else Path("data/parts") if categories else Path("data/part")
    for root in [data / name for name in categories] or [data]:
        _images(root, flat=flat)
    for category in read_dataset(data).categories.values():
        _maps(category, data, limit)
        if not flat:
            _classes(category, data)


def _images(data: Path, *, flat: bool) -> None:
    rng = np.random.default_rng(0)
    for number in range(0 if flat else 6):
        _image(rng, data / f"train/good/{number:03}.png")
    for key in SCORES:
        _image(rng, data / f"{key.replace('/', ' ') if flat else key}.png")
        if "good" not in key and not flat:
            mask = np.zeros(SIZE, bool)
            mask[PLACE] = True
            arrays.write_mask(data / f"{key.replace('test', 'ground_truth')}_mask.png", mask)


def _image(rng: np.random.Generator, path: Path) -> None:
    arrays.write_png(path, np.repeat(rng.integers(90, 140, (*SIZE, 1), np.uint8), 3, axis=2))


def _note(out: Path, category: Category, data: Path, result: Mapping[str, object], **more: object) -> None:
    identity = {"command": out.name, "settings": {"detector": "any"}, "seed": 0}
    note = {**identity, "inputs": {"images": category.fingerprint()}, "state": "done", "result": dict(result)}
    files.write_json(out / category.name / layout.STEP_FILE, note)
    summary = {"command": out.name, "categories": {category.name: "done"}, "data": data.as_posix(), **more}
    files.write_json(out / layout.STEP_FILE, summary)


def _maps(category: Category, data: Path, limit: float | None) -> None:
    folder = MapsFolder(Path(layout.MAPS))
    rows = []
    for number, sample in enumerate(category.test):
        score = SCORES.get(sample.id, float(number))
        scores = np.full(SIZE, score / 2, np.float32)
        scores[PLACE] = score
        arrays.write_scores(folder.scores(category.name, sample.id), scores, score)
        rows.append({"id": sample.id, "kind": sample.kind, "image_score": score, "decision": ""})
    files.write_csv(folder.images(category.name), layout.IMAGES_COLUMNS, rows)
    normals = [] if limit is None else [1.0, 2.0, 3.0, limit, 6.0]
    table = [{"id": s.id, "image_score": v} for s, v in zip(category.train, normals, strict=False)]
    files.write_csv(Path("models/any") / category.name / "normals.csv", layout.NORMALS_COLUMNS, table)
    result = {"threshold": limit, "normal_scores": normals, "false_alarms": 0.2, "image_score_rule": "as given"}
    _note(folder.path, category, data, result, models="models")


def _classes(category: Category, data: Path) -> None:
    folder = ClassesFolder(Path(layout.CLASSES) / category.name)
    samples = {sample.id: sample for sample in category.test}
    crops = [_crop(folder, samples[key], name) for key, name in CLASSES.items() if name != layout.NORMAL_CLASS]
    files.write_csv(folder.crops, layout.CROPS_COLUMNS, crops)
    images = [
        {"id": key, "kind": samples[key].kind, "class": name, "confidence": 0.5, "half": HALVES.get(key, "")}
        for key, name in CLASSES.items()
    ]
    files.write_csv(folder.images, layout.CLASS_IMAGES_COLUMNS, images)
    names = ("normal", "c1", "c2", "c3")
    rows = [{"class": name, "images": list(CLASSES.values()).count(name), "example_id": ""} for name in names]
    rows[1]["example_id"] = f"test/good/{AWKWARD}"
    files.write_csv(folder.classes, layout.CLASSES_COLUMNS, rows)
    count = {"count": 3, "low": 2, "high": 4, "shares": {"2": 0.2, "3": 0.7, "4": 0.1, "5": 0.0}}
    files.write_json(folder.card, {"auto": count, "doubts": {"merge": ["c3", "c2"], "split": "c1"}})
    _note(Path(layout.CLASSES), category, data, {})


def _crop(folder: ClassesFolder, sample: Sample, name: str) -> dict[str, object]:
    path = folder.crop(sample.id, 0)
    arrays.write_png(path, arrays.read_image(sample.image)[:16, :16])
    file = path.relative_to(folder.path).as_posix()
    place = {"id": sample.id, "crop": 0, "file": file, "x": 0, "y": 0, "side": 16}
    return {**place, "area_px": 49, "score": 1.0, "class": name, "confidence": 0.5}
