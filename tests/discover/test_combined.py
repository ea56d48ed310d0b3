"""Images with several kinds of defect (`combined`) take no part, neither in binarizing nor in clustering."""

from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.dataset import dataset_folder
from adtool.core.layout import ClassesFolder
from adtool.core.steps import inventory
from adtool.discover import asked, step
from adtool.discover.config import DiscoverConfig

FOLDER = ClassesFolder(Path("classes", "parts"))
DATA = Path("data", "parts")


def discover(**settings):
    return step.run(DiscoverConfig(**{"classes": "3", "image_size": 64, "features": "crops", **settings}))


def add(write_maps, *kinds, only=False):
    """Images of some kinds beside those that are there; their maps have the lowest and the highest maximum of all."""
    there = [row["id"] for row in files.read_csv(Path("maps/parts/images.csv"))]
    maps = {key: arrays.read_scores(Path("maps/parts", f"{key}.tiff")).scores for key in there}
    if only:
        for key in there:
            Path(DATA, f"{key}.png").unlink()
        maps = {}
    for kind in kinds:
        for name, top in (("low", 0.01), ("high", 9.0)):
            arrays.write_png(DATA / "test" / kind / f"{name}.png", np.full((48, 48, 3), 90, np.uint8))
            maps[f"test/{kind}/{name}"] = np.eye(24, dtype=np.float32) * np.float32(top)
    write_maps(DATA, "parts", maps)


def tables(folder=FOLDER):
    return [files.read_csv(path) for path in (folder.images, folder.crops, folder.regions)]


def test_they_change_nothing_and_are_counted(workspace, write_maps):
    discover()
    before = tables()
    add(write_maps, "combined")
    outcome = discover(out=Path("again"))
    assert tables(ClassesFolder(Path("again/parts"))) == before
    assert "parts: 2 images of the kind combined left out: several kinds in one image." in outcome.notes
    assert not list(Path("again").rglob("*combined*"))
    assert discover(out=Path("again")).skipped == ["parts"]


def test_a_lone_kind_of_that_name_is_a_kind(workspace, write_maps):
    add(write_maps, "combined", "good", only=True)
    category = dataset_folder.read_dataset(DATA).category("parts")
    assert asked.class_count("oracle", category) == 2
    assert discover(classes="2").notes == []
    assert {row["kind"] for row in FOLDER.image_rows()} == {"combined", "good"}


@pytest.mark.parametrize("gone", ["binary/test/combined/low.png", "binary/test/dot/0.png"])
def test_classes_of_an_older_adtool_that_hold_them_are_mended_as_they_are(workspace, write_maps, monkeypatch, gone):
    add(write_maps, "combined")
    with monkeypatch.context() as patch:
        patch.setattr(asked, "of_one_kind", lambda source, before: (source, []))
        discover()
    before = tables()
    (FOLDER.path / gone).unlink()
    discover()
    assert tables() == before
    assert not inventory.of_classes(FOLDER.path)
