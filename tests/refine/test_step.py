from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

import adtool
from adtool.core import arrays, files
from adtool.core.arrays import UnreadableImageError
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.limits import decisions, evidence, limit_file
from adtool.core.limits.choose import Asked, choose
from adtool.core.steps import notes
from adtool.detection import holding_out
from adtool.maps.config import MapsConfig
from adtool.maps.step import run as run_maps
from adtool.nn import training_checkpoint as checkpoint
from adtool.refine import refine_category, train, training_set
from adtool.refine.asked import filter_settings
from adtool.refine.config import FilterSettings
from adtool.refine.feature_store import Extractor

GIVEN, REFINED = MapsFolder(Path("maps")), MapsFolder(Path("refined"))
REFINED_FILES = ["_step.json", "images.csv", "limit.json", "normals.csv", "painted.csv", "test"]
FILTER = ModelFolder(Path("models/costfilter/parts"))


def result(category="parts"):
    return notes.read_note(Path("refined") / category).whole_result


def limit(category="parts"):
    return limit_file.read(Path("refined") / category)


def read(folder, category="parts"):
    ids = [row["id"] for row in folder.image_rows(category)]
    return {one: arrays.read_scores(folder.scores(category, one)).scores for one in ids}


@pytest.mark.slow
def test_every_map_is_refined_into_the_same_files(parts, refine):
    parts(trained=True)
    done = refine(keep="always")
    given, refined = read(GIVEN), read(REFINED)
    assert done.done == ["parts"]
    assert {one: scores.shape for one, scores in given.items()} == {one: s.shape for one, s in refined.items()}
    assert all(not np.array_equal(given[one], refined[one]) for one in given)
    assert GIVEN.image_rows("parts") == REFINED.image_rows("parts")  # image scores and decisions stay
    assert result()["taken"] == "refined"


def test_image_scores_can_be_made_from_the_refined_maps(parts, refine):
    parts(trained=True)
    refine(keep="always", image_score="refined")
    refined = read(REFINED)
    for row in REFINED.image_rows("parts"):
        assert float(row["image_score"]) == pytest.approx(arrays.image_score(refined[row["id"]]), rel=1e-6)
        assert row["decision"] == ("NOK" if float(row["image_score"]) > limit().value else "OK")
    known = evidence.read(Path("refined/parts"))
    assert len(known.normals) == 3  # a third of nine normal images is held out
    assert {one.id for one in known.normals} < {one.id for one in evidence.read(Path("maps/parts")).normals}
    assert known.painted
    assert limit().value > max(known.normal_scores)
    assert limit().set_by == "refine"
    refine(keep="always", image_score="refined", found=0.5)
    assert limit().expected.found >= 0.5


def test_decisions_follow_those_of_the_given_maps(parts, refine, tiny_data):
    parts(trained=True)
    refine(keep="always")
    before = read(REFINED)
    run_maps(MapsConfig(**tiny_data.quick, false_alarms=0.9))
    assert refine(keep="always").skipped == ["parts"]
    assert GIVEN.image_rows("parts") == REFINED.image_rows("parts")
    assert limit().value == limit_file.read(Path("maps/parts")).value
    decisions.apply(Path("refined/parts"), choose(evidence.read(Path("refined/parts")), Asked(at=7), "decide"))
    refine(keep="always")
    assert limit().value == 7, "one of its own stays"
    refine(keep="always", false_alarms=0.2)
    assert limit().rule == "false_alarms"
    assert all(np.array_equal(before[one], scores) for one, scores in read(REFINED).items())


def test_the_given_maps_stay_where_nothing_is_to_be_taken(parts, refine):
    parts(trained=True)
    done = refine(keep="never")
    given, refined = read(GIVEN), read(REFINED)
    assert all(np.array_equal(given[one], refined[one]) for one in given)
    assert result()["taken"] == "given"
    assert GIVEN.image_rows("parts") == REFINED.image_rows("parts")
    assert done.rows[0]["taken"] == "given"


@pytest.mark.parametrize(("weight", "taken"), [(2.0, "refined"), (0.0, "given")])
def test_auto_takes_what_wins_on_painted_defects(parts, refine, monkeypatch, weight, taken):
    parts(trained=True)
    real = refine_category.blending.judge

    def judge(*given):
        found = real(*given)
        return replace(found, mixture=replace(found.mixture, weight=weight), best_weight=3.0)

    monkeypatch.setattr(refine_category.blending, "judge", judge)
    refine()
    assert (result()["taken"], result()["weight"]) == (taken, weight)
    given, refined = read(GIVEN), read(REFINED)
    assert all(np.array_equal(given[one], refined[one]) == (taken == "given") for one in given)
    assert "on painted defects pixel AP" in result()["decision"]


@pytest.mark.slow
def test_the_same_again_is_skipped_and_another_seed_is_refused(parts, refine):
    parts(trained=True)
    refine()
    assert refine().skipped == ["parts"]
    with pytest.raises(UsageError, match="seed: 0 -> 1"):
        refine(seed=1)
    assert refine(seed=1, force=True).done == ["parts"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_maps(parts, refine):
    parts(trained=True)
    refine(keep="always")
    first = read(REFINED)
    refine(keep="always", force=True)
    again = read(REFINED)
    assert all(np.array_equal(first[one], again[one]) for one in first)


def test_the_trained_filter_leaves_curves_and_nothing_of_its_work(parts, refine):
    parts(trained=True)
    refine()
    rows = files.read_csv(FILTER.path / "curves.csv")
    assert [int(row["step"]) for row in rows] == [1, 3]
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    names = sorted(path.name for path in FILTER.path.iterdir())
    assert names == ["_step.json", "curves.csv", "model.json", "weights.safetensors"]
    assert sorted(path.name for path in Path("refined/parts").iterdir()) == REFINED_FILES


def kill_training(refine, monkeypatch):
    """Start it, and interrupt it in its third step."""
    real, seen = train.losses, []

    def stop(*arguments):
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(train, "SAVE_EVERY_S", 0)
        patch.setattr(train, "losses", stop)
        with pytest.raises(KeyboardInterrupt):
            refine(force=True)
    assert (FILTER.path / checkpoint.FILE).exists()


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_with_the_same_filter(parts, refine, monkeypatch):
    parts(trained=True)
    whole = FILTER.weights.read_bytes()
    kill_training(refine, monkeypatch)
    refine()
    assert FILTER.weights.read_bytes() == whole
    assert len(files.read_csv(FILTER.path / "curves.csv")) == 2


@pytest.mark.slow
def test_the_scale_of_half_precision_goes_on_with_the_training(parts, refine, monkeypatch):
    """A scale that has grown or shrunk decides which steps are left out, so a training goes on with it."""
    made, real = [], torch.amp.GradScaler

    def scaler(*_, **__):  # that of CUDA, on the processor; its scale doubles at each step
        made.append(real("cpu", init_scale=2.0, growth_interval=1))
        return made[-1]

    parts(trained=True)
    monkeypatch.setattr(torch.amp, "GradScaler", scaler)
    kill_training(refine, monkeypatch)
    refine()
    assert made[-1].get_scale() == 2.0 * 2**3  # two steps before the kill and one after it


@pytest.mark.slow
def test_a_damaged_checkpoint_is_said_with_what_to_do(parts, refine, monkeypatch):
    parts(trained=True)
    kill_training(refine, monkeypatch)
    whole = (FILTER.path / checkpoint.FILE).read_bytes()
    (FILTER.path / checkpoint.FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadDataError, match="Remove it, and the training begins anew"):
        refine()


def test_normal_images_that_can_not_be_read_are_left_out_once_one_is_met(parts, refine, monkeypatch, caplog):
    data = parts()
    learned = holding_out.hold_out(read_dataset(data).category("parts").train, 0)[1]
    broken, read_image = learned[0].image, arrays.read_image

    def read(path, *reading):
        if path == broken:
            raise UnreadableImageError(f"{path} is cut off.")
        return read_image(path, *reading)

    monkeypatch.setattr(arrays, "read_image", read)
    refine(keep="never")
    assert f"skipped 1 unreadable image: {broken}" in caplog.text
    assert files.read_json(FILTER.card)["trained_on"] == {"parts": len(learned) - 1}


def test_images_are_not_decoded_only_to_see_whether_they_can_be(parts, monkeypatch):
    category = read_dataset(parts()).category("parts")
    monkeypatch.setattr(arrays, "read_image", None)
    eye = Extractor(None, 64, 8)
    assert (
        len(training_set.normals(category, 0, eye, checked=False)) + len(training_set.held_out(category, 0, None)) == 9
    )


def test_a_training_that_an_earlier_adtool_began_had_its_images_checked(tmp_path):
    assert not training_set.is_checked(tmp_path)
    files.write_json(tmp_path / "seen/painted/seen.json", {"done": 16})
    assert training_set.is_checked(tmp_path)
    training_set.begin(tmp_path, [], checked=False)
    assert not training_set.is_checked(tmp_path)
    assert (tmp_path / "seen/painted/seen.json").exists()
    training_set.begin(tmp_path, [Sample("parts", "train/good/000", "train", "good", tmp_path)], checked=True)
    assert not (tmp_path / "seen/painted").exists()  # it was of other images
    assert training_set.is_checked(tmp_path)


def test_a_killed_run_keeps_the_maps_it_wrote(parts, refine, monkeypatch):
    parts(trained=True)
    real, left = arrays.write_scores, [2]

    def write(*arguments):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        real(*arguments)

    monkeypatch.setattr(arrays, "write_scores", write)
    with pytest.raises(KeyboardInterrupt):
        refine(keep="always")
    monkeypatch.setattr(arrays, "write_scores", real)
    kept = {path: path.stat().st_mtime_ns for path in Path("refined").rglob("*.tiff")}
    assert len(kept) == 2
    refine(keep="always")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(read(REFINED)) == 6


def test_several_categories_share_a_filter_that_knows_them(parts, refine):
    parts("bolt", "nut")
    refine(keep="always")
    folder = Path("models/costfilter")
    assert files.read_json(folder / "_all/model.json")["categories"] == ["bolt", "nut"]
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["_all"]
    assert round(6 * result("bolt")["category_recognised"], 6) in range(7), "of six painted images"
    assert set(notes.done_categories(Path("refined"))) == {"bolt", "nut"}


@pytest.mark.slow
def test_each_category_has_its_own_filter_if_asked_for(parts, refine):
    parts("bolt", "nut")
    refine(sets=["joint=false"])
    assert sorted(path.name for path in Path("models/costfilter").iterdir() if path.is_dir()) == ["bolt", "nut"]


def test_a_given_filter_is_used_without_training(parts, refine):
    parts(trained=True)
    refine(keep="always")
    first = read(REFINED)
    Path("models/costfilter").rename("models/elsewhere")
    refine(keep="always", model=Path("models/elsewhere/parts"), out=Path("again"))
    again = read(MapsFolder(Path("again")))
    assert not Path("models/costfilter").exists()
    assert all(np.array_equal(first[one], again[one]) for one in first)


def test_a_filter_of_another_backbone_is_refused(parts, refine):
    parts(trained=True)
    refine()
    card = files.read_json(FILTER.card)
    files.write_json(FILTER.card, card | {"backbone": "resnet18"})
    with pytest.raises(BadDataError, match="was trained with the backbone resnet18"):
        refine(model=FILTER.path, out=Path("again"))


def test_a_damaged_filter_is_named(parts, refine):
    parts(trained=True)
    refine()
    FILTER.weights.write_bytes(FILTER.weights.read_bytes()[:100])
    with pytest.raises(BadDataError, match="can't be read"):
        refine(model=FILTER.path, out=Path("again"))


def foreign(data, make):
    """Maps of an outside detector."""
    samples = read_dataset(data).category("parts").test
    maps = [make(np.random.default_rng(i)) for i in range(len(samples))]
    adtool.write_maps("theirs", "parts", [one.id for one in samples], maps, data=data)


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda rng: rng.random((20, 30)), lambda rng: np.full((9, 9), 4.0)])
def test_maps_from_elsewhere_are_mixed_and_not_judged(parts, refine, make):
    foreign(parts(), make)
    done = refine(maps=Path("theirs"))
    assert result()["taken"] == "not judged"
    assert "not made by adtool" in result()["decision"]
    assert done.rows[0]["taken"] == "not judged"
    for scores in read(REFINED).values():
        assert scores.min() >= 0
        assert scores.max() <= 1
    assert {row["decision"] for row in REFINED.image_rows("parts")} == {""}


def test_maps_whose_detector_is_gone_are_not_judged(parts, refine):
    parts(trained=True)
    Path("models/patchcore").rename("models/gone")
    refine()
    assert "there is no model of patchcore" in result()["decision"]


@pytest.mark.parametrize("train", [1, 2])
def test_few_normal_images_are_an_error_or_a_stated_fallback(parts, refine, train):
    parts(train=train)
    if train == 1:
        with pytest.raises(MissingInputError, match="needs at least 2"):
            refine()
    else:
        refine()
        assert "too few normal images to hold any out" in result()["decision"]


@pytest.mark.parametrize("keep", ["always", "never"])
def test_an_image_whose_map_is_not_finite_is_left_out_and_said(parts, refine, keep):
    parts(trained=True)
    one = GIVEN.scores("parts", "test/good/000")
    scores = arrays.read_scores(one).scores
    tifffile.imwrite(one, np.where(scores == scores.max(), np.inf, scores).astype(np.float32), metadata=None)
    outcome = refine(keep=keep)
    assert "test/good/000" not in read(REFINED)
    assert len(read(REFINED)) == 5
    assert any("parts: skipped 1 unreadable image: test/good/000" in note for note in outcome.notes)
    assert result()["skipped"] == ["test/good/000"]
    assert refine(keep=keep).skipped == ["parts"]


def test_missing_maps_and_a_category_of_infinite_ones_are_named(parts, refine):
    parts(trained=True)
    for one in Path("maps/parts").rglob("*.tiff"):
        scores = arrays.read_scores(one).scores
        tifffile.imwrite(one, np.where(scores == scores.max(), np.inf, scores).astype(np.float32), metadata=None)
    with pytest.raises(BadDataError, match=r"None of the 6 images .* NaN or infinite"):
        refine(keep="always")
    one.unlink()
    with pytest.raises(MissingInputError, match="1 map is missing"):
        refine(out=Path("again"))


def test_an_image_that_broke_since_keeps_its_map(parts, refine, monkeypatch):
    data = parts()
    broken = data / "test/hole/000.png"
    real = refine_category.validation.filtered
    monkeypatch.setattr(
        refine_category.validation,
        "filtered",
        lambda made, name, eye, samples: (
            found for found in real(made, name, eye, samples) if found.sample.image != broken
        ),
    )
    refine(keep="always")
    assert len(read(REFINED)) == 6


def test_no_maps_are_said(workspace, refine):
    with pytest.raises(MissingInputError, match="Run `adtool maps` first"):
        refine()


@pytest.mark.parametrize(
    ("given", "said"),
    [("width=two", "width"), ("wdth=3", "did you mean 'width'"), ("preset=papr", "did you mean 'paper'")],
)
def test_wrong_settings_are_said(given, said):
    with pytest.raises(UsageError, match=said):
        filter_settings([given])


def test_a_preset_gives_way_to_what_is_given():
    assert filter_settings(["preset=paper-glad"]).width == 48
    assert filter_settings(["preset=paper-glad", "width=24"]).width == 24


def test_textures_that_are_not_read_are_said(tmp_path, caplog):
    arrays.write_png(tmp_path / "banded/1.png", np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "labels.mat").write_bytes(b"x")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert len(training_set.recipe(FilterSettings(), tmp_path).textures) == 1
    assert "1 file not read (1 .mat)" in caplog.text
    assert "1 link leading nowhere" in caplog.text


def test_textures_must_be_there(parts, refine):
    parts(trained=True)
    with pytest.raises(MissingInputError, match="No pictures in nowhere"):
        refine(textures=Path("nowhere"))


def test_textures_are_the_same_however_their_folder_is_spelled(workspace, tiny_data):
    pictures = Path("dtd") / "wood"
    for name in ("a.png", "b.png"):
        arrays.write_png(pictures / name, np.full((8, 8, 3), 90, np.uint8))
    typed, full = Path("dtd"), Path("dtd").absolute()
    painting = training_set.recipe(filter_settings(()), typed)
    now = training_set.texture_inputs(painting, typed, None)
    assert training_set.texture_inputs(training_set.recipe(filter_settings(()), full), full, now["textures"]) == now
    for old in (typed, full):  # as an older adtool noted it
        then = files.fingerprint(((old / "wood" / name).as_posix(), pictures / name) for name in ("a.png", "b.png"))
        for folder in (typed, full):
            found = training_set.texture_inputs(training_set.recipe(filter_settings(()), folder), folder, then)
            assert found == {"textures": then}
    arrays.write_png(pictures / "c.png", np.zeros((8, 8, 3), np.uint8))
    assert training_set.texture_inputs(training_set.recipe(filter_settings(()), typed), typed, now["textures"]) != now
