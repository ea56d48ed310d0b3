"""The search for nearest patches as a graph against torch's.

`pytest tests/benchmarks/test_search_speed.py --benchmark-enable -s` prints both and their ratio, at the usual sizes;
one thread each, processor time, which other programs on the machine hardly change.
"""

import statistics
import time

import torch

from adtool.nn import knn

QUERIES, VECTORS, CHANNELS = 1024, 10_000, 152  # of a picture, of the memory, of a patch: the defaults
PAIRS = 9
MOST = 0.75  # of torch's time


def spent(step) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started


def test_the_search_as_a_graph(benchmark, monkeypatch):
    monkeypatch.setenv("ADTOOL_CORES", "1")
    monkeypatch.setattr(knn, "SEARCHED_BY_GRAPH", 1)
    count = VECTORS if benchmark.enabled else 200
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(count, CHANNELS, generator=generator)
    queries = torch.randn(QUERIES if benchmark.enabled else 20, CHANNELS, generator=generator)
    graph, plain = knn.Bank(vectors, "openvino"), knn.Bank(vectors)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert torch.equal(graph.nearest(queries)[1], plain.nearest(queries)[1])
        pairs = [
            (spent(lambda: graph.nearest(queries)), spent(lambda: plain.nearest(queries)))
            for _ in range(PAIRS if benchmark.enabled else 1)
        ]
        benchmark.pedantic(lambda: graph.nearest(queries), rounds=1)
    finally:
        torch.set_num_threads(before)
    if benchmark.enabled:
        ratio = statistics.median(one / other for one, other in pairs)
        benchmark.extra_info["ratio"] = ratio
        ours, torchs = (1000 * statistics.median(times) for times in zip(*pairs, strict=True))
        print(f"\nms of processor a picture: graph {ours:.0f}, torch {torchs:.0f}; ratio {ratio:.2f} (at most {MOST})")
        assert ratio <= MOST
