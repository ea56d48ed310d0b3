from types import SimpleNamespace

import numpy as np

from adtool.discover import tables
from adtool.discover.assign import Assigned


def shown(labels, crops=(), beside=None):
    """The sets of images a, b, ... with the classes normal, c1 and c2; crops are (image, label)."""
    samples = [SimpleNamespace(id="abcd"[k]) for k in range(len(labels))]
    classes = SimpleNamespace(names=["normal", "c1", "c2"], beside=beside or {})
    of_crops = Assigned(np.array([label for _, label in crops], np.int64), np.ones(len(crops)))
    rows = [SimpleNamespace(id=one) for one, _ in crops]
    of_images = Assigned(np.array(labels), np.ones(len(labels)))
    return tables._sets(
        SimpleNamespace(samples=samples, crops=rows, classes=classes, of_images=of_images, of_crops=of_crops)
    )


def test_an_image_shows_its_own_class_and_those_of_its_further_spots():
    assert shown([1, 2, 0, 1], beside={0: [2, 2], 1: [2], 2: [1], 3: [0, 2]}) == ["c1 + c2", "c2", "normal", "c1 + c2"]


def test_where_crops_have_classes_they_are_what_an_image_shows():
    assert shown([1, 2], crops=[("a", 1), ("a", 2), ("a", 0), ("b", 2)]) == ["c1 + c2", "c2"]
