from pathlib import Path

import numpy as np
import pytest
import torch

from adtool.detectors._musc import mutual_scoring as mutual

GOLDEN = Path(__file__).parents[2] / "golden" / "musc.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays}


def unit(*degrees):
    """Unit vectors of the plane by their angles: (P, 2)."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float32))
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def chord(degrees):
    """The distance of two unit vectors so many degrees apart."""
    return 2 * np.sin(np.deg2rad(degrees) / 2)


# Aggregation


def test_features_are_standardized_over_a_whole_image_not_by_channel():
    found = mutual.standardize(torch.tensor([[[[1.0, 1.0]], [[3.0, 3.0]]], [[[0.0, 0.0]], [[0.0, 8.0]]]]))
    assert found[0].flatten().tolist() == pytest.approx([-1, -1, 1, 1], abs=1e-4)
    assert found[1].mean().item() == pytest.approx(0, abs=1e-6)


def test_a_patch_is_described_with_its_surroundings_and_zeros_beyond_the_border():
    # Channels (3, 0), (0, 3), (0, 3) in a row: the sums over three patches are (3, 3), (3, 6), (0, 6).
    row = torch.tensor([[[[3.0, 0.0, 0.0]], [[0.0, 3.0, 3.0]]]])
    assert mutual.aggregate(row, 1)[0].tolist() == [[1, 0], [0, 1], [0, 1]]
    expected = [[0.5**0.5, 0.5**0.5], [1 / 5**0.5, 2 / 5**0.5], [0, 1]]
    assert torch.allclose(mutual.aggregate(row, 3)[0], torch.tensor(expected))


def test_patches_come_in_raster_order():
    grid = torch.arange(1.0, 7).view(1, 1, 2, 3).repeat(1, 2, 1, 1)
    grid[:, 1] = 1
    found = mutual.aggregate(grid, 1)[0]
    assert (found[:, 0] / found[:, 1]).tolist() == pytest.approx([1, 2, 3, 4, 5, 6], rel=1e-5)


# Mutual scores


def test_a_patch_is_scored_by_its_nearest_in_each_other_image():
    # The patches of three images lie at these angles; the lowest half of two distances is the lowest one.
    patches = torch.stack([unit(0, 90), unit(10, 90), unit(30, 180)])
    found = mutual.scores(patches, 0.5)
    expected = [[chord(10), 0], [chord(10), 0], [chord(20), chord(90)]]
    assert np.allclose(found, expected, atol=1e-3)
    both = mutual.scores(patches, 1.0)[2]
    assert both.tolist() == pytest.approx([(chord(20) + chord(30)) / 2, chord(90)], abs=1e-5)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_few_images_have_scores_too(count):
    """The authors average int(0.3 * (N - 1)) distances: none for fewer than 5 images."""
    patches = torch.stack([unit(i * 10, 120) for i in range(count)])
    found = mutual.scores(patches, 0.3)
    assert found.shape == (count, 2)
    assert found[:, 0].tolist() == pytest.approx([chord(10)] * count, abs=1e-5)


def test_each_pair_is_compared_once_whatever_the_size_of_a_chunk(monkeypatch):
    patches = torch.nn.functional.normalize(torch.randn(7, 5, 4, generator=torch.Generator().manual_seed(0)), dim=2)
    distance = torch.cdist(patches.view(1, -1, 4), patches.view(1, -1, 4)).view(7, 5, 7, 5).amin(dim=3)  # (N, P, N)
    for i in range(7):
        distance[i, :, i] = torch.inf
    expected = distance.topk(3, dim=2, largest=False).values.mean(dim=2)
    for pairs in (1, 2, 4, 100):
        told = []
        monkeypatch.setitem(mutual.CHUNK_BYTES, "cpu", pairs * 4 * 5 * 5)
        found = mutual.scores(patches, 0.5, told.append)
        assert torch.allclose(found, expected, atol=1e-5)
        assert sum(told) == mutual.pairs(7) == 21


def test_comparing_leaves_the_threads_of_torch_as_they_were():
    before = torch.get_num_threads()
    mutual.scores(torch.stack([unit(0), unit(1), unit(2)]), 0.3)
    assert torch.get_num_threads() == before


# Image scores


def test_like_images_share_their_scores():
    scores = torch.tensor([0.0, 4.0, 10.0])
    embeddings = 7 * unit(0, 60, 180)  # cosines: 1/2 of the first two, -1/2 of the last two, -1
    one = mutual.smooth_image_scores(scores, embeddings, [1])
    assert one.tolist() == pytest.approx([0, 4, 10])
    two = mutual.smooth_image_scores(scores, embeddings[:2], [2])
    assert two.tolist()[:1] == pytest.approx([4 / 3], rel=1e-5), "(1 * 0 + 1/2 * 4) / (3/2)"


def test_unlike_images_and_an_empty_embedding_share_nothing():
    scores, embeddings = torch.tensor([1.0, 3.0, 5.0]), torch.cat([unit(0, 180), torch.zeros(1, 2)])
    assert mutual.smooth_image_scores(scores, embeddings, [1, 2, 3]).tolist() == [1, 3, 5]


def test_stretching_the_scores_first_would_only_stretch_the_result():
    generator = torch.Generator().manual_seed(0)
    scores, embeddings = torch.rand(9, generator=generator) * 3, torch.rand(9, 4, generator=generator)
    low, high = scores.min(), scores.max()
    stretched = mutual.smooth_image_scores((scores - low) / (high - low), embeddings, [1, 2, 3])
    plain = mutual.smooth_image_scores(scores, embeddings, [1, 2, 3])
    assert torch.allclose(stretched, (plain - low) / (high - low), atol=1e-6)


def test_more_neighbours_than_images_are_all_images():
    scores, embeddings = torch.tensor([1.0, 3.0]), unit(20, 20)
    assert mutual.smooth_image_scores(scores, embeddings, [9]).tolist() == pytest.approx([2, 2])


# The authors' code


def features(golden, layer):
    tokens, grid = golden["tokens"][layer][:, 1:], int(golden["grid"])  # without the class token
    return mutual.standardize(tokens.transpose(1, 2).unflatten(2, (grid, grid)))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("layer", range(2))
def test_aggregation_and_mutual_scores_equal_the_authors(golden, place, layer):
    patches = mutual.aggregate(features(golden, layer), int(golden["r_list"][place]))
    assert torch.allclose(patches[:2], golden["lnamd_first2"][place, layer], rtol=0, atol=1e-5)
    found = mutual.scores(patches, float(golden["topmin_max"]))
    assert torch.allclose(found.double(), golden["msm"][place, layer], rtol=0, atol=1e-4)


@pytest.mark.parametrize("neighbours", [(1, 2, 3), (1, 8, 9)])
def test_smoothed_image_scores_equal_the_authors(golden, neighbours):
    scores = golden["image_score_raw"].float()
    stretched = (scores - scores.min()) / (scores.max() - scores.min())
    found = mutual.smooth_image_scores(stretched, golden["class_tokens"], neighbours)
    expected = golden[f"image_score_rscin_{''.join(map(str, neighbours))}"]
    assert torch.allclose(found, expected, rtol=0, atol=1e-5)


def test_smoothing_alone_equals_the_authors(golden):
    scores = golden["rscin_alone_scores"].float()
    stretched = (scores - scores.min()) / (scores.max() - scores.min())
    found = mutual.smooth_image_scores(stretched, golden["class_tokens"], (1, 2, 3))
    assert torch.allclose(found, golden["rscin_alone"], rtol=0, atol=1e-5)
