"""Vector quantisation by moving averages, the optimal transport term, scales, and the sizes of the paper's network."""

import pytest
import timm
import torch

from adtool.detection.contract import settings_of
from adtool.detectors import hvqtrans
from adtool.detectors._hvq.codebook import EPS, Codebook, Codebooks
from adtool.detectors._hvq.network import QuantisedRebuilder, RebuilderSizes
from adtool.detectors._hvq.scale import FeatureScale, on_one_grid
from adtool.nn.networks import ConvNetwork

SMALL = RebuilderSizes(channels=6, rows=3, columns=2, width=8, hidden=16, depth=2, codes=5, categories=2)


def book(codes, decay=0.5):
    """Codes that stand for one vector each so far."""
    made = Codebook(len(codes), len(codes[0]), decay)
    made.codes = torch.tensor(codes)
    made.sums, made.counts = made.codes.clone(), torch.ones(len(codes))
    return made


def test_a_vector_becomes_its_nearest_code_and_the_gradient_passes():
    made = book([[0.0, 0], [4, 0]]).eval()
    vectors = torch.tensor([[1.0, 0], [3, 1]], requires_grad=True)
    out, commitment = made(vectors)
    assert out.tolist() == [[0, 0], [4, 0]]
    assert commitment.item() == pytest.approx((1 + 0 + 1 + 1) / 4)
    out.sum().backward()
    assert vectors.grad.tolist() == [[1, 1], [1, 1]]
    assert made.codes.tolist() == [[0, 0], [4, 0]]  # not in training: they stay


def test_codes_follow_by_moving_averages():
    made = book([[0.0], [10.0], [-50.0]]).train()
    made(torch.tensor([[2.0], [4.0], [13.0]]))
    # Counts: half of 1 and half of 2, 1, 0. Sums: half of what was and half of 2 + 4, 13, 0.
    assert made.counts.tolist() == [1.5, 1.0, 0.5]
    assert made.sums.flatten().tolist() == [3.0, 11.5, -25.0]
    smoothed = [(n + EPS) / (3 + 3 * EPS) * 3 for n in (1.5, 1.0, 0.5)]
    expected = [s / n for s, n in zip((3, 11.5, -25), smoothed, strict=True)]
    assert made.codes.flatten().tolist() == pytest.approx(expected)
    assert expected == pytest.approx([2, 11.5, -50], rel=1e-4)  # one without vectors stays where it was
    made(torch.tensor([[2.0]]))
    assert made.counts.tolist() == [1.25, 0.5, 0.25]
    assert made.sums.flatten().tolist() == [2.5, 5.75, -12.5]


def test_only_the_vectors_learn_from_the_commitment():
    made = book([[0.0]]).train()
    vectors = torch.tensor([[3.0]], requires_grad=True)
    _, commitment = made(vectors)
    commitment.backward()
    assert vectors.grad.item() == pytest.approx(6)  # of (x - 0)^2
    assert not list(made.parameters())


def test_the_first_codes_are_the_first_vectors():
    made = Codebook(3, 2).train()
    vectors = torch.arange(6.0).view(3, 2)
    out, commitment = made(vectors)
    assert torch.allclose(out, vectors)
    assert commitment.item() == 0
    assert sorted(made.codes.round().tolist()) == vectors.tolist()
    few = Codebook(4, 2).train()
    few(vectors)
    assert {tuple(code) for code in few.codes.round().tolist()} == {(0, 1), (2, 3), (4, 5)}


def test_transport_by_hand():
    made = book([[1.0, 0], [0, 1]])
    # x . e / K is 1 and 0; cosines 1 and 0, so the cost is the probability of the other code.
    assert made.transport(torch.tensor([[2.0, 0]])).item() == pytest.approx(1 / (1 + torch.e), rel=1e-5)
    assert made.transport(torch.tensor([[-2.0, 0]])).item() > 1


def test_each_category_has_its_own_codes():
    made = Codebooks(2, codes=1, channels=1).train()
    made.books[0].begin(torch.tensor([[0.0]]))
    made.books[1].begin(torch.tensor([[8.0]]))
    tokens = torch.tensor([1.0, 9, 3]).view(3, 1, 1)
    out = made(tokens, [0, 1, 0])
    assert out.tokens.flatten().tolist() == [0, 8, 0]
    assert out.commitment.item() == pytest.approx(((1 + 9) / 2 * 2 + 1) / 3)
    assert made.books[0].codes.item() == pytest.approx(0.01 * (1 + 3) / (0.99 + 0.02))
    assert not out.transport.any()
    assert (made.eval()(tokens, [0, 1, 0]).transport.shape) == (3, 1)


def test_what_comes_out_does_not_depend_on_who_else_is_in_the_batch():
    torch.manual_seed(0)
    made = QuantisedRebuilder(SMALL).train()
    features = torch.randn(4, 6, 3, 2)
    made(features, [0, 1, 0, 1])
    made.eval()
    both = made(features[:2], [0, 1])
    assert both.features.shape == (2, 6, 3, 2)
    assert both.transport.shape == (2, 3, 2)
    alone = made(features[1:2], [1])
    assert torch.allclose(both.features[1:], alone.features, atol=1e-6)
    assert torch.allclose(both.transport[1:], alone.transport, atol=1e-6)
    assert not torch.allclose(made(features[1:2], [0]).features, alone.features, atol=1e-3)


def test_places_are_told_apart_by_row_and_column():
    made = QuantisedRebuilder(SMALL)
    position = made.position().view(3, 2, 8)
    assert torch.equal(position[0, 1, :4], position[2, 1, :4])  # a column
    assert torch.equal(position[2, 0, 4:], position[2, 1, 4:])  # a row
    assert len(position.flatten(0, 1).unique(dim=0)) == 6


def test_the_papers_preset_has_the_papers_shapes():
    settings = settings_of("hvqtrans", hvqtrans, ["preset=paper"])
    needs = hvqtrans.needs(settings, "tf_efficientnet_b4")
    assert (needs.layers, needs.image_size) == ((2, 4, 8, 16), 224)
    with torch.device("meta"):
        encoder = ConvNetwork(timm.create_model("tf_efficientnet_b4", pretrained=False), needs.layers).eval()
        assert [layer.channels for layer in encoder.layers] == [24, 32, 56, 160]
        maps = encoder(torch.empty(1, 3, 224, 224))
    assert [x.shape[-1] for x in maps] == [112, 56, 28, 14]
    joined = on_one_grid([torch.zeros(x.shape[1:]) for x in maps], corners=True)
    assert joined.shape == (272, 14, 14)
    with torch.device("meta"):
        made = QuantisedRebuilder(hvqtrans._sizes(settings, tuple(joined.shape), categories=15))
    first = 272 * 256 + 256 + 2 * 14 * 128  # projection, positions
    encoder_layer = 4 * 256**2 + 4 * 256 + 2 * 256 * 1024 + 1024 + 256 + 2 * 2 * 256
    decoder_layer = 2 * (4 * 512**2 + 4 * 512) + 2 * 512 * 1024 + 1024 + 512 + 3 * 2 * 512
    last = 2 * 512 + 15 * (512 * 272 + 272)
    assert sum(p.numel() for p in made.parameters()) == first + 4 * (encoder_layer + decoder_layer) + last
    codes = sum(x.numel() for name, x in made.named_buffers() if name.endswith("codes"))
    assert codes == 15 * 512 * (256 + 4 * 512)  # one codebook a level and category, the top one half as wide


def test_fine_layers_come_to_the_coarsest_grid():
    fine, coarse = torch.arange(16.0).view(1, 4, 4), torch.zeros(2, 2, 2)
    assert on_one_grid([fine, coarse], corners=False)[0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert on_one_grid([fine, coarse], corners=True)[0].tolist() == [[0, 3], [12, 15]]


def test_a_category_is_guessed_by_the_nearest_mean():
    scale = FeatureScale(torch.zeros(2), torch.tensor([1.0, 100.0]), torch.tensor([[0.0, 0], [1, 100]]))
    assert scale.category(torch.tensor([0.2, 60.0]).view(2, 1, 1)) == 0
    assert scale.category(torch.tensor([0.9, 20.0]).view(2, 1, 1)) == 1
    assert scale.apply(torch.ones(1, 2, 1, 1)).flatten().tolist() == pytest.approx([1, 0.01])
