import os
import unicodedata

from adtool.core.checks import remarks
from adtool.core.folders import listing
from adtool.core.folders.listing import images_in, join_masks


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def joined(folder, *names):
    found, strays = join_masks(names, folder)
    return {n: p.relative_to(folder).as_posix() for n, p in found.items()}, [p.name for p in strays]


def test_images_are_found_by_their_suffix_whatever_its_case(tmp_path):
    put(tmp_path, "a.png", "B.JPG", "c.bmp", "d.TIFF", "e e.webp", "ü.jpeg", "notes.txt", "f.cr2")
    assert [p.name for p in images_in(tmp_path)] == ["B.JPG", "a.png", "c.bmp", "d.TIFF", "e e.webp", "ü.jpeg"]


def test_hidden_files_and_what_systems_leave_behind_are_not_images(tmp_path):
    put(
        tmp_path, "a.png", "._a.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".cache/b.png", "sub/.c.png", "sub/d.png"
    )
    assert [p.name for p in images_in(tmp_path, recursive=True)] == ["a.png", "d.png"]
    assert [p.name for p in images_in(tmp_path)] == ["a.png"]


def test_a_folder_called_like_an_image_is_none(tmp_path):
    put(tmp_path, "odd.png/inside.png")
    assert [p.name for p in images_in(tmp_path)] == []


def test_a_mask_is_found_by_name_with_or_without_its_suffix(tmp_path):
    put(tmp_path, "crack/000_mask.png", "crack/001.png", "hole/000.png")
    assert joined(tmp_path, "crack/000", "crack/001", "hole/000") == (
        {"crack/000": "crack/000_mask.png", "crack/001": "crack/001.png", "hole/000": "hole/000.png"},
        [],
    )


def test_equal_names_in_two_kinds_keep_their_own_masks(tmp_path):
    put(tmp_path, "crack/000_mask.png", "hole/000_mask.png")
    found, _ = joined(tmp_path, "hole/000", "crack/000")
    assert found == {"hole/000": "hole/000_mask.png", "crack/000": "crack/000_mask.png"}


def test_a_dot_in_a_name_is_no_suffix(tmp_path):
    put(tmp_path, "k/a.b_mask.png", "k/a.c.png")
    assert joined(tmp_path, "k/a.b", "k/a.c", "k/a")[0] == {"k/a.b": "k/a.b_mask.png", "k/a.c": "k/a.c.png"}


def test_case_does_not_matter_unless_it_must(tmp_path):
    put(tmp_path, "Bad/IMG_1.PNG", "k/a_mask.png", "k/A_mask.png", "k/B.bmp")
    found, strays = joined(tmp_path, "bad/img_1", "k/a", "k/A", "k/b")
    assert found == {"bad/img_1": "Bad/IMG_1.PNG", "k/a": "k/a_mask.png", "k/A": "k/A_mask.png", "k/b": "k/B.bmp"}
    assert strays == []


def test_a_mask_of_another_case_goes_to_one_image_only_if_it_has_its_own(tmp_path):
    put(tmp_path, "A_mask.png")
    assert joined(tmp_path, "a", "A")[0] == {"A": "A_mask.png"}


def test_names_that_begin_alike_are_not_confused(tmp_path):
    put(tmp_path, "k/1_mask.png", "k/10_mask.png", "capsules/1.png")
    found, strays = joined(tmp_path, "k/1", "k/10", "capsule/1")
    assert found == {"k/1": "k/1_mask.png", "k/10": "k/10_mask.png"}
    assert strays == ["1.png"]


def test_png_wins_over_a_lossy_copy_and_the_copy_is_a_stray(tmp_path):
    put(tmp_path, "a.jpg", "a.png")
    assert joined(tmp_path, "a") == ({"a": "a.png"}, ["a.jpg"])


def test_a_missing_folder_has_no_masks(tmp_path):
    assert join_masks(["a"], tmp_path / "ground_truth") == ({}, [])


def test_pipes_sockets_and_devices_are_named_and_never_opened(tmp_path):
    put(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    found = listing.read(tmp_path)
    assert [path.name for path in found.images] == ["a.png"]
    assert [path.name for path in found.special] == ["pipe.png", "zero.png"]
    assert [path.name for path in found.broken] == ["gone.png"]
    assert "2 special files (pipe, socket or device)" in " ".join(one.sentence() for one in remarks.of_listing(found))


def test_a_mask_is_found_however_the_accents_of_its_name_are_written(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "k/müller") for form in ("NFC", "NFD"))
    put(tmp_path, f"{composed}_mask.png")
    found, strays = joined(tmp_path, decomposed)
    assert list(found) == [decomposed]
    assert strays == []
