"""`discover --method ac`, on the parts of `tests/discover/conftest.py`."""

from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.errors import BadDataError, UsageError
from adtool.core.layout import ClassesFolder
from adtool.discover import predict, step
from adtool.discover.config import DiscoverConfig

FOLDER = ClassesFolder(Path("classes", "parts"))


def discover(*settings, **options):
    return step.run(
        DiscoverConfig(**{"method": "ac", "classes": "3", "image_size": 64, "settings": settings, **options})
    )


def classes():
    return {row["id"]: row["class"] for row in FOLDER.image_rows()}


def add_normals(count):
    rng = np.random.default_rng(5)
    for number in range(count):
        grey = rng.integers(110, 130, (48, 48, 1)).astype(np.uint8).repeat(3, axis=2)
        arrays.write_png(Path("data/parts/train/good", f"{number}.png"), grey)
    note = files.read_json(Path("maps/parts/_step.json"))
    files.write_json(Path("maps/parts/_step.json"), {**note, "inputs": {}})


def test_kinds_become_classes_without_normal_images(workspace):
    outcome = discover("tau=0.3")
    found = classes()
    assert {found[f"test/good/{number}"] for number in range(6)} == {"normal"}
    assert len({found["test/dot/0"], found["test/bar/0"], "normal"}) == 3
    assert outcome.rows[0]["classes"] == 3
    assert files.read_json(FOLDER.card)["nearest"] is False


def test_normal_images_are_what_patches_are_compared_with_if_there_are_any(workspace):
    add_normals(3)
    discover("tau=0.3")
    card = files.read_json(FOLDER.card)
    assert (card["method"], card["features"], card["nearest"], card["tau"]) == ("ac", "maps", True, 0.3)
    assert predict.read(FOLDER).tensors["references"].shape[0] == 3


def test_a_kill_changes_nothing(workspace, monkeypatch):
    discover()
    whole, seen = FOLDER.model.read_bytes(), []

    def killed(path, parts):
        if len(seen) == 5:
            raise KeyboardInterrupt
        seen.append(path)
        original(path, parts)

    original = arrays.write_several
    with monkeypatch.context() as patch:
        patch.setattr(arrays, "write_several", killed)
        with pytest.raises(KeyboardInterrupt):
            step.run(DiscoverConfig(method="ac", classes="3", image_size=64), force=True)
    discover()
    assert FOLDER.model.read_bytes() == whole


def test_too_few_images_to_compare_with_are_said(workspace):
    with pytest.raises(BadDataError, match=r"has 0 normal images to compare others with; .* weights=unsupervised"):
        discover("weights=normals")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"settings": ("epochs=3",)}, "there is no setting 'epochs'"),
        ({"features": "crops"}, "leave --features crops out"),
        ({"preset": "paper"}, "--preset paper is of --method trained, and --method ac was given"),
    ],
)
def test_what_does_not_fit_is_refused(workspace, words, said):
    with pytest.raises(UsageError, match=said):
        step.run(DiscoverConfig(method="ac", **words))


def test_labels_that_are_damaged_are_said(workspace):
    discover()
    document = files.read_json(FOLDER.card)
    files.write_json(FOLDER.card, {**document, "classes": ["normal", "c1"]})
    with pytest.raises(BadDataError, match="its labels are not 0 to 1"):
        predict.read(FOLDER)
