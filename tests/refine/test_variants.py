"""What the released variants of the filter do otherwise than the default one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from adtool.core import arrays, files
from adtool.core.errors import UsageError
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.steps import notes
from adtool.refine import model, refine_category, streamed, volume
from adtool.refine.asked import with_usual
from adtool.refine.config import RefineConfig

FILTER = ModelFolder(Path("models/costfilter/parts"))
MAPS, REFINED = MapsFolder(Path("maps")), MapsFolder(Path("refined"))


def kill_training(monkeypatch, refine, **how):
    """Stop a training after its second step, with its state stored."""
    from adtool.refine import train

    monkeypatch.setattr(train, "SAVE_EVERY_S", -1)
    real, calls = train._batch, []

    def batch(*arguments):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(train, "_batch", batch)
    with pytest.raises(KeyboardInterrupt):
        refine(**how)
    monkeypatch.setattr(train, "_batch", real)


def test_features_that_are_seen_anew_teach_the_same_filter(parts, refine, caplog):
    parts(trained=True)
    kept = model.load(FILTER)
    caplog.set_level("INFO", logger="adtool")
    refine(sets=["stored=false"], force=True, keep="never")
    assert "would take" in caplog.text
    anew = model.load(FILTER)
    for one, other in zip(kept.templates["parts"], anew.templates["parts"], strict=True):
        assert torch.allclose(one.float(), other.float(), atol=2e-3)
    for one, other in zip(kept.network.state_dict().values(), anew.network.state_dict().values(), strict=True):
        assert torch.allclose(one, other, rtol=1e-2, atol=1e-3)


def test_features_are_seen_anew_only_where_the_disk_is_short(parts, refine, monkeypatch, caplog):
    parts()
    caplog.set_level("INFO", logger="adtool")
    refine(keep="never")
    assert "would take" not in caplog.text
    monkeypatch.setattr(streamed, "_free", lambda _: 1000)
    refine(keep="never", force=True)
    assert "0 GB are free" in caplog.text


@pytest.mark.slow
def test_a_rate_that_falls_on_a_plateau_goes_on_after_a_kill(parts, refine, monkeypatch):
    parts()
    how = {"sets": ["schedule=plateau", "plateau_every=1"], "keep": "never"}
    refine(**how)
    whole = FILTER.weights.read_bytes()
    refine(force=True, keep="never")
    assert FILTER.weights.read_bytes() != whole
    kill_training(monkeypatch, refine, force=True, **how)
    refine(**how)
    assert FILTER.weights.read_bytes() == whole


@pytest.mark.slow
def test_templates_that_are_matched_apart_give_the_mean_of_their_maps(parts, refine):
    parts()
    refine(sets=["apart=true", "matches=6"], keep="never")
    made = model.load(FILTER)
    features = [torch.rand(2, *layer.shape[1:]) for layer in made.templates["parts"]]
    whole, _ = made.filtered(features, "parts")
    each = [
        made.filtered(features, "parts", [layer[None, n : n + 1].float() for layer in made.templates["parts"]])[0]
        for n in range(2)
    ]
    assert torch.allclose(whole.sigmoid(), torch.stack(each).sigmoid().mean(dim=0), atol=1e-5)


def test_more_templates_can_be_used_than_are_trained_with(parts, refine):
    parts()
    refine(sets=["templates=2", "tested=5"], keep="never")
    assert {len(layer) for layer in model.load(FILTER).templates["parts"]} == {5}


def test_the_same_place_of_a_reconstruction_costs_what_it_is_apart():
    image = [torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])]  # (1, 2, 1, 2): (1, 0) and (0, 1)
    rebuilt = [torch.tensor([[[[[1.0, 1.0]], [[0.0, 0.0]]]]])]  # (1, 1, 2, 1, 2): (1, 0) twice
    found = volume.same_place(image * 2, rebuilt * 2, (1, 2))
    assert found.shape == (1, 2, 1, 2)
    assert torch.allclose(found[0, :, 0], torch.tensor([[0.0, 1.0], [0.0, 1.0]]))


@pytest.mark.parametrize("setting", ["guide=reconstruction", "initial=same"])
def test_what_needs_a_reconstruction_is_refused_without_one(parts, refine, setting):
    parts()
    with pytest.raises(UsageError, match=f"{setting} needs a reconstruction of each image, and parts has none"):
        refine(sets=[setting])


@pytest.mark.parametrize("setting", ["guide=reconstruction", "initial=same"])
def test_what_needs_a_reconstruction_works_with_one(parts, refine, rebuilder, setting):
    parts(detector=rebuilder)
    refine(sets=[setting], keep="always")
    assert notes.result_of(Path("refined/parts")).taken == "refined"


def test_a_given_weight_mixes_maps_as_they_are_and_a_finish_follows(parts, refine):
    parts()
    sets = ["weight=2", "blur_given=6", "blur_mixed=6", "top=10"]
    refine(sets=sets, keep="always", image_score="refined")
    result = notes.result_of(Path("refined/parts"))
    assert (result.weight, result.scale, result.top) == (2.0, {"zero": 0.0, "one": 1.0}, 10)
    assert result.image_score_rule == "mean of the highest 10 pixels of a map of 256 px, in proportion"
    again = refine_category.mix_again(result, lambda: None)
    row = files.read_csv(REFINED.images("parts"))[0]
    given, found = (arrays.read_scores(one.scores("parts", row["id"])).scores for one in (MAPS, REFINED))
    assert again.image_score(found, 1.0) == pytest.approx(float(row["image_score"]), rel=1e-4)
    assert again.of(given, np.zeros_like(given)).max() < given.max()


def test_a_preset_of_the_paper_fits_the_maps_and_brings_its_options(parts, refine):
    config = RefineConfig(preset="paper")
    assert config.named_preset() == "paper"
    with pytest.raises(UsageError, match="two ways to name one thing"):
        RefineConfig(preset="paper", settings=("preset=small",)).named_preset()
    with pytest.raises(UsageError, match="did you mean 'paper-glad'"):
        RefineConfig(preset="paper-gald").named_preset()
    assert with_usual(config, "paper-anomalydino").backbone == "vit_base_patch8_224.dino"
    parts()
    refine(preset="paper", sets=["layers=8", "reduced=1", "tested=2", "schedule=cosine"], image_size=64)
    settings = notes.read_note(Path("refined/parts")).all_settings
    named = {"image_size": 64, "keep": "always", "image_score": "refined"}  # a stand-in for the network is used
    assert {name: settings[name] for name in named} == named
    assert (settings["weight"], settings["aligned"], settings["ssim"]) == (1.0, False, 0.2)
