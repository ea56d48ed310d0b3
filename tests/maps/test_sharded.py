"""`maps --shard`: side by side, in any order, with a kill in between, the whole is what one process makes."""

import json
import shutil
from pathlib import Path
from threading import Event, Thread

import pytest

from adtool.core import arrays, files
from adtool.core.errors import BadDataError, LockedError, MissingInputError, PartialFailureError, UsageError
from adtool.core.limits import limit_file
from adtool.core.shards import merging
from adtool.core.shards.shard_run import ShardRun
from adtool.core.steps import locks, notes
from adtool.maps.config import MapsConfig
from adtool.maps.step import run
from adtool.merge.config import MergeConfig
from adtool.merge.step import run as merge

DATA = Path("data/parts")
X = Path("maps/x")
TIMES = ("noted", "images_per_second")


@pytest.fixture(autouse=True)
def here(workspace, tiny_data):
    tiny_data.make(DATA, ("x", "y"), kinds={"good": 5, "hole": 6})
    Path(DATA / "x/test/hole/001.png").write_bytes(b"no picture")
    return workspace


@pytest.fixture
def maps(tiny_data, instead_of_weights):
    """`maps("1/2")`."""

    def call(shard=None, *, force=False, **settings):
        return run(MapsConfig(shard=shard, **(tiny_data.quick | settings)), force=force)

    return call


def content(folder=Path("maps")):
    """Every file, with the times of notes left out."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.name == "_step.json":
            note = json.loads(data)
            note["result"] = {key: value for key, value in note.get("result", {}).items() if key not in TIMES}
            data = json.dumps({key: value for key, value in note.items() if key not in TIMES}).encode()
        found[path.relative_to(folder).as_posix()] = data
    return found


@pytest.fixture
def whole(maps):
    """What one process makes."""
    maps()
    found = content()
    shutil.rmtree("maps")
    return found


@pytest.mark.slow
def test_shards_in_any_order_make_what_one_process_makes(maps, whole):
    count = 5
    outcomes = [maps(f"{number}/{count}") for number in range(count, 0, -1)]
    assert content() == whole
    for outcome in outcomes[:-1]:
        assert any("not yet" in note for note in outcome.notes)
    assert [row["images"] for row in outcomes[-1].rows] == [10, 11]
    assert outcomes[-1].rows[0]["limit"] == limit_file.read(X).value
    assert maps("1/2").skipped == ["x", "y"], "by whoever"


def test_a_shard_writes_its_own_table_and_note_and_no_decision(maps):
    maps("1/2")
    assert notes.read_note(X).state == "running"
    assert notes.read_note(Path("maps")).categories == {"x": "running", "y": "running"}
    assert not (X / "images.csv").exists()
    own = files.read_csv(X / "images.1-of-2.csv")
    assert {row["decision"] for row in own} == {""}
    assert len(list(X.rglob("*.tiff"))) == len(own) < 10
    assert files.read_json(X / "_step.1-of-2.json")["state"] == "done"


def test_a_shard_that_was_stopped_goes_on_and_so_does_one_process(maps, whole, monkeypatch):
    maps("1/2")
    real, left = arrays.write_scores, [2]

    def write(*arguments):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        real(*arguments)

    monkeypatch.setattr(arrays, "write_scores", write)
    with pytest.raises(KeyboardInterrupt):
        maps("2/2")
    monkeypatch.setattr(arrays, "write_scores", real)
    shutil.copytree("maps", "broken off")
    with pytest.raises(MissingInputError, match=r"1 of 2 shards is missing: 2/2 \(not finished on .*\)"):
        merge(MergeConfig(step="maps", category=("x",))).raise_failures()
    maps("2/2")
    assert content() == whole
    shutil.rmtree("maps")
    Path("broken off").rename("maps")
    maps()
    assert content() == whole


def test_merge_makes_the_whole_where_the_last_shard_was_stopped_before_it(maps, whole, monkeypatch):
    real = merging.merge
    monkeypatch.setattr(merging, "merge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    maps("1/2")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            maps("2/2")
    monkeypatch.setattr(merging, "merge", real)
    maps("2/2", category=("y",))
    outcome = merge(MergeConfig(step="maps"))
    assert (outcome.done, outcome.skipped) == (["x"], ["y"])
    assert content() == whole
    assert merge(MergeConfig(step="maps")).skipped == ["x", "y"]


def test_merge_names_the_shards_that_are_missing_and_says_where_there_are_none(maps):
    with pytest.raises(MissingInputError, match="Nothing was made in shards in maps"):
        merge(MergeConfig(step="maps"))
    maps("2/4", category=("x",))
    with pytest.raises(MissingInputError, match=r"3 of 4 shards are missing: 1/4 \(not begun\), 3/4"):
        merge(MergeConfig(step="maps")).raise_failures()
    with pytest.raises(MissingInputError, match="maps/y has no shards"):
        merge(MergeConfig(step="maps", category=("y",)))


def test_an_id_that_is_lacking_or_there_twice_is_no_whole(maps, monkeypatch):
    monkeypatch.setattr(ShardRun, "_make_whole", lambda *_: None)
    for number in (1, 2):
        maps(f"{number}/2", category=("x",))
    table = X / "images.2-of-2.csv"
    rows = files.read_csv(table)
    files.write_csv(table, list(rows[0]), rows[1:])
    with pytest.raises(BadDataError, match="the shards hold 9 images and skipped 1, but there are 11"):
        merge(MergeConfig(step="maps", category=("x",))).raise_failures()
    files.write_csv(table, list(rows[0]), [*rows, files.read_csv(X / "images.1-of-2.csv")[0]])
    with pytest.raises(BadDataError, match="is in another shard, too"):
        merge(MergeConfig(step="maps", category=("x",))).raise_failures()


def test_shards_of_other_settings_or_another_number_are_refused(maps):
    maps("1/2", category=("x",))
    with pytest.raises(UsageError, match="image_size: 64 -> 96"):
        maps("2/2", image_size=96, category=("x",))
    with pytest.raises(UsageError, match=r"begun in 2 shards \(1/2 is there\).*Give K/2"):
        maps("1/3", category=("x",))
    (X / "_step.1-of-3.json").write_bytes((X / "_step.1-of-2.json").read_bytes())
    with pytest.raises(BadDataError, match="shards of 2 and of 3"):
        merge(MergeConfig(step="maps", category=("x",))).raise_failures()
    made = {path: path.stat().st_mtime_ns for path in X.rglob("*.tiff")}
    maps("1/3", category=("x",), force=True)
    assert {path: path.stat().st_mtime_ns for path in made} == made, "the maps are the same whoever makes them"


def test_another_version_of_adtool_does_not_join(maps):
    maps("1/2", category=("x",))
    note = files.read_json(X / "_step.json")
    note["noted"]["versions"]["adtool"] = "0.0.9"
    files.write_json(X / "_step.json", note)
    with pytest.raises(BadDataError, match=r"begun by adtool 0\.0\.9, and this is"):
        maps("2/2", category=("x",))


def test_a_limit_that_was_asked_for_before_is_asked_for_again(maps):
    only = {"category": ("x",)}
    maps(false_alarms=0.3, **only)
    asked = limit_file.read(X)
    maps("1/2", force=True, **only)
    maps("2/2", **only)
    assert limit_file.read(X) == asked


@pytest.mark.slow
def test_a_shard_waits_for_the_model_that_another_makes_or_says_so(maps, caplog):
    other = locks.writing(Path("models/patchcore"))

    def hold(ends):
        with other:
            ready.append(1)
            ends.wait(60)

    ends, ready = Event(), []
    holder = Thread(target=hold, args=(ends,))
    holder.start()
    while not ready:
        pass
    with pytest.raises(LockedError, match="models/patchcore is being written"):
        maps("1/2", no_wait=True, category=("x",))
    with caplog.at_level("INFO", "adtool"):
        worker = Thread(target=lambda: ready.append(maps("1/2", category=("x",))))
        worker.start()
        while "Waiting for it" not in caplog.text:
            pass
        assert len(ready) == 1
        ends.set()
        worker.join()
    holder.join()
    assert ready[1].done == ["x"]


def test_musc_is_divided_by_its_sets(maps):
    settings = {"detector": "musc", "settings": ("subset_size=4",), "category": ("y",)}
    maps(**settings)
    found = content()
    shutil.rmtree("maps")
    for number in (1, 2):
        maps(f"{number}/2", **settings)
    assert content() == found


def test_shards_that_were_begun_in_another_number_are_gone_on_with_by_workers(maps, whole, workers_in_process):
    maps("1/3")
    outcome = maps(workers="2")
    assert outcome.done == ["x", "y"]
    assert [row["images"] for row in outcome.rows] == [10, 11]
    assert content() == whole
    assert maps(workers="2").skipped == ["x", "y"]
    maps(workers="2", force=True)
    assert content() == whole


def test_a_category_that_can_not_be_learned_is_said_once_with_its_own_error(maps, workers_in_process, caplog):
    for path in (DATA / "y/train").rglob("*.png"):
        path.write_bytes(b"no picture")
    with caplog.at_level("WARNING", logger="adtool"):
        outcome = maps(workers="2")
    said = [text for text in caplog.messages if "y/train/good/000.png" in text]
    assert len(said) == 1
    assert outcome.done == ["x"]
    with pytest.raises(PartialFailureError) as failed:
        outcome.raise_failures()
    assert str(failed.value).count("of the categories failed") == 1
    assert isinstance(outcome.failed["y"], BadDataError | MissingInputError)
