import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.steps import locks
from adtool.prep.datasets import folder
from adtool.prep.datasets.folder import Config

SIZE = (10, 12)


def put(*paths, size=SIZE):
    for path in paths:
        arrays.write_png(Path(path), np.full((*size, 3), 90, np.uint8))


def put_mask(path, *, empty=False, size=SIZE):
    mask = np.zeros(size, bool)
    mask[2:4, 2:4] = not empty
    arrays.write_mask(Path(path), mask)


@pytest.fixture(autouse=True)
def here(workspace):
    put("good/1.png", "good/2.png", "odd/a.png", "odd/b c.png")
    return workspace


def prep(**settings):
    force = settings.pop("force", False)
    given = {"normal": Path("good"), "test": Path("odd")} | {
        k: v if k == "name" else Path(v) for k, v in settings.items()
    }
    return folder.run(Config(**given), force=force)


def only(root="data/odd"):
    (category,) = read_dataset(Path(root)).categories.values()
    return category


def kinds():
    return {one.id.removeprefix("test/"): one.kind for one in only().test}


def test_without_labels_the_kind_is_unknown():
    prep()
    assert only().name == "odd"
    assert [one.id for one in only().train] == ["train/good/1", "train/good/2"]
    assert kinds() == {"unknown/a": "unknown", "unknown/b c": "unknown"}


def test_subfolders_are_kinds_and_customary_names_are_normal():
    put("odd/crack/a.png", "odd/ok/x.png", "odd/good/y.png")
    prep()
    assert kinds()["crack/a"] == "crack"
    assert [one.kind for one in only().test if only().is_normal(one)] == ["good", "ok"]


def test_masks_tell_defect_from_good():
    put_mask("masks/a_mask.png")
    put_mask("masks/b c.png", empty=True)
    prep(masks="masks")
    assert kinds() == {"defect/a": "defect", "good/b c": "good"}
    (defect, _) = only().test
    assert arrays.read_mask(defect.mask).sum() == 4


def test_masks_may_lie_inside_the_test_folder():
    put_mask("odd/masks/a.png")
    prep(masks="odd/masks")
    assert kinds() == {"defect/a": "defect", "unknown/b c": "unknown"}


def test_images_without_mask_and_masks_without_image_are_said(caplog):
    put_mask("masks/a.png")
    put_mask("masks/z.png")
    with caplog.at_level(logging.WARNING, logger="adtool"):
        prep(masks="masks")
    said = [record.getMessage() for record in caplog.records]
    assert any("1 image of unknown kind" in text and "b c.png" in text for text in said)
    assert any("1 mask without an image of that name" in text and "z.png" in text for text in said)


def test_a_mask_of_another_size_is_an_error_before_anything_is_written():
    put_mask("masks/a.png", size=(5, 5))
    with pytest.raises(BadDataError, match=r"masks/a\.png has 5 x 5 pixels, its image odd/a\.png 12 x 10"):
        prep(masks="masks")
    assert not Path("data").exists()


def test_all_masks_of_another_size_are_named_at_once():
    put_mask("masks/a.png", size=(5, 5))
    put_mask("masks/b c.png", size=(6, 6))
    with pytest.raises(BadDataError, match=r"masks/a\.png has 5 x 5 .* The same holds for 1 more: masks/b c\.png\."):
        prep(masks="masks")


def test_masks_that_fit_no_image_are_an_error():
    put_mask("masks/z.png")
    with pytest.raises(BadDataError, match="No mask in masks has the name of an image in odd"):
        prep(masks="masks")


def test_an_unreadable_image_is_skipped_and_stated():
    Path("odd/a.png").write_bytes(b"")
    Path("good/1.png").write_bytes(b"no image")
    (note,) = prep().notes
    assert note.startswith("skipped 2 unreadable images: ")
    assert kinds() == {"unknown/b c": "unknown"}
    assert read_dataset(Path("data/odd")).category("odd").unread == ("a.png",)


def test_an_unreadable_mask_is_an_error_that_names_it():
    put_mask("masks/a.png")
    Path("masks/a.png").write_bytes(Path("masks/a.png").read_bytes()[:40])
    with pytest.raises(BadDataError, match=r"masks/a\.png can't be read"):
        prep(masks="masks")


def test_hidden_files_and_thumbs_db_are_left_out():
    put("odd/._a.png", "odd/.thumbs/x.png")
    Path("odd/Thumbs.db").write_bytes(b"x")
    Path("odd/notes.txt").write_text("x")
    prep()
    assert len(kinds()) == 2


def test_equal_names_in_two_kinds_stay_apart():
    put("odd/crack/a.png", "odd/hole/a.png")
    prep()
    assert {"crack/a", "hole/a", "unknown/a"} <= set(kinds())


def test_all_pairs_that_would_get_one_id_are_counted_and_three_are_named():
    for name in "pqrs":
        put(f"odd/{name}.png")
        put(f"odd/{name}.bmp")
    said = "4 pairs of images get the same id: odd/p.bmp and odd/p.png, .*, .*r.png and 1 more. Rename one of each"
    with pytest.raises(BadDataError, match=said):
        prep()


@pytest.mark.parametrize("twin", ["odd/a.bmp", "odd/unknown/a.png"])
def test_two_images_that_would_get_one_id_are_refused_before_anything_is_written(twin):
    put("x.png")
    Path(twin).parent.mkdir(exist_ok=True)
    Path("x.png").rename(twin)
    with pytest.raises(BadDataError, match=r"Two images get the id 'unknown/a': odd/a\.\w+ and odd/\S*a\.\w+"):
        prep()
    assert not Path("data").exists()


def test_an_image_in_both_folders_is_refused():
    with pytest.raises(UsageError, match="lie in both --normal good and --test good"):
        prep(test="good")
    put("good/new/x.png")
    with pytest.raises(
        UsageError, match=r"1 image lies in both --normal good and --test good/new, for instance x\.png"
    ):
        prep(test="good/new")


def test_unicode_spaces_and_dots_in_names():
    put("Prüflinge 2/große Risse/a.b c.png")
    prep(test="Prüflinge 2")
    category = only("data/Prüflinge 2")
    assert category.name == "Prüflinge 2"
    assert [(one.id, one.kind) for one in category.test] == [("test/große Risse/a.b c", "große Risse")]


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ".x", "", "a\\b"])
def test_a_name_that_is_no_folder_name_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        prep(name=name)


def test_another_set_of_images_in_the_same_place_needs_force():
    prep()
    assert prep().skipped == ["odd"]
    put("odd/c.png")
    with pytest.raises(UsageError, match=r"changed: test images.*--force"):
        prep()
    prep(force=True)
    assert len(kinds()) == 3


def test_a_folder_that_is_not_ours_is_not_touched():
    put("data/odd/mine.png")
    with pytest.raises(UsageError, match="did not write"):
        prep(force=True)
    assert Path("data/odd/mine.png").exists()


def test_missing_and_empty_folders_are_named_by_their_option():
    with pytest.raises(MissingInputError, match="--normal gone is not a folder"):
        prep(normal="gone")
    Path("empty").mkdir()
    with pytest.raises(MissingInputError, match="--test empty holds no images"):
        prep(test="empty")
    with pytest.raises(MissingInputError, match="--masks gone is not a folder"):
        prep(masks="gone")


def test_images_of_any_suffix_and_case_keep_their_files():
    from PIL import Image

    Image.new("L", (12, 10)).save("odd/X.JPG")
    Image.new("CMYK", (12, 10)).save("odd/y.tif")
    prep()
    assert Path("data/odd/test/unknown/X.JPG").read_bytes() == Path("odd/X.JPG").read_bytes()
    assert set(kinds()) == {"unknown/a", "unknown/b c", "unknown/X", "unknown/y"}


def test_a_folder_that_is_not_there_is_told_with_what_to_do():
    Path("file.png").write_bytes(b"")
    for option, given in (("normal", "gone"), ("test", "file.png"), ("masks", "gone")):
        with pytest.raises(MissingInputError, match=rf"is not a folder. Give --{option} an existing folder"):
            prep(**{option: given})


def test_kinds_are_found_in_folders_that_only_keep_order(workspace):
    put("days/line1/OK/a.png", "days/line2/OK/a.png", "days/line2/NG/b.png", "days/line2/c.png")
    prep(test="days")
    found = {one.id: one.kind for one in only("data/days").test}
    assert found == {
        "test/NG/line2/b": "NG",
        "test/OK/line1/a": "OK",
        "test/OK/line2/a": "OK",
        "test/unknown/line2/c": "unknown",
    }
    assert only("data/days").normal_kinds >= {"OK"}


def test_folders_whose_masks_are_mostly_black_are_no_kinds():
    for number in range(3):
        put(f"kol/A0{number}/x.png")
        put_mask(f"kol_masks/A0{number}/x.png", empty=number > 0)
    prep(test="kol", masks="kol_masks")
    assert sorted(one.kind for one in only("data/kol").test) == ["defect", "good", "good"]


def test_black_masks_of_normal_parts_are_no_doubt_however_deep_they_lie(caplog):
    put("three/good/rgb/1.png", "three/hole/rgb/1.png")
    put_mask("gt/good/rgb/1.png", empty=True)
    put_mask("gt/hole/rgb/1.png")
    prep(test="three", masks="gt")
    assert "all-black" not in caplog.text


def test_defective_parts_among_the_normal_ones_are_left_out(caplog):
    rng = np.random.default_rng(0)
    for number in range(3):
        arrays.write_png(Path(f"learn/{number}.png"), rng.integers(60, 190, (*SIZE, 3), dtype=np.uint8))
        put_mask(f"learn/{number}_GT.png", empty=number > 0)
    prep(normal="learn")
    assert [one.id for one in only().train] == ["train/good/1", "train/good/2"]
    assert "1 image among the normal ones with a defect in its mask, left out: learn/0.png" in caplog.text


def test_a_folder_of_which_no_image_can_be_read_is_refused():
    Path("broken").mkdir()
    for number in range(2):
        Path(f"broken/{number}.png").write_bytes(b"no image")
    with pytest.raises(BadDataError, match="None of the 2 pictures of --normal can be read"):
        prep(normal="broken")


def test_what_a_damaged_mask_stopped_goes_on_once_it_is_mended():
    put("odd/x/1.png", "odd/x/2.png")
    put_mask("masks/x/1.png")
    Path("masks/x/2.png").write_bytes(b"no image")
    with pytest.raises(BadDataError, match=r"masks/x/2\.png"):
        prep(masks="masks")
    put_mask("masks/x/2.png")
    assert prep(masks="masks").done == ["odd"]
    assert sum(one.mask is not None for one in only().test) == 2


def test_folders_whose_images_have_masks_are_not_called_unknown(caplog):
    put("kol/line1/x.png", "kol/line2/x.png")
    put_mask("kol_masks/line1/x.png")
    put_mask("kol_masks/line2/x.png", empty=True)
    prep(test="kol", masks="kol_masks")
    assert sorted(one.kind for one in only("data/kol").test) == ["defect", "good"]
    assert "2 folders of test images taken as just a folder, not as a kind: kol/line1, kol/line2" in caplog.text
    assert "of the kind that a folder inside or their masks say: defect, good." in caplog.text


def test_what_is_told_does_not_depend_on_what_others_do_once_the_folder_is_free(monkeypatch):
    real = locks._release

    def release(held, lock):
        real(held, lock)
        shutil.rmtree("data/odd")  # as one does that waited with --force

    monkeypatch.setattr(locks, "_release", release)
    assert prep().rows[0]["train"] == 2


def test_what_another_process_made_otherwise_while_we_waited_is_not_written_over(monkeypatch):
    real = locks._acquire

    def acquire(full, *more):
        lock = real(full, *more)
        files.write_json(full / "_step.json", {"state": "done", "command": "prep folder", "settings": {"name": "x"}})
        return lock

    monkeypatch.setattr(locks, "_acquire", acquire)
    with pytest.raises(UsageError, match="made with other settings"):
        prep()
    assert not Path("data/odd/train").exists()


@pytest.mark.parametrize("name", ["../x", "_kept", "C:x", "a\\b", ".x", "a/b"])
def test_names_go_through_the_one_check(adtool, name):
    shown = adtool("prep", "folder", "--normal", "good", "--test", "odd", "--name", name)
    assert (shown.code, shown.out) == (2, "")
    assert not Path("data").exists()
