"""AnomalyNCD's tree of crops: `<category>/{images,masks}/<kind>/<image>_crop<k>.png`, `scores_json/<category>.json`.

AnomalyNCD's run begins by making crops of its own; to train on these, start it after that point.
"""

import io
from pathlib import Path

from PIL import Image

from adtool.convert.trees import Written, tail
from adtool.core import arrays, files, layout, progress
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import BadDataError
from adtool.core.layout import ClassesFolder

SOURCE = layout.CLASSES
MARK = "_crop"  # AnomalyNCD cuts a crop's name here to know its image


def write(source: Path, category: Category, out: Path) -> Written:
    """Write the crops of a category, their masks (1-bit) and their scores.

    Raises:
        MissingInputError: there are no finished classes.
        BadDataError: the crops are of other images, or two images get the same name.
    """
    folder = ClassesFolder(source / category.name)
    known = {one.id: one for one in category.test}
    scores: dict[str, dict[str, float]] = {}
    images: dict[tuple[str, str], str] = {}
    rows = folder.crop_rows()
    for row in progress.track(rows, f"crops of {category.name}", len(rows)):
        if row["id"] not in known:
            raise BadDataError(
                f"{folder.crops} names '{row['id']}', which {category.path} lacks. Give the right --data."
            )
        kind, stem = _place(known[row["id"]])
        other = images.setdefault((kind, stem), row["id"])
        if other != row["id"]:
            raise BadDataError(f"'{other}' and '{row['id']}' would both be called {kind}/{stem}. Rename one of them.")
        index = int(row["crop"])
        name = f"{stem}{MARK}{index}.png"
        files.link_or_copy(folder.crop(row["id"], index), out / category.name / "images" / kind / name)
        _write_mask(folder.crop_mask(row["id"], index), out / category.name / "masks" / kind / name)
        # AnomalyNCD's scores end at 1; ours come from a bicubic resize, which overshoots by a little.
        scores.setdefault(kind, {})[name] = min(max(float(row["score"]), 0.0), 1.0)
    files.write_json(out / "scores_json" / f"{category.name}.json", scores)
    marked = sorted(stem for _, stem in images if MARK in stem)
    notes = [f"{category.name}: AnomalyNCD would cut the name '{marked[0]}' at '{MARK}'. Rename it."] if marked else []
    return Written(len(rows), {"images": len(images)}, notes)


def _place(sample: Sample) -> tuple[str, str]:
    """(kind, name) of an image; folders below the kind become part of the name, as the tree has no such level."""
    kind, _, rest = tail(sample).partition("/")
    return kind, rest.replace("/", "_")


def _write_mask(source: Path, target: Path) -> None:
    data = io.BytesIO()
    Image.fromarray(arrays.read_mask(source, limited=False)).save(data, "PNG")
    files.write_bytes(target, data.getvalue())
