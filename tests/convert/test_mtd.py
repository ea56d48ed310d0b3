"""Round trips of real maps: magnetic tiles, JPEG images of many sizes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adtool.core import arrays, files
from adtool.core.dataset.dataset_folder import read_dataset

MTD = Path(__file__).parents[3] / "shared" / "data" / "mtd_raw"
pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.skipif(not MTD.exists(), reason="no magnetic tile data")]
QUICK = ("--image-size", 64, "--set", "drawn=1000", "--set", "bank_size=64")


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """Maps of 60 real test images and their classes."""
    return tmp_path_factory.mktemp("tiles")


@pytest.fixture
def made(tiles, adtool, monkeypatch):
    monkeypatch.chdir(tiles)
    for words in (["prep", "mtd", "--source", MTD], ["maps", "--max-images", 60, *QUICK], ["discover", "--classes", 6]):
        shown = adtool(*words)
        assert shown.code == 0, shown.err
    category = read_dataset(Path("data")).category("MTD")
    rows = files.read_csv(Path("maps/MTD/images.csv"))
    return [one for one in category.test if one.id in {row["id"] for row in rows}]


@pytest.mark.parametrize("name", ["anomalyncd", "mvtec", "npy"])
def test_maps_come_back(made, adtool, name):
    assert adtool("convert", "--to", name).code == 0
    shown = adtool("convert", f"converted/{name}", "--from", name, "--out", f"back_{name}")
    assert shown.code == 0, shown.err
    before = {one.id: arrays.read_scores(Path(f"maps/MTD/{one.id}.tiff")).scores for one in made}
    after = {one.id: arrays.read_scores(Path(f"back_{name}/MTD/{one.id}.tiff")).scores for one in made}
    assert len(after) == 60
    if name == "mvtec":
        before = {one.id: arrays.resize_scores(before[one.id], *arrays.image_size(one.image)) for one in made}
        assert len({scores.shape for scores in after.values()}) > 20, "tiles differ in size"
    off = max(float(np.abs(before[one] - after[one]).max()) for one in before)
    values = np.concatenate([scores.ravel() for scores in before.values()])
    half_a_step = float(np.ptp(values)) / 255 / 2
    assert off <= (half_a_step * 1.001 if name == "anomalyncd" else 0)
    if name == "anomalyncd":
        assert {path.suffix for path in Path("converted/anomalyncd/MTD").rglob("*") if path.is_file()} == {".png"}
        assert {one.image.suffix for one in made} == {".jpg"}
    assert files.read_csv(Path(f"back_{name}/MTD/images.csv"))[0]["image_score"]


def test_crops_have_their_masks_and_scores(made, adtool):
    shown = adtool("convert", "--to", "anomalyncd_crops")
    assert shown.code == 0, shown.err
    tree = Path("converted/anomalyncd_crops")
    scores = files.read_json(tree / "scores_json/MTD.json")
    names = {(kind, name) for kind, of_kind in scores.items() for name in of_kind}
    rows = files.read_csv(Path("classes/MTD/crops.csv"))
    assert len(names) == len(rows) >= 60
    for kind, name in names:
        with (
            Image.open(tree / "MTD/images" / kind / name) as crop,
            Image.open(tree / "MTD/masks" / kind / name) as mask,
        ):
            assert crop.size == mask.size
        assert 0 <= scores[kind][name] <= 1
