import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adtool.core import files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.core.steps import notes
from adtool.detection.contract import Scored
from adtool.detection.holding_out import hold_out
from adtool.detection.scoring import usable
from adtool.detection.store import open_model
from adtool.nn import backbone
from adtool.nn.options import EngineChoice
from adtool.train.config import TrainConfig
from adtool.train.step import run
from adtool_runtime.decision import decision


@pytest.mark.parametrize(
    ("count", "held_out"), [(1, 0), (2, 0), (3, 1), (10, 3), (20, 5), (70, 7), (71, 8), (761, 77), (5000, 100)]
)
def test_a_tenth_is_held_out_but_5_at_least_100_at_most_and_a_third_at_most(count, held_out):
    out, learned = hold_out(list(range(count)), seed=0)
    assert (len(out), len(learned)) == (held_out, count - held_out)
    assert sorted(out + learned) == list(range(count))


def test_the_seed_draws_who_is_held_out():
    draws = [tuple(hold_out(list(range(100)), seed)[0]) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


# Opening what was stored


@pytest.fixture
def stored(workspace, tiny_data, instead_of_weights):
    tiny_data.make(Path("data/parts"))
    run(TrainConfig(detector="cfa", image_size=64, settings=("epochs=1",), seed=3))
    return ModelFolder(Path("models/cfa/parts"))


def test_a_stored_model_opens_with_its_backbone_and_scores_the_same(stored, monkeypatch, small_network):
    asked = []
    monkeypatch.setattr(backbone, "load", lambda *names, **options: (asked.append((names, options)), small_network)[1])
    model = open_model(stored, EngineChoice(engine="torch", device="cpu", batch_size=2))
    assert (model.frame.image_size, model.frame.batch_size, model.frame.seed) == (64, 2, 3)
    (((name, chosen), options),) = asked
    assert (name, options["layers"], chosen.engine) == ("test_resnet", (8, 16), "torch")
    normals = {row["id"]: float(row["image_score"]) for row in files.read_csv(stored.normals)}
    samples = [one for one in read_dataset(Path("data")).category("parts").train if one.id in normals]
    for scored in model.score(samples):
        assert scored.image_score == pytest.approx(normals[scored.sample.id], rel=1e-6)


def test_a_model_notes_that_it_learned_from_8_bits_where_a_tested_picture_alone_has_more(
    workspace, tiny_data, instead_of_weights
):
    tiny_data.make(Path("data/parts"))
    tested = next(Path("data/parts/test").rglob("*.png"))
    Image.fromarray(np.full((64, 64), 900, np.uint16)).save(tested)
    run(TrainConfig(detector="cfa", image_size=64, settings=("epochs=1",)))
    noted = files.read_json(Path("models/cfa/parts/model.json"))["reading"]
    assert noted["grey"] == {"kind": "integer", "low": 0, "high": 1023}
    assert noted["learned"] == "8 bits"


def test_a_model_folder_that_was_carried_elsewhere_opens_too(stored, tmp_path):
    (stored.path / "_step.json").unlink()
    assert open_model(ModelFolder(stored.path.rename(tmp_path / "mine"))).frame.seed == 0


def test_what_cannot_be_opened_is_named_with_a_remedy(stored, tmp_path):
    with pytest.raises(MissingInputError, match=r"No model at models/cfa/nut.*adtool train cfa"):
        open_model(ModelFolder(Path("models/cfa/nut")))
    stored.card.write_text('{"detector": "cfa"}')
    with pytest.raises(BadDataError, match=r"model\.json is damaged.*adtool train cfa.*--force"):
        open_model(stored)


def test_a_model_of_another_precision_is_refused_and_one_of_before_opens(stored):
    card = json.loads(stored.card.read_text())
    assert card["precision"] == notes.read_note(stored.path).settings.precision == "full"
    for other in ("half", "bf16"):
        files.write_json(stored.card, {**card, "precision": other})
        with pytest.raises(UsageError, match=f"models/cfa/parts was learned in {other} precision, and this is full"):
            open_model(stored)
        assert open_model(stored, as_learned=False).frame.image_size == 64
    files.write_json(stored.card, {key: value for key, value in card.items() if key != "precision"})
    assert open_model(stored).frame.image_size == 64


def test_a_trained_model_of_another_precision_is_not_taken_for_maps_and_one_of_before_is(stored):
    note = notes.read_note(stored.path).document
    again = TrainConfig(detector="cfa", image_size=64, settings=("epochs=1",), seed=3)
    files.write_json(stored.path / "_step.json", {**note, "settings": {**note["settings"], "precision": "half"}})
    with pytest.raises(UsageError, match=r"precision: 'half' -> 'full'\).*torch-f16; full everywhere"):
        run(again)
    before = {key: value for key, value in note["settings"].items() if key != "precision"}
    files.write_json(stored.path / "_step.json", {**note, "settings": before})
    assert run(again).skipped == ["parts"]


@pytest.mark.parametrize(("score", "limit"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan), (math.nan, None)])
def test_what_is_no_number_is_never_decided(score, limit):
    with pytest.raises(BadDataError, match="decides nothing"):
        decision(score, limit)


def test_an_image_whose_scores_are_no_numbers_is_left_out_and_said(caplog):
    names = ("whole", "map", "score")
    samples = {name: Sample("c", name, "test", "good", Path(f"{name}.png")) for name in names}
    holes, refused = np.array([[0, math.nan]], np.float32), []
    scored = [
        Scored(samples["whole"], np.zeros((1, 2), np.float32), 0.5),
        Scored(samples["map"], holes, 0.5),
        Scored(samples["score"], np.zeros((1, 2), np.float32), math.inf),
    ]
    assert [one.sample.id for one in usable(scored, "mine", refused)] == ["whole"]
    assert "skipped 1 image: the detector 'mine' gives NaN or infinite scores for map.png" in caplog.text
    assert refused == ["map", "score"]
