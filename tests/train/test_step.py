from pathlib import Path

import pytest

from adtool.core import files
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.steps import notes
from adtool.detection import choosing, contract, store
from adtool.detectors import cfa
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.train.config import TrainConfig
from adtool.train.step import run

DATA = Path("data/parts")
MODEL = ModelFolder(Path("models/cfa/parts"))
QUICK = ("epochs=2",)


@pytest.fixture(autouse=True)
def here(workspace, instead_of_weights):
    return workspace


@pytest.fixture
def data(tiny_data):
    return tiny_data.make(DATA)


def train(detector="cfa", *, force=False, **settings):
    return run(TrainConfig(detector=detector, **({"image_size": 64, "settings": QUICK} | settings)), force=force)


def map_all(*, force=False, **settings):
    return maps.run(MapsConfig(**({"image_size": 64, "detector": "cfa", "settings": QUICK} | settings)), force=force)


@pytest.fixture
def fits(monkeypatch):
    """How often CFA was trained."""
    found = []
    real = cfa.fit
    monkeypatch.setattr(cfa, "fit", lambda *arguments: (found.append(arguments), real(*arguments))[1])
    return found


def test_a_trained_model_lies_in_its_folder_with_curves_and_the_scores_of_held_out_normals(data):
    outcome = train()
    assert outcome.command == "train"
    assert outcome.done == ["parts"]
    assert outcome.rows == [{"category": "parts", "learned from": 4, "held out": 2, "model": "models/cfa/parts"}]
    assert len(files.read_csv(MODEL.normals)) == 2
    assert len(files.read_csv(MODEL.path / "curves.csv")) == 2
    assert files.read_json(MODEL.card)["settings"]["epochs"] == 2
    assert notes.is_done(MODEL.path)


def test_maps_use_the_trained_model(data, fits):
    train()
    map_all()
    assert len(fits) == 1
    assert len(MapsFolder(Path("maps")).image_rows("parts")) == 6
    decisions = {row["decision"] for row in MapsFolder(Path("maps")).image_rows("parts")}
    assert decisions == {""}, "two held-out images don't tell how far scores spread"


def test_maps_train_first_if_no_model_fits_and_say_so(data, fits, caplog):
    with caplog.at_level("INFO", logger="adtool"):
        map_all()
    assert len(fits) == 1
    assert "no trained model fits, so cfa is trained first" in caplog.text
    assert train().skipped == ["parts"], "it is the same model"


def test_making_maps_anew_keeps_a_trained_model_that_fits(data, fits):
    map_all()
    map_all(force=True)
    assert len(fits) == 1


def test_a_model_trained_with_other_settings_is_not_replaced_unless_asked_for(data, fits):
    train()
    for again in (train, map_all):
        with pytest.raises(UsageError, match=r"models/cfa/parts was made with .*epochs: 2 -> 3.*--force"):
            again(settings=("epochs=3",))
    assert len(fits) == 1
    map_all(settings=("epochs=3",), force=True)
    assert files.read_json(MODEL.card)["settings"]["epochs"] == 3
    train(force=True)
    assert files.read_json(MODEL.card)["settings"]["epochs"] == 2


def test_training_goes_on_after_a_kill(data, monkeypatch, caplog):
    real = files.write_csv

    def stop(path, columns, rows):
        if path.name == "curves.csv" and len(rows) == 3:
            raise KeyboardInterrupt
        real(path, columns, rows)

    monkeypatch.setattr(files, "write_csv", stop)
    with pytest.raises(KeyboardInterrupt):
        train(settings=("epochs=4",))
    assert notes.read_note(MODEL.path).state == "running"
    with pytest.raises(MissingInputError, match=r"not finished.*adtool train cfa.*goes on"):
        store.open_model(MODEL)
    monkeypatch.setattr(files, "write_csv", real)
    with caplog.at_level("INFO", logger="adtool"):
        train(settings=("epochs=4",))
    assert "Goes on after epoch 2 of 4." in caplog.text
    assert not [path for path in MODEL.path.iterdir() if path.name.startswith(".")]


def test_each_category_has_its_model_and_one_that_fails_does_not_stop_the_others(tiny_data):
    tiny_data.make(Path("data/many"), ["bolt"], train=0)
    tiny_data.make(Path("data/many"), ["gear", "nut"])
    outcome = train()
    assert outcome.done == ["gear", "nut"]
    assert "no normal images" in str(outcome.failed["bolt"])
    assert train(category=("nut",)).skipped == ["nut"]


def test_no_normal_images_at_all_are_said_before_weights_are_looked_for(tiny_data, monkeypatch):
    tiny_data.make(DATA, train=0)
    monkeypatch.setattr(choosing.backbone, "load", lambda *_, **__: pytest.fail("data come first"))
    with pytest.raises(MissingInputError, match="no normal images"):
        train()
    assert not Path("models").exists()


def test_a_detector_that_trains_nothing_for_long_can_be_fitted_too(data):
    train("patchcore", settings=("drawn=1000", "bank_size=64"))
    outcome = maps.run(MapsConfig(image_size=64, settings=("drawn=1000", "bank_size=64")))
    assert outcome.done == ["parts"]


def test_what_is_not_there_is_named(data):
    with pytest.raises(UsageError, match=r"There is no 'cfaa' among the detectors.*Did you mean 'cfa'"):
        train("cfaa")
    with pytest.raises(UsageError, match=r"there is no setting 'epoch'.*did you mean 'epochs'"):
        train(settings=("epoch=3",))


def test_the_command_line_wants_a_detector(adtool, data):
    missing = adtool("train")
    assert missing.code == 2
    assert "DETECTOR" in missing.err
    assert adtool("train", "cfaa").code == 2
    made = adtool("train", "cfa", "--image-size", 64, "--set", "epochs=1")
    assert made.code == 0
    assert "models/cfa/parts" in made.out


def test_a_detector_of_all_categories_has_one_model(tiny_data, monkeypatch, fits):
    monkeypatch.setattr(cfa, "ABOUT", contract.About(trains=True, multi_category=True))
    tiny_data.make(Path("data/many"), ["bolt", "nut"])
    assert train().done == ["_all"]
    assert {one.category for one in fits[0][0].samples} == {"bolt", "nut"}
    folder = ModelFolder(Path("models/cfa/_all"))
    assert [row["id"].split("/")[0] for row in files.read_csv(folder.normals)] == ["bolt"] * 2 + ["nut"] * 2
    assert len(store.normal_scores(folder, "nut")) == 2
    map_all()
    assert len(fits) == 1
    assert sorted(notes.done_categories(Path("maps"))) == ["bolt", "nut"]
    with pytest.raises(UsageError, match="leave --category out"):
        train(category=("nut",))


def test_workers_learn_a_category_each_as_one_process_does(tiny_data, workers_in_process):
    tiny_data.make(DATA, ("x", "y", "z"))
    for path in Path(DATA / "y/train").rglob("*.png"):
        path.unlink()
    alone = train(models=Path("alone"))
    outcome = train(workers="2")
    assert workers_in_process == ["of x", "of y", "of z"]
    assert (outcome.done, list(outcome.failed)) == (["x", "z"], ["y"])
    assert "has no normal images" in str(outcome.failed["y"])
    assert [{**row, "model": ""} for row in outcome.rows] == [{**row, "model": ""} for row in alone.rows]
    assert notes.read_note(Path("models/cfa")).categories == {"x": "done", "z": "done"}
    for name in ("x", "z"):
        one, other = (ModelFolder(Path(folder, "cfa", name)) for folder in ("alone", "models"))
        for path in (one.weights, one.normals):
            assert path.read_bytes() == Path(other.path, path.name).read_bytes()
    assert train(workers="2", category=("x", "z")).skipped == ["x", "z"]
    assert len(workers_in_process) == 3


def test_workers_do_not_divide_a_model_of_all_categories(tiny_data):
    tiny_data.make(DATA, ("x", "y"))
    with pytest.raises(UsageError, match="dinomaly learns one model for all categories, and --workers does a category"):
        train("dinomaly", workers="2", settings=())
