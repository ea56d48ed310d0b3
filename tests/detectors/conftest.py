import logging
from types import SimpleNamespace

import pytest
import timm
import torch

from adtool.core import files
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError
from adtool.core.layout import ModelFolder
from adtool.detection import scoring
from adtool.detection.contract import Frame, Needs
from adtool.nn import backbone, training_checkpoint


@pytest.fixture
def parts_with(tiny_data, tmp_path):
    """A tiny category, a frame with a network, and a folder for a model: `parts_with(network, train=5)`."""

    def make(network, *, train, needs=None):
        category = read_dataset(tiny_data.make(tmp_path / "parts", train=train)).category("parts")
        return SimpleNamespace(
            category=category,
            folder=ModelFolder(tmp_path / "model"),
            frame=Frame(network, 64, 4, 0, needs or Needs()),
        )

    return make


@pytest.fixture(scope="session")
def three_stages():
    """A network with random weights and three stages, each half as fine as the one before."""
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", pretrained=False)
    return backbone.from_model("test_resnet", model, layers=(4, 8, 16), engine="torch")


@pytest.fixture
def same():
    """Whether two models have equal networks."""

    def compare(one, other):
        one, other = one.model, other.model
        pairs = zip(one.network.state_dict().values(), other.network.state_dict().values(), strict=True)
        return all(torch.equal(a, b) for a, b in pairs)

    return compare


@pytest.fixture
def goes_on(tmp_path, monkeypatch, caplog, same):
    """A training that is killed goes on to the same end as one that is not: `goes_on(fit, of=8)`, which gives both.

    `fit(folder)` learns in a folder, None for the usual one; `meanwhile` is called before it goes on.
    """

    def check(fit, *, of, after=4, meanwhile=lambda: None):
        monkeypatch.setattr(training_checkpoint, "SAVE_EVERY_S", 0.0)
        monkeypatch.setattr("adtool.detection.training.ROW_EVERY", 2)
        straight = fit(ModelFolder(tmp_path / "straight"))
        real = training_checkpoint.write

        def stop(folder, state, steps, rows):
            real(folder, state, steps, rows)
            if steps == after:
                raise KeyboardInterrupt

        monkeypatch.setattr(training_checkpoint, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(None)
        monkeypatch.setattr(training_checkpoint, "write", real)
        meanwhile()
        with caplog.at_level(logging.INFO, logger="adtool"):
            resumed = fit(None)
        assert f"Goes on after step {after} of {of}." in caplog.text
        assert same(straight, resumed)
        return straight, resumed

    return check


@pytest.fixture
def is_stored():
    """A model that is stored is the same again, and one of other sizes is refused.

    `is_stored(uniad, model, parts, hidden=3)`, with a size that it has not; gives the model again, and its card.
    """

    def check(detector, model, parts, **wrong):
        scoring.save(model, detector.__name__.rpartition(".")[2], model.model.settings, parts.folder, {})
        left = {path.name for path in parts.folder.path.iterdir()}
        assert left == {"curves.csv", "model.json", "weights.safetensors"}, "of a training nothing but curves"
        before = torch.get_rng_state()
        again = scoring.load(detector, parts.folder, parts.frame)
        assert before.equal(torch.get_rng_state()), "others' chance is as before"
        for a, b in zip(model.score(parts.category.test), again.score(parts.category.test), strict=True):
            assert a.image_score == b.image_score
            assert (a.scores == b.scores).all()
        card = files.read_json(parts.folder.card)
        files.write_json(parts.folder.card, {**card, "sizes": {**card["sizes"], **wrong}})
        with pytest.raises(BadDataError, match=r"is not of the network that.*--force"):
            scoring.load(detector, parts.folder, parts.frame)
        return again, card

    return check
