import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from adtool.core import arrays, config
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import MapsFolder
from adtool.detection.contract import Frame, Needs, compares, learner, noted, settings_of
from adtool.detection.scoring import ComparedImages
from adtool.detectors import musc
from adtool.detectors.musc import Settings, compare, needs, split
from adtool.nn import backbone
from adtool.nn.backbone import Features
from adtool.nn.families import Family

GOLDEN = Path(__file__).parents[1] / "golden" / "musc.npz"
PLAIN = {"aggregation": "1", "neighbours": "1", "image_score": "max", "blur": 0.0, "share": 1.0}


class Layer:
    channels, index = 2, 0


class Pixels:
    """A backbone whose features are what a test says, by the image's name: a (C, h, w) tensor for each layer."""

    name, family, weights_id, engine, is_half = "pixels", Family.CONV, "0", "torch", False
    device = torch.device("cpu")
    mean, std, multiple, fills_batches = (0.0,) * 3, (1.0,) * 3, 4, False

    projects = False

    def __init__(self, features, layers=1):
        self.features = features
        self.layers = (Layer(),) * layers
        self.seen = []

    def describe_stream(self, batches):
        for key, _ in batches:
            ids = [one.sample.id for one in key]
            self.seen += ids
            maps = [torch.stack([self.features[i][n] for i in ids]) for n in range(len(self.layers))]
            yield key, Features(maps, [x.mean(dim=(-2, -1)) for x in maps])


@pytest.fixture
def images(tmp_path):
    """Image files of some names; what they show does not matter."""

    def make(*names):
        for name in names:
            arrays.write_png(tmp_path / f"{name}.png", np.zeros((8, 8, 3), np.uint8))
        return [Sample("c", name, "test", "unknown", tmp_path / f"{name}.png") for name in names]

    return make


def frame(features, *, layers=1, image_size=8, seed=0):
    return Frame(Pixels(features, layers), image_size=image_size, batch_size=2, seed=seed, needs=Needs(whole=True))


def fit(samples, settings, frame):
    """Images of which all, or some, can be scored."""
    return ComparedImages(compare(samples, settings, frame), frame)


def features_of_first_set(model):
    comparison = model.comparison
    return comparison._features(list(model.frame.see(comparison.sets[0])))


def random_features(count, *shapes):
    generator = torch.Generator().manual_seed(1)
    return {f"i{n}": [torch.randn(*shape, generator=generator) for shape in shapes] for n in range(count)}


def test_a_patch_unlike_those_of_the_other_images_stands_out(images):
    plain = torch.tensor([[[1.0, 1.0]], [[-1.0, -1.0]]])
    odd = torch.tensor([[[1.0, -1.0]], [[-1.0, 1.0]]])  # its second patch points the other way
    features = {"a": [plain], "b": [plain], "c": [odd], "d": [plain]}
    model = fit(images(*"abcd"), Settings(**PLAIN), frame(features))
    found = {one.sample.id: one for one in model.score(images(*"abcd"))}
    assert found["c"].scores.shape == (8, 8), "the map is as large as the input of the network"
    assert found["c"].scores[0, 0] == pytest.approx(0, abs=1e-3)
    assert found["c"].scores[0, -1] == pytest.approx(2, abs=1e-3), "the distance of opposite unit vectors"
    assert found["c"].image_score == pytest.approx(2, abs=1e-3)
    assert max(found[name].image_score for name in "abd") == pytest.approx(0, abs=1e-3)


def test_layers_are_put_on_the_coarsest_grid(images):
    features = random_features(3, (2, 4, 4), (2, 2, 2))
    model = fit(images(*features), Settings(**PLAIN), frame(features, layers=2))
    seen = features_of_first_set(model)
    assert [tuple(x.shape) for x in seen.layers] == [(3, 2, 2, 2)] * 2
    pooled = torch.nn.functional.avg_pool2d(features["i0"][0], 2)
    expected = torch.nn.functional.layer_norm(pooled, pooled.shape)
    assert torch.allclose(seen.layers[0][0], expected, atol=1e-5)


def test_map_and_image_score_equal_the_authors(images):
    with np.load(GOLDEN) as arrays_:
        golden = {name: torch.from_numpy(np.asarray(arrays_[name])) for name in arrays_}
    grid = int(golden["grid"])
    layers = golden["tokens"][:, :, 1:].transpose(2, 3).unflatten(3, (grid, grid))  # (L, N, C, h, w)
    features = {f"i{n}": list(layers[:, n]) for n in range(layers.shape[1])}
    settings = settings_of("musc", musc, ["preset=published"])
    model = fit(images(*features), settings, frame(features, layers=2))
    grids = model.comparison._grids(features_of_first_set(model))
    assert torch.allclose(grids.double(), golden["map_grid"], rtol=0, atol=1e-4)


# Sets


@pytest.mark.parametrize(
    ("count", "size", "expected"), [(10, 10, [10]), (10, 4, [4, 3, 3]), (3, 2, [3]), (5, 2, [3, 2]), (2, 1, [2])]
)
def test_sets_are_even_and_never_of_one_image(images, count, size, expected):
    samples = images(*(f"i{n}" for n in range(count)))
    found = split(samples, size, seed=0)
    assert [len(one) for one in found] == expected
    assert sorted(one.id for each in found for one in each) == sorted(one.id for one in samples)


def test_a_seed_decides_the_sets(images):
    samples = images(*(f"i{n}" for n in range(9)))
    assert split(samples, 3, seed=0) == split(samples, 3, seed=0)
    assert split(samples, 3, seed=0) != split(samples, 3, seed=1)


def test_only_sets_with_images_that_are_asked_for_are_computed(images):
    features = random_features(6, (2, 2, 2))
    samples = images(*features)
    given = frame(features)
    model = fit(samples, Settings(**PLAIN, subset_size=3), given)
    whole = {one.sample.id: one for one in model.score(samples)}
    given.backbone.seen.clear()
    first, second = model.comparison.sets
    asked = [one for one in samples if one.id in (first[2].id, first[0].id)]
    again = list(model.score(asked))
    assert [one.sample.id for one in again] == [one.id for one in asked]
    assert set(given.backbone.seen) == {one.id for one in first}
    assert all((one.scores == whole[one.sample.id].scores).all() for one in again)
    assert not {one.id for one in second} & set(given.backbone.seen)


def test_a_set_is_no_larger_than_memory_allows(images, caplog):
    features = random_features(8, (2, 2, 2))
    given = frame(features)
    enough = 4 * 3 * 4 * (3 + 2 + 2 * 2) / 2**30  # 3 images, 4 patches, 2 channels
    with caplog.at_level(logging.INFO, logger="adtool"):
        model = fit(images(*features), Settings(subset_size=0, memory_gb=enough), given)
    assert [len(one) for one in model.comparison.sets] == [3, 3, 2]
    assert "Sets of 3 images instead of 8" in caplog.text


def test_a_set_has_the_same_images_on_every_device(images, monkeypatch):
    features = random_features(8, (2, 2, 2))
    samples, given, many = images(*features), frame(features), images(*(f"i{n}" for n in range(401)))
    settings = Settings(memory_gb=4 * 3 * 4 * (3 + 2 + 2 * 2) / 2**30)  # 3 images, 4 patches, 2 channels
    of_cpu = [fit(samples, settings, given).comparison.sets, fit(many, Settings(), given).comparison.sets]
    given.backbone.device = torch.device("cuda")
    memory = SimpleNamespace(total_memory=80 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: memory)
    assert [fit(samples, settings, given).comparison.sets, fit(many, Settings(), given).comparison.sets] == of_cpu
    assert [len(one) for one in of_cpu[1]] == [134, 134, 133]  # at most 200
    memory.total_memory = 2**30
    with pytest.raises(UsageError, match=r"memory_gb=4: this GPU has 1\.0 GB"):
        fit(samples, Settings(), given)


def test_a_note_names_the_memory_of_a_set_only_if_it_was_changed():
    assert "memory_gb" not in noted(Settings())  # so that maps of earlier notes still fit
    assert noted(Settings(memory_gb=8))["memory_gb"] == 8


def test_the_time_is_said_before_the_comparison_starts(images, caplog):
    features = random_features(5, (2, 2, 2))
    model = fit(images(*features), Settings(aggregation="1,3", subset_size=3), frame(features))
    with caplog.at_level(logging.INFO, logger="adtool"):
        next(model.score(images(*features)))
    assert "c: 5 images in sets of up to 3, 4 pairs times 2 layers and neighbourhoods: about 0 s to go" in caplog.text


# What can go wrong


def test_one_image_cannot_be_compared_with_any(images):
    with pytest.raises(MissingInputError, match="only image to score"):
        fit(images("a"), Settings(), frame({}))


def test_images_that_cannot_be_read_are_left_out(images):
    features = random_features(4, (2, 2, 2))
    samples = images(*features)
    model = fit(samples, Settings(**PLAIN), frame(features))
    samples[1].image.write_bytes(b"")
    assert [one.sample.id for one in model.score(samples)] == ["i0", "i2", "i3"]
    for one in samples[2:]:
        one.image.write_bytes(b"")
    with pytest.raises(BadDataError, match="1 of 4 images of c could be read"):
        list(model.score(samples))


def test_images_that_it_does_not_compare_are_refused(images):
    model = fit(images("a", "b"), Settings(), frame({}))
    with pytest.raises(UsageError, match="z is not among"):
        next(model.score(images("z")))


@pytest.mark.parametrize("given", ["aggregation=1,2", "aggregation=a", "neighbours=0,1", "layers=8;16"])
def test_settings_that_make_no_sense_are_refused(given):
    settings = config.parse(Settings, config.pairs([given]), where="--set of musc")
    with pytest.raises(UsageError, match=r"for example|start at 1"):
        needs(settings, "dinov2_vits14")


def test_it_learns_nothing_beforehand():
    assert compares("musc")
    assert not compares("patchcore")
    with pytest.raises(UsageError, match="compares the test images with each other"):
        learner("musc")


# With everything around it


def test_a_real_network_finds_defects_among_unlabelled_images(tiny_data, tmp_path, small_network):
    kinds = {"good": 6, "hole": 2}
    category = read_dataset(tiny_data.make(tmp_path / "parts", train=0, kinds=kinds)).category("parts")
    model = fit(category.test, Settings(), Frame(small_network, 64, 4, 0, Needs(whole=True)))
    scored = {one.sample.id: one for one in model.score(category.test)}
    assert set(scored) == {one.id for one in category.test}
    normal = max(one.image_score for one in scored.values() if category.is_normal(one.sample))
    assert all(one.image_score > normal for one in scored.values() if not category.is_normal(one.sample))


def test_a_flat_folder_of_unlabelled_images_needs_no_detector_named(
    workspace, tiny_data, adtool, instead_of_weights, monkeypatch
):
    rng = np.random.default_rng(0)
    for number in range(6):
        arrays.write_png(Path(f"flat/{number}.png"), tiny_data.image(rng, "hole" if number == 5 else "unknown")[0])
    assert adtool("maps", "--data", "flat", "--image-size", "64").code == 0
    rows = MapsFolder(Path("maps")).image_rows("flat")
    assert {row["kind"] for row in rows} == {"unknown"}
    assert {row["decision"] for row in rows} == {""}, "without normal images there is no threshold"
    assert max(rows, key=lambda row: float(row["image_score"]))["id"] == "5"
    assert not Path("models").exists()
    assert adtool("maps", "--data", "flat", "--image-size", "64").code == 0
    written = Path("maps/flat/5.tiff").stat().st_mtime_ns
    Path("maps/flat/3.tiff").unlink()
    note = Path("maps/flat/_step.json")
    note.write_text(note.read_text().replace('"done"', '"running"'))  # as a kill would leave it
    assert adtool("maps", "--data", "flat", "--image-size", "64").code == 0
    assert Path("maps/flat/3.tiff").exists()
    assert Path("maps/flat/5.tiff").stat().st_mtime_ns == written, "only what was missing is written"


@pytest.mark.parametrize(
    ("given", "neighbours", "there", "compared"),
    [
        ("1", "1,2,3", [1, 2], [1]),
        ("0,-2", "1,2,3", [0, 1, 2], [0, 1]),
        ("0,-1", "1,2,3", [0, 2], [0, 2]),
        ("2", "1,2,3", [2], [2]),
        ("0,-2", "1", [0, 1], [0, 1]),
    ],
)
def test_a_transformers_last_block_describes_images_and_is_compared_if_asked_for(given, neighbours, there, compared):
    settings = Settings(layers=given, neighbours=neighbours)
    model = VisionTransformer(img_size=56, patch_size=14, embed_dim=32, depth=3, num_heads=2, num_classes=0)
    asked = needs(settings, "dinov2_vits14")
    network = backbone.from_model("vit_test", model, layers=asked.layers, norm=asked.norm, engine="torch")
    indices = [layer.index for layer in network.layers]
    assert indices == there
    assert [indices[place] for place in musc._compared(settings, network)] == compared


def test_clip_describes_images_by_what_its_head_makes_of_the_class_token():
    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=5)
    network = backbone.from_model("test_clip_vit", model, layers=(-1,), engine="torch")
    tokens = torch.randn(3, 64)
    assert network.projects
    assert torch.equal(network.projected(tokens), model.head(model.norm(tokens)).detach())
    plain = backbone.from_model("test_vit", model, layers=(-1,), engine="torch")
    settings = settings_of("musc", musc, ["preset=published"])
    assert [musc._projects(settings, one) for one in (network, plain)] == [True, False]
    model.lacks_head = True
    with pytest.raises(BadDataError, match="have no head"):
        network.projected(tokens)
