from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from adtool.core.dataset.types import Sample
from adtool.core.pictures.survey import as_learned, survey
from adtool.inspect.seeing import read_as_learned
from adtool_runtime.given import remark
from adtool_runtime.pictures import decoding
from adtool_runtime.pictures.reading import PLAIN, UNNOTED, GreyRange, PictureReading, from_json


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


def test_where_one_tested_picture_alone_was_deep_pictures_of_8_bits_are_no_surprise(new, tmp_path, caplog):
    (good,) = new(np.full((4, 4), 200, np.uint8))
    Image.fromarray(np.full((4, 4), 900, np.uint16)).save(tmp_path / "deep.png")
    how = survey([good.image, tmp_path / "deep.png"]).reading
    learned = from_json(as_learned([good.image], how).as_json(), "model.json")
    assert learned.grey == how.grey
    read_as_learned([good], learned)
    assert "learned from images of" not in caplog.text
    read_as_learned([replace(good, image=tmp_path / "deep.png")], learned)
    assert "learned from images of 8 bits, 1 of these have more" in caplog.text
    assert remark(decoding.read(good.image, learned), learned) == ""
    assert "what was learned from had 8: 0 to 1023 is" in remark(decoding.read(tmp_path / "deep.png", learned), learned)


@pytest.mark.parametrize(("others", "warns"), [((), True), (("x.png",), False)])
def test_where_deep_pictures_were_learned_from_8_bits_are_said_unless_some_of_those_had_8(
    new, tmp_path, caplog, others, warns
):
    (shallow,) = new(np.full((4, 4), 200, np.uint8))
    Image.fromarray(np.full((4, 4), 900, np.uint16)).save(tmp_path / "deep.png")
    train = [tmp_path / one for one in ("deep.png", *others)]
    learned = as_learned(train, survey(train).reading)
    read_as_learned([shallow], learned)
    assert ("1 of these have 8" in caplog.text) == warns
    assert bool(remark(decoding.read(shallow.image, learned), learned)) == warns


def test_a_model_of_an_earlier_version_sees_pictures_as_it_did_and_that_is_said(new, caplog):
    exif = Image.Exif()
    exif[0x0112] = 6
    (one,) = read_as_learned(new(np.zeros((4, 6), np.uint8), exif=exif), UNNOTED)
    assert not one.reading.upright
    assert "did not turn its images" in caplog.text
