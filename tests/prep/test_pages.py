from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from adtool.core import files
from adtool.core.arrays import read_image, read_mask
from adtool.core.dataset import dataset_folder
from adtool.core.errors import BadDataError
from adtool.prep.datasets import folder
from adtool.prep.datasets.folder import Config

RNG = np.random.default_rng(0)


def picture():
    return RNG.integers(80, 170, (12, 16), np.uint8)


@pytest.fixture(autouse=True)
def given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("n", "t/hole", "m/hole"):
        Path(name).mkdir(parents=True)
    for number in range(3):
        Image.fromarray(picture()).save(f"n/{number}.png")


def prepare(**settings):
    return folder.run(Config(normal=Path("n"), test=Path("t"), masks=Path("m"), name="p", **settings))


def test_each_page_becomes_an_image_with_the_mask_of_its_number(caplog):
    pages = [picture() for _ in range(3)]
    Image.fromarray(pages[0]).save("t/hole/a.tif", save_all=True, append_images=list(map(Image.fromarray, pages[1:])))
    masks = [np.zeros((12, 16), np.uint8) for _ in range(3)]
    for number, mask in enumerate(masks):
        mask[number] = 255
    Image.fromarray(masks[0]).save("m/hole/a.tif", save_all=True, append_images=list(map(Image.fromarray, masks[1:])))
    prepare(pages="all")
    tested = dataset_folder.read_dataset(Path("data/p")).category("p").test
    assert [one.id for one in tested] == [f"test/hole/a_page0{number}" for number in (1, 2, 3)]
    for one, page, mask in zip(tested, pages, masks, strict=True):
        assert (read_image(one.image)[..., 0] == page).all()
        assert (read_mask(one.mask) == (mask > 0)).all()


def test_only_the_first_page_is_used_unless_asked_and_that_is_said(caplog):
    Image.fromarray(picture()).save("t/hole/a.tif", save_all=True, append_images=[Image.fromarray(picture())])
    Image.fromarray(np.eye(12, 16, dtype=np.uint8) * 255).save("m/hole/a.png")
    prepare()
    assert "1 image with several pages, of which only the first is read" in caplog.text
    assert len(dataset_folder.read_dataset(Path("data/p")).category("p").test) == 1


def test_deep_pages_stay_deep_and_their_range_is_noted_or_given():
    deep = (np.arange(3 * 12 * 16).reshape(3, 12, 16) * 7).astype(np.uint16)
    tifffile.imwrite("t/hole/a.tif", deep, photometric="minisblack")
    Image.fromarray(np.eye(12, 16, dtype=np.uint8) * 255).save("m/hole/a.png")
    prepare(pages="all")
    assert files.read_json(Path("data/p/dataset.json"))["reading"]["grey"] == {
        "kind": "integer",
        "low": 0,
        "high": 4095,
    }
    data = dataset_folder.read_dataset(Path("data/p"))
    assert len(data.category("p").test) == 3
    assert data.reading.grey.high == 4095
    folder.run(Config(normal=Path("n"), test=Path("t"), name="q", grey="10:8000", pages="all"))
    assert (
        dataset_folder.read_dataset(Path("data/q")).reading.grey.low,
        dataset_folder.read_dataset(Path("data/q")).reading.grey.high,
    ) == (10, 8000)


def test_a_mask_with_another_number_of_pages_is_an_error():
    three = [Image.fromarray(picture()) for _ in range(3)]
    three[0].save("t/hole/a.tif", save_all=True, append_images=three[1:])
    mask = Image.fromarray(np.eye(12, 16, dtype=np.uint8) * 255)
    mask.save("m/hole/a.tif", save_all=True, append_images=[mask])
    with pytest.raises(BadDataError, match="has 2 pages, its image"):
        prepare(pages="all")


def test_masks_are_said_to_be_doubtful_and_turned_as_asked(caplog):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(picture()).save("t/hole/a.jpg", exif=exif)
    mask = np.zeros((12, 16), np.uint8)
    mask[1, 2:5] = 255
    Image.fromarray(mask).save("m/hole/a.png")
    prepare()
    assert "1 mask fitting the image both as it is stored and as its orientation tag turns it" in caplog.text
    written = Path("data/p/ground_truth/hole/a.png")
    assert (read_mask(written) == (mask > 0)).all()
    folder.run(
        Config(normal=Path("n"), test=Path("t"), masks=Path("m"), name="p", mask_orientation="stored"), force=True
    )
    assert (read_mask(written) == (mask > 0)[::-1, ::-1]).all()
    assert files.read_json(Path("data/p/dataset.json"))["mask_orientation"] == "upright"  # as they lie there now
