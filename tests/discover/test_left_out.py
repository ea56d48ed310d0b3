"""Images of which a map or the features are no numbers are left out, as `maps` leaves them out."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from adtool.core.errors import BadDataError
from adtool.core.layout import ClassesFolder
from adtool.core.steps import inventory, notes
from adtool.discover import step as discovering
from adtool.discover.config import DiscoverConfig
from adtool.discover.free import features

FOLDER = ClassesFolder(Path("classes", "parts"))
BROKEN = "test/dot/1"


def discover(**settings):
    return discovering.run(DiscoverConfig(**{"classes": "3", "image_size": 64, **settings}))


def spoil(path):
    scores = tifffile.imread(path)
    scores[3, 3] = np.nan
    tifffile.imwrite(path, scores, metadata=None)


def test_an_image_whose_map_is_not_finite_is_left_out_and_said(workspace, caplog):
    spoil(Path("maps/parts", f"{BROKEN}.tiff"))
    outcome = discover()
    rows = FOLDER.image_rows()
    assert len(rows) == 15
    assert BROKEN not in {row["id"] for row in rows}
    assert outcome.done == ["parts"]
    assert any("parts: skipped 1 unreadable image: test/dot/1" in note for note in outcome.notes)
    assert "NaN or infinite scores" in caplog.text
    assert notes.result_of(FOLDER.path).skipped == [BROKEN]
    assert not inventory.of_classes(FOLDER.path)
    assert discover().skipped == ["parts"]


def test_a_category_of_which_no_map_is_finite_fails(workspace):
    for path in Path("maps/parts").rglob("*.tiff"):
        spoil(path)
    with pytest.raises(BadDataError, match="NaN or infinite"):
        discover()


def test_an_image_whose_features_are_not_finite_is_left_out_with_its_pictures(workspace, monkeypatch):
    real = features._statistics
    seen = []

    def statistics(guides, layers):
        found = real(guides, layers)
        if not seen:  # the first image of the first batch
            found[0] = np.nan
            seen.append(1)
        return found

    monkeypatch.setattr(features, "_statistics", statistics)
    outcome = discover(features="crops")
    [left_out] = notes.result_of(FOLDER.path).skipped
    assert len(FOLDER.image_rows()) == 15
    assert any("skipped 1" in note for note in outcome.notes)
    for folder in ("binary", "crops", "crop_masks"):
        assert not list((FOLDER.path / folder).glob(f"{left_out}*"))
        assert len(list((FOLDER.path / folder).rglob("*.png"))) >= 15


@pytest.mark.slow
def test_the_trained_method_leaves_an_image_out_too(workspace, monkeypatch):
    import torch

    from adtool.discover.ncd import trunk

    real = trunk.FrozenStages.stream
    seen = []

    def stream(self, batches):
        for key, rows in real(self, batches):
            if not seen:
                seen.append(1)
                rows[0] = torch.full_like(rows[0], float("nan"))
            yield key, rows

    monkeypatch.setattr(trunk.FrozenStages, "stream", stream)
    sets = ("epochs=1", "views=2", "side=32", "hidden=16", "heads=1", "batch=8")
    discover(method="trained", settings=sets)
    assert len(FOLDER.image_rows()) == 15
    assert len(notes.result_of(FOLDER.path).skipped) == 1
