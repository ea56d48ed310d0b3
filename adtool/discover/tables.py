"""The tables and the model that `discover` leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from safetensors import numpy as safetensors

from adtool.core import files, json_files, layout
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError
from adtool.core.layout import ClassesFolder
from adtool.discover.assign import AUTO, Assigned, DiscoveredClasses
from adtool.discover.free.doubts import Doubts
from adtool.discover.regions import CropRow, RegionRow


@dataclass(frozen=True)
class Discovery:
    """What was discovered in a category."""

    samples: list[Sample]
    crops: list[CropRow]
    regions: list[RegionRow]
    classes: DiscoveredClasses
    of_images: Assigned
    of_crops: Assigned
    descriptions: Mapping[int, str] = field(default_factory=dict)  # what defects look like, by the label of their class
    doubts: Doubts | None = None  # of the images' classes


def write(folder: ClassesFolder, result: Discovery) -> None:
    """Write crops.csv, regions.csv, images.csv and classes.csv."""
    names = result.classes.names
    crops = zip(result.crops, *_named(result.of_crops, names), strict=True)
    files.write_csv(
        folder.crops,
        layout.CROPS_COLUMNS,
        ({**asdict(row), "class": name, "confidence": confidence} for row, name, confidence in crops),
    )
    files.write_csv(folder.regions, layout.REGIONS_COLUMNS, (asdict(row) for row in result.regions))
    images = zip(result.samples, *_named(result.of_images, names), _halves(result), _sets(result), strict=True)
    files.write_csv(
        folder.images,
        layout.CLASS_IMAGES_COLUMNS,
        (dict(zip(layout.CLASS_IMAGES_COLUMNS, (s.id, s.kind, *of), strict=True)) for s, *of in images),
    )
    rows = [_class_row(result, label) for label in _order(names)]
    if not _is_edited(folder, rows):
        files.write_csv(folder.classes, layout.CLASSES_COLUMNS, rows)


def _is_edited(folder: ClassesFolder, rows: Sequence[Mapping[str, object]]) -> bool:
    """Whether a person has written into the table of the same classes, which is then kept."""
    try:
        there = files.read_csv(folder.classes) if folder.classes.exists() else []
    except BadDataError:
        return False
    return bool(there) and [(row.get("class"), row.get("example_id")) for row in there] == [
        (row["class"], row["example_id"]) for row in rows
    ]


def write_model(folder: ClassesFolder, classes: DiscoveredClasses, card: Mapping[str, object]) -> None:
    """Write what assigns new images to the classes: model.safetensors and, with the card, model.json."""
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in classes.tensors.items()}
    files.write_bytes(folder.model, safetensors.save(contiguous))
    files.write_json(folder.card, json_files.numbered({"classes": classes.names, **card, **classes.card}))


def summary(result: Discovery, called: Mapping[str, str]) -> dict[str, object]:
    """One line for the terminal: how many images each class has, and what a person called some."""
    names = result.classes.names
    counts = np.bincount(result.of_images.labels, minlength=len(names))
    words = {label: f" ({said})" for label, said in result.descriptions.items() if said}
    sizes = ", ".join(
        f"{called.get(names[label], names[label])} {counts[label]}{words.get(label, '')}" for label in _order(names)
    )
    return {"images": len(result.samples), "classes": len(names), "sizes": sizes}


def _sets(result: Discovery) -> list[str]:
    """All classes that each image shows: its own, and those of its further spots, or of its crops that differ.

    A normal image shows none beside that.
    """
    further: dict[int, list[int]] = {place: list(labels) for place, labels in result.classes.beside.items()}
    if not result.classes.beside:
        index = {sample.id: place for place, sample in enumerate(result.samples)}
        for row, label in zip(result.crops, result.of_crops.labels.tolist(), strict=True):
            further.setdefault(index[row.id], []).append(label)
    names = result.classes.names
    found: list[str] = []
    for place, own in enumerate(result.of_images.labels.tolist()):
        others = [names[label] for label in further.get(place, []) if names[own] != layout.NORMAL_CLASS]
        found.append(layout.SEVERAL.join(dict.fromkeys([names[own], *(n for n in others if n != layout.NORMAL_CLASS)])))
    return found


def count_text(rule: str, classes: DiscoveredClasses) -> str:
    """Where the number of classes is from: the rule, and of an estimate what else it could be and how stable it is."""
    estimate = classes.card.get(AUTO)
    if not isinstance(estimate, dict) or estimate["runner_up"] == estimate["count"]:
        return rule
    low, high, likely = (1 + estimate[name] for name in ("low", "high", "count"))  # with the normal class
    number = f"{likely}" if low == high else f"{low} to {high}, most likely {likely}"
    return f"{rule}: {number} (stability {estimate['stability']:.2f})"


def _halves(result: Discovery) -> list[str]:
    """Of each image of the class that may be two, which half it is of."""
    if result.doubts is None:
        return [""] * len(result.samples)
    return [str(half) if half else "" for half in result.doubts.half]


def _named(assigned: Assigned, names: list[str]) -> tuple[list[str], list[float]]:
    return [names[label] for label in assigned.labels], assigned.confidence.tolist()


def _order(names: list[str]) -> list[int]:
    """Labels with the normal class first, then c1, c2, ..."""
    numbers = [0 if name == layout.NORMAL_CLASS else int(name[1:]) for name in names]
    return sorted(range(len(names)), key=lambda label: numbers[label])


def _class_row(result: Discovery, label: int) -> dict[str, object]:
    members = np.flatnonzero(result.of_images.labels == label)
    best = members[np.argmax(result.of_images.confidence[members])] if len(members) else None
    return {
        "class": result.classes.names[label],
        "images": len(members),
        "example_id": "" if best is None else result.samples[int(best)].id,
        "description": result.descriptions.get(label, ""),
    }
