"""How many images a second `maps` does with patchcore, and what bounds it."""

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from chain import TINY, Check, Row, categories, random_weights, row, synchronised

from adtool.core import arrays, layout
from adtool.core.dataset.types import Sample
from adtool.core.layout import MapsFolder
from adtool.detection import scoring
from adtool.detection.contract import Frame, NormalImages
from adtool.detection.scoring import OpenedModel
from adtool.detectors import patchcore
from adtool.maps.mapping import score_missing
from adtool.nn import backbone, knn
from adtool.nn.backbone import Backbone
from adtool.nn.feature_reader import FeatureReader
from adtool.nn.options import EngineChoice

PICTURES, PICTURE_PX = 24, 800  # different JPEG files, and their side
SEEN = 320  # images a measurement
BATCH = 32
SETTINGS = {"bank_size": 10_000, "drawn": 50_000}


def lite0(check: Check) -> list[Row]:
    """The embedded backbone."""
    return measured(check, "tf_efficientnet_lite0", (256, 384, 512))


def dinov2(check: Check) -> list[Row]:
    """DINOv2-S."""
    if check.small:
        return measured(check, TINY, (64,), weights_file=random_weights(check, TINY))
    return measured(check, "dinov2_vits14", (252, 392, 518))


def wide_resnet50(check: Check) -> list[Row]:
    """PatchCore's own network; its weights are random here, so only the speed means anything."""
    name = "resnet10t" if check.small else "wide_resnet50_2"
    return measured(check, name, (256, 512), weights_file=random_weights(check, name))


def measured(check: Check, name: str, sizes: Iterable[int], weights_file: Path | None = None) -> list[Row]:
    """A row for each size: the whole of it, and each part alone."""
    rows = []
    seen = 6 if check.small else SEEN
    pictures = photographs(check)
    settings = patchcore.Settings(**({"bank_size": 200, "drawn": 1000} if check.small else SETTINGS))
    layers = patchcore.needs(settings, name).layers
    mark = " (random weights)" if weights_file else ""
    for size in (64,) if check.small else sizes:
        net = backbone.load(name, EngineChoice(weights_file, "torch", check.device), layers=layers)
        frame = Frame(net, size, BATCH, 0)
        normal = [Sample("speed", f"train/{i}", layout.TRAIN, "good", path) for i, path in enumerate(pictures)]
        normals = NormalImages(normal, frame, layout.ModelFolder(Path("speed")))
        model = scoring.fit(patchcore, normals, settings)
        samples = [
            Sample("speed", f"{name}-{size}/{i}", layout.TEST, "good", pictures[i % len(pictures)]) for i in range(seen)
        ]
        whole = rate(net.device, seen, lambda: score(model, samples))  # noqa: B023, called at once
        parts = apart(net, model, samples, size)
        slowest = min(parts, key=lambda part: parts[part])
        listed = ", ".join(f"{part} {value:.0f}" for part, value in parts.items())
        told = f"{whole:.0f}; each alone: {listed}; slowest: {slowest}"
        rows.append(row(f"{name}{mark} at {size} px, images/s", told))
    return rows


def score(model: OpenedModel, samples: list[Sample]) -> None:
    """What `maps` does with a model."""
    score_missing(model, samples, lambda one: MapsFolder(Path("speed")).scores("speed", one.id), "maps")


def apart(net: Backbone, model: OpenedModel, samples: list[Sample], size: int) -> dict[str, float]:
    """Images a second of each part of it alone."""
    device, seen = net.device, len(samples)
    reader = FeatureReader(net, size, keep_aspect=False, batch_size=BATCH, runs=False)
    side = round(size / net.multiple) * net.multiple
    batch = np.random.default_rng(0).standard_normal((BATCH, 3, side, side), dtype=np.float32)
    there = torch.from_numpy(batch).to(device)
    times = -(-seen // BATCH)
    found = [layer[0] for layer in net.features(there)]
    patches, shape = patchcore.embed(found, pool=1, grid="coarse")
    bank = knn.Bank(model.model.memory.bank)
    scores = torch.rand(shape)
    target = Path("speed/written.tiff")

    def finish() -> None:
        for _ in samples:
            grown = patchcore.smooth.enlarge(scores, side, side, blur=4.0)
            arrays.write_scores(target, grown, arrays.image_score(grown))

    return {
        "decoding": rate(device, seen, lambda: list(reader.see(samples))),
        "transfer": rate(device, times * BATCH, lambda: [torch.from_numpy(batch).to(device) for _ in range(times)]),
        "network": rate(device, times * BATCH, lambda: [net.features(there) for _ in range(times)]),
        "search": rate(device, seen, lambda: [bank.nearest(patches) for _ in samples]),
        "blur and writing": rate(device, seen, finish),
    }


def rate(device: torch.device, images: int, work: Callable[[], object]) -> float:
    """Images a second."""
    started = synchronised(device)
    work()
    return images / (synchronised(device) - started)


def photographs(check: Check) -> list[Path]:
    """Larger pictures, as cameras give them, made of the generated ones."""
    folder = Path("speed/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    few = [one for category in categories() for one in category.train][: 4 if check.small else PICTURES]
    for number, one in enumerate(few):
        path = folder / f"{number}.jpg"
        if not path.exists():
            image = cv2.imread(str(one.image))
            cv2.imwrite(str(path), cv2.resize(image, (PICTURE_PX, PICTURE_PX), interpolation=cv2.INTER_CUBIC))
        made.append(path)
    return made
