from pathlib import Path

import pytest

from adtool.core import files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, MissingInputError


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def only(folder):
    (category,) = read_dataset(folder).categories.values()
    return category


def ids(samples):
    return [one.id for one in samples]


def test_the_layout_of_mvtec_ad(tmp_path):
    put(tmp_path, "bottle/train/good/000.png", "bottle/test/good/000.png", "bottle/test/crack/000.png")
    put(tmp_path, "bottle/ground_truth/crack/000_mask.png", "bottle/license.txt", "readme.txt")
    put(tmp_path, "nut/train/good/000.png")
    data = read_dataset(tmp_path)
    assert sorted(data.categories) == ["bottle", "nut"]
    bottle = data.category("bottle")
    assert (ids(bottle.train), ids(bottle.test)) == (["train/good/000"], ["test/crack/000", "test/good/000"])
    crack, good = bottle.test
    assert crack.mask == tmp_path / "bottle/ground_truth/crack/000_mask.png"
    assert (good.mask, bottle.is_normal(good), bottle.is_normal(crack)) == (None, True, False)
    assert bottle.kinds == ["crack", "good"]


def test_one_category_needs_no_level_of_its_own(tmp_path):
    root = tmp_path / "parts"
    put(root, "train/MT_Free/a.jpg", "test/MT_Free/b.jpg", "test/MT_Break/c.jpg", "ground_truth/MT_Break/c.png")
    category = only(root)
    assert category.name == "parts"
    assert category.test[0].mask is not None
    files.write_json(root / "dataset.json", {"name": "mtd", "categories": ["MTD"], "normal_kinds": ["MT_Free"]})
    assert only(root).name == "MTD"
    assert read_dataset(root).name == "mtd"


def test_a_flat_folder_has_no_labels(tmp_path):
    put(tmp_path / "odd", "b.png", "a b.JPG", "deep/er/c.bmp", "Thumbs.db", ".hidden.png")
    data = read_dataset(tmp_path / "odd")
    category = only(tmp_path / "odd")
    assert data.is_flat
    assert ids(category.test) == ["a b", "b", "deep/er/c"]
    assert {one.kind for one in category.test} == {"unknown"}
    assert not category.is_labelled
    assert category.unmasked == []


def test_a_flat_folder_that_is_the_workspace_does_not_read_what_adtool_wrote(tmp_path):
    put(tmp_path, "a.png", "maps/_step.json", "maps/w/a.tiff", "classes/_step.json", "classes/w/crops/a_0.png")
    assert ids(only(tmp_path).test) == ["a"]


@pytest.mark.parametrize("normal", ["good", "ok", "MT_Free", "Normal"])
def test_customary_names_of_the_normal_kind(tmp_path, normal):
    put(tmp_path, f"test/{normal}/a.png", "test/ko/b.png")
    category = only(tmp_path)
    assert [category.is_normal(one) for one in category.test] == [one.kind == normal for one in category.test]


def test_what_is_trained_on_is_normal_whatever_it_is_called(tmp_path):
    put(tmp_path, "train/gut/a.png", "test/gut/b.png", "test/schlecht/c.png")
    category = only(tmp_path)
    assert [one.id for one in category.test if category.is_normal(one)] == ["test/gut/b"]


def test_images_outside_a_folder_of_a_kind_are_of_unknown_kind(tmp_path):
    put(tmp_path, "train/a.png", "test/b.png", "test/crack/c.png")
    category = only(tmp_path)
    assert {one.id: one.kind for one in category.test} == {"test/b": "unknown", "test/crack/c": "crack"}
    assert not category.is_normal(category.test[0]), "unknown is not normal, although training images are unknown, too"


def test_folders_below_a_kind_belong_to_its_ids(tmp_path):
    put(tmp_path, "test/crack/same/1.png", "test/crack/view/1.png", "ground_truth/crack/view/1.png")
    category = only(tmp_path)
    assert ids(category.test) == ["test/crack/same/1", "test/crack/view/1"]
    assert [one.mask is not None for one in category.test] == [False, True]


def test_the_small_tree_of_all_traps(tmp_path):
    """Sizes, suffixes, dots, spaces, and names that contain each other (notes, section 12)."""
    for name in ("capsule", "capsules"):
        put(tmp_path / name, "train/good/0.png", "test/good/x.JPG", "test/poke hole/a.b.png", "test/poke hole/ü.bmp")
        put(tmp_path / name, "ground_truth/poke hole/a.b_mask.png", "ground_truth/poke hole/Ü.png")
        put(tmp_path / name, "test/no mask/1.png")
    data = read_dataset(tmp_path)
    for category in data.categories.values():
        assert ids(category.test) == ["test/good/x", "test/no mask/1", "test/poke hole/a.b", "test/poke hole/ü"]
        masks = {one.id: one.mask and one.mask.name for one in category.test}
        assert (masks["test/poke hole/a.b"], masks["test/poke hole/ü"]) == ("a.b_mask.png", "Ü.png")
        assert ids(category.unmasked) == ["test/no mask/1"]
        assert category.stray_masks == ()
        assert all(category.name in one.image.parts for one in category.test)


def test_a_mask_without_image_is_a_stray(tmp_path):
    put(tmp_path, "test/crack/0.png", "ground_truth/crack/0_mask.png", "ground_truth/crack/9_mask.png")
    assert [path.name for path in only(tmp_path).stray_masks] == ["9_mask.png"]


def test_the_same_id_twice_names_both_files(tmp_path):
    put(tmp_path, "test/crack/0.png", "test/crack/0.jpg")
    with pytest.raises(BadDataError, match=r"Two files have the id 'test/crack/0': .*0\.jpg and .*0\.png"):
        read_dataset(tmp_path)


def test_equal_names_in_two_kinds_are_two_ids(tmp_path):
    put(tmp_path, "test/crack/0.png", "test/hole/0.png", "train/good/0.png")
    assert ids(only(tmp_path).test) == ["test/crack/0", "test/hole/0"]


def test_the_only_data_set_inside_is_taken(tmp_path):
    put(tmp_path, "mvtec/bottle/train/good/0.png", "notes/readme.txt")
    assert read_dataset(tmp_path).path == tmp_path / "mvtec"


def test_several_data_sets_inside_are_named(tmp_path):
    put(tmp_path, "mvtec/bottle/train/good/0.png", "visa/pcb1/test/good/0.png")
    with pytest.raises(MissingInputError, match=r"several data sets: .*mvtec, .*visa\. Choose one with --data"):
        read_dataset(tmp_path)


def test_a_data_set_of_one_category_beside_others_is_not_taken_for_all_there_is(tmp_path):
    put(tmp_path, "mtd/train/good/0.png", "mtd/dataset.json")
    files.write_json(tmp_path / "mtd/dataset.json", {"name": "mtd"})
    assert read_dataset(tmp_path).path == tmp_path / "mtd"
    put(tmp_path, "parts/train/good/0.png")  # without a card it looks like a category of the folder above
    with pytest.raises(MissingInputError, match=r"several data sets: .*mtd, .*parts"):
        read_dataset(tmp_path)


def test_no_folder_no_images_and_a_file_are_told_apart(tmp_path):
    put(tmp_path, "empty/readme.txt", "file.png")
    with pytest.raises(MissingInputError, match="does not exist"):
        read_dataset(tmp_path / "gone")
    with pytest.raises(MissingInputError, match="neither train/ and test/ folders nor images"):
        read_dataset(tmp_path / "empty")
    with pytest.raises(MissingInputError, match="is a file"):
        read_dataset(tmp_path / "file.png")


def test_an_unknown_category_names_the_known(tmp_path):
    put(tmp_path, "bottle/train/good/0.png", "nut/train/good/0.png")
    data = read_dataset(tmp_path)
    with pytest.raises(MissingInputError, match=r"no category 'botle'. It has: bottle, nut"):
        data.select(["botle"])
    assert [one.name for one in data.select(["nut", "bottle", "nut"])] == ["nut", "bottle"]
    assert [one.name for one in data.select([])] == ["bottle", "nut"]


def test_a_data_set_in_work_is_not_read(tmp_path):
    put(tmp_path, "train/good/0.png")
    files.write_json(tmp_path / "_step.json", {"command": "prep mtd", "state": "running"})
    with pytest.raises(MissingInputError, match="not finished"):
        read_dataset(tmp_path)
    assert read_dataset(tmp_path, is_in_work=True).categories
    files.write_json(tmp_path / "_step.json", {"command": "prep mtd", "state": "done"})
    assert read_dataset(tmp_path).categories


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not a JSON object"),
        ("[]", "not a JSON object"),
        ('{"mask_rule": "ge129"}', "no mask_rule 'ge129'"),
        ('{"normal_kinds": "good"}', "'normal_kinds' is no list of names"),
        ('{"categories": [1]}', "'categories' is no list of names"),
    ],
)
def test_a_card_that_cannot_be_understood_is_an_error(tmp_path, text, complaint):
    put(tmp_path, "train/good/0.png")
    Path(tmp_path / "dataset.json").write_text(text)
    with pytest.raises(BadDataError, match=complaint):
        read_dataset(tmp_path)


def test_every_mask_rule_that_a_card_may_name_is_known_to_the_reader(tmp_path):
    import numpy as np

    from adtool.core import arrays
    from adtool.core.masks import mask_reader

    arrays.write_png(tmp_path / "m.png", np.array([[0, 1, 60, 100]], np.uint8))
    names = [
        rule for rule in mask_reader.RULES if rule not in ("auto", "alpha")
    ]  # decided elsewhere; needs transparency
    read = {rule: arrays.read_mask(tmp_path / "m.png", rule).sum() for rule in names}
    assert read == {"gt0": 3, "ge128": 0, "half_max": 2, "lt128": 4, "index": 3}


def test_labels_and_masks_do_not_enter_the_fingerprint_of_the_images(tmp_path):
    put(tmp_path, "train/good/0.png", "test/crack/0.png", "ground_truth/crack/0.png")
    before = only(tmp_path)
    put(tmp_path, "ground_truth/crack/0_mask.png")
    after = only(tmp_path)
    assert after.fingerprint() == before.fingerprint()
    assert after.label_fingerprint() != before.label_fingerprint()
    put(tmp_path, "test/crack/1.png")
    assert only(tmp_path).fingerprint() != before.fingerprint()


@pytest.mark.parametrize("level", [".", "bottle"])
def test_train_and_test_in_capitals_are_no_heap_of_images(tmp_path, tiny_data, level):
    tiny_data.make(tmp_path / level)
    for name in ("train", "test"):
        (tmp_path / level / name).rename(tmp_path / level / name.title())
    with pytest.raises(BadDataError, match="in small letters"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("name", ["Ground_Truth", "masks", "GT"])
def test_masks_beside_train_and_test_in_a_folder_of_another_name_are_said(tmp_path, tiny_data, name):
    tiny_data.make(tmp_path / "parts")
    (tmp_path / "parts/ground_truth").rename(tmp_path / "parts" / name)
    found = read_dataset(tmp_path / "parts").category("parts")
    assert [(one.rule.code, len(one.cases)) for one in found.remarks] == [("masks_unread", 1)]
