"""Work in threads on the cores there are: decoding and resizing of pictures run beside Python and each other."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "<quota> <period>" in microseconds, or "max <period>"
CORES = "ADTOOL_CORES"  # how many of them a process may use at most, where several share a machine
MOST_WORKERS = 16  # each may hold an image of the largest size while it decodes

Item = TypeVar("Item")
Result = TypeVar("Result")


def core_count() -> int:
    """CPU cores this process may use: its affinity, the quota of its container and ADTOOL_CORES if those are less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = os.environ.get(CORES, "")
    cores = min(cores, int(most)) if most.isdecimal() and int(most) else cores
    try:
        quota, period = CGROUP_QUOTA.read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))


def openvino_settings(*, many: bool, precision: str = "f32") -> dict[str, object]:
    """How OpenVINO runs a graph on the cores of this process.

    Args:
        many: whether several pictures run side by side and share out the cores, or all work on a single one.
        precision: that it computes in.
    """
    return {
        "PERFORMANCE_HINT": "THROUGHPUT" if many else "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": core_count(),
        "ENABLE_CPU_PINNING": False,  # processes beside each other would each bind themselves to the first cores
    }


def prefetch(
    items: Iterable[Item], load: Callable[[Item], Result], workers: int | None = None, ahead: int = 16
) -> Iterator[tuple[Item, Result]]:
    """Load items in threads, and yield them in their order.

    A consumer that stops early, or that Ctrl-C stops, waits for what is being loaded, not for what would be next.

    Args:
        items: what to load; taken only as far as loading is ahead.
        load: called in a thread. What it raises is raised here, when its item's turn comes.
        workers: threads; by default one for each core.
        ahead: how many items are loaded or being loaded at most, which bounds memory; at least two for each thread.
    """
    workers = workers or min(core_count(), MOST_WORKERS)
    ahead = max(ahead, 2 * workers)
    source = iter(items)
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="load") as pool:
        begun: deque[tuple[Item, Future[Result]]] = deque()
        try:
            while True:
                while len(begun) < ahead:
                    try:
                        item = next(source)
                    except StopIteration:
                        break
                    begun.append((item, pool.submit(load, item)))
                if not begun:
                    return
                item, future = begun.popleft()
                yield item, future.result()
        finally:
            for _, future in begun:
                future.cancel()


def each(look: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """What `look` finds in each of the items, in their order."""
    return (found for _, found in prefetch(items, look))
