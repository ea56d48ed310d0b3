import numpy as np
import pytest
from PIL import Image

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.masks.among_images import sort_out


def photo(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (20, 24), np.uint8)).save(path)


def mask(path, *, place=4, top=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((20, 24), np.uint8)
    values[place : place + 3, 2:6] = top
    Image.fromarray(values).save(path)


def sorted_out(root):
    found = sort_out(sorted(path for path in root.rglob("*") if path.is_file()), root)
    below = {image.relative_to(root).as_posix(): one.relative_to(root).as_posix() for image, one in found.masks.items()}
    return (
        [path.relative_to(root).as_posix() for path in found.images],
        below,
        [path.relative_to(root).as_posix() for path in found.unpaired],
    )


def test_labels_beside_their_images_are_masks(tmp_path):
    photo(tmp_path / "kos01/Part0.jpg")
    mask(tmp_path / "kos01/Part0_label.bmp")
    assert sorted_out(tmp_path) == (["kos01/Part0.jpg"], {"kos01/Part0.jpg": "kos01/Part0_label.bmp"}, [])


def test_a_photograph_called_like_a_mask_is_an_image(tmp_path):
    photo(tmp_path / "x.png")
    photo(tmp_path / "x_mask.png", 1)
    mask(tmp_path / "alone_mask.png")
    assert sorted_out(tmp_path) == (["alone_mask.png", "x.png", "x_mask.png"], {}, [])


def test_a_drawn_png_beside_a_jpg_of_the_same_name_is_its_mask(tmp_path):
    photo(tmp_path / "Imgs/a.jpg")
    mask(tmp_path / "Imgs/a.png")
    assert sorted_out(tmp_path) == (["Imgs/a.jpg"], {"Imgs/a.jpg": "Imgs/a.png"}, [])


def test_folders_of_masks_and_of_depth_are_not_images(tmp_path):
    photo(tmp_path / "hole/rgb/000.png")
    mask(tmp_path / "hole/gt/000.png")
    photo(tmp_path / "hole/xyz/000.tiff", 2)
    photo(tmp_path / "Images/Anomaly/1.jpg", 3)
    mask(tmp_path / "Masks/Anomaly/1.png")
    images, masks, unpaired = sorted_out(tmp_path)
    assert images == ["Images/Anomaly/1.jpg", "hole/rgb/000.png"]
    assert masks == {"hole/rgb/000.png": "hole/gt/000.png", "Images/Anomaly/1.jpg": "Masks/Anomaly/1.png"}
    assert unpaired == ["hole/xyz/000.tiff"]


def test_several_masks_of_one_image_are_one(tmp_path):
    photo(tmp_path / "train/good/0.png")
    photo(tmp_path / "test/logical/7.png", 1)
    mask(tmp_path / "ground_truth/logical/7/000.png")
    mask(tmp_path / "ground_truth/logical/7/001.png", place=12)
    (category,) = read_dataset(tmp_path).categories.values()
    (one,) = category.test
    assert one.mask is not None
    assert category.masks.read(one.mask, one.image).sum() == 24
    assert category.stray_masks == ()


@pytest.mark.parametrize(
    "name", ["masken", "Ground Truth", "mask_images", "labels_png", "GT-masks", "マスク", "masques"]
)
def test_folders_of_masks_are_known_by_a_word_in_their_name_and_what_they_hold(tmp_path, name):
    photo, mask = np.random.default_rng(0).integers(0, 255, (20, 20), np.uint8), np.zeros((20, 20), np.uint8)
    mask[3:9, 3:9] = 255
    for file, values in ((f"hole/{name}/a.png", mask), ("hole/a.png", photo), (f"{name}s/b.png", photo)):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(tmp_path / file)
    found = sort_out(sorted(tmp_path.rglob("*.png")), tmp_path)
    assert found.masks == {tmp_path / "hole/a.png": tmp_path / f"hole/{name}/a.png"}
    assert found.images == sorted([tmp_path / "hole/a.png", tmp_path / f"{name}s/b.png"])
