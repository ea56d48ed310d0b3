"""What another tool rebuilt comes with its maps, and serves `refine` as templates."""

from pathlib import Path

import numpy as np
import pytest

from adtool.convert.config import ConvertConfig
from adtool.convert.step import run
from adtool.core import arrays
from adtool.core.config import parse
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import UsageError

DATA, REBUILT = Path("data/parts"), Path("rebuilt")


@pytest.fixture
def theirs(workspace, tiny_data):
    """Maps and reconstructions of all images, as another tool left them."""
    tiny_data.make(DATA)
    category = read_dataset(DATA).category("parts")
    for number, one in enumerate((*category.train, *category.test)):
        arrays.write_png(REBUILT / "parts" / f"{one.id}.png", np.full((20, 20, 3), number, np.uint8))
    for one in category.test:
        path = Path("theirs/parts", f"{one.id}.npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.random.default_rng(0).random((8, 8)))
    return category


def read(**more):
    asked = {"source": Path("theirs"), "from_": "npy", "data": DATA, "reconstructions": REBUILT, **more}
    return run(ConvertConfig(**asked))


def test_they_are_kept_beside_the_maps_by_id(theirs):
    outcome = read()
    assert outcome.done == ["parts"]
    n_train, n_test = len(theirs.train), len(theirs.test)
    assert f"parts: reconstructions of {n_test} test and {n_train} training images." in outcome.notes
    for number, one in enumerate((*theirs.train, *theirs.test)):
        kept = arrays.read_image(Path("maps/parts/reconstructions", f"{one.id}.png"))
        assert (kept == number).all()


def test_a_test_image_without_one_is_refused_before_anything_is_written(theirs):
    (REBUILT / "parts" / f"{theirs.test[0].id}.png").unlink()
    assert "no reconstruction of 1 test image" in str(read().failed["parts"])
    assert not Path("maps/parts").exists()


def test_training_images_without_one_are_counted_and_without_any_it_is_refused(theirs):
    first, *rest = theirs.train
    (REBUILT / "parts" / f"{first.id}.png").unlink()
    assert any("1 training images have none" in note for note in read().notes)
    for one in rest:
        (REBUILT / "parts" / f"{one.id}.png").unlink()
    assert "no reconstruction of any training image" in str(read(out=Path("other")).failed["parts"])


def test_a_damaged_one_leaves_those_of_before(theirs):
    read()
    (REBUILT / "parts" / f"{theirs.test[0].id}.png").write_bytes(b"no picture")
    assert "A reconstruction can't be read" in str(read().failed["parts"])
    assert len(list(Path("maps/parts/reconstructions").rglob("*.png"))) == len(theirs.train) + len(theirs.test)


def test_they_go_with_from_and_their_folder_is_there(theirs, adtool):
    with pytest.raises(UsageError, match="goes with --from"):
        parse(ConvertConfig, {"to": "npy", "reconstructions": "x"}, where="")
    found = adtool("convert", "theirs", "--from", "npy", "--data", DATA, "--reconstructions", "nowhere")
    assert (found.code, "No folder at nowhere (--reconstructions)" in found.err) == (3, True)
