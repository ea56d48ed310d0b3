"""Templates that a detector yields: an image's own reconstruction instead of normal images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load as tensors_from
from safetensors.torch import save as tensors_to

from adtool.core import arrays, files, map_source
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.external_maps import write_maps
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.steps import notes
from adtool.maps.config import MapsConfig
from adtool.maps.step import run as run_maps
from adtool.nn.feature_reader import Picture
from adtool.refine import asked, feature_store, model, train
from adtool.refine.config import RefineConfig
from adtool.refine.feature_store import ImageFeatures, ShownImage

FILTER = ModelFolder(Path("models/costfilter/parts"))


def means(category="parts"):
    """What the detector of the tests rebuilds every image of a category as."""
    tensors = tensors_from(Path("models/rebuilder", category, "weights.safetensors").read_bytes())
    return [tensors[name] for name in sorted(tensors)]


def read(category="parts"):
    folder = MapsFolder(Path("refined"))
    return [arrays.read_scores(folder.scores(category, row["id"])).scores for row in folder.image_rows(category)]


@pytest.fixture
def matched(monkeypatch):
    """The templates that images were matched with: in training, and after it."""
    seen = {"training": [], "applying": []}

    def spy(module, name):
        real = module.inputs

        def record(features, templates, settings):
            seen[name].append(templates)
            return real(features, templates, settings)

        monkeypatch.setattr(module, "inputs", record)

    spy(train, "training")
    spy(model, "applying")
    return seen


def test_each_image_is_matched_with_its_own_reconstruction_in_training_and_after(parts, refine, rebuilder, matched):
    parts(detector=rebuilder)
    done = refine(keep="always")
    assert done.done == ["parts"]
    for name, most in (("training", 1e-3), ("applying", 0)):  # kept as float16 for training
        assert matched[name]
        for templates in matched[name]:
            for layer, mean in zip(templates, means(), strict=True):
                assert layer.shape[1:] == (1, *mean.shape)
                assert (layer - mean).abs().max() <= most * mean.abs().max()
    card = files.read_json(FILTER.card)
    assert card["templates"] == "reconstruction"
    assert list(card["detectors"]) == ["parts"]
    assert not [name for name in tensors_from(FILTER.weights.read_bytes()) if name.startswith("templates.")]
    noted = notes.read_note(Path("refined/parts"))
    assert noted.whole_result["templates"] == noted.all_settings["templates"] == "reconstruction"
    names = sorted(path.name for path in FILTER.path.iterdir())
    assert names == ["_step.json", "curves.csv", "model.json", "weights.safetensors"]


def test_the_same_again_is_skipped_and_a_stored_filter_gives_the_same_maps(parts, refine, rebuilder):
    parts(detector=rebuilder, trained=True)
    refine(keep="always")
    first = read()
    assert refine(keep="always").skipped == ["parts"]
    Path("refined").rename("before")
    Path("models/costfilter").rename("elsewhere")
    refine(keep="always", model=Path("elsewhere/parts"))
    assert all(np.array_equal(a, b) for a, b in zip(first, read(), strict=True))


def test_categories_with_a_detector_each_share_a_filter(parts, refine, rebuilder, matched):
    parts("bolt", "nut", detector=rebuilder)
    refine(keep="always")
    card = files.read_json(Path("models/costfilter/_all/model.json"))
    assert sorted(card["detectors"]) == ["bolt", "nut"]
    assert len(set(card["detectors"].values())) == 2
    of_bolt, of_nut = means("bolt")[0], means("nut")[0]
    for templates in matched["training"]:
        for one in templates[0][:, 0]:
            near = [(one - mean).abs().max() <= 1e-3 * mean.abs().max() for mean in (of_bolt, of_nut)]
            assert near in ([True, False], [False, True])
    assert set(notes.done_categories(Path("refined"))) == {"bolt", "nut"}


def test_a_backbone_that_is_asked_for_compares_with_normal_images(parts, refine, rebuilder, matched):
    parts(detector=rebuilder)
    refine(keep="always", backbone="test_resnet")
    assert {templates[0].shape[1] for templates in matched["training"]} == {2}
    assert files.read_json(FILTER.card)["templates"] == "normals"


def test_one_normal_image_is_enough_where_it_has_its_reconstruction(parts, refine, rebuilder):
    parts(detector=rebuilder, train=1)
    refine()
    assert notes.read_note(Path("refined/parts")).result.taken == "not judged"  # none was held out


def test_a_detector_that_is_gone_leaves_normal_images(parts, refine, rebuilder, caplog):
    parts(detector=rebuilder)
    Path("models/rebuilder").rename("models/gone")
    refine()
    assert "Normal images serve as templates instead of reconstructions" in caplog.text
    assert files.read_json(FILTER.card)["templates"] == "normals"


def test_a_filter_that_learned_with_other_templates_is_refused(parts, refine, rebuilder):
    parts(detector=rebuilder, trained=True)
    with pytest.raises(BadDataError, match="a detector's reconstructions as templates, which these maps don't come"):
        refine(model=FILTER.path, backbone="test_resnet", out=Path("again"))
    files.write_json(FILTER.card, files.read_json(FILTER.card) | {"detectors": {}})
    with pytest.raises(BadDataError, match="can't be read"):  # it holds no templates
        refine(model=FILTER.path, out=Path("one"))
    refine(keep="never", backbone="test_resnet", models=Path("others"), out=Path("other"))
    with pytest.raises(BadDataError, match="normal images as templates, and these maps come with reconstructions"):
        refine(model=Path("others/costfilter/parts"), out=Path("two"))


def test_a_detector_that_was_trained_anew_needs_a_new_filter(parts, refine, rebuilder):
    parts(detector=rebuilder, trained=True)
    refine(keep="never")
    weights = Path("models/rebuilder/parts/weights.safetensors")
    weights.write_bytes(tensors_to({str(n): mean + 1 for n, mean in enumerate(means())}))
    with pytest.raises(UsageError, match="changed: detector of parts"):
        refine(keep="never")
    with pytest.raises(BadDataError, match="reconstructions of another model than"):
        refine(model=FILTER.path, out=Path("again"))


def test_a_run_killed_while_it_looks_goes_on_and_ends_with_the_same_filter(parts, refine, rebuilder, monkeypatch):
    parts(detector=rebuilder)
    refine(keep="never", batch_size=2)
    whole = FILTER.weights.read_bytes()
    monkeypatch.setattr(feature_store, "SAVED_EVERY", 1)
    real, seen = feature_store.Extractor.see, []

    def see(eye, samples):
        for one in real(eye, samples):
            seen.append(one.sample.id)
            yield one
            if len(seen) == 5:
                raise KeyboardInterrupt

    monkeypatch.setattr(feature_store.Extractor, "see", see)
    with pytest.raises(KeyboardInterrupt):
        refine(keep="never", batch_size=2, force=True)
    assert files.read_json(FILTER.path / "seen/painted/seen.json")["done"] == 4
    refine(keep="never", batch_size=2)
    painted = [one for one in seen[5:] if one.startswith("train/painted/")]
    assert painted == [f"train/painted/{number:06d}" for number in range(4, 8)]
    assert FILTER.weights.read_bytes() == whole


def test_one_hvqtrans_for_all_categories_gives_the_filter_its_reconstructions(
    workspace, tiny_data, instead_of_weights, refine
):
    tiny_data.make(Path("data/parts"), ("bolt", "nut"))
    tiny = ("epochs=1", "layers=8,16", "width=8", "hidden=8", "depth=1", "codes=4")
    run_maps(MapsConfig(detector="hvqtrans", image_size=64, settings=tiny))
    refine(keep="always")
    card = files.read_json(Path("models/costfilter/_all/model.json"))
    assert card["templates"] == "reconstruction"
    assert card["detectors"]["bolt"] == card["detectors"]["nut"]
    assert len(card["channels"]) == 2
    assert set(notes.done_categories(Path("refined"))) == {"bolt", "nut"}


# Looking, with eyes of which one knows what they see


class Painted:
    """An eye that sees the number in a file's name, and rebuilds it as its own."""

    side, batch_size = 2, 2

    def __init__(self, own):
        self.own = own
        self.seen = []

    def see(self, samples):
        for one in samples:
            number = int(one.sample.id)
            self.seen.append(number)
            yield ImageFeatures(one.sample, [torch.full((1, 1, 1), float(number))], [torch.full((1, 1, 1), self.own)])


@pytest.fixture
def show(tmp_path):
    from adtool.core.dataset.types import Sample

    def call(number):
        one = Sample("parts", str(number), "train", "good", tmp_path / "normal.png")
        return ShownImage(Picture(one, np.zeros((2, 2, 3), np.uint8)), np.full((2, 2), number, np.uint8))

    return call


def test_each_eye_sees_its_own_and_rows_stay_where_they_belong(tmp_path, show):
    first, second = Painted(10.0), Painted(20.0)
    kept = feature_store.look([first, second, first, second, first], show, tmp_path / "kept", "test")
    assert (first.seen, second.seen) == ([0, 2, 4], [1, 3])
    assert kept.layers[0].ravel().tolist() == [0, 1, 2, 3, 4]
    assert kept.templates[0].ravel().tolist() == [10, 20, 10, 20, 10]
    assert kept.masks[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert kept.rebuilt([1, 2], torch.device("cpu"))[0].shape == (2, 1, 1, 1, 1)
    assert not list(tmp_path.glob("*.png"))


def test_looking_goes_on_in_the_midst_of_an_eyes_turn_with_the_same_batches(tmp_path, show, monkeypatch):
    monkeypatch.setattr(feature_store, "SAVED_EVERY", 1)
    first, second = Painted(10.0), Painted(20.0)
    eyes = [first, second, first, second, first, second]

    def until(number):
        def call(row):
            if row == number:
                raise KeyboardInterrupt
            return show(row)

        return call

    with pytest.raises(KeyboardInterrupt):
        feature_store.look(eyes, until(5), tmp_path / "kept", "test")
    assert files.read_json(tmp_path / "kept/seen.json")["done"] == 4  # 0 2 4 | 1
    first.seen, second.seen = [], []
    kept = feature_store.look(eyes, show, tmp_path / "kept", "test")
    assert (first.seen, second.seen) == ([], [1, 3, 5])  # 1 once more: it shares a batch with 3
    assert kept.layers[0].ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert feature_store.look(eyes, until(0), tmp_path / "kept", "test").masks[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


# Reconstructions that came with the maps of another tool


@pytest.fixture
def given(workspace, tiny_data, instead_of_weights, small_network):
    """Others' maps of images that were all rebuilt as one of two greys: dark ones in training, bright ones to test."""
    category = read_dataset(tiny_data.make(Path("data/parts"), train=9)).category("parts")
    scores = np.random.default_rng(0).random((len(category.test), 10, 14))
    write_maps(Path("maps"), "parts", [one.id for one in category.test], scores, data=Path("data/parts"))
    for one in (*category.train, *category.test):
        grey = 40 if one.split == "train" else 200
        arrays.write_png(Path("maps/parts/reconstructions", f"{one.id}.png"), np.full((48, 48, 3), grey, np.uint8))
    eye = feature_store.Extractor(small_network, 64, 4)

    def features(grey):
        (found,) = eye.see([Picture(category.train[0], np.full((64, 64, 3), grey, np.uint8))])
        return found.layers

    return features


def test_what_came_with_the_maps_is_matched_and_a_painted_image_has_that_of_its_source(given, refine, matched):
    assert refine(keep="always", image_size=64).done == ["parts"]
    for name, grey, most in (("training", 40, 1e-3), ("applying", 200, 1e-5)):
        assert matched[name]
        for templates in matched[name]:
            for layer, one in zip(templates, given(grey), strict=True):
                assert layer.shape[1:] == (1, *one.shape)
                assert (layer - one).abs().max() <= most * one.abs().max()
    assert files.read_json(FILTER.card)["templates"] == "reconstruction"


def test_images_without_one_are_not_learned_from_and_a_test_image_needs_one(given, refine):
    there = sorted(Path("maps/parts/reconstructions/train").rglob("*.png"))
    for path in there[1:]:
        path.unlink()
    refine(keep="always")
    assert notes.read_note(FILTER.path).whole_result["normal_images"] == 1
    next(Path("maps/parts/reconstructions/test").rglob("*.png")).unlink()
    with pytest.raises(MissingInputError, match="has no reconstruction of test/"):
        refine(keep="always", out=Path("again"))


def test_other_reconstructions_are_another_input(given, refine):
    refine(keep="always")
    assert refine(keep="always").skipped == ["parts"]
    arrays.write_png(next(Path("maps/parts/reconstructions/test").rglob("*.png")), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(UsageError, match="reconstruction"):
        refine(keep="always")


def test_the_papers_variant_of_such_maps_is_that_of_glad(given):
    config = RefineConfig(settings=("preset=paper",))
    source = map_source.read_source(Path("maps"), read_dataset(Path("data/parts")).category("parts"))
    assert asked.preset(config, {"parts": source}) == "paper-glad"
