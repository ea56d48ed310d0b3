"""Linear attention, the loss and its gate, the optimizer, and the sizes of the paper's networks."""

import math

import pytest
import timm
import torch
import torch.nn.functional as F

from adtool.core.errors import UsageError
from adtool.detection.contract import settings_of
from adtool.detectors import dinomaly
from adtool.detectors._dinomaly import loss, network, optimizer
from adtool.nn.networks import TransformerNetwork


def some(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_linear_attention_by_hand():
    # phi(x) = x + 1 for x >= 0. One query (0): weights phi(0) phi(k) = 1 and 3 of two values 4 and 8, so (4 + 24) / 4.
    q, k, v = torch.tensor([[0.0]]), torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [8.0]])
    assert network.linear_attention(q, k, v).item() == pytest.approx(7)


def test_linear_attention_equals_its_quadratic_definition():
    q, k, v = some(2, 3, 11, 8), some(2, 3, 7, 8, seed=1), some(2, 3, 7, 5, seed=2)
    kernel = (F.elu(q) + 1) @ (F.elu(k) + 1).transpose(-1, -2)  # (2, 3, 11, 7)
    expected = kernel / kernel.sum(dim=-1, keepdim=True) @ v
    assert torch.allclose(network.linear_attention(q, k, v), expected, atol=1e-6)


def test_heads_attend_for_themselves():
    attention = network.Attention(128).eval()
    tokens = some(1, 6, 128)
    q, k, v = attention.qkv(tokens).chunk(3, dim=-1)
    parts = [network.linear_attention(*(x[..., a : a + 64] for x in (q, k, v))) for a in (0, 64)]
    assert torch.allclose(attention(tokens), attention.proj(torch.cat(parts, dim=-1)), atol=1e-6)


def test_layers_are_averaged_in_groups_and_the_last_block_answers_for_the_shallowest():
    layers = [torch.full((1, 2, 4), float(i)) for i in range(8)]
    assert [g[0, 0, 0].item() for g in network.grouped(layers, 2)] == [1.5, 5.5]
    assert [g[0, 0, 0].item() for g in network.grouped(layers[:3], 2)] == [0.5, 2]
    net = network.Reconstructor(network.ReconstructorSizes(channels=4, blocks=2, groups=2, prefix=1, noise=0.0)).eval()
    tokens = [some(1, 5, 4), some(1, 5, 4, seed=1)]
    first = net.blocks[0](net.bottleneck((tokens[0] + tokens[1]) / 2))
    shallow, deep = net(tokens)
    assert torch.allclose(deep, first[:, 1:])
    assert torch.allclose(shallow, net.blocks[1](first)[:, 1:])


def test_noise_is_before_between_and_after_the_layers_of_the_bottleneck():
    # Ones through identities: with GELU(x) of large x, all that happens is three dropouts, each scaling by 1 / 0.5.
    mlp = network.Mlp(1, 0.5)
    for layer, weight in ((mlp.fc1, torch.ones(4, 1)), (mlp.fc2, torch.tensor([[1.0, 0, 0, 0]]))):
        layer.weight.data, layer.bias.data = weight, torch.zeros(len(weight))
    torch.manual_seed(0)
    out = mlp.train()(torch.full((4000, 1), 10.0))
    assert set(out.unique().tolist()) == {0.0, 80.0}
    assert (out > 0).float().mean().item() == pytest.approx(1 / 8, abs=0.03)
    assert mlp.eval()(torch.full((1, 1), 10.0)).item() == pytest.approx(10)


@pytest.mark.parametrize(("depth", "blocks"), [(12, range(2, 10)), (24, range(4, 20, 2)), (6, range(1, 5))])
def test_eight_blocks_of_the_middle_are_seen(depth, blocks):
    assert network.encoder_blocks(depth) == tuple(blocks)


@pytest.mark.parametrize(
    ("name", "channels", "first"),
    [
        ("vit_small_patch14_dinov2", 384, 1),
        ("vit_small_patch14_reg4_dinov2", 384, 5),
        ("vit_base_patch14_dinov2", 768, 1),
        ("vit_base_patch14_reg4_dinov2", 768, 5),
    ],
)
def test_the_papers_preset_has_the_papers_shapes(name, channels, first):
    needs = dinomaly.needs(settings_of("dinomaly", dinomaly, ["preset=paper"]), name)
    assert (needs.layers, needs.image_size, needs.centre_crop, needs.norm) == (tuple(range(2, 10)), 448, 392, False)
    with torch.device("meta"):
        encoder = TransformerNetwork(timm.create_model(name, pretrained=False), needs.layers, norm=False)
        layers = encoder(torch.empty(2, 3, 392, 392), torch.empty(1, first + 784, channels))
        assert [x.shape for x in layers] == [(2, first + 28 * 28, channels)] * 8
        made = network.Reconstructor(network.ReconstructorSizes(channels, blocks=8, groups=2, prefix=first, noise=0.2))
        assert [x.shape for x in made(network.grouped(layers, 2))] == [(2, 784, channels)] * 2
    assert made.blocks[0].attention.heads == channels // 64  # 12 for ViT-B
    # A block: qkv and projection 4 C^2 + 4 C, two layers 8 C^2 + 5 C, two norms 4 C; the bottleneck is two layers.
    expected = 8 * (12 * channels**2 + 13 * channels) + 8 * channels**2 + 5 * channels
    assert sum(p.numel() for p in made.parameters()) == expected


def test_the_papers_network_has_sixty_one_million_parameters():
    # 768 -> 3072 -> 768 is 4,722,432; a block of 12 heads 7,087,872.
    with torch.device("meta"):
        made = network.Reconstructor(network.ReconstructorSizes(768, blocks=8, groups=2, prefix=5, noise=0.2))
    assert sum(p.numel() for p in made.parameters()) == 4_722_432 + 8 * 7_087_872


def test_weights_begin_small_and_cut_off():
    made = network.Reconstructor(network.ReconstructorSizes(64, blocks=1, groups=1, prefix=1, noise=0.0))
    weight = made.blocks[0].mlp.fc1.weight
    assert weight.abs().max() <= 0.03
    assert weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not made.bottleneck.fc1.bias.any()


def test_a_network_that_is_no_plain_transformer_is_refused():
    with pytest.raises(UsageError, match=r"rebuilds the tokens of a plain vision transformer.*dinov2_vits14"):
        dinomaly.needs(dinomaly.Settings(), "tf_efficientnet_lite0")
    with pytest.raises(UsageError, match=r"groups=5: there are only 8 layers and 4 decoder blocks"):
        dinomaly.needs(dinomaly.Settings(groups=5, decoder_blocks=4), "dinov2_vits14")


def test_the_loss_compares_whole_images():
    # One image of two places: (3, 0), (0, 4) against (3, 0), (0, 0): cosine of the long vectors 9 / (5 * 3).
    truth, made = torch.tensor([[[3.0, 0], [0, 4]]]), torch.tensor([[[3.0, 0], [0, 0]]])
    assert loss.loose_loss([truth], [made], 0.0).item() == pytest.approx(1 - 9 / 15)
    assert loss.loose_loss([truth, truth], [made, truth], 0.0).item() == pytest.approx(0.2)


def test_easy_places_pass_a_tenth_of_the_gradient():
    # Cosine distances of four places to (1, 0): 0, 1 - 0.8, 1, 2. Half of them are easy: the first two.
    truth = torch.tensor([[[1.0, 0]] * 4])
    made = torch.tensor([[[2.0, 0], [0.8, 0.6], [0, 1], [-1, 0]]], requires_grad=True)
    assert loss.distances(truth, made)[0].tolist() == pytest.approx([0, 0.2, 1, 2])
    held = loss.hold_easy(truth, made, 0.5)
    assert torch.allclose(held, made)
    held.sum().backward()
    assert made.grad[0, :, 0].tolist() == pytest.approx([0.1, 0.1, 1, 1])


def test_the_gate_is_of_the_whole_batch():
    truth = torch.tensor([[[1.0, 0]] * 2] * 2)
    made = torch.tensor([[[1.0, 0], [1, 0.1]], [[0, 1], [-1, 0]]], requires_grad=True)
    loss.hold_easy(truth, made, 0.5).sum().backward()
    assert made.grad[..., 0].tolist() == [[pytest.approx(0.1)] * 2, [1, 1]]


def test_no_place_is_easy_at_first_and_never_all():
    truth, made = some(2, 6, 4), some(2, 6, 4, seed=1).requires_grad_()
    for share, held_back in ((0.0, 0), (0.9, 11), (1.0, 11)):  # 12 places; a tenth of them is one
        made.grad = None
        loss.hold_easy(truth, made, share).sum().backward()
        assert (made.grad[..., 0] < 0.5).sum() == held_back
    assert [loss.easy_share(step, 1000) for step in (0, 500, 1000, 9000)] == pytest.approx([0, 0.45, 0.9, 0.9])
    assert loss.easy_share(0, 0) == 0.9


def test_the_encoder_gets_no_gradient():
    truth, made = some(1, 3, 4).requires_grad_(), some(1, 3, 4, seed=1).requires_grad_()
    loss.loose_loss([truth], [made], 0.5).backward()
    assert truth.grad is None
    assert made.grad is not None


def test_stable_adamw_follows_its_formula():
    lr, decay, eps = 0.1, 0.01, 1e-10
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    made = optimizer.StableAdamW([weight], lr, weight_decay=decay)
    x, m, v, largest = [1.0, -2.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]
    for step, gradient in enumerate(([1.0, 2.0], [100.0, -200.0], [0.0, -0.5]), start=1):
        weight.grad = torch.tensor(gradient)
        made.step()
        m = [0.9 * a + 0.1 * g for a, g in zip(m, gradient, strict=True)]
        v = [0.999 * a + 0.001 * g * g for a, g in zip(v, gradient, strict=True)]
        largest = [max(a, b) for a, b in zip(largest, v, strict=True)]
        spread = [math.sqrt(a / (1 - 0.999**step)) + eps for a in largest]
        rms = math.sqrt(sum((g / s) ** 2 for g, s in zip(gradient, spread, strict=True)) / 2)
        pace = lr / (1 - 0.9**step) / max(1, rms)
        x = [a * (1 - lr * decay) - pace * b / s for a, b, s in zip(x, m, spread, strict=True)]
        assert weight.tolist() == pytest.approx(x, rel=1e-5)
        assert (rms > 1.1) == (step == 2)  # the sudden gradient is the one that is held back


def test_the_rate_rises_then_falls_along_a_cosine():
    plan = {"steps": 110, "warm_up": 9, "peak": 1.0, "last": 0.2}
    assert [optimizer.rate(s, **plan) for s in (0, 4)] == pytest.approx([0.1, 0.5])
    assert optimizer.rate(9, **plan) == pytest.approx(1.0)
    assert optimizer.rate(9 + 50, **plan) == pytest.approx(0.6, abs=0.01)  # halfway
    assert optimizer.rate(110, **plan) == pytest.approx(0.2)
