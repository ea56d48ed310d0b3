import threading
import time
from concurrent.futures import ThreadPoolExecutor

from adtool_runtime import engines

THREADS = 4


def test_openvino_is_first_run_by_one_thread_alone(monkeypatch):
    """Its bindings may wait for each other for ever where two threads set them up at once."""
    alone, running, together = [], set(), threading.Barrier(THREADS)

    def run(self, inputs):
        me = threading.get_ident()
        running.add(me)
        if not self._has_run:
            time.sleep(0.05)
            alone.append(len(running))
        running.discard(me)
        return {}

    monkeypatch.setattr(engines._OpenVino, "_run", run)
    engine = engines._OpenVino.__new__(engines._OpenVino)
    engine.graph, engine._has_run = "model.xml", False

    def work(_: int) -> dict:
        together.wait()
        return engine.run({})

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(work, range(THREADS))) == [{}] * THREADS
    assert alone[0] == 1
    assert set(alone) == {1}
    assert engine._has_run
