from pathlib import Path

import pytest

from adtool.core import urls


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("s3://bucket/data", "s3://bucket/data"),
        ("S3://bucket/data/", "s3://bucket/data"),
        ("s3://bucket", "s3://bucket"),
        ("hf://datasets/someone/parts@main", "hf://datasets/someone/parts@main"),
        ("file:///home/me/data", "file:///home/me/data"),
        ("memory://a", "memory://a"),
    ],
)
def test_a_url_is_known_after_it_was_a_path(typed, expected):
    assert urls.is_url(typed) and urls.is_url(Path(typed))
    assert urls.url_of(Path(typed)) == expected


@pytest.mark.parametrize("typed", ["data", "/data/s3", "C:/data", "C:\\data", "a:b", "data/s3://x", ""])
def test_a_folder_is_none(typed):
    assert not urls.is_url(typed)
    assert not urls.is_url(Path(typed))


def test_a_mirror_has_the_name_of_the_folder_and_is_its_own_for_each_url():
    one, other = (urls.content_of(f"s3://{bucket}/parts") for bucket in ("a", "b"))
    assert one.name == other.name == "parts" and one != other
    assert urls.content_of("s3://bucket").name == "bucket"


def test_what_is_no_mirror_stands_for_no_url(tmp_path):
    assert urls.shown(tmp_path) is None
    assert urls.shown(urls.cache() / "s3-0" / "files" / "parts") is None  # nothing says of what
