"""`inspect --shard`: the maps are divided, and the last one judges, to the bytes of one process."""

import json
from pathlib import Path

import pytest

from adtool.core.errors import LockedError, UsageError
from adtool.core.steps import locks
from adtool.inspect import step
from adtool.inspect.config import InspectConfig

from .conftest import run, write_new


def content(out):
    found = {}
    for path in sorted(path for path in Path(out).rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.name == "_step.json":
            data = json.dumps({key: value for key, value in json.loads(data).items() if key != "noted"}).encode()
        found[path.relative_to(out).as_posix()] = data
    return found


@pytest.mark.slow
def test_shards_in_any_order_and_workers_write_what_one_process_writes(found, tiny_data, workers_in_process):
    new = write_new(tiny_data, "new")
    (new / "good/broken.png").write_bytes(b"no picture")
    told = run(new, out="whole")
    outcomes = [run(new, out="shards", shard=f"{number}/3") for number in (3, 1, 2)]
    assert content("shards") == content("whole")
    assert (outcomes[2].rows, outcomes[2].document["pictures"]) == (told.rows, told.document["pictures"])
    assert any("not yet" in note for note in outcomes[0].notes)
    assert run(new, out="shards", shard="1/2").skipped == ["shards"]

    run(new, out="workers", shard="2/5")
    with pytest.raises(UsageError, match="begun in 5 shards"):
        run(new, out="workers", shard="1/2")
    outcome = step.run(InspectConfig(new=new, out=Path("workers"), workers="2", fail_on_nok=True))
    assert content("workers") == content("whole")
    assert outcome.gate is not None


def test_other_images_are_refused_and_nothing_is_made_anew_while_others_are_at_work(found, tiny_data, monkeypatch):
    new = write_new(tiny_data, "new", count=2)
    run(new, shard="1/2")
    with pytest.raises(UsageError, match="made with other settings or inputs"):
        run(new / "good", shard="2/2")
    with locks.writing(Path("inspected"), "1-of-2"):
        monkeypatch.setattr(locks, "_held", {})  # as if by another process
        with pytest.raises(LockedError, match="others are at work"):
            run(new / "good", shard="2/2", force=True)
