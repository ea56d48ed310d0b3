"""Whether `run` and `check` offer tiles where they would pay."""

from pathlib import Path

import numpy as np
import pytest

from adtool.check import step as check
from adtool.check.config import CheckConfig
from adtool.core import arrays, layout
from adtool.core.config import parse
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.core.pictures.tiling import Tiling
from adtool.core.steps import notes
from adtool.core.steps.step_run import Identity, StepRun
from adtool.maps.config import MapsConfig
from adtool.run import first, step, tile_trial
from adtool.run.config import RunConfig
from adtool.run.pictures import GivenPictures

TILES = Tiling(256, 64)


@pytest.fixture
def given(workspace):
    """Twelve good parts of 800 x 40 px, and a first look at them."""
    rng = np.random.default_rng(0)
    for number in range(12):
        arrays.write_png(Path(f"good/{number:02}.png"), rng.integers(90, 110, (40, 800, 3), dtype=np.uint8))
    with StepRun(first.COMMAND, first.FOLDER) as work:
        for name in work.plan({"parts": Identity(first.COMMAND, {}, 0, {})}):
            with work.category(name, keep_going=False):
                pass
    return GivenPictures(sorted(Path("good").glob("*.png")), [], "parts", Path("data/parts"))


@pytest.fixture
def config():
    return RunConfig(normal=Path("good"), test=Path("odd"))


def finding(monkeypatch, whole, tiled, of=10):
    calls = []

    def found(_config, learned, rest, tiles, way):
        calls.append((len(learned), len(rest), tiles, way))
        return (whole if way is None else tiled), of

    monkeypatch.setattr(tile_trial, "_found", found)
    return calls


def test_tiles_are_advised_where_small_painted_defects_are_found_better_in_them(given, config, monkeypatch):
    calls = finding(monkeypatch, 3, 9)
    said = tile_trial.advice(config, given)
    assert said.endswith("9 are found in tiles and 3 in the whole picture. If yours may be as small, add "
                         "--tile 256 --overlap 64.")  # fmt: skip
    assert calls == [(6, 6, TILES, None), (6, 6, TILES, TILES)]
    assert tile_trial.advice(config, given) == said  # noted, and not tried again
    assert len(calls) == 2
    assert notes.is_done(first.FOLDER / "parts")


def test_nothing_is_advised_where_they_gain_little(given, config, monkeypatch):
    calls = finding(monkeypatch, 8, 9)
    assert tile_trial.advice(config, given) == tile_trial.advice(config, given) == ""
    assert len(calls) == 2


def test_nothing_is_tried_where_pictures_are_few_or_small_or_tiles_are_asked_for(given, config, monkeypatch):
    calls = finding(monkeypatch, 0, 10)
    few = GivenPictures(given.normal[:9], [], "parts", given.data)
    assert tile_trial.advice(config, few) == ""
    assert tile_trial.advice(config.model_copy(update={"tile": 256}), given) == ""
    for path in given.normal:
        arrays.write_png(path, np.zeros((40, 700, 3), np.uint8))
    assert tile_trial.advice(config, given) == ""
    assert not calls


def test_a_map_points_at_a_defect_that_its_highest_score_is_near():
    mask = np.zeros((100, 200), bool)
    mask[50:54, 100:104] = True
    for at, hit in (((26, 51), True), ((26, 53), True), ((26, 58), False), ((0, 0), False)):
        scores = np.zeros((50, 100), np.float32)
        scores[at] = 1
        assert tile_trial.points_at(scores, mask) is hit


def test_painted_defects_are_small_and_one_a_picture(given):
    samples = [Sample("c", "0", layout.TRAIN, "good", given.normal[0], None)]
    found = list(tile_trial.painted(samples, TILES, 0))
    assert len(found) == tile_trial.EACH
    assert all(0 < one.mask.sum() < 500 for one in found)


def test_the_trial_runs_whole_and_in_tiles(given, config, instead_of_weights):
    samples = [Sample("c", str(i), layout.TRAIN, "good", path, None) for i, path in enumerate(given.normal[:3])]
    for way in (None, TILES):
        hits, count = tile_trial._found(config, samples[:2], samples[2:], TILES, way)
        assert count == tile_trial.EACH
        assert 0 <= hits <= count


def test_run_hands_tiles_on_and_wants_good_parts_for_them(given, config):
    tiled = config.model_copy(update={"tile": 256})
    stages = step._stages(tiled, given, parse(step.DiscoverConfig, {}, where=""), refined=False)
    words = next(list(stage.words) for stage in stages if stage.words[1] == "maps")
    assert words[-4:] == ["--tile", "256", "--overlap", "64"]
    assert MapsConfig(tile=256, overlap=64).tiling == tiled.tiling
    with pytest.raises(UsageError, match=r"--tile is for a detector .* Give --normal"):
        step._is_refined(RunConfig(test=Path("odd"), tile=256), GivenPictures([], [], "odd", Path("odd")))


def test_check_names_the_option_for_images_that_are_much_larger_than_an_input(workspace, tiny_data):
    data = tiny_data.make(Path("data/parts"))
    assert check.run(CheckConfig(data=data)).document["advice"] == []
    for path in data.rglob("*.png"):
        arrays.write_png(path, np.random.default_rng(0).integers(0, 255, (20, 800, 3), dtype=np.uint8))
    done = check.run(CheckConfig(data=data))
    (said,) = done.document["advice"]
    assert said.startswith("parts: the images are 800 px long")
    assert said.endswith("adtool maps --tile 256 --overlap 64")
    assert said in done.notes
