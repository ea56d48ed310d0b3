"""Good parts that were added to what a detector learns from: kept, learned in seconds, and taken out again."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, UsageError
from adtool.core.layout import ModelFolder
from adtool.core.steps import notes
from adtool.detection import added, extending, store
from adtool.detectors import patchcore
from adtool.maps.config import MapsConfig

MODELS = Path("models")
FOLDER = added.folder_of("patchcore", "parts", MODELS)
MODEL = ModelFolder(MODELS / "patchcore/parts")


@pytest.fixture
def category(tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_data.make(Path("data/parts"), train=6)
    return read_dataset(Path("data")).category("parts")


@pytest.fixture
def new(tmp_path, monkeypatch):
    """Images of a kind of good part that was not seen yet."""
    monkeypatch.chdir(tmp_path)
    found = []
    for number in range(3):
        grey = np.random.default_rng(number).integers(0, 40, (64, 64, 1), dtype=np.uint8)
        found.append(tmp_path / f"odd {number}.png")
        arrays.write_png(found[-1], np.repeat(grey, 3, axis=2))
    return found


@pytest.fixture
def fitted():
    chosen = store.prepare("patchcore", patchcore.Settings(drawn=1000), MapsConfig(image_size=64))

    def fit(category, *, force=False):
        return store.fit_or_load(chosen, added.with_added(category, "patchcore", MODELS), MODELS, force=force)

    return fit


def test_what_is_added_is_copied_once_whatever_it_is_called(category, new):
    assert len(added.add(FOLDER, [*new, new[0]])) == 3
    assert added.add(FOLDER, new[:2]) == []
    for path in new:
        path.unlink()
    found = added.samples(category, FOLDER)
    assert all(arrays.read_image(one.image).shape == (64, 64, 3) and added.is_added(one) for one in found)
    assert not any(added.is_added(one) for one in category.train)


@pytest.mark.slow
def test_what_is_added_is_learned_without_the_old_images_and_scored_without_itself(category, new, fitted, monkeypatch):
    before = fitted(category)
    old = files.read_csv(MODEL.normals)
    names = added.add(FOLDER, new)
    seen, real = [], extending.near_duplicates.structure
    monkeypatch.setattr(extending.near_duplicates, "structure", lambda image: seen.append(1) or real(image))
    after = fitted(category)
    assert len(seen) == 3, "the old images are not looked at"
    samples = added.samples(category, FOLDER)
    scores = [[one.image_score for one in model.score(samples)] for model in (before, after)]
    assert all(late < early for early, late in zip(*scores, strict=True))
    rows = files.read_csv(MODEL.normals)
    assert rows[:6] == old and [row["id"] for row in rows[6:]] == names
    assert len({row["group"] for row in rows}) == 9
    assert notes.result_of(MODEL.path).added == names


@pytest.mark.slow
def test_the_same_again_does_nothing_and_a_refit_keeps_what_was_added(category, new, fitted):
    fitted(category)
    names = added.add(FOLDER, new)
    fitted(category)
    made = MODEL.weights.stat().st_mtime_ns
    time.sleep(0.01)
    fitted(category)
    assert MODEL.weights.stat().st_mtime_ns == made
    fitted(category, force=True)
    assert MODEL.weights.stat().st_mtime_ns != made
    assert [row["id"] for row in files.read_csv(MODEL.normals)][6:] == names


@pytest.mark.slow
def test_what_is_removed_again_leaves_the_model_as_it_was(category, new, fitted):
    before = {name: one.clone() for name, one in fitted(category).model.tensors().items()}
    names = added.add(FOLDER, new)
    fitted(category)
    assert added.remove(FOLDER, ["odd 1.png", names[0], names[2]]) == [names[1], names[0], names[2]]
    assert not list(FOLDER.path.glob("*.png"))
    after = fitted(category).model.tensors()
    assert all((before[name] == one).all() for name, one in after.items())


def test_an_unknown_one_and_a_damaged_table_are_said(new):
    added.add(FOLDER, new[:1])
    with pytest.raises(UsageError, match="has no 'nothing'"):
        added.remove(FOLDER, ["nothing"])
    FOLDER.table.write_text("id,file,from\nadded/x,../../x.png,y\n")
    with pytest.raises(BadDataError, match=r"added\.csv.*is no path below"):
        FOLDER.rows()


def test_test_images_that_were_added_are_known_by_their_content(category):
    one, other = category.test[:2]
    added.add(FOLDER, [one.image])
    assert added.among(category, FOLDER) == [one.id]
    assert added.among(replace(category, test=(other,)), FOLDER) == []
