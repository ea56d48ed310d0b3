import numpy as np
import pytest
from PIL import Image

from adtool.core.dataset.types import Sample
from adtool.inspect.seeing import read_as_learned
from adtool_runtime.pictures.reading import PLAIN, UNNOTED, GreyRange, PictureReading


@pytest.fixture
def new(tmp_path):
    def call(values, **save):
        Image.fromarray(values).save(tmp_path / "x.png", **save)
        return (Sample("p", "x", "test", "unknown", tmp_path / "x.png"),)

    return call


def test_tomorrows_pictures_have_the_range_of_those_learned_from_even_if_darker(new):
    learned = PictureReading(GreyRange("integer", 0, 4095))
    (one,) = read_as_learned(new(np.full((4, 4), 200, np.uint16)), learned)
    assert one.reading.grey == learned.grey


def test_another_depth_than_that_learned_from_is_said(new, caplog):
    read_as_learned(new(np.full((4, 4), 200, np.uint8)), PictureReading(GreyRange("integer", 0, 4095)))
    assert "1 of these have 8" in caplog.text
    caplog.clear()
    read_as_learned(new(np.full((4, 4), 900, np.uint16)), PLAIN)
    assert "learned from images of 8 bits, 1 of these have more" in caplog.text


def test_a_model_of_an_earlier_version_sees_pictures_as_it_did_and_that_is_said(new, caplog):
    exif = Image.Exif()
    exif[0x0112] = 6
    (one,) = read_as_learned(new(np.zeros((4, 6), np.uint8), exif=exif), UNNOTED)
    assert not one.reading.upright
    assert "did not turn its images" in caplog.text
