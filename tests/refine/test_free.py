"""`adtool refine --method free`: maps that are refined without a filter that is trained."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.errors import BadDataError, UsageError
from adtool.core.layout import MapsFolder
from adtool.core.limits import evidence, limit_file
from adtool.core.steps import notes
from adtool.refine import free_category
from adtool.refine.blending import BlendFigures
from adtool.refine.config import FreeSettings, RefineConfig
from adtool.refine.step import run
from adtool.refine.validation import CLEAN
from adtool_runtime.refining import free as free_filter
from adtool_runtime.refining.free import FreeFilter
from adtool_runtime.refining.mixing import ScoreScale

GIVEN, REFINED = MapsFolder(Path("maps")), MapsFolder(Path("refined"))


def free(*, sets=("judged=6",), force=False, **settings):
    return run(RefineConfig(method="free", settings=sets, **settings), force=force)


def maps(folder, category="parts"):
    return {
        row["id"]: arrays.read_scores(folder.scores(category, row["id"])).scores for row in folder.image_rows(category)
    }


def blob(size=64, at=(32, 32), sigma=8.0):
    rows, columns = np.mgrid[:size, :size]
    return np.exp(-((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / 2 / sigma**2).astype(np.float32)


def test_what_is_enclosed_is_filled_and_what_is_open_stays():
    ring = np.zeros((9, 9), np.float32)
    ring[2:7, 2:7] = 3
    ring[2, 4] = 2  # the lowest of the way out
    ring[3:6, 3:6] = 1
    filled = free_filter.filled(ring)
    assert (filled[3:6, 3:6] == 2).all()
    assert filled[0, 0] == 0
    ring[2, 4] = ring[0, 0]
    assert (free_filter.filled(ring)[4] == ring[4]).all()


def test_a_map_takes_the_outline_of_what_the_picture_shows():
    picture = np.full((128, 128, 3), 120, np.uint8)
    picture[52:76, 60:68] = 30  # a dark slot
    slot = picture[..., 0] < 100
    given = blob(128, (64, 64), 16.0)
    refined = FreeFilter(FreeSettings(), ScoreScale(0.0, 0.5)).refined(given, picture)
    assert refined.shape == given.shape

    def apart(scores):
        near = blob(128, (64, 64), 16.0) > 0.5
        return scores[slot].mean() / scores[near & ~slot].mean()

    assert apart(refined) > 1.2 * apart(given)


def test_nothing_asked_changes_nothing_and_units_do_not_matter():
    picture = np.random.default_rng(0).integers(0, 255, (50, 70, 3)).astype(np.uint8)
    given = blob()
    nothing = FreeSettings(fill=False, contrast=0, close=0, follow=0)
    assert np.array_equal(FreeFilter(nothing, ScoreScale(0.1, 0.9)).refined(given, picture), given)
    once = FreeFilter(FreeSettings(), ScoreScale(0.1, 0.9)).refined(given, picture)
    scaled = FreeFilter(FreeSettings(), ScoreScale(10.0, 90.0)).refined(100 * given, picture)
    assert np.allclose(100 * once, scaled, atol=1e-2)
    flat = np.full((8, 8), 3.0, np.float32)
    assert np.array_equal(FreeFilter(FreeSettings(), ScoreScale(3.0, 3.0)).refined(flat, picture), flat)


def test_every_map_is_refined_into_the_same_files_without_a_model(parts):
    parts()
    done = free(keep="always")
    given, refined = maps(GIVEN), maps(REFINED)
    assert done.done == ["parts"]
    assert {one: scores.shape for one, scores in given.items()} == {one: s.shape for one, s in refined.items()}
    assert all(not np.array_equal(given[one], refined[one]) for one in given)
    assert GIVEN.image_rows("parts") == REFINED.image_rows("parts"), "image scores and decisions stay"
    assert limit_file.read(Path("refined/parts")).follows == "given"
    result = notes.result_of(Path("refined/parts"))
    assert result.taken == "refined"
    assert set(result.on_painted_defects.given) == {"pixel_ap", "aupro", "image_auroc"}
    assert not Path("models/costfilter").exists()
    assert not Path("refined/parts/painted").exists()
    assert free(keep="always").skipped == ["parts"]
    with pytest.raises(UsageError, match="contrast"):
        free(keep="always", sets=("judged=6", "contrast=0.5"))
    with pytest.raises(UsageError, match="method"):
        run(RefineConfig(keep="always"))


def test_maps_that_do_not_gain_on_painted_defects_are_kept(parts, monkeypatch):
    parts()
    monkeypatch.setattr(FreeFilter, "refined", lambda self, given, picture: -given)
    free()
    assert notes.result_of(Path("refined/parts")).taken == "given"
    assert all(np.array_equal(maps(GIVEN)[one], scores) for one, scores in maps(REFINED).items())
    assert free_category.again(notes.note_of(Path("refined/parts"))) is None


@pytest.mark.parametrize(("lost", "taken"), [(0.015, "refined"), (0.03, "given")])
def test_maps_are_refined_unless_painted_defects_clearly_lose(parts, monkeypatch, lost, taken):
    parts()
    before, after = BlendFigures(0.5, 0.8, None), BlendFigures(0.5 - lost, 0.8, None)
    seen = free_category.PaintedImages(before, after, [])
    monkeypatch.setattr(free_category, "_painted", lambda *_: seen)
    free()
    assert notes.result_of(Path("refined/parts")).taken == taken


def test_image_scores_can_be_made_from_the_refined_maps_and_set_the_limit(parts):
    parts()
    free(keep="always", image_score="refined")
    for row in REFINED.image_rows("parts"):
        score = arrays.image_score(maps(REFINED)[row["id"]])
        assert float(row["image_score"]) == pytest.approx(score, rel=1e-6)
    known = evidence.read(Path("refined/parts"))
    assert len(known.normals) == 9, "each without itself"
    assert known.painted
    assert limit_file.read(Path("refined/parts")).set_by == "refine"


def test_maps_of_others_are_refined_unjudged(parts):
    parts()
    shutil.rmtree("models")
    free()
    result = notes.result_of(Path("refined/parts"))
    assert result.taken == "not judged"
    assert not np.array_equal(*(next(iter(maps(folder).values())) for folder in (GIVEN, REFINED)))
    free(keep="never", force=True)
    assert notes.result_of(Path("refined/parts")).taken == "given"


def test_maps_that_no_painted_defect_can_judge_are_refined_with_new_image_scores_too(parts):
    parts()
    seed = next(n for n in range(99) if all(np.random.default_rng([n, 3, one]).random() < CLEAN for one in range(2)))
    free(sets=("judged=2",), seed=seed, image_score="refined")
    result = notes.result_of(Path("refined/parts"))
    assert (result.taken, result.on_painted_defects) == ("not judged", None)
    assert result.decision == "not judged (no defect pixels)"
    assert len(maps(REFINED)) == len(maps(GIVEN))


def test_new_images_get_the_same_maps(parts):
    from adtool.inspect import step as inspect
    from adtool.inspect.config import InspectConfig

    parts()
    free(keep="always")
    inspect.run(InspectConfig(new=Path("data/parts/test"), maps=Path("refined")))
    for name, scores in maps(REFINED).items():
        again = arrays.read_scores(Path("inspected/maps", name.removeprefix("test/") + ".tiff")).scores
        assert np.allclose(again, scores, rtol=1e-4, atol=1e-5)
    note = notes.note_of(Path("refined/parts"))
    broken = note.model_copy(update={"result": note.result.model_copy(update={"scale": None})})
    with pytest.raises(BadDataError, match="refine --force"):
        free_category.again(broken)


@pytest.mark.parametrize("option", [{"backbone": "resnet18"}, {"image_size": 64}, {"model": Path("x")}])
def test_options_of_a_trained_filter_are_refused(option):
    with pytest.raises(UsageError, match="--method free has none"):
        free(**option)
    with pytest.raises(UsageError, match="steps"):
        free(sets=("steps=3",))


def test_the_note_says_how_the_network_of_the_maps_saw_images_so_that_classes_are_found_as_for_those(parts):
    parts()
    free()
    given, noted = (files.read_json(Path(folder, "parts/_step.json"))["settings"] for folder in ("maps", "refined"))
    seen = {name: given[name] for name in ("backbone", "layers", "image_size", "padding")}
    assert noted.items() >= seen.items()
    note = files.read_json(Path("refined/parts/_step.json"))
    older = {name: one for name, one in noted.items() if name not in seen}
    files.write_json(Path("refined/parts/_step.json"), note | {"settings": older})
    assert free().skipped == ["parts"]  # a version before did not note them


def test_a_map_that_follows_the_picture_stays_and_noise_beside_an_edge_is_evened_out():
    grey = np.random.default_rng(0).random((40, 50)).astype(np.float32)
    linear = 3 * grey + 1
    assert free_filter.guided(linear, grey, 4, 1e-6) == pytest.approx(linear, abs=1e-2)
    even = np.full_like(grey, 0.5)
    spot = np.zeros_like(grey)
    spot[20, 25] = 81.0  # of a square of 9 x 9, twice averaged where the picture is even
    found = free_filter.guided(spot, even, 4, 1e-3)
    assert found[20, 25] == pytest.approx(1.0, rel=1e-3)
    assert found[20, 25 + 4] == pytest.approx(5 / 9, rel=1e-3)


def test_refined_maps_can_be_kept_smaller(parts):
    parts()
    free(keep="always")
    whole, table = maps(REFINED), REFINED.images("parts").read_bytes()
    with pytest.raises(UsageError, match="map_type: 'float32' -> 'float16'"):
        free(keep="always", map_type="float16")
    free(keep="always", map_type="float16", force=True)
    assert REFINED.images("parts").read_bytes() == table
    for one, scores in maps(REFINED).items():
        assert not np.array_equal(scores, whole[one])
        assert np.allclose(scores, whole[one], rtol=2.0**-10, atol=1e-6)
    assert free(keep="always", map_type="float16").skipped == ["parts"]
