import pytest

from adtool.core import files
from adtool.core.errors import BadDataError, MissingInputError, PartialFailureError, UsageError
from adtool.core.steps import folder_note, locks, notes, step_run
from adtool.core.steps.note_form import StepNote
from adtool.core.steps.step_run import Identity, Outcome, StepRun


def identity(seed=0, inputs=None, **settings):
    return Identity("maps", settings or {"blur": 4.0}, seed, inputs or {"images": "abc"})


def do(out, categories=("a",), *, force=False, replace=False, one=None, content="x"):
    """A whole run: each category writes one file. Returns the run and what was to be done."""
    run = StepRun("maps", out, force=force)
    todo = run.plan({name: one or identity() for name in categories}, {"data": "data"}, replace=replace)
    for name in todo:
        with run.category(name, keep_going=len(categories) > 1) as work:
            files.write_text(work.folder / "map.txt", content)
            work.result["images"] = 1
    return run, todo


def state(out, name="a"):
    return notes.read_note(out / name).state


def test_a_note_is_running_first_and_done_last(tmp_path):
    run = StepRun("maps", tmp_path / "maps")
    assert run.plan({"a": identity()}) == ["a"]
    with run.category("a", keep_going=False):
        assert state(tmp_path / "maps") == "running"
        assert not notes.is_done(tmp_path / "maps/a")
    assert state(tmp_path / "maps") == "done"
    assert notes.done_categories(tmp_path / "maps") == ["a"]


def test_a_note_holds_the_identity_and_notes_where_it_was_made(tmp_path):
    do(tmp_path / "maps")
    note = notes.read_note(tmp_path / "maps/a")
    assert note.identity() == identity().as_json()
    assert {"time", "host", "versions", "argv", "seconds"} <= set(note.document["noted"])
    assert note.whole_result == {"images": 1}


def test_the_folders_own_note_lists_the_categories_and_the_data(tmp_path):
    do(tmp_path / "maps", ["a", "b"])
    assert notes.read_note(tmp_path / "maps").document == {
        "format": 1,
        "command": "maps",
        "categories": {"a": "done", "b": "done"},
        "data": "data",
    }


def test_done_and_the_same_is_skipped(tmp_path):
    do(tmp_path / "maps")
    before = (tmp_path / "maps/a/_step.json").stat().st_mtime_ns
    run, todo = do(tmp_path / "maps")
    assert (todo, run.outcome.skipped) == ([], ["a"])
    assert (tmp_path / "maps/a/_step.json").stat().st_mtime_ns == before


def test_a_new_category_goes_beside_those_that_are_done(tmp_path):
    do(tmp_path / "maps", ["a"])
    assert do(tmp_path / "maps", ["a", "b"])[1] == ["b"]
    assert notes.done_categories(tmp_path / "maps") == ["a", "b"]


def test_what_was_interrupted_goes_on_with_what_is_there(tmp_path):
    out = tmp_path / "maps"
    run = StepRun("maps", out)
    run.plan({"a": identity()})
    with pytest.raises(KeyboardInterrupt), run.category("a", keep_going=True) as work:
        files.write_text(work.folder / "first.txt", "kept")
        raise KeyboardInterrupt
    assert state(out) == "running"
    assert do(out)[1] == ["a"]
    assert (out / "a/first.txt").read_text() == "kept"
    assert state(out) == "done"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (identity(blur=2.0), "blur: 4.0 -> 2.0"),
        (identity(seed=1), "seed: 0 -> 1"),
        (identity(inputs={"images": "xyz"}), "changed: images"),
        (identity(blur=4.0, layers=(8, 16)), r"layers: None -> \[8, 16\]"),
    ],
)
@pytest.mark.parametrize("interrupted", [False, True])
def test_different_is_refused_and_names_what_differs(tmp_path, other, named, interrupted):
    out = tmp_path / "maps"
    do(out)
    if interrupted:
        files.write_json(out / "a/_step.json", {**notes.read_note(out / "a").document, "state": "running"})
    with pytest.raises(UsageError, match=named) as caught:
        do(out, one=other)
    assert "--force" in str(caught.value)
    assert (out / "a/map.txt").exists()


def test_versions_host_and_time_are_never_compared(tmp_path):
    do(tmp_path / "maps")
    note = notes.read_note(tmp_path / "maps/a")
    files.write_json(tmp_path / "maps/a/_step.json", {**note.document, "noted": {"host": "elsewhere"}})
    assert do(tmp_path / "maps")[1] == []


def test_settings_compare_equal_after_a_trip_through_json(tmp_path):
    from pathlib import Path

    one = identity(layers=(8, 16), weights=Path("a/b"), nested={"x": (1, None)})
    do(tmp_path / "maps", one=one)
    assert do(tmp_path / "maps", one=one)[1] == []


def test_force_redoes_that_category_only_and_removes_what_was_there(tmp_path):
    out = tmp_path / "maps"
    do(out, ["a", "b"])
    (out / "a/old").mkdir()
    (out / "a/old/x.txt").write_text("x")
    before = (out / "b/map.txt").stat().st_mtime_ns
    assert do(out, ["a"], force=True, one=identity(blur=1.0), content="new")[1] == ["a"]
    assert (out / "a/map.txt").read_text() == "new"
    assert not (out / "a/old").exists()
    assert (out / "b/map.txt").stat().st_mtime_ns == before
    assert notes.done_categories(out) == ["a", "b"]


def test_force_removes_a_category_only_when_its_turn_comes(tmp_path):
    out = tmp_path / "maps"
    do(out, ["a", "b"])
    run = StepRun("maps", out, force=True)
    assert run.plan({"a": identity(), "b": identity()}) == ["a", "b"]
    with pytest.raises(KeyboardInterrupt), run.category("a", keep_going=True):
        raise KeyboardInterrupt
    assert (out / "b/map.txt").exists(), "a kill costs one category"


def test_what_can_be_made_again_is_replaced_without_asking(tmp_path):
    do(tmp_path / "models")
    assert do(tmp_path / "models", replace=True, one=identity(blur=1.0))[1] == ["a"]
    assert do(tmp_path / "models", replace=True, one=identity(blur=1.0))[1] == []


def test_a_link_to_a_folder_elsewhere_stays_one_when_redone(tmp_path):
    out, elsewhere = tmp_path / "maps", tmp_path / "big disk"
    do(out)
    (out / "a").rename(elsewhere)
    (out / "a").symlink_to(elsewhere, target_is_directory=True)
    do(out, force=True, content="new")
    assert (out / "a").is_symlink()
    assert (elsewhere / "map.txt").read_text() == "new"


# Failures


def test_one_category_that_fails_does_not_stop_the_others(tmp_path):
    out = tmp_path / "maps"
    run = StepRun("maps", out)
    for name in run.plan({"a": identity(), "b": identity()}):
        with run.category(name, keep_going=True):
            if name == "a":
                raise BadDataError("a is bad")
    assert (state(out, "a"), state(out, "b")) == ("failed", "done")
    assert notes.read_note(out / "a").error == "a is bad"
    with pytest.raises(PartialFailureError, match="a: a is bad"):
        run.outcome.raise_failures()
    assert do(out, ["a", "b"])[1] == ["a"], "what failed is tried again"


def test_a_single_category_that_fails_raises_its_own_error(tmp_path):
    run = StepRun("maps", tmp_path / "maps")
    run.plan({"a": identity()})
    with pytest.raises(BadDataError), run.category("a", keep_going=False):
        raise BadDataError("a is bad")
    assert state(tmp_path / "maps") == "failed"


def test_if_all_fail_the_exit_code_is_that_of_the_first():
    outcome = Outcome("maps", None, failed={"a": MissingInputError("no a"), "b": BadDataError("bad b")})
    with pytest.raises(MissingInputError, match="a: no a; b: bad b"):
        outcome.raise_failures()


def test_a_bug_is_not_swallowed_and_leaves_the_category_running(tmp_path):
    run = StepRun("maps", tmp_path / "maps")
    run.plan({"a": identity()})
    with pytest.raises(ZeroDivisionError), run.category("a", keep_going=True):
        _ = 1 / 0
    assert state(tmp_path / "maps") == "running"


# Folders that are not ours


def test_a_folder_with_other_contents_is_not_touched(tmp_path):
    out = tmp_path / "maps"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="did not write"):
        StepRun("maps", out, force=True)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_nor_is_such_a_folder_of_a_category(tmp_path):
    out = tmp_path / "maps"
    do(out, ["a"])
    (out / "b").mkdir()
    (out / "b/x.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"b holds files that adtool did not write"):
        do(out, ["b"], force=True)
    assert (out / "b/x.txt").exists()


def test_an_empty_folder_and_one_with_hidden_files_can_be_used(tmp_path):
    """A kill while the first note is written leaves a hidden file, and nothing else."""
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps/._step.part1.json").write_text("{")
    assert do(tmp_path / "maps")[1] == ["a"]


def test_the_folder_of_another_step_is_refused_even_with_force(tmp_path):
    do(tmp_path / "maps")
    with pytest.raises(UsageError, match="was written by `adtool maps`"):
        StepRun("discover", tmp_path / "maps", force=True)
    assert (tmp_path / "maps/a/map.txt").exists()


@pytest.mark.parametrize("out", ["file", "file/maps"])
def test_a_file_in_the_way_is_a_usage_error(tmp_path, out):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="file is a file"):
        StepRun("maps", tmp_path / out)


def test_a_damaged_note_is_not_taken_for_the_same_settings(tmp_path):
    out = tmp_path / "maps"
    do(out)
    (out / "a/_step.json").write_text("{ half")
    with pytest.raises(BadDataError, match=r"a/_step\.json is damaged \(no JSON"):
        do(out)
    assert do(out, force=True)[1] == ["a"]
    (out / "_step.json").write_text("")
    assert do(out)[1] == []
    assert notes.read_note(out).document == {
        "format": 1,
        "command": "maps",
        "categories": {"a": "done"},
        "data": "data",
    }


# What later steps ask


def test_a_step_that_is_read_must_be_done(tmp_path):
    with pytest.raises(MissingInputError, match="Run `adtool maps` first"):
        notes.require_done(tmp_path / "a", "adtool maps")
    files.write_json(tmp_path / "a/_step.json", {"state": "running"})
    with pytest.raises(MissingInputError, match=r"not finished \(state 'running'\)"):
        notes.require_done(tmp_path / "a", "adtool maps")


def test_the_data_set_is_the_given_one_else_the_noted_one_else_data(tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(tmp_path)
    maps = Path("maps")
    assert step_run.noted_data(maps, None) == Path("data")
    files.write_json(maps / "_step.json", {"data": "data/x"})
    assert step_run.noted_data(maps, None) == Path("data/x")
    assert step_run.noted_data(maps, Path("y")) == Path("y")


def test_maps_of_other_images_are_refused(tmp_path):
    note = StepNote(inputs={"images": "abc"})
    step_run.check_same_data(note, "abc", tmp_path, tmp_path)
    step_run.check_same_data(StepNote(), "abc", tmp_path, tmp_path)
    with pytest.raises(BadDataError, match="made from other images"):
        step_run.check_same_data(note, "xyz", tmp_path, tmp_path)


# One writer, and everything there


def missing_map(folder):
    """Every category should hold `map.txt`."""
    return [path for path in [folder / "map.txt"] if not path.exists()]


def test_a_step_that_is_done_needs_no_lock(tmp_path):
    do(tmp_path / "maps")
    (tmp_path / "maps").chmod(0o500)
    try:
        assert do(tmp_path / "maps")[1] == []
    finally:
        (tmp_path / "maps").chmod(0o700)


def test_a_step_holds_its_folder_from_its_plan_to_its_end(tmp_path):
    with StepRun("maps", tmp_path / "maps") as run:
        run.plan({"a": identity()})
        assert (tmp_path / "maps" / locks.LOCK).exists()
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["_step.json"]


def test_what_lacks_files_is_not_called_done(tmp_path):
    with StepRun("maps", tmp_path, missing=missing_map) as run:
        run.plan({"a": identity()})
        with pytest.raises(BadDataError, match=r"1 file is missing in .*map\.txt"), run.category("a", keep_going=False):
            pass
    assert state(tmp_path) == "failed"


def test_what_lost_files_since_it_was_done_is_made_again_and_says_so(tmp_path, caplog):
    do(tmp_path)
    (tmp_path / "a/map.txt").unlink()
    with StepRun("maps", tmp_path, missing=missing_map) as run:
        assert run.plan({"a": identity()}) == ["a"]
        with run.category("a", keep_going=False) as work:
            assert work.before == {"images": 1}
            files.write_text(work.folder / "map.txt", "again")
    assert "1 file is missing, for instance" in caplog.text
    assert state(tmp_path) == "done"


def test_a_kill_while_a_folder_is_removed_does_not_leave_it_done(tmp_path, monkeypatch):
    do(tmp_path)
    (tmp_path / "a/more").mkdir()
    monkeypatch.setattr("shutil.rmtree", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        notes.remove_folder(tmp_path / "a")
    assert state(tmp_path) == "running"


def test_another_detector_is_named_without_the_settings_that_follow_from_it():
    then = Identity("maps", {"detector": "patchcore", "drawn": 5, "backbone": "a", "limit": None}, 0, {"images": "x"})
    changes = ["another detector: patchcore -> musc", "max_images: None -> 7"]
    now = Identity(
        "maps", {"detector": "musc", "sets": 3, "blur": 1, "backbone": "a", "max_images": 7}, 0, {"images": "x"}
    )
    assert now.differences(StepNote.of(then.as_json())) == changes


def test_another_backbone_is_named_without_its_weights_and_layers():
    then = Identity("maps", {"backbone": "a", "backbone_weights": "1", "layers": [1], "blur": 4}, 0, {})
    now = Identity("maps", {"backbone": "b", "backbone_weights": "2", "layers": [2], "blur": 5}, 0, {})
    assert now.differences(StepNote.of(then.as_json())) == ["another backbone: a -> b", "blur: 4 -> 5"]


def test_many_categories_read_each_others_notes_only_when_they_change(tmp_path, monkeypatch):
    names, read = [f"c{number:02}" for number in range(12)], []
    monkeypatch.setattr(folder_note, "read_at", lambda path, read_at=notes.read_at: read.append(path) or read_at(path))
    do(tmp_path / "maps", names)
    assert len(read) <= 2 * len(names)  # once running, once done: not each time that another one ends
    assert notes.read_note(tmp_path / "maps").categories == dict.fromkeys(names, "done")
    (tmp_path / "maps/c03/_step.json").unlink()
    do(tmp_path / "maps", ["c00", "new"])
    assert notes.read_note(tmp_path / "maps").categories == dict.fromkeys([*sorted({*names} - {"c03"}), "new"], "done")
