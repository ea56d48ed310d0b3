"""Pictures per second of the runtime, adtool and torch, in one run: `throughput.py EXPORT MODEL PICTURES`.

EXPORT is a category's folder of `adtool export --format both`, MODEL that of the model it was made of, PICTURES a
folder of pictures. Each way is run ROUNDS times in turn, and its best counts; on an idle machine, please.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from adtool.core.dataset.types import Sample
from adtool.core.layout import ModelFolder
from adtool.detection import store
from adtool.export import graphs, sizes
from adtool.nn.options import EngineChoice
from adtool_runtime import load
from adtool_runtime.engines import PIXELS
from adtool_runtime.export import Export

COUNT, OF_GRAPH, ROUNDS = 120, 40, 3
SUFFIXES = (".jpg", ".png")
ENGINES = ("openvino", "torch")
Way = Callable[[], int]


def count(work: Callable[[Any], Iterable[object]], given: Any) -> int:  # noqa: ANN401
    """Do it for all that is given; how many came out."""
    return sum(1 for _ in work(given))


def timed(way: Way) -> tuple[float, float]:
    """Pictures per second by the clock and per second of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    done = way()
    return done / (time.perf_counter() - clock), done / (time.process_time() - processor)


def graphs_alone(parts: dict[str, Export], graph: graphs.GridGraph) -> dict[str, Way]:
    """The graph alone, one picture after the other, in torch and as it was exported."""
    example = graph.example()
    pixels = {PIXELS: example[0].numpy()}

    def of_torch() -> int:
        with torch.inference_mode():
            for _ in range(OF_GRAPH):
                graph(*example)
        return OF_GRAPH

    def of_part(part: Export) -> Way:
        running = part._running(many=False)
        return lambda: len([running.run(pixels) for _ in range(OF_GRAPH)])

    return {"graph, torch": of_torch} | {f"graph, {part.engine}": of_part(part) for part in parts.values()}


def main(export: str, model: str, pictures: str) -> None:
    """Print a line a way."""
    every = sorted(path for path in Path(pictures).rglob("*") if path.suffix in SUFFIXES)
    if not every:
        sys.exit(f"There is no picture ({', '.join(SUFFIXES)}) in {pictures}.")
    files = every[:: max(1, len(every) // COUNT)][:COUNT]
    category = Path(export).name
    samples = [Sample(category, f"x{number}", "test", "unknown", path) for number, path in enumerate(files)]
    opened = {name: store.open_model(ModelFolder(Path(model)), EngineChoice(None, name, "cpu")) for name in ENGINES}
    parts = {name: load(export, name, graph=name) for name in ("openvino", "onnx")}
    frame = opened["torch"].frame
    graph = graphs.GridGraph(frame, opened["torch"].model, category, sizes.of_inputs(frame, []))
    ways = graphs_alone(parts, graph)
    ways |= {f"runtime, {part.engine}": partial(count, part.inspect_many, files) for part in parts.values()}
    ways |= {f"adtool as maps, {name}": partial(count, one.score, samples) for name, one in opened.items()}
    print(f"{len(files)} pictures, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
    for way in ways.values():
        way()
    best = dict.fromkeys(ways, (0.0, 0.0))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            found = timed(way)
            best[name] = max(best[name][0], found[0]), max(best[name][1], found[1])
    for name, (clock, processor) in best.items():
        print(f"{name:38} {clock:6.1f}/s by the clock {processor:6.1f}/s of processor time")


if __name__ == "__main__":
    main(*sys.argv[1:])
