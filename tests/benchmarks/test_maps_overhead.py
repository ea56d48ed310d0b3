"""`maps` against its parts done barely: decoding, engine, matrix products of the same shapes, writing.

`pytest tests/benchmarks/test_maps_overhead.py --benchmark-enable -s` prints the times of 128 images and their ratio;
the normal suite runs it once over a few images. The parts are timed one after the other in the same run, each with
all cores; `maps` overlaps them.
"""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from adtool.core import arrays
from adtool.core.dataset.types import Sample
from adtool.detection import qualities
from adtool.detection.contract import Frame, settings_of
from adtool.detection.options import DetectorOptions
from adtool.detection.scoring import OpenedModel
from adtool.detectors import patchcore
from adtool.nn import backbone
from adtool.prep.datasets import synthetic
from adtool_runtime import images

NAME, SIDE, BANK = "tf_efficientnet_lite0", 256, 10_000  # the defaults


def made_images(folder: Path, count: int) -> list[Sample]:
    samples = []
    for i in range(count):
        path = folder / f"{i}.png"
        arrays.write_png(path, synthetic.make("wood", "test", "good", i, size=320, seed=0).image)
        samples.append(Sample("wood", f"test/good/{i}", "test", "good", path))
    return samples


def timed(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@pytest.mark.slow
@pytest.mark.parametrize("quality", ["fast", "good"])
def test_maps_take_little_more_than_their_parts(benchmark, tmp_path, quality):
    count = 128 if benchmark.enabled else 2
    samples = made_images(tmp_path, count)
    usual = qualities.usual(patchcore, DetectorOptions(quality=quality))
    settings = settings_of("patchcore", patchcore, [], usual)
    needs = patchcore.needs(settings, NAME)
    network = backbone.load(NAME, layers=needs.layers, **needs.variant)
    frame = Frame(network, SIDE, 8, 0, needs)
    dims = sum(layer.channels for layer in network.layers)
    generator = torch.Generator().manual_seed(0)
    bank = torch.randn(BANK, dims, generator=generator)
    memory = patchcore.PatchMemory(bank, torch.zeros(dims), torch.ones(dims))
    pooled = memory if settings.pooled else None
    model = patchcore.Model(memory, settings, pooled=pooled, engine=network.engine)
    written: list[Path] = []

    def maps() -> None:
        for scored in OpenedModel(model, frame).score(samples):
            path = tmp_path / "maps" / f"{scored.sample.id}.tiff"
            arrays.write_scores(path, scored.scores, scored.image_score)
            written.append(path)

    def decode() -> list[np.ndarray]:
        loads = (arrays.read_image(sample.image) for sample in samples)
        return [images.prepare(image, SIDE, SIDE, network.mean, network.std) for image in loads]

    inputs = decode()
    batches = [(i, np.stack(inputs[i : i + 8])) for i in range(0, count, 8)]
    coarse, fine = (SIDE // network.layers[which].stride for which in (-1, 0))
    grids = [coarse if settings.grid == "coarse" else fine] + [coarse] * settings.pooled
    queries = [torch.randn(grid * grid, dims, generator=generator) for grid in grids]
    transposed = bank.T.contiguous()
    scores = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)

    def products() -> None:
        for _ in range(count):
            for each in queries:
                torch.mm(each, transposed)

    def write() -> None:
        for i in range(count):
            arrays.write_scores(tmp_path / "bare" / f"{i}.tiff", scores, 0.0)

    parts = {
        "decoding": lambda: decode(),
        "engine": lambda: [None for _ in network.stream(batches)],
        "products": products,
        "writing": write,
    }
    maps()  # warm
    best = {name: min(timed(part) for _ in range(3)) for name, part in parts.items()}
    benchmark.pedantic(maps, rounds=3)
    whole = benchmark.stats.stats.min if benchmark.enabled else timed(maps)
    ratio = whole / sum(best.values())
    benchmark.extra_info["ratio"] = ratio
    each = ", ".join(f"{name} {1000 * seconds / count:.1f}" for name, seconds in best.items())
    whole_ms = f"maps {1000 * whole / count:.1f} ms an image, {count / whole:.1f} images/s"
    print(f"\n{quality}: {whole_ms}; ms of the parts: {each}; ratio {ratio:.2f}")
    assert len(written) >= count
