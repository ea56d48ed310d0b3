import weakref
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.core.pictures import tiling
from adtool.core.pictures.tiling import Tiling
from adtool.nn import backbone, feature_reader
from adtool.nn.feature_reader import FeatureReader, Picture
from adtool.nn.tiles import Cutter, Mosaic, Span, spans
from adtool_runtime import images as nn_images
from adtool_runtime import tiles

LENGTHS = [8, 24, 32, 40, 64, 72, 104, 400]


@pytest.mark.parametrize("overlap", [0, 8, 16, 24])
@pytest.mark.parametrize("length", LENGTHS)
def test_tiles_cover_an_axis_overlap_as_asked_and_begin_on_the_grid(length, overlap):
    found = spans(length, 32, overlap, 8)
    assert found[0].start == 0
    assert found[-1].stop == length
    assert all(one.stop - one.start == min(32, length) and one.start % 8 == 0 for one in found)
    assert all(one.stop - other.start >= overlap for one, other in pairwise(found))


@pytest.mark.parametrize("stride", [4, 8])
@pytest.mark.parametrize("length", LENGTHS)
def test_every_feature_comes_from_the_tile_in_which_it_lies_most_central(length, stride):
    found = spans(length, 32, 16, 8)
    taken = [(place, tile) for tile in found for place in range(*tile.kept(stride))]
    assert [place for place, _ in taken] == list(range(length // stride))
    for place, tile in taken:
        middle = (place + 0.5) * stride
        away = {abs(middle - (one.start + one.stop) / 2) for one in found}
        assert abs(middle - (tile.start + tile.stop) / 2) == min(away)


def test_two_tiles_share_their_overlap():
    assert spans(48, 32, 16, 8) == [Span(0, 32, 0, 24), Span(16, 48, 24, 48)]


def test_an_image_is_brought_to_the_size_at_which_a_tile_is_an_input():
    cutter = Cutter(Tiling(512, 128), 256, 16)
    assert cutter.overlap_px == 64
    cut = cutter.cut((1024, 2048))
    assert (cut.size, cut.tile, len(cut.tiles), cut.inputs) == ((512, 1024), (256, 256), 3 * 5, 8)
    assert cutter.cut((100, 2048)).tile == (48, 256)  # less high than a tile
    small = cutter.cut((100, 200))
    assert (small.size, small.tile, len(small.tiles)) == ((48, 96), (48, 96), 1)


def test_a_map_is_not_larger_than_shows_all_there_is():
    cutter = Cutter(Tiling(256, 64), 256, 16)
    assert cutter.cut((512, 768)).map_size(8) == (512, 768)
    assert cutter.cut((2048, 4096)).map_size(8) == (512, 1024)
    assert cutter.cut((8192, 16384)).map_size(8) == (1024, 2048)  # a pixel for each feature


@pytest.mark.parametrize(
    ("tiles", "said"),
    [
        (Tiling(15, 0), "--tile 15: this backbone takes at least 16 px"),
        (Tiling(256, 241), "--overlap 241: .*Give 240 or less"),
        (Tiling(64, 61), "--overlap 61: .*Give 60 or less"),
    ],
)
def test_tiles_that_a_backbone_cannot_see_are_refused(tiles, said):
    with pytest.raises(UsageError, match=said):
        Cutter(tiles, 256, 16)
    Cutter(Tiling(256, 240), 256, 16)


def test_an_image_is_not_blown_up_beyond_what_may_be_read(monkeypatch):
    monkeypatch.setenv("ADTOOL_MAX_PIXELS", "1000000")
    Cutter(Tiling(256, 64), 256, 16).cut((2000, 2000))  # it could be read, so it is as it is
    with pytest.raises(UsageError, match="--tile 64 would blow an image of 400 x 300 px up to 1600 x 1200"):
        Cutter(Tiling(64, 16), 256, 16).cut((300, 400))


@pytest.mark.parametrize(
    ("longer", "suggested"), [(767, None), (768, (256, 64)), (2048, (512, 128)), (8000, (2016, 504))]
)
def test_tiles_are_suggested_for_what_is_much_larger_than_an_input(longer, suggested):
    assert tiling.suggested(longer) == (suggested and Tiling(*suggested))


@pytest.mark.parametrize(("kind", "full"), [(Mosaic, torch.full), (tiles.Mosaic, np.full)], ids=["torch", "runtime"])
def test_a_mosaic_takes_of_each_tile_what_counts(kind, full):
    cut = Cutter(Tiling(32, 16), 32, 8).cut((32, 48))
    mosaic = kind(cut)
    for number in range(2):
        mosaic.put(number, [full((1, 8, 8), float(number)), full((2, 4, 4), float(number))])
    assert mosaic.stride == 4
    assert [tuple(one.shape) for one in mosaic.layers] == [(1, 8, 12), (2, 4, 6)]
    assert mosaic.layers[0][0, 0].tolist() == [0] * 6 + [1] * 6
    assert mosaic.layers[1][1, 3].tolist() == [0] * 3 + [1] * 3


@pytest.fixture
def see(tiny):
    """`see(images, tiles)`: what a small network sees of pictures, and the batches it was given."""
    network = backbone.from_model("tiny", tiny.cnn(), layers=(4, 8), engine="torch")
    stream, batches = network.stream, []

    def noting(jobs):
        yield from stream((batches.append(x.shape[0]) or (key, x)) for key, x in jobs)

    network.stream = noting

    def call(images, tiles=None, **settings):
        settings = {"image_size": 32, "keep_aspect": False, "batch_size": 3} | settings
        cutter = tiles and Cutter(tiles, settings["image_size"], network.multiple)
        reader = FeatureReader(network, **settings, cutter=cutter)
        pictures = (Picture(Sample("c", str(i), "test", "good", None), image) for i, image in enumerate(images))
        batches.clear()
        return SimpleNamespace(seen=list(reader.see(pictures)), batches=list(batches), reader=reader)

    return call


def noise(*size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_one_tile_is_seen_as_the_whole_image_is(see):
    image = noise(64, 64)
    (whole,), (tile,) = see([image]).seen, see([image], Tiling(64, 16)).seen
    assert all(torch.equal(one, other) for one, other in zip(whole.layers, tile.layers, strict=True))
    assert (whole.size, whole.inputs, whole.shrunk) == (tile.size, tile.inputs, tile.shrunk) == ((32, 32), 1, 1)


def test_a_feature_is_that_of_the_tile_alone_in_which_it_lies_most_central(see):
    image = noise(48, 80)
    (seen,) = see([image], Tiling(32, 16)).seen
    assert [tuple(one.shape[1:]) for one in seen.layers] == [(12, 20), (6, 10)]
    (alone,) = see([image[16:48, 32:64]]).seen  # the tile in the last row and the third column
    for layer, tile, stride in zip(seen.layers, alone.layers, (4, 8), strict=True):
        top, left, right = 24 // stride, 40 // stride, 56 // stride
        expected = tile[:, 8 // stride :, 8 // stride : 24 // stride]
        assert torch.allclose(layer[:, top:, left:right], expected, atol=1e-6)


def test_an_even_image_shows_no_seams(see):
    (seen,) = see([np.full((112, 96, 3), 90, np.uint8)], Tiling(48, 24), image_size=48).seen
    for layer in seen.layers:
        inner = layer[:, 2:-2, 2:-2]  # the image's own border is seen as ever
        assert torch.allclose(inner, inner[:, :1, :1], atol=1e-6)


def test_tiles_of_several_images_share_a_batch_and_as_many_images_as_are_a_batch_begin_one(see):
    images = [noise(48, 48, seed=i) for i in range(4)]  # of 4 tiles each
    found = see(images, Tiling(32, 16))
    assert found.batches == [3, 3, 3, 3, 3, 3]  # the last is filled up
    assert [one.sample.id for one in found.seen] == ["0", "1", "2", "3"]
    (last,) = see(images[3:], Tiling(32, 16)).seen
    assert all(torch.equal(one, other) for one, other in zip(last.layers, found.seen[3].layers, strict=True))


def test_images_of_different_sizes_are_each_cut_by_themselves(see):
    found = see([noise(40, 200), noise(20, 24), noise(96, 96)], Tiling(32, 8)).seen
    assert [one.size for one in found] == [(40, 200), (16, 24), (96, 96)]  # to whole steps of the grid
    assert [one.inputs for one in found] == [40 * 200 / 32**2, 1, 9]


def test_the_tiles_of_a_large_image_are_not_in_memory_as_numbers_beyond_a_batch(see, monkeypatch):
    alive, most, plain = [], [0], nn_images.normalised

    def normalised(*args):
        pixels = plain(*args)
        alive.append(weakref.ref(pixels))
        most[0] = max(most[0], sum(one() is not None for one in alive))
        return pixels

    monkeypatch.setattr(nn_images, "normalised", normalised)
    found = see([noise(320, 320)], Tiling(32, 0))
    assert len(found.batches) == 34
    assert most[0] <= 3 * 3


def test_an_image_is_skipped_if_what_is_seen_in_one_of_its_tiles_is_no_number(see, monkeypatch):
    plain, calls = feature_reader.are_finite, []

    def are_finite(features):
        calls.append(1)
        return [False, *plain(features)[1:]] if len(calls) == 1 else plain(features)

    monkeypatch.setattr(feature_reader, "are_finite", are_finite)
    found = see([noise(48, 48), noise(48, 48)], Tiling(32, 16))
    assert [one.sample.id for one in found.seen] == ["1"]
    assert len(found.reader.unreadable) == 1
