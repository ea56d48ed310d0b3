"""The index of a data set folder: what its `dataset.json` and `samples.csv` say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adtool.core import arrays, files, json_files, layout
from adtool.core.checks.findings import Finding
from adtool.core.dataset import dataset_card, dataset_folder, looking
from adtool.core.dataset.dataset_card import DatasetCard
from adtool.core.dataset.types import Dataset
from adtool.prep.reading import given_range
from adtool_runtime.pictures.look_at import LookAt


@dataclass(frozen=True)
class DatasetProfile:
    """What `dataset.json` says of a data set."""

    name: str
    categories: tuple[str, ...]
    normal_kind: str
    mask_rule: str
    source: str
    licence: str
    more_normal_kinds: tuple[str, ...] = ()  # where categories call the normal kind by different names
    mask_orientation: str = "upright"  # of the masks in the folder; those that are written are upright
    grey: tuple[float, float] | None = None  # range of deep pictures, where it is given
    look_at: LookAt | None = None  # the part of the pictures, where it is given
    kinds: str = ""  # how they are told from folders, where not each folder is one: see `dataset_card.BY_NAME`


def index(
    out: Path, about: DatasetProfile, found: Sequence[Finding] = (), unread: Mapping[str, list[str]] | None = None
) -> Dataset:
    """Write `dataset.json` and `samples.csv` of a data set folder; the data set as it is read from now on.

    Args:
        out: its folder.
        about: what it is.
        found: in its source, and not to be seen in it.
        unread: names of test images that were left out, by category.
    """
    # The names decide how the folder is read, so they are written before it is read.
    more: dict[str, Any] = {"kinds": about.kinds} if about.kinds else {}
    more |= {"findings": dataset_card.noted(found)} if found else {}
    more |= {"unread": unread} if unread else {}
    card = DatasetCard(
        name=about.name,
        categories=list(about.categories),
        normal_kinds=[about.normal_kind, *about.more_normal_kinds],
        mask_rule=about.mask_rule,
        mask_orientation=about.mask_orientation,
        source=about.source,
        licence=about.licence,
        **more,
    )
    files.write_json(out / layout.DATASET_FILE, json_files.numbered(card.as_json()))
    data = dataset_folder.read_dataset(out, is_in_work=True)
    how = given_range(data.reading, about.grey)
    how = replace(how, look_at=about.look_at or how.look_at)
    data = dataset_folder.read_so(data, replace(data.pictures, reading=how))
    looking.require_fits(one for category in data.categories.values() for one in (*category.train, *category.test))
    rows: list[Mapping[str, object]] = []
    for category in data.categories.values():
        for item in (*category.train, *category.test):
            height, width = arrays.image_size(item.image, item.reading)
            rows.append(
                {
                    "category": category.name,
                    "id": item.id,
                    "split": item.split,
                    "kind": item.kind,
                    "image": item.image.relative_to(out).as_posix(),
                    "mask": item.mask.relative_to(out).as_posix() if item.mask else "",
                    "width": width,
                    "height": height,
                }
            )
    files.write_csv(out / layout.SAMPLES_FILE, layout.SAMPLES_COLUMNS, rows)
    whole = card.model_copy(update={"reading": how.as_json(), "counts": counts(data)})
    files.write_json(out / layout.DATASET_FILE, json_files.numbered(whole.as_json()))
    return data


def counts(data: Dataset) -> list[dict[str, object]]:
    """Numbers of images per category, for the table."""
    return [
        {
            "category": category.name,
            "train": len(category.train),
            "test normal": sum(category.is_normal(item) for item in category.test),
            "test other": sum(not category.is_normal(item) for item in category.test),
            "kinds": ", ".join(kind for kind in category.kinds if kind not in category.normal_kinds),
            "masks": sum(item.mask is not None for item in category.test),
        }
        for category in data.categories.values()
    ]
