"""The detector: training, going on, storing, scoring."""

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from adtool.core import files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.detection import contract, scoring
from adtool.detection.contract import Frame, NormalImages, settings_of
from adtool.detectors import cfa, patchcore
from adtool.detectors._cfa.rules import RULES
from adtool.nn import smooth
from adtool.nn import training_checkpoint as checkpoint


@pytest.fixture
def parts(tiny_data, tmp_path, small_network):
    category = read_dataset(tiny_data.make(tmp_path / "parts", train=7)).category("parts")
    folder = ModelFolder(tmp_path / "cfa" / "parts")
    return SimpleNamespace(category=category, folder=folder, frame=Frame(small_network, 64, 4, 0))


def fit(parts, folder=None, **settings):
    normals = NormalImages(parts.category.train, parts.frame, folder or parts.folder, category=parts.category)
    return scoring.fit(cfa, normals, cfa.Settings(**({"epochs": 2} | settings)))


def save(opened, folder, card):
    scoring.save(opened, "cfa", opened.model.settings, folder, card)


def same(one, other):
    one, other = one.model, other.model
    pairs = zip(one.learned.descriptor.parameters(), other.learned.descriptor.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs) and torch.equal(one.learned.radius, other.learned.radius)


def curves(parts):
    return files.read_csv(parts.folder.path / "curves.csv")


def test_training_gathers_normal_patches_and_finds_defects(parts):
    model = fit(parts, epochs=8, learn_rate=1e-3, radius=1e-5)
    rows = curves(parts)
    assert [row["epoch"] for row in rows] == [str(i + 1) for i in range(8)]
    assert float(rows[-1]["attraction"]) < 0.9 * float(rows[0]["attraction"])
    scored = {one.sample: one for one in model.score(parts.category.test)}
    normal = max(one.image_score for sample, one in scored.items() if parts.category.is_normal(sample))
    assert all(one.image_score > normal for sample, one in scored.items() if not parts.category.is_normal(sample))
    assert {one.scores.shape for one in scored.values()} == {(64, 64)}


def test_a_stored_model_leaves_nothing_of_its_training_but_curves(parts):
    save(fit(parts), parts.folder, {})
    assert {path.name for path in parts.folder.path.iterdir()} == {"curves.csv", "model.json", "weights.safetensors"}


def test_the_radius_is_learned_but_by_anomalib_it_is_not(parts, tmp_path):
    start = cfa.Settings().radius
    assert abs(float(fit(parts).model.learned.radius.detach()) - start) > 1e-5
    other = ModelFolder(tmp_path / "anomalib")
    assert float(fit(parts, other, rules="anomalib").model.learned.radius) == pytest.approx(1e-5)


def test_features_can_be_scaled_to_a_typical_distance_whatever_their_unit(parts, tmp_path):
    for scale in (1.0, 4.0):
        folder = ModelFolder(tmp_path / str(scale))
        descriptor = fit(parts, folder, scale=scale, radius=1e-5, epochs=1, learn_rate=1e-9).model.learned.descriptor
        first = float(files.read_csv(folder.path / "curves.csv")[0]["attraction"])
        assert first == pytest.approx(1000 * scale, rel=1e-3)
        assert descriptor.scale != 1


def test_the_seed_decides_everything(parts, tmp_path):
    models = [fit(parts, ModelFolder(tmp_path / str(i))) for i in range(2)]
    assert same(*models)
    parts.frame = Frame(parts.frame.backbone, 64, 4, 1)
    assert not same(models[0], fit(parts, ModelFolder(tmp_path / "other")))


@pytest.mark.slow
@pytest.mark.parametrize("stop", ["none", "painted", "oracle"])
def test_an_interrupted_training_goes_on_to_the_same_end(parts, tmp_path, monkeypatch, caplog, stop):
    straight = fit(parts, ModelFolder(tmp_path / "straight"), epochs=4, stop=stop)
    real = files.write_csv

    def interrupt(path, columns, rows):
        if len(rows) == 3:
            raise KeyboardInterrupt
        real(path, columns, rows)

    monkeypatch.setattr(files, "write_csv", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(parts, epochs=4, stop=stop)
    monkeypatch.setattr(files, "write_csv", real)
    assert len(curves(parts)) == 2
    with caplog.at_level(logging.INFO, logger="adtool"):
        resumed = fit(parts, epochs=4, stop=stop)
    assert "Goes on after epoch 2 of 4." in caplog.text
    assert same(straight, resumed)
    assert len(curves(parts)) == 4
    assert (tmp_path / "straight/curves.csv").read_bytes() == (parts.folder.path / "curves.csv").read_bytes()


def test_a_damaged_state_is_named(parts):
    parts.folder.path.mkdir(parents=True)
    for damage in (b"", b"x" * 500):
        (parts.folder.path / checkpoint.FILE).write_bytes(damage)
        with pytest.raises(BadDataError, match=r"training\.pt can't be read"):
            fit(parts)


def test_features_that_are_not_kept_train_the_same(parts, tmp_path, caplog):
    kept = fit(parts)
    with caplog.at_level(logging.WARNING, logger="adtool"):
        read_again = fit(parts, ModelFolder(tmp_path / "slow"), cache_gb=0)
    assert "each step reads its images again" in caplog.text
    assert all(
        torch.allclose(a, b, atol=1e-5)
        for a, b in zip(
            kept.model.learned.descriptor.parameters(), read_again.model.learned.descriptor.parameters(), strict=True
        )
    )


def test_an_image_that_cannot_be_read_is_left_out(parts, tmp_path):
    parts.category.train[3].image.write_bytes(b"x")
    with_damaged = fit(parts)
    parts.category = SimpleNamespace(train=[*parts.category.train[:3], *parts.category.train[4:]])
    assert same(with_damaged, fit(parts, ModelFolder(tmp_path / "without")))


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_normal_images_are_enough_to_train(parts, count):
    parts.category = SimpleNamespace(train=parts.category.train[:count], test=parts.category.test)
    scores = [one.image_score for one in fit(parts).score(parts.category.test)]
    assert np.isfinite(scores).all()


def test_normals_that_cannot_be_read_are_an_error(parts):
    for one in parts.category.train:
        one.image.write_bytes(b"")
    with pytest.raises(BadDataError, match="None of the normal training images"):
        fit(parts)


@pytest.mark.parametrize("rules", RULES)
def test_every_reading_of_the_method_trains_and_is_stored(parts, rules):
    model = fit(parts, rules=rules, gamma_c=2, gamma_d=2, repelled=1)
    save(model, parts.folder, {"category": "parts"})
    before = torch.get_rng_state()
    again = scoring.load(cfa, parts.folder, parts.frame)
    assert before.equal(torch.get_rng_state())  # others' chance is as before
    assert again.model.settings == model.model.settings
    for one, other in zip(model.score(parts.category.test), again.score(parts.category.test), strict=True):
        assert (one.scores == other.scores).all()
        assert one.image_score == other.image_score
    card = files.read_json(parts.folder.card)
    assert (card["detector"], card["category"], card["image_size"]) == ("cfa", "parts", 64)


def test_a_missing_or_damaged_model_says_what_to_do(parts):
    with pytest.raises(MissingInputError, match=r"No cfa model at .*adtool train cfa"):
        scoring.load(cfa, parts.folder, parts.frame)
    save(fit(parts), parts.folder, {})
    parts.folder.weights.write_bytes(b"x")
    with pytest.raises(BadDataError, match=r"can't be read .*adtool train .* --force"):
        scoring.load(cfa, parts.folder, parts.frame)


def test_adapted_features_of_normal_images_can_serve_as_templates(parts):
    model = fit(parts).model
    for seen in parts.frame.see(parts.category.train[:2]):
        assert model.adapted(seen).shape == (len(model.learned.descriptor.bias), 4, 4)


def test_layers_and_size_follow_rules_and_backbone():
    plain, original = cfa.Settings(), cfa.Settings(rules="original")
    assert not cfa.needs(plain, "resnet18").before_relu
    assert cfa.needs(original, "resnet18") == cfa.Needs((4, 8, 16), False, 224, True)
    assert cfa.needs(cfa.Settings(layers="8, 16"), "wide_resnet50_2").layers == (8, 16)
    assert cfa.needs(plain, "dinov2_vits14").image_size % 14 == 0
    with pytest.raises(UsageError, match="8,16"):
        cfa.needs(cfa.Settings(layers="8;16"), "resnet18")
    with pytest.raises(UsageError, match="vgg19_bn is no ResNet"):
        cfa.needs(cfa.Settings(relu="before"), "vgg19_bn")
    for wrong in ("epochs=-1", "gamma_d=0", "rules=paper", "nu=0", "epoch=3"):
        with pytest.raises(UsageError, match=wrong.split("=")[0]):
            settings_of("cfa", cfa, [wrong])


def test_a_reading_brings_its_settings_unless_they_are_given():
    for given in (["preset=anomalib"], ["rules=anomalib"]):
        made = settings_of("cfa", cfa, [*given, "epochs=3"])
        assert (made.batch, made.epochs, made.memory, made.start, made.scored) == (32, 3, "places", "random", 3)
    assert settings_of("cfa", cfa, ["rules=original", "memory=coreset"]).memory == "coreset"
    assert cfa.needs(cfa.Settings(rules="original"), "vgg19_bn").before_relu is False, (
        "the authors changed ResNets alone"
    )


def test_an_untrained_detector_is_a_search_for_the_nearest_of_the_chosen_patches(parts):
    model = fit(parts, epochs=0, bank_size=20, scale=4)
    normals = NormalImages(parts.category.train, parts.frame, parts.folder)
    other = patchcore.fit(normals, patchcore.Settings(grid="coarse", pooled=False, bank_size=10**6, bank_share=1))
    model = model.model
    bank = model.learned.bank
    assert len(bank) == 20
    every = other.memory.bank * model.learned.descriptor.scale  # all patches of the images, in their units
    assert torch.cdist(bank, every).min(dim=1).values.max() < 0.01 * bank.norm(dim=1).mean()
    seen = next(parts.frame.see(parts.category.test))
    found, adapted = model.score(seen).scores, model.adapted(seen)
    nearest = torch.cdist(adapted.flatten(1).T, bank).min(dim=1).values.view(adapted.shape[-2:])
    assert np.allclose(found, smooth.enlarge(nearest, 64, 64, blur=4.0), atol=1e-2 * found.max())


def test_the_folder_for_training_need_not_be_there(parts, tmp_path):
    fit(parts, ModelFolder(tmp_path / "a" / "b"))
    assert Path(tmp_path / "a/b/curves.csv").exists()
    for rules in ("original", "anomalib", "anomalib-2023"):  # both codes take what is pooled of block 5
        assert cfa.needs(cfa.Settings(rules=rules), "vgg19_bn").layers == (4, 8, 32)


def test_a_setting_counts_before_what_the_rules_say_and_is_no_part_of_older_models():
    given = settings_of("cfa", cfa, ["preset=original", "relu=after", "pooled_layers=first", "input_px=256"])
    rules = given.model_copy(update={"trains_radius": False}).reading
    assert (rules.before_relu, rules.pools, rules.image_size, rules.learns_radius) == (False, False, 256, False)
    assert cfa.needs(given, "resnet18") == cfa.Needs((4, 8, 16), False, 256, False)
    later = {"pooled_layers", "relu", "trains_radius", "stop", "patience", "input_px"}
    assert not later & contract.noted(settings_of("cfa", cfa, ["preset=original"])).keys()
    assert contract.noted(given)["relu"] == "after"
