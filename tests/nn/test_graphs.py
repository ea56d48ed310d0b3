import logging

import pytest

from adtool.nn import backbone, engines, graphs
from adtool.nn.network_source import NetworkFacts
from adtool.nn.networks import network


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch):
    monkeypatch.delenv("ADTOOL_CACHE")


def test_a_graph_is_converted_once_and_then_read(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("ADTOOL_CACHE", str(tmp_path / "graphs"))
    first = backbone.from_model("tiny", tiny.vit(), layers=(1,))
    assert [p.name for p in (tmp_path / "graphs").glob("tiny-*/*.xml")] == ["model.xml"]
    monkeypatch.setattr(graphs, "convert", lambda net: pytest.fail("converted again"))
    again = backbone.from_model("tiny", tiny.vit(), layers=(1,))
    images = tiny.images(1, 28, 42)
    assert (first.features(images)[0] == again.features(images)[0]).all()


def test_other_layers_norms_and_weights_have_their_own_graphs(tiny):
    model = tiny.vit()
    keys = {
        graphs._key(NetworkFacts.of(network(model, (1,))), "a"),
        graphs._key(NetworkFacts.of(network(model, (2,))), "a"),
        graphs._key(NetworkFacts.of(network(model, (1,), norm=True)), "a"),
        graphs._key(NetworkFacts.of(network(model, (1,))), "b"),
    }
    assert len(keys) == 4


def test_an_unreadable_graph_is_made_again(tiny, caplog):
    backbone.from_model("tiny", tiny.cnn())
    (stored,) = graphs.cache_folder().glob("*/model.xml")
    stored.write_text("<broken")
    assert backbone.from_model("tiny", tiny.cnn()).engine == "openvino"
    assert "unreadable" in caplog.text
    assert stored.read_text().startswith("<?xml")


def test_a_graph_that_computes_something_else_is_not_used_now_or_later(tiny, monkeypatch, caplog):
    other = network(tiny.vit(mlp_ratio=2), None)
    monkeypatch.setattr(graphs, "convert", lambda net, convert=graphs.convert: convert(other))
    assert backbone.from_model("tiny", tiny.vit()).engine == "torch"
    assert "differs from torch's" in caplog.text
    monkeypatch.setattr(graphs, "convert", lambda net: pytest.fail("converted again"))
    assert backbone.from_model("tiny", tiny.vit()).engine == "torch"
    assert "torch runs it" in caplog.messages[-1]


def test_a_conversion_that_fails_leaves_the_work_to_torch(tiny, monkeypatch, caplog):
    def convert(net):
        raise RuntimeError("no such operation\nwith a long trace")

    monkeypatch.setattr(graphs, "convert", convert)
    assert backbone.from_model("tiny", tiny.vit()).engine == "torch"
    assert "(no such operation)" in caplog.text


def test_a_cache_that_cannot_be_written_costs_nothing_but_the_cache(tiny, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("a file where the folder should be")
    monkeypatch.setenv("ADTOOL_CACHE", str(tmp_path / "file"))
    assert backbone.from_model("tiny", tiny.cnn()).engine == "openvino"
    assert "not kept" in caplog.text


def test_the_difference_is_relative_and_zero_for_the_same_network(tiny):
    net = network(tiny.cnn(), (8,))
    assert graphs.difference(net, graphs.convert(net)) < 1e-5


def test_bfloat16_changes_the_features_by_little(tiny):
    net = network(tiny.cnn(), (8,))
    graph = graphs.convert(net)
    inputs = net.inputs(tiny.images(2, 64, 64))
    exact, rough = (engines.OpenVinoEngine(graph, precision).run(inputs)[0] for precision in ("f32", "bf16"))
    assert (exact - rough).norm() < 0.05 * exact.norm()


def test_converting_says_so_once(tiny, caplog):
    with caplog.at_level(logging.INFO, "adtool"):
        backbone.from_model("tiny", tiny.cnn())
        backbone.from_model("tiny", tiny.cnn())
    assert caplog.text.count("Converting tiny for OpenVINO, once.") == 1
