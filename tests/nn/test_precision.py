from pathlib import Path

import pytest
import torch

from adtool.core import files
from adtool.core.errors import UsageError
from adtool.core.steps import notes
from adtool.core.steps.step_run import Identity
from adtool.nn import device, engines, precision
from adtool.nn.options import EngineChoice

CATEGORY = Path("maps/parts")


@pytest.fixture
def on(monkeypatch):
    """What the note of a category says on a processor or on a GPU."""

    def of(kind, *, engine="auto", force=False, missing=lambda _: ()):
        monkeypatch.setattr(device, "pick", lambda _: torch.device(kind))
        return precision.noted(engine, "auto", CATEGORY, force=force, missing=missing)

    return of


def note(state, **settings):
    files.write_json(CATEGORY / "_step.json", {"command": "maps", "settings": settings, "seed": 0, "state": state})
    return notes.read_note(CATEGORY)


def test_full_precision_needs_no_word_so_that_earlier_notes_still_fit(workspace, on):
    for engine in ("auto", "torch", "torch-f32"):
        assert on("cpu", engine=engine) == on("cuda", engine=engine) == {}
    assert on("cuda", engine="torch-f16") == {"precision": "half"}


@pytest.mark.parametrize(("begun", "now"), [({}, "torch-f16"), ({"precision": "half"}, "auto")])
def test_an_unfinished_folder_does_not_go_on_in_another_precision(workspace, on, begun, now):
    there = note("running", **begun)
    differs = Identity("maps", on("cuda", engine=now), 0, {}).differences(there)
    assert len(differs) == 1
    assert "precision" in differs[0]


@pytest.mark.parametrize("begun", [{}, {"precision": "half"}])
def test_a_finished_folder_is_done_on_every_machine_and_made_anew_in_its_own_precision(workspace, on, begun):
    there = note("done", **begun)
    for engine in ("auto", "torch-f16"):
        assert Identity("maps", on("cuda", engine=engine), 0, {}).differences(there) == []
    for again in ({"force": True}, {"missing": lambda folder: [folder / "a"]}):
        assert on("cuda", engine="torch-f16", **again) == {"precision": "half"}
        assert on("cuda", **again) == {}


# What was learned is used in its own precision, or not at all


@pytest.fixture
def used(monkeypatch):
    """The engine that runs what was learned in some precision, on a processor or on a GPU."""

    def of(learned, kind, engine="auto"):
        monkeypatch.setattr(device, "pick", lambda _: torch.device(kind))
        return precision.as_learned(learned, EngineChoice(engine=engine), "models/cfa/nut").engine

    return of


@pytest.mark.parametrize(
    ("learned", "kind", "engine"),
    [("full", "cpu", "auto"), ("full", "cuda", "auto"), ("full", "cuda", "torch"), ("half", "cuda", "torch-f16")],
)
def test_what_was_learned_here_is_used_as_it_was_asked_for(used, learned, kind, engine):
    assert used(learned, kind, engine) == engine


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_what_was_learned_before_precision_was_noted_is_used_everywhere(used, kind):
    assert used("", kind) == "auto"


def test_a_gpu_follows_what_was_learned_in_half_precision(used):
    assert used("half", "cuda") == "torch-f16"


@pytest.mark.parametrize(
    ("learned", "kind", "engine", "way"),
    [
        ("half", "cpu", "auto", "Use it on a GPU with --engine torch-f16"),
        ("half", "cpu", "openvino", "learn it again with --force"),
        ("half", "cuda", "torch", "Use it on a GPU"),
        ("full", "cuda", "torch-f16", "Give --engine torch, or none"),
        ("bf16", "cpu", "auto", "Learn it again with --force"),
        ("int8", "cuda", "auto", "Learn it again with --force"),
    ],
)
def test_another_precision_is_refused_with_the_way_out(used, learned, kind, engine, way):
    with pytest.raises(UsageError, match=f"models/cfa/nut was learned in {learned} precision.*{way}"):
        used(learned, kind, engine)


def test_an_engine_says_what_it_computes_in():
    assert engines.OpenVinoEngine(None).precision == "full"
    assert engines.OpenVinoEngine(None, "bf16").precision == "bf16"
