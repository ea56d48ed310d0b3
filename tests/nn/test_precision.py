from pathlib import Path

import pytest
import torch

from adtool.core import files
from adtool.core.steps import notes
from adtool.core.steps.step_run import Identity
from adtool.nn import device, precision

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
    assert on("cpu") == on("cuda", engine="torch-f32") == {}
    assert on("cuda") == {"precision": "half"}


@pytest.mark.parametrize(("begun", "now"), [({}, "cuda"), ({"precision": "half"}, "cpu")])
def test_an_unfinished_folder_does_not_go_on_in_another_precision(workspace, on, begun, now):
    there = note("running", **begun)
    differs = Identity("maps", on(now), 0, {}).differences(there)
    assert len(differs) == 1
    assert "precision" in differs[0]


@pytest.mark.parametrize("begun", [{}, {"precision": "half"}])
def test_a_finished_folder_is_done_on_every_machine_and_made_anew_in_its_own_precision(workspace, on, begun):
    there = note("done", **begun)
    for kind in ("cpu", "cuda"):
        assert Identity("maps", on(kind), 0, {}).differences(there) == []
    assert on("cuda", force=True) == on("cuda", missing=lambda folder: [folder / "a"]) == {"precision": "half"}
    assert on("cpu", force=True) == on("cpu", missing=lambda folder: [folder / "a"]) == {}
