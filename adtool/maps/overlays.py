"""maps --overlays: pictures beside their maps, with boxes of what is above the limit in force."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from adtool.core import arrays, colours, files, layout, overlays
from adtool.core.dataset.types import Category, Sample
from adtool.core.layout import MapsFolder
from adtool.core.limits import limit_file
from adtool.core.outcome import Outcome
from adtool.core.overlays import Told
from adtool.core.overlays_folder import BOXES_COLUMNS
from adtool.core.steps import locks, notes
from adtool.core.words import counted
from adtool_runtime import drawing
from adtool_runtime.boxes import Box


def forget(maps: MapsFolder, category: str) -> None:
    """Remove the overlays of maps that are made again."""
    shutil.rmtree(maps.overlays(category).path, ignore_errors=True)


def write(out: Path, categories: Sequence[Category], outcome: Outcome) -> None:
    """Draw the overlays of all categories whose maps are done, and say where they are."""
    boxes: dict[str, list[dict[str, object]]] = {}
    with locks.writing(out):
        for category in categories:
            if notes.is_done(out / category.name):
                boxes[category.name] = _write(MapsFolder(out), category)
                place = MapsFolder(out).overlays(category.name).boxes
                outcome.notes.append(
                    f"{category.name}: {counted(len(boxes[category.name]), 'box')} in {place}, the pictures beside it."
                )
    outcome.beside |= {"boxes": boxes}


def _write(maps: MapsFolder, category: Category) -> list[dict[str, object]]:
    """The rows of the table of boxes."""
    folder = maps.path / category.name
    limit = limit_file.read(folder)
    same_unit = notes.result_of(folder).same_unit
    scale = colours.of_category(maps, category.name)
    forget(maps, category.name)
    place = maps.overlays(category.name)
    rows = {row["id"]: row for row in maps.image_rows(category.name)}
    samples = [one for one in category.test if one.id in rows]

    def draw(one: Sample) -> tuple[bytes, tuple[Box, ...]]:
        row = rows[one.id]
        picture = arrays.read_image(one.image, one.reading)
        scores = arrays.read_scores(maps.scores(one.category, one.id)).scores
        text = drawing.caption(float(row["image_score"]), row["decision"], limit.value)
        told = Told(text, row["decision"] == layout.NOT_OK)
        return overlays.drawn(picture, scores, told, scale, limit.value if same_unit else None)

    boxes = overlays.write(place, samples, draw, f"overlays {category.name}")
    found: list[dict[str, object]] = [{"id": key, **box.as_dict()} for key, each in boxes.items() for box in each]
    files.write_csv(place.boxes, BOXES_COLUMNS, found)
    return found
