from pathlib import Path

import pytest

from adtool.core import files, layout
from adtool.core.errors import AdtoolError
from adtool.core.layout import ModelFolder
from adtool.core.steps import inventory, kept_models, notes
from adtool.core.steps.step_run import Identity, StepRun
from adtool.detection import origin

OUT = Path("models/patchcore")
PLACE = ModelFolder(OUT / "parts")


def identity(size: int, images: str = "0123-4567") -> Identity:
    return Identity("fit patchcore", {"detector": "patchcore", "image_size": size}, 0, {"train": images})


def learn(size: int, *, force: bool = False, images: str = "0123-4567") -> bool:
    """Make a model whose weights say its size; whether anything was learned."""
    with StepRun("fit patchcore", OUT, force=force, missing=inventory.of_model, keeps=True) as run:
        todo = run.plan({"parts": identity(size, images)}, replace=True)
        for name in todo:
            with run.category(name, keep_going=False) as work:
                files.write_bytes(PLACE.weights, f"{size} {images}".encode())
                files.write_json(PLACE.card, {})
                work.result[inventory.FILES] = inventory.names_in(work.folder)
    return bool(todo)


def there() -> str:
    return PLACE.weights.read_text()


def others() -> list[str]:
    return sorted(ModelFolder(one).weights.read_text() for one in kept_models.of(PLACE.path))


def test_a_model_of_other_settings_is_kept_and_comes_back_without_being_learned_again(workspace):
    assert learn(32) and learn(64)
    assert (there(), others()) == ("64 0123-4567", ["32 0123-4567"])
    assert not learn(32)
    assert (there(), others()) == ("32 0123-4567", ["64 0123-4567"])
    assert not learn(32)
    assert notes.read_note(OUT).categories == {"parts": "done"}
    assert notes.done_categories(OUT) == ["parts"]


def test_force_learns_the_same_again_and_keeps_only_the_others(workspace):
    learn(32)
    learn(64)
    assert learn(32, force=True)
    assert (there(), others()) == ("32 0123-4567", ["64 0123-4567"])


def test_a_kept_model_with_the_fingerprint_of_an_older_adtool_is_recognised_and_brought_up_to_date(workspace):
    learn(32, images="0123")
    learn(64)
    assert not learn(32)
    assert notes.read_note(PLACE.path).inputs == {"train": "0123-4567"}


@pytest.mark.parametrize("stopped_at", [1, 2])
def test_a_kill_between_the_renames_loses_no_model(workspace, monkeypatch, stopped_at):
    learn(32)
    learn(64)
    moved = []
    real = kept_models._move

    def move(folder, place):
        moved.append(folder)
        if len(moved) == stopped_at:
            raise KeyboardInterrupt
        real(folder, place)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(kept_models, "_move", move)
        learn(32)
    assert not learn(32)
    assert not learn(64)
    assert (there(), others()) == ("64 0123-4567", ["32 0123-4567"])


def test_what_is_not_finished_or_not_whole_is_not_kept(workspace):
    learn(32)
    PLACE.weights.unlink()
    assert learn(64)
    note = notes.read_note(PLACE.path)
    files.write_json(PLACE.path / layout.STEP_FILE, {**note.document, "state": "running"})
    assert learn(32)
    assert others() == []


def test_a_link_to_another_disk_is_kept_as_a_link(workspace):
    learn(32)
    disk = workspace / "disk"
    PLACE.path.rename(disk)
    PLACE.path.symlink_to(Path("../../disk"), target_is_directory=True)
    learn(64)
    assert (there(), others()) == ("64 0123-4567", ["32 0123-4567"])
    assert not learn(32)
    assert (there(), disk.is_dir()) == ("32 0123-4567", True)


def maps_of(size: int, which: str | None) -> None:
    noted = {"command": "maps", "settings": {**identity(size).settings, "limit": None}, "seed": 0, "state": "done"}
    made_by = {} if which is None else {"made_by": {"model": "models/patchcore/parts", "weights": which}}
    files.write_json(Path("maps/parts/_step.json"), {**noted, "result": made_by})


def found() -> str:
    model = origin.of_maps(Path("maps"), "parts", Path("models")).model
    return model.weights.read_text() if model else ""


def test_maps_find_the_model_that_they_name_wherever_it_lies_and_older_ones_that_of_their_settings(workspace):
    learn(32, images="a")
    named = origin.noted(PLACE, Path("maps"))["made_by"]
    assert named["model"] == "models/patchcore/parts"
    learn(32, images="b")
    maps_of(32, named["weights"])
    assert found() == "32 a"  # the settings are those of both
    maps_of(32, None)
    assert found() == "32 b"
    learn(64)
    maps_of(32, named["weights"])
    assert found() == "32 a"
    model = origin.of_maps(Path("maps"), "parts", Path("models")).model
    assert (model.is_kept, model.detector, model.category) == (True, "patchcore", "parts")
    assert origin.same(PLACE, named["weights"]) == model
    assert origin.same(PLACE, "0") is None
    maps_of(16, None)
    assert found() == ""


def test_an_empty_place_with_a_damaged_note_is_never_taken_for_a_model(workspace):
    learn(32)
    (PLACE.path / layout.STEP_FILE).write_text("{")
    assert not kept_models.put_away(PLACE.path, inventory.of_model)
    with pytest.raises(AdtoolError):
        notes.note_of(PLACE.path)


def test_no_category_can_have_the_name_of_the_folder_of_kept_models(workspace):
    with StepRun("fit patchcore", OUT) as run, pytest.raises(AdtoolError, match="earlier models lie"):
        run.plan({layout.KEPT: identity(32)})
