import threading
import time
from pathlib import Path

import pytest

from adtool_runtime import parallel


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8)]
)
def test_a_containers_quota_limits_the_cores(monkeypatch, tmp_path, quota, cores):
    (tmp_path / "cpu.max").write_text(quota + "\n")
    monkeypatch.setattr(parallel, "CGROUP_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(parallel.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert parallel.core_count() == cores


def test_without_a_quota_all_cores_of_the_process_count(monkeypatch, tmp_path):
    monkeypatch.setattr(parallel, "CGROUP_QUOTA", tmp_path / "absent")
    monkeypatch.setattr(parallel.os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    assert parallel.core_count() == 3


def test_items_come_in_their_order_whichever_is_loaded_first():
    def load(i):
        time.sleep(0.02 if i % 2 == 0 else 0)
        return i * i

    assert list(parallel.prefetch(range(8), load)) == [(i, i * i) for i in range(8)]


def test_no_more_is_loaded_ahead_than_asked_for():
    taken = []
    source = (taken.append(i) or i for i in range(100))
    stream = parallel.prefetch(source, lambda i: i, workers=2, ahead=4)
    next(stream)
    next(stream)
    assert len(taken) == 5  # the second item's place was filled again, the first one's too
    stream.close()


def test_loading_happens_in_other_threads():
    names = {name for _, name in parallel.prefetch(range(4), lambda _: threading.current_thread().name)}
    assert names
    assert threading.main_thread().name not in names


def test_an_error_while_loading_is_raised_at_its_items_turn():
    def load(i):
        if i == 2:
            raise OSError("unreadable")
        return i

    stream = parallel.prefetch(range(4), load)
    assert [next(stream), next(stream)] == [(0, 0), (1, 1)]
    with pytest.raises(OSError, match="unreadable"):
        next(stream)


def test_there_are_as_many_threads_as_cores_and_each_has_work(monkeypatch):
    monkeypatch.setattr("adtool_runtime.parallel.core_count", lambda: 5)
    together = threading.Barrier(5, timeout=10)  # broken, and so an error, if fewer wait here
    assert [item for item, _ in parallel.prefetch(range(5), lambda _: together.wait(), ahead=1)] == list(range(5))


def test_nothing_to_load_is_no_error():
    assert list(parallel.prefetch([], str)) == []


def test_what_is_found_comes_in_the_order_of_the_items():
    assert list(parallel.each(str, range(30))) == [str(i) for i in range(30)]


def test_a_consumer_that_stops_leaves_nothing_to_begin():
    first, begun = threading.Event(), []

    def load(i):
        begun.append(i)
        if i:
            assert first.wait(10)

    stream = parallel.prefetch(range(50), load, workers=2)
    next(stream)
    time.sleep(0.05)  # both threads are at work by now, and the others wait for them
    threading.Timer(0.05, first.set).start()
    stream.close()
    assert len(begun) <= 3


def test_threads_for_work_are_started_in_one_place():
    runtime = Path(parallel.__file__).parent
    package = runtime.parents[1]
    using = {path for path in package.rglob("*.py") if "ThreadPoolExecutor" in path.read_text(encoding="utf-8")}
    assert using == {Path(parallel.__file__), runtime / "export.py"}  # whose threads inspect pictures at the same time
    assert (package / "core").is_dir(), "all of adtool is looked at"
