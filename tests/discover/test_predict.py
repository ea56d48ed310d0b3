"""New images among stored classes, with what they look like given."""

from types import SimpleNamespace

import numpy as np

from adtool.core.layout import ClassesFolder
from adtool.discover import predict
from adtool.discover.assign import Assigned, LocatedItems
from adtool.discover.predict import StoredClasses


def test_an_image_without_a_region_and_with_a_low_score_can_not_be_strange(monkeypatch, tmp_path):
    card = SimpleNamespace(
        classes=["normal"], method="free", features="maps", rules="best", temperature=0.0, strength=(10.0, 1.0),
        search_range=(0.0, 1.0), score_std=1.0, erosion=0, min_run=4,
    )  # fmt: skip
    seen = LocatedItems(
        Assigned(np.zeros(3, np.int64), np.ones(3)), np.zeros((3, 2)), np.full((3, 1), 5.0), np.ones((3, 1))
    )
    monkeypatch.setattr(predict.pipeline, "marked", lambda *_: np.array([False, True, False]))
    monkeypatch.setattr(predict, "_embedded", lambda *_: seen)
    samples = [SimpleNamespace(id=f"test/{k}", reading=SimpleNamespace(look_at=None)) for k in range(3)]
    known = StoredClasses(None, card, {})
    low_low_high = np.array([1.0, 1.0, 99.0])
    found = predict.place(known, samples, None, low_low_high, ClassesFolder(tmp_path), None)
    assert found.distance.tolist() == [0.0, 5.0, 5.0], "what was found, or scores high, is as far as it is"
    assert found.images.labels.tolist() == [0, 0, 0]
