import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save as tensors_to

from adtool.core import arrays, files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.detection import image_scores, scoring
from adtool.detection.contract import Frame, NormalImages, load_plugin, settings_of
from adtool.detection.scoring import OpenedModel
from adtool.detectors import patchcore
from adtool.detectors._patchcore import memories
from adtool.detectors._patchcore import memory as memory_of
from adtool.detectors._patchcore.memory import Drawing, PatchForm
from adtool.detectors.patchcore import Model, PatchMemory, Settings, embed, needs

UNUSED = ModelFolder(Path())  # patchcore keeps nothing there while it learns
PLAIN = {"layers": "", "grid": "coarse", "pool": 1, "pooled": False, "scale": "none", "blur": 0.0, "keep_aspect": False}


class Pixels:
    """A backbone whose features are what a test says: one (C, h, w) tensor an image, by its name."""

    name, weights_id, engine, precision, layers = "pixels", "0", "torch", "full", ()
    device = torch.device("cpu")
    mean, std, multiple, fills_batches = (0.0,) * 3, (1.0,) * 3, 4, False

    def __init__(self, features):
        self.features = features
        self.layers = tuple(SimpleNamespace(index=0, channels=len(one)) for one in list(features.values())[:1])

    def stream(self, batches):
        for key, _ in batches:
            yield key, [torch.stack([self.features[one.sample.id] for one in key])]


@pytest.fixture
def images(tmp_path):
    """Image files of some names; what they show does not matter."""
    from adtool.core.dataset.types import Sample

    def make(*names):
        found = []
        for name in names:
            arrays.write_png(tmp_path / f"{name}.png", np.zeros((8, 8, 3), np.uint8))
            found.append(Sample("c", name, "test", "good", tmp_path / f"{name}.png"))
        return found

    return make


def frame(features, seed=0):
    return Frame(Pixels(features), image_size=8, batch_size=1, seed=seed)


def memory(*rows):
    bank = torch.tensor(rows, dtype=torch.float32)
    return PatchMemory(bank, torch.zeros(bank.shape[1]), torch.ones(bank.shape[1]))


def score(images, features, bank, **settings):
    model = Model(bank, Settings(**(PLAIN | settings)))
    given = frame({"x": torch.tensor(features, dtype=torch.float32)})
    (scored,) = OpenedModel(model, given).score(images("x"))
    return scored


def test_the_score_of_a_patch_is_its_distance_to_the_nearest_normal_patch(images):
    # Two channels on a grid of 1 x 2: the patches (0, 1) and (3, 4); normal are (0, 0) and (3, 0).
    scored = score(images, [[[0, 3]], [[1, 4]]], memory([0, 0], [3, 0]), image_score="max")
    assert scored.scores.shape == (8, 8), "the map is as large as the input of the network"
    assert (scored.scores[0, 0], scored.scores[0, -1]) == (1, 4)
    assert scored.image_score == 4
    assert scored.sample.id == "x"


def test_channels_are_scaled_by_the_normal_patches(images):
    bank = PatchMemory(torch.tensor([[0.0, 0.0]]), torch.tensor([10.0, 0.0]), torch.tensor([2.0, 1.0]))
    scored = score(images, [[[16]], [[4]]], bank, scale="channel", image_score="max")
    assert scored.image_score == 5, "((16 - 10) / 2, 4 / 1) is (3, 4)"


def test_unit_length_gives_one_minus_the_cosine(images):
    scored = score(images, [[[0, 7]], [[5, 7]]], memory([1, 0]), scale="unit", image_score="max")
    assert scored.image_score == pytest.approx(1)
    assert scored.scores[0, -1] == pytest.approx(1 - math.cos(math.pi / 4), abs=1e-6)


@pytest.mark.parametrize("rule", ["max", "reweighted"])
def test_the_highest_patch_is_the_highest_of_the_map_where_borders_are_brought_down(images, rule):
    features = torch.full((1, 3, 3), 8.0)
    features[0, 1, 1] = 6.0
    calmed = replace(memory([0], [0]), borders=torch.tensor([0.5, 1.0]))
    scored = score(images, features.tolist(), calmed, image_score=rule, neighbours=2)
    share = 1 if rule == "max" else 0.5  # of two vectors that are as near
    assert scored.image_score == 6 * share, "8 at the border counts as 4"


def test_the_image_score_can_be_the_mean_of_the_top_1_percent_of_the_map(images):
    scored = score(images, [[[0, 3]], [[1, 4]]], memory([0, 0], [3, 0]), image_score="top1")
    assert scored.image_score == arrays.image_score(scored.scores)


def test_reweighting_is_equation_7_by_hand(images):
    # The worst patch is at 4; m* is at 1 (distance 3), and with 0 and -1 these are its 3 nearest of the bank.
    scored = score(images, [[[4, 1]]], memory([1], [0], [-1], [-50]), image_score="reweighted", neighbours=3)
    expected = (1 - math.exp(3) / (math.exp(3) + math.exp(4) + math.exp(5))) * 3
    assert scored.image_score == pytest.approx(expected, rel=1e-5)


def test_a_memory_of_one_patch_has_nothing_to_reweight_with(images):
    assert score(images, [[[4]]], memory([1]), image_score="reweighted").image_score == 3


# Embedding


def test_layers_are_put_on_the_coarsest_or_the_finest_grid():
    fine, coarse = torch.arange(16.0).reshape(1, 4, 4), torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])
    patches, shape = embed([fine, coarse], pool=1, grid="coarse")
    assert shape == (2, 2)
    assert patches.tolist() == [[2.5, 0], [4.5, 1], [10.5, 2], [12.5, 3]], "means of 2 x 2, in raster order"
    patches, shape = embed([fine, coarse], pool=1, grid="fine")
    assert (shape, patches.shape) == ((4, 4), (16, 2))
    assert patches[:, 0].tolist() == list(range(16))


def test_pooling_does_not_count_places_outside_the_image():
    patches, _ = embed([torch.tensor([[[1.0, 2.0, 6.0]]])], pool=3, grid="fine")
    assert patches[:, 0].tolist() == [1.5, 3, 4]


# Learning


@pytest.fixture
def normals(images):
    generator = torch.Generator().manual_seed(5)
    names = [f"n{i}" for i in range(4)]
    features = {name: torch.randn(3, 6, 6, generator=generator) * torch.tensor([1.0, 10.0, 0.0]).view(3, 1, 1) + 7
                for name in names}  # fmt: skip
    return SimpleNamespace(samples=images(*names), features=features)


def fit(normals, seed=0, **settings):
    given = NormalImages(normals.samples, frame(normals.features, seed), UNUSED)
    return scoring.fit(patchcore, given, Settings(**(PLAIN | settings)))


def save(opened, folder, card):
    scoring.save(opened, "patchcore", opened.model.settings, folder, card)


def test_all_normal_patches_score_zero_if_all_are_remembered(normals):
    model = fit(normals, bank_share=1.0)
    assert len(model.model.memory.bank) == 4 * 36
    assert max(one.scores.max() for one in model.score(normals.samples)) == 0


@pytest.mark.parametrize("coreset", ["greedy", "random"])
def test_a_seed_decides_the_memory(normals, coreset):
    banks = [fit(normals, seed, bank_share=0.1, coreset=coreset).model.memory.bank for seed in (0, 0, 1)]
    assert len(banks[0]) == 14
    assert torch.equal(banks[0], banks[1])
    assert not torch.equal(banks[0], banks[2])


def test_the_memory_has_at_most_the_size_asked_for(normals):
    assert len(fit(normals, bank_size=5, bank_share=1.0).model.memory.bank) == 5
    assert len(fit(normals, bank_size=5, bank_share=0.001).model.memory.bank) == 1


def test_a_greedy_memory_covers_better_than_a_random_one(normals):
    def worst(coreset):
        return max(one.scores.max() for one in fit(normals, bank_size=12, coreset=coreset).score(normals.samples))

    assert worst("greedy") < worst("random")


def test_scaling_by_channel_gives_each_channel_unit_variance_and_leaves_a_constant_one_alone(normals):
    model = fit(normals, scale="channel", bank_share=1.0)
    spread = model.model.memory.bank.std(dim=0, correction=0)
    assert spread[:2].tolist() == pytest.approx([1, 1], abs=1e-4)
    assert spread[2] == 0
    assert torch.isfinite(model.model.memory.bank).all()


def test_few_patches_of_each_image_are_drawn(normals, monkeypatch):
    drawn = []
    real = memory_of.filled
    monkeypatch.setattr(
        memory_of, "filled", lambda m, d, *rest, **more: (drawn.append(len(d.patches)), real(m, d, *rest, **more))[1]
    )
    many = NormalImages(normals.samples * 20, frame(normals.features), UNUSED)
    model = patchcore.fit(many, Settings(**PLAIN, drawn=1000))
    assert drawn == [1000], "80 images with 36 patches each give 13 each"
    assert len(model.memory.bank) > 0


def test_normals_that_cannot_be_read_are_an_error(normals):
    for one in normals.samples:
        one.image.write_bytes(b"")
    with pytest.raises(BadDataError, match="None of the normal training images"):
        fit(normals)


# Storing


def test_a_model_that_is_read_again_scores_the_same(normals, tmp_path):
    model = fit(normals, scale="channel", bank_share=0.2)
    folder = ModelFolder(tmp_path / "model")
    save(model, folder, {"category": "c"})
    again = scoring.load(patchcore, folder, frame(normals.features))
    assert again.model.settings == model.model.settings
    for a, b in zip(model.score(normals.samples), again.score(normals.samples), strict=True):
        assert (a.scores == b.scores).all()
        assert a.image_score == b.image_score
    card = files.read_json(folder.card)
    assert (card["category"], card["backbone"], card["image_size"]) == ("c", "pixels", 8)
    assert card["image_score_rule"] == patchcore.RULES[model.model.settings.image_score]


def test_a_standard_of_good_parts_is_stored_and_a_model_of_before_has_none(normals, tmp_path):
    model = fit(normals)
    scored = list(model.score(normals.samples))
    standard, _ = image_scores.learn([replace(one.views, whole=i) for i, one in enumerate(scored * 2)])
    folder = ModelFolder(tmp_path / "model")
    save(replace(model, model=model.model.with_standard(standard)), folder, {})
    again = scoring.load(patchcore, folder, frame(normals.features))
    for before, after in zip(scored, again.score(normals.samples), strict=True):
        assert before.image_score == arrays.image_score(before.scores)
        assert after.image_score == standard.score(before.views)
    assert image_scores.WORDS in files.read_json(folder.card)["image_score_rule"]
    tensors = {name: one for name, one in again.model.tensors().items() if name != "standard_lines"}
    folder.weights.write_bytes(tensors_to(tensors))
    with pytest.raises(BadDataError, match="standard_lines"):
        scoring.load(patchcore, folder, frame(normals.features))


@pytest.mark.parametrize("settings", [{"standard": False}, {"scale": "unit"}])
def test_scores_as_published_know_no_standard(normals, settings):
    assert all(one.views is None for one in fit(normals, **settings).score(normals.samples))


def test_another_backbone_is_refused(normals, tmp_path):
    folder = ModelFolder(tmp_path / "model")
    save(fit(normals), folder, {})
    other = frame(normals.features)
    other.backbone.weights_id = "1"
    with pytest.raises(BadDataError, match=r"made with the backbone pixels \(0\), not pixels \(1\)"):
        scoring.load(patchcore, folder, other)


def test_a_missing_or_damaged_model_is_refused(normals, tmp_path):
    folder = ModelFolder(tmp_path / "patchcore" / "c")
    with pytest.raises(MissingInputError, match="No patchcore model"):
        scoring.load(patchcore, folder, frame({}))
    save(fit(normals), folder, {})
    folder.weights.write_bytes(folder.weights.read_bytes()[:-9])
    with pytest.raises(BadDataError, match="can't be read"):
        scoring.load(patchcore, folder, frame({}))


# Settings


def test_layers_and_size_follow_the_family_of_the_backbone():
    cnn, vit = needs(Settings(), "tf_efficientnet_lite0"), needs(Settings(), "dinov2_vits14")
    assert set(cnn.layers) <= {2, 4, 8, 16, 32}, "strides"
    assert (cnn.image_size % 32, vit.image_size % 14) == (0, 0)
    assert max(vit.layers) < 12, "blocks"
    assert needs(Settings(layers="4, 8,16"), "resnet18").layers == (4, 8, 16)
    with pytest.raises(UsageError, match="8,16"):
        needs(Settings(layers="8;16"), "resnet18")


def test_a_preset_is_overruled_by_what_is_given():
    settings = settings_of("patchcore", patchcore, ["preset=anomalydino", "pool=5"])
    assert (settings.scale, settings.pool) == ("unit", 5)
    with pytest.raises(UsageError, match="no such preset"):
        settings_of("patchcore", patchcore, ["preset=dino"])


def test_the_data_set_reader_and_a_real_network_fit_together(tiny_data, tmp_path, small_network):
    category = read_dataset(tiny_data.make(tmp_path / "parts")).category("parts")
    real = Frame(small_network, 64, 4, 0)
    model = scoring.fit(patchcore, NormalImages(category.train, real, UNUSED), Settings(drawn=1000))
    scored = {one.sample.id: one for one in model.score(category.test)}
    assert set(scored) == {one.id for one in category.test}
    normal = max(one.image_score for one in scored.values() if category.is_normal(one.sample))
    assert all(one.image_score > normal for one in scored.values() if not category.is_normal(one.sample))


@pytest.mark.parametrize(("count", "drawn"), [(3, 1000), (600, 1000), (1000, 1000), (1500, 1000), (60_001, 100_000)])
def test_every_image_gives_its_share_of_the_patches_that_are_drawn(count, drawn):
    shares = memory_of.shares(count, drawn)
    assert (len(shares), sum(shares)) == (count, drawn)
    assert set(shares) <= {drawn // count, drawn // count + 1}
    third = count // 3
    if count > drawn:  # not all can give one: the last third gives as much as the first
        assert abs(sum(shares[:third]) - sum(shares[-third:])) <= 1


def test_the_last_images_are_drawn_from_as_well(images):
    names = [f"i{n:03}" for n in range(600)]  # two patches of each are more than are drawn
    features = {name: torch.full((1, 2, 2), float(n)) for n, name in enumerate(names)}
    settings = Settings(**PLAIN, drawn=1000)
    (one,) = images("any")
    samples = [replace(one, id=name) for name in names]
    drawing = Drawing(PatchForm(1, "fine", "none"), memory_of.shares(600, settings.drawn), torch.Generator())
    for seen in NormalImages(samples, frame(features), UNUSED).see():
        drawing.add(seen)
    drawn = drawing.drawn()
    assert set(drawn.patches.flatten().tolist()) == set(range(600))
    assert torch.equal(drawn.patches.flatten().long(), drawn.image)
    assert len(drawn.image) == len(drawn.ring) == 1000


@pytest.mark.parametrize("detector", ["patchcore", "cfa"])
def test_a_pool_without_a_middle_is_refused(detector):
    plugin = load_plugin(detector)
    with pytest.raises(UsageError, match="pool=2: the side is odd, for example 3"):
        plugin.needs(plugin.Settings(pool=2), "resnet18")
    plugin.needs(plugin.Settings(pool=3), "resnet18")


@pytest.mark.parametrize("image_score", ["max", "top1", "reweighted"])
def test_without_a_group_is_as_if_the_memory_had_nothing_of_it(images, image_score):
    features = torch.tensor([[[0.0, 3.0]], [[1.0, 4.0]]])
    rows, origin = [[0, 1], [3, 3], [0, 0], [3, 0], [9, 9]], torch.tensor([7.0, 7.0, 2.0, 3.0, 7.0])
    settings = Settings(**PLAIN, image_score=image_score)
    whole = Model(replace(memory(*rows), origin=origin), settings)
    rest = Model(memory(*rows[2:4]), settings)
    (seen,) = frame({"x": features}).see(images("x"))
    alone, expected = whole.score_without(seen, 7), rest.score(seen)
    assert alone.image_score == pytest.approx(expected.image_score)
    assert np.array_equal(alone.scores, expected.scores)
    assert whole.score(seen).image_score < alone.image_score


def test_a_memory_in_half_precision_takes_half_the_file_and_scores_the_same_when_it_is_loaded(normals, tmp_path):
    sizes = {}
    for half in (False, True):
        opened = fit(normals, bank_share=0.5, half=half, scale="channel", pooled=True)
        folder = ModelFolder(tmp_path / str(half))
        save(opened, folder, {"category": "x"})
        again = scoring.load(patchcore, folder, frame(normals.features))
        for one, other in zip(opened.score(normals.samples), again.score(normals.samples), strict=True):
            assert np.array_equal(one.scores, other.scores)
        stored = opened.model.tensors()
        sizes[half] = sum(stored[name].nbytes for name in ("bank", "pooled_bank"))
        assert {stored[name].dtype for name in ("mean", "spread")} == {torch.float32}
    assert sizes[True] * 2 == sizes[False]
    bank = fit(normals, bank_share=0.5, half=True).model.memory.bank
    assert torch.equal(bank, bank.half().float())
    assert torch.equal(fit(normals, bank_share=0.5).model.memory.bank.half().float(), bank)


def test_what_a_large_memory_takes_is_said_before_it_is_filled(normals, monkeypatch, caplog):
    fit(normals, bank_share=0.5)
    assert not caplog.text
    monkeypatch.setattr(memories, "MUCH_BYTES", 100)
    whole = fit(normals, bank_share=0.5).model.memory.bank
    assert "The memory takes 0.0 MB: 72 of 144 patches, of 3 channels. Choosing them takes about 0 s." in caplog.text
    monkeypatch.setattr(memories, "MUCH_BYTES", 1e9)
    assert torch.equal(fit(normals, bank_share=0.5).model.memory.bank, whole), "the draws are the same"
