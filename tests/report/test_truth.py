from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError
from adtool.core.layout import MapsFolder
from adtool.metrics.pixels import Pixels
from adtool.report import truth

MTD = Path(__file__).parents[3] / "shared" / "data" / "mtd_raw"


def _write(root: Path, mask: np.ndarray) -> None:
    for kind in ("good", "hole"):
        arrays.write_png(root / f"data/test/{kind}/000.png", np.zeros((*mask.shape, 3), np.uint8))
        arrays.write_scores(root / f"maps/data/test/{kind}/000.tiff", np.arange(4, dtype=np.float32).reshape(2, 2), 3.0)
    arrays.write_mask(root / "data/ground_truth/hole/000.png", mask)


def test_maps_are_resized_bilinearly_and_normal_images_have_an_empty_mask(tmp_path):
    mask = np.zeros((4, 4), bool)
    mask[0, 3] = True
    _write(tmp_path, mask)
    category = read_dataset(tmp_path / "data").categories["data"]
    found = list(truth.pairs(category.test, category, MapsFolder(tmp_path / "maps"), eval_size=None))
    assert [pair[1].sum() for pair in found] == [0, 1]
    assert found[1][1][0, 3]
    # Twice as large: pixel centres lie at -1/4, 1/4, 3/4 and 5/4 of the map's first row, 0 and 1.
    assert found[0][0][0].tolist() == [0, 0.25, 0.75, 1]


def test_a_fixed_size_resizes_the_mask_by_nearest_neighbour(tmp_path):
    mask = np.zeros((8, 8), bool)
    mask[:4, 4:] = True
    _write(tmp_path, mask)
    category = read_dataset(tmp_path / "data").categories["data"]
    folder = MapsFolder(tmp_path / "maps")
    _, (scores, small) = truth.pairs(category.test, category, folder, eval_size=2)
    assert scores.tolist() == [[0, 1], [2, 3]]
    assert small.tolist() == [[False, True], [False, False]]


def test_hidden_files_are_no_maps(tmp_path):
    _write(tmp_path, np.ones((4, 4), bool))
    (tmp_path / "maps/data/test/hole/.000.part12.tiff").write_bytes(b"")
    assert truth.map_ids(MapsFolder(tmp_path / "maps"), "data") == {"test/good/000", "test/hole/000"}


def test_ids_of_another_data_set_are_named(tmp_path):
    _write(tmp_path, np.ones((4, 4), bool))
    category = read_dataset(tmp_path / "data").categories["data"]
    truth.require_known({"test/good/000"}, category, Path("maps"))
    with pytest.raises(BadDataError, match=r"2 of its ids .*'test/dent/1'; an image there is 'test/good/000'"):
        truth.require_known({"test/good/000", "test/dent/1", "test/dent/2"}, category, Path("maps"))


@pytest.mark.real
@pytest.mark.skipif(not MTD.is_dir(), reason="the magnetic tile data are not here")
@pytest.mark.parametrize(("rule", "regions"), [("ge128", 462), ("auto", 462), ("gt0", 716)])
def test_the_mask_rule_decides_the_number_of_regions_of_the_magnetic_tiles(rule, regions):
    masks = (arrays.read_mask(path, rule) for path in sorted(MTD.glob("MT_[!F]*/Imgs/*.png")))
    fray = (arrays.read_mask(path, rule) for path in sorted(MTD.glob("MT_Fray/Imgs/*.png")))
    found = Pixels.of((np.zeros(mask.shape, np.float32), mask) for group in (masks, fray) for mask in group)
    assert (found.n_images, found.n_regions) == (392, regions)
