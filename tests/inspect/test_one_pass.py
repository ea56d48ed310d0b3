"""One decoding and one pass of the network serve the detector, the filter and the classes where they see alike."""

from collections import Counter
from dataclasses import replace

import pytest

from adtool.detection.frame import Frame, Needs
from adtool.inspect import beside
from adtool.refine import again, blending
from adtool.refine import step as refine
from adtool.refine.config import RefineConfig
from adtool_runtime.classes.spots import TURNS
from adtool_runtime.pictures import decoding

from .conftest import discover_classes, run, table, write_new
from .test_detectors import TINY_FILTER

IMAGES = 12
SEEN = 16  # by a network of torch, whose last batch of eight is filled up
STRANGE = 8  # of them are NOK, whose spots are seen close up besides, in as many turns
TURNED = STRANGE * TURNS


@pytest.fixture
def counted(instead_of_weights, monkeypatch):
    """How many images were decoded, and seen by the network."""
    found = Counter()
    read, stream = decoding.read, instead_of_weights._runner.stream

    def decode(*given):
        found["decoded"] += 1
        return read(*given)

    def run_network(jobs):
        for key, inputs in jobs:
            found["seen"] += len(inputs[0])
            yield from stream([(key, inputs)])

    def begin():
        monkeypatch.setattr(decoding, "read", decode)
        monkeypatch.setattr(instead_of_weights._runner, "stream", run_network)
        return found

    return begin


@pytest.fixture
def refined(mapped, monkeypatch):
    monkeypatch.setattr(blending, "SIDE", 32)
    refine.run(RefineConfig(settings=TINY_FILTER, keep="always"))
    discover_classes()


def test_an_image_is_decoded_for_everything_and_for_its_overlay_and_seen_once_unless_it_is_strange(
    mapped, tiny_data, counted
):
    discover_classes()
    new, count = write_new(tiny_data, "new"), counted()
    run(new)
    assert len(table()) == IMAGES
    assert count == {"decoded": 2 * IMAGES + STRANGE, "seen": SEEN + TURNED}


@pytest.mark.slow
def test_the_filter_shares_them_as_well(refined, tiny_data, counted):
    new, count = write_new(tiny_data, "new"), counted()
    run(new)
    assert count == {"decoded": 2 * IMAGES + STRANGE, "seen": SEEN + TURNED}


def test_crops_are_seen_by_themselves(mapped, tiny_data, counted):
    discover_classes(features="crops")
    new, count = write_new(tiny_data, "new"), counted()
    run(new)
    assert count["seen"] > SEEN


@pytest.mark.slow
@pytest.mark.parametrize("chain", ["found", "refined"])
def test_separate_passes_say_the_same(request, chain, tiny_data, monkeypatch):
    request.getfixturevalue(chain)
    new = write_new(tiny_data, "new")
    run(new)
    together = table()
    monkeypatch.setattr(beside, "describer", lambda *_: None)
    monkeypatch.setattr(again, "of_detector", lambda *_: None)
    run(new, force=True)
    for file, row in table().items():
        for column in ("image_score", "confidence"):
            assert float(row.pop(column)) == pytest.approx(float(together[file].pop(column)), rel=1e-4, abs=1e-4)
        assert row == together[file]


@pytest.mark.parametrize(
    "needs",
    [Needs(keep_aspect=True), Needs(norm=True), Needs(before_relu=True), Needs(layers=())],
)
def test_features_that_are_seen_otherwise_are_not_shared(small_network, needs):
    own = replace(small_network.source, layers=small_network.source.layers[:1])
    assert Frame(small_network, 64, 4, 0).places_of(own, 64) == [0]
    assert Frame(small_network, 64, 4, 0, needs).places_of(own, 64) is None
    assert Frame(small_network, 64, 4, 0).places_of(own, 32) is None
    for other in ({"name": "other"}, {"weights_id": "other"}, {"layers": (99,)}, {"replicates": True}):
        assert Frame(small_network, 64, 4, 0).places_of(replace(own, **other), 64) is None
