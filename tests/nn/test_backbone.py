import logging
import subprocess
import sys

import numpy as np
import pytest
import torch

from adtool.core.errors import UsageError
from adtool.nn import backbone
from adtool.nn import device as machine
from adtool.nn.options import EngineChoice

ENGINES = ["torch", "openvino"]


@pytest.mark.parametrize("engine", ENGINES)
def test_declared_strides_and_channels_are_those_of_the_maps(tiny, engine):
    found = backbone.from_model("tiny", tiny.cnn(), layers=(4, 16), engine=engine)
    maps = found.features(tiny.images(2, 64, 96))
    assert [layer.stride for layer in found.layers] == [4, 16]
    for layer, features in zip(found.layers, maps, strict=True):
        assert features.shape == (2, layer.channels, 64 // layer.stride, 96 // layer.stride)


@pytest.mark.parametrize("engine", ENGINES)
def test_blocks_of_a_transformer_are_numbered_from_0_and_from_the_end(tiny, engine):
    found = backbone.from_model("tiny", tiny.vit(), layers=(-1, 0), engine=engine)
    assert [(layer.name, layer.stride, layer.channels) for layer in found.layers] == [
        ("block0", 14, 32),
        ("block2", 14, 32),
    ]
    assert [tuple(m.shape) for m in found.features(tiny.images(1, 28, 70))] == [(1, 32, 2, 5)] * 2


def test_openvino_computes_a_cnn_as_torch_does_at_any_multiple_of_its_stride(tiny):
    fast, plain = (backbone.from_model("tiny", tiny.cnn(), layers=(8, 32), engine=e) for e in ("auto", "torch"))
    assert (fast.engine, plain.engine) == ("openvino", "torch")
    for sides in ((32, 32), (64, 64), (64, 160), (224, 96)):
        images = tiny.images(3, *sides)
        for ours, theirs in zip(fast.features(images), plain.features(images), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", [{}, {"reg_tokens": 2}, {"reg_tokens": 2, "no_embed_class": True}])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_transformer_gives_what_timm_gives_at_its_own_size_and_at_others(tiny, engine, settings):
    found = backbone.from_model("tiny", tiny.vit(**settings), layers=(1, 2), norm=True, engine=engine)
    assert found.engine == engine
    for sides in ((56, 56), (28, 84), (126, 70)):
        images = tiny.images(2, *sides)
        with torch.no_grad():
            expected = tiny.vit(**settings, dynamic_img_size=True).forward_intermediates(
                images, indices=[1, 2], norm=True, intermediates_only=True, return_prefix_tokens=True
            )
        seen = found.describe(images)
        for i, (patches, special) in enumerate(expected):
            torch.testing.assert_close(seen.maps[i], patches, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(seen.whole[i], special[:, 0], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_openvino_computes_the_embedded_default_as_torch_does():
    fast, plain = (backbone.load("efficientnet_lite0", EngineChoice(engine=e)) for e in ("openvino", "torch"))
    assert fast.engine == "openvino"
    for sides in ((64, 64), (96, 256)):
        images = torch.randn(2, 3, *sides, generator=torch.Generator().manual_seed(0))
        for ours, theirs in zip(fast.features(images), plain.features(images), strict=True):
            assert (ours - theirs).norm() < 1e-4 * theirs.norm()


def test_only_blocks_up_to_the_deepest_wanted_are_run(tiny):
    model = tiny.vit()
    model.blocks[2].register_forward_hook(lambda *_: pytest.fail("block 2 was run"))
    backbone.from_model("tiny", model, layers=(1,), engine="torch").features(tiny.images(1, 28, 28))


def test_the_whole_image_vector_of_a_cnn_is_the_mean_of_its_map(tiny):
    seen = backbone.from_model("tiny", tiny.cnn(), layers=(8,), engine="torch").describe(tiny.images(2, 64, 64))
    torch.testing.assert_close(seen.whole[0], seen.maps[0].flatten(2).mean(dim=2))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_a_stream_of_mixed_sizes_keeps_its_order_and_gives_what_single_batches_give(tiny, engine, kind):
    found = backbone.from_model("tiny", getattr(tiny, kind)(), engine=engine)
    side = found.multiple
    batches = [(f"{i}", tiny.images(1 + i % 3, side * (2 + i % 2), side * (2 + i % 4), seed=i)) for i in range(9)]
    streamed = list(found.stream((key, images.numpy()) for key, images in batches))
    assert [key for key, _ in streamed] == [key for key, _ in batches]
    for (_, images), (_, maps) in zip(batches, streamed, strict=True):
        for ours, theirs in zip(maps, found.features(images), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_of_the_producer_comes_through_the_stream(tiny, engine):
    def batches():
        yield 0, tiny.images(1, 64, 64)
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        list(backbone.from_model("tiny", tiny.cnn(), engine=engine).stream(batches()))


def test_a_stream_can_be_left_early(tiny):
    found = backbone.from_model("tiny", tiny.cnn(), engine="openvino")
    endless = iter(lambda: (0, tiny.images(1, 64, 64)), None)
    stream = found.stream(endless)
    first = next(stream)[1]
    stream.close()
    torch.testing.assert_close(first[0], found.features(tiny.images(1, 64, 64))[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_head_can_be_trained_on_the_features(tiny, engine):
    features = backbone.from_model("tiny", tiny.cnn(), engine=engine).features(tiny.images(1, 32, 32))[0]
    weight = torch.ones_like(features, requires_grad=True)
    (features * weight).sum().backward()
    torch.testing.assert_close(weight.grad, features)


def test_sides_that_do_not_fit_are_an_error_that_names_the_multiple(tiny):
    found = backbone.from_model("tiny", tiny.vit(), engine="torch")
    with pytest.raises(UsageError, match="multiples of 14, not 32 x 28"):
        found.features(np.zeros((1, 3, 32, 28), dtype=np.float32))


def test_layers_that_do_not_exist_are_an_error_that_names_those_that_do(tiny):
    with pytest.raises(UsageError, match=r"no layer of stride 7. Its strides: \[2, 4"):
        backbone.from_model("tiny", tiny.cnn(), layers=(8, 7))
    with pytest.raises(UsageError, match=r"no block 3. Its blocks are 0 to 2"):
        backbone.from_model("tiny", tiny.vit(), layers=(3,))
    with pytest.raises(UsageError, match="final norm"):
        backbone.from_model("tiny", tiny.cnn(), norm=True)
    with pytest.raises(UsageError, match="gives no features by stride"):
        backbone.from_model("tiny", torch.nn.Linear(1, 1))


def test_an_engine_that_does_not_exist_is_an_error(tiny):
    with pytest.raises(UsageError, match="no engine `onnx`"):
        backbone.from_model("tiny", tiny.cnn(), engine="onnx")


def test_without_openvino_torch_is_used_and_it_is_said(tiny, monkeypatch, caplog):
    monkeypatch.setattr(machine, "has_openvino", lambda: False)
    with caplog.at_level(logging.INFO, "adtool"):
        assert backbone.from_model("tiny", tiny.cnn()).engine == "torch"
    assert "slower" in caplog.text
    with pytest.raises(UsageError, match="not installed"):
        backbone.from_model("tiny", tiny.cnn(), engine="openvino")


def test_other_weights_have_another_id(tiny):
    first, second, third = (backbone.from_model("tiny", tiny.vit(), engine="torch") for _ in range(3))
    changed = tiny.vit()
    changed.cls_token.data += 1
    assert first.weights_id == second.weights_id == third.weights_id
    assert backbone.from_model("tiny", changed, engine="torch").weights_id != first.weights_id


def test_the_embedded_default_loads_by_alias_and_knows_its_normalisation():
    before = torch.get_rng_state()
    found = backbone.load("efficientnet_lite0", EngineChoice(engine="torch"))
    assert before.equal(torch.get_rng_state())
    assert [(layer.stride, layer.channels) for layer in found.layers] == [(8, 40), (16, 112)]
    assert (found.name, found.mean, found.std) == ("tf_efficientnet_lite0", (0.5,) * 3, (0.5,) * 3)
    assert found.weights_id == "579344248a93e230"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_half_precision_on_cuda_stays_close_to_the_cpu(tiny):
    images = tiny.images(2, 64, 64)
    there, here = (backbone.from_model("tiny", tiny.cnn(), engine="torch", device=d) for d in ("cuda", "cpu"))
    for ours, theirs in zip(there.features(images), here.features(images), strict=True):
        assert ours.is_cuda
        assert ours.dtype == torch.float32
        assert (ours.cpu() - theirs).norm() < 0.01 * theirs.norm()


@pytest.mark.slow
def test_openvino_is_imported_only_when_used():
    code = "import adtool.nn.backbone, sys; sys.exit('openvino' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("engine", "device", "exact"),
    [
        ("auto", "cuda", "auto"),
        ("torch", "cuda", "torch"),
        ("auto", "cpu", "auto"),
        ("openvino", "cpu", "openvino"),
        (backbone.HALF_ENGINE, "cuda", "torch"),
    ],
)
def test_full_precision_is_another_engine_where_half_was_asked_for(monkeypatch, engine, device, exact):
    monkeypatch.setattr(machine, "pick", torch.device)
    assert backbone.exact(EngineChoice(engine=engine, device=device)).engine == exact


def test_half_precision_is_refused_without_a_gpu(tiny):
    with pytest.raises(UsageError, match="torch-f16 runs on a GPU"):
        backbone.from_model("tiny", tiny.cnn(), engine="torch-f16", device="cpu")


def test_full_precision_leaves_the_setting_of_convolutions_as_it_was(tiny):
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.enabled
    seen = []
    net = backbone.from_model("tiny", tiny.cnn(), engine="torch")
    net._runner._network.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    net.features(tiny.images(1, 64, 64))
    assert seen == [False]
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.enabled) == before
