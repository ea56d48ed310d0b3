"""Configurations of patchcore over data sets: `python examples/results/bench.py [OPTION ...] DATA:CATEGORY[:WAY] ...`.

Each DATA is a folder in MVTec AD layout. WAY: `apart` leaves out the training images that a test image repeats (see
mtd_repeats.py), `level` brings the middle grey of each picture's border to one value (where the background of good
parts to test is darker than that of all others). Options: `--only NAME,NAME` of CONFIGURATIONS, `--seeds 0,1,2`,
`--most N` training images of a set, `--keep FOLDER` for features, which are computed once then. Prints for each
configuration image AUROC, image AP, pixel AP, AUPRO and AUPRO at 5 % of each set, and their means: folders count once
however many categories are given, and of one that is given in several ways the lower figure counts. Figures of pixels
are those of maps and masks of 256 px, or with `--masks` of the masks as they are, as `adtool report` has them.
"""

import argparse
import hashlib
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import image_scores
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score, roc_auc_score

from adtool.core import arrays
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category, Sample
from adtool.core.layout import ModelFolder
from adtool.detection import as_new, scoring, store
from adtool.detection.contract import Scored, settings_of
from adtool.detection.frame import Frame
from adtool.detection.normal_images import NormalImages
from adtool.detectors import patchcore
from adtool.maps.config import MapsConfig
from adtool.metrics import ranking
from adtool.metrics.aupro import aupro
from adtool.metrics.pixels import Pixels
from adtool.nn.feature_reader import Glance, Picture, Seeable, SeenImage, sample_of
from adtool.report import truth

SIDE = 256
DINO = "dinov2_vits14"
PEER = "peer"  # anomalib's PatchCore, see `Pooled`
NO_FACTORS = "before without factors"
FORMER = (PEER, NO_FACTORS)  # distances near the border are not brought down
BEFORE = ["padding=zeros", "grid=coarse", "pooled=false"]
CONFIGURATIONS: dict[str, list[str]] = {
    "before": BEFORE,
    NO_FACTORS: BEFORE,
    PEER: ["padding=zeros", "pooled=false", "standard=false", "image_score=reweighted"],
    "peer with zeros not counted": ["padding=zeros", "pool=3", "pooled=false"],
    "border": ["grid=coarse", "pooled=false"],
    "fine": ["pooled=false"],
    "fine with zeros": ["padding=zeros", "pooled=false"],
    "coarse and pooled": ["grid=coarse"],
    "default": [],
    "bank 5000": ["bank_size=5000"],
    "DINOv2-S before": [DINO, *BEFORE],
    "DINOv2-S": [DINO],
    "DINOv2-S not pooled": [DINO, "pooled=false"],
    "both": [f"beside={DINO}"],
    "320 px": ["320"],
    "both 320 px": [f"beside={DINO}", "320"],
}
FIGURES = ("image AUROC", "image AP", "pixel AP", "AUPRO", "AUPRO .05")


@dataclass(frozen=True)
class KeptFrame(Frame):
    """A frame that keeps what it saw of image files in a folder."""

    folder: Path = Path()

    def see(self, samples: Iterable[Seeable], glance: Glance | None = None) -> Iterator[SeenImage]:
        """As any frame; features in half precision."""
        if self.beside is not None:
            alone, second = replace(self, beside=None), KeptFrame(**_of(self.beside), folder=self.folder)
            for one in samples:
                for own, other in zip(alone.see([one], glance), second.see([one]), strict=True):
                    yield replace(own, beside=other)
            return
        for one in samples:
            path = self.folder / f"{self._key(one)}.pt"
            if path.exists():
                kept = torch.load(path, weights_only=False)
                yield replace(kept, sample=sample_of(one), layers=[layer.float() for layer in kept.layers])
                continue
            for seen in super().see([one], glance):
                if not isinstance(one, Picture):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    torch.save(replace(seen, layers=[layer.half().clone() for layer in seen.layers]), path)
                yield seen

    def _key(self, one: Seeable) -> str:
        network, image = self.backbone, sample_of(one).image
        what = (network.name, [layer.name for layer in network.layers], self.image_size, str(image.resolve()))
        painted = one.pixels.tobytes() if isinstance(one, Picture) else b""
        return hashlib.sha256(repr(what).encode() + painted).hexdigest()


@dataclass(frozen=True)
class Pooled(Frame):
    """What another frame sees, pooled 3 x 3 as the peer does: zeros beyond the border count."""

    inner: Frame | None = None

    def see(self, samples: Iterable[Seeable], glance: Glance | None = None) -> Iterator[SeenImage]:
        """As the other frame."""
        assert self.inner is not None
        for seen in self.inner.see(samples, glance):
            yield replace(seen, layers=[F.avg_pool2d(layer, 3, 1, 1) for layer in seen.layers])


def _of(frame: Frame) -> dict[str, Any]:
    return {one.name: getattr(frame, one.name) for one in fields(Frame)}


def levelled(sample: Sample) -> Picture:
    """The picture with the middle grey of its border at 200."""
    image = arrays.read_image(sample.image, sample.reading)
    edge = np.concatenate([image[:4].reshape(-1, 3), image[-4:].reshape(-1, 3), image[:, :4].reshape(-1, 3)])
    factor = 200 / max(1.0, float(np.median(edge)))
    return Picture(sample, np.clip(image * factor, 0, 255).astype(np.uint8))


@dataclass(frozen=True)
class Bench:
    """What is the same for all configurations."""

    keep: Path | None
    most: int | None
    masks: bool

    def run(self, argument: str, configuration: str, seed: int) -> dict[str, float]:
        """One configuration on one set."""
        given = CONFIGURATIONS[configuration]
        data, name, way = [*argument.split(":"), ""][:3]
        category = read_dataset(Path(data)).category(name)
        network = [one for one in given if "=" not in one and not one.isdigit()]
        asked: dict[str, Any] = {"backbone": network[0]} if network else {}
        for side in filter(str.isdigit, given):
            asked["image_size"] = int(side)
        settings = settings_of("patchcore", patchcore, [one for one in given if "=" in one])
        options = MapsConfig(data=Path(data), seed=seed, **asked)
        frame = store.prepare("patchcore", settings, options).frame
        if self.keep is not None and not way.startswith("level"):
            frame = KeptFrame(**_of(frame), folder=self.keep)
        if configuration == PEER:
            frame = Pooled(**_of(frame), inner=frame)
        train = image_scores.unrepeated(category) if way == "apart" else list(category.train)
        if self.most and len(train) > self.most:
            rng = np.random.default_rng(seed)
            train = [train[i] for i in sorted(rng.choice(len(train), self.most, replace=False))]
        seen = [levelled(one) for one in train] if way == "level" else train
        test = [levelled(one) for one in category.test] if way == "level" else list(category.test)
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            normals = Levelled(train, frame, ModelFolder(Path(folder)), [], pictures=seen)
            opened = scoring.fit(patchcore, normals, settings)
        if configuration in FORMER:
            memory = replace(opened.model.memory, borders=None)
            opened = replace(opened, model=patchcore.Model(memory, settings))
        if configuration != PEER:  # which has no standard of good parts
            opened = as_new.scores(as_new.cross_fitted(opened, normals))[0].opened
        learned = time.monotonic()
        scored = list(opened.score(test))
        found = figures(scored, category, None if self.masks else SIDE)
        found["s to learn"] = learned - started
        found["ms an image"] = (time.monotonic() - learned) / max(1, len(scored)) * 1000
        found["pooled"] = float(opened.model.pooled is not None)
        return found


@dataclass(frozen=True)
class Levelled(NormalImages):
    """Normal images, or pictures in their place."""

    pictures: Sequence[Seeable] = ()

    def _remembering(self, kept: list[SeenImage]) -> Iterator[SeenImage]:
        return replace_samples(self)._remembering(kept)


def replace_samples(normals: Levelled) -> NormalImages:
    """What sees the pictures."""
    return NormalImages(list(normals.pictures), normals.frame, normals.folder, normals.remembered, normals.structures)


def figures(scored: Sequence[Scored], category: Category, side: int | None) -> dict[str, float]:
    """Figures of a set; of pixels only if it has masks, which get that many a side if it is given."""
    defect = np.array([not category.is_normal(one.sample) for one in scored])
    images = np.array([one.image_score for one in scored])
    found = {"image AUROC": float(roc_auc_score(defect, images)), "image AP": average_precision_score(defect, images)}

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for one in scored:
            if category.is_normal(one.sample) or one.sample.mask is not None:
                mask = truth._mask(one.sample, category).astype(np.uint8)
                if side is not None:
                    mask = cv2.resize(mask, (side, side), interpolation=cv2.INTER_NEAREST_EXACT)
                yield arrays.resize_scores(one.scores, *mask.shape), mask.astype(bool)

    if any(one.sample.mask is not None for one in scored):
        pixels = Pixels.of(pairs())
        precision = ranking.average_precision(pixels.rankings())
        found |= {"pixel AP": precision, "AUPRO": aupro(pixels), "AUPRO .05": aupro(pixels, 0.05)}
    return found


def mean(found: dict[str, dict[str, float]], figure: str) -> float:
    """Over folders; of several ways the lowest, of several categories their mean."""
    folders: dict[str, dict[str, list[float]]] = {}
    for name, values in found.items():
        if figure in values:
            folder, category = name.split(":")[:2]
            folders.setdefault(folder, {}).setdefault(category, []).append(values[figure])
    return float(np.mean([np.mean([min(ways) for ways in one.values()]) for one in folders.values()]))


def main() -> None:
    """Print a line for each configuration, seed and set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--only", default="default")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--most", type=int)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--masks", action="store_true")
    given = parser.parse_args()
    bench = Bench(given.keep, given.most, given.masks)
    print("| configuration, seed | set | " + " | ".join(FIGURES) + " | pooled | s to learn | ms an image |")
    print("|---|" * 1 + "---|" * (len(FIGURES) + 4))
    for name in given.only.split(","):
        for seed in given.seeds.split(","):
            found = {}
            for one in given.sets:
                found[one] = bench.run(one, name, int(seed))
                rest = f"{found[one]['pooled']:.0f} | {found[one]['s to learn']:.1f} | {found[one]['ms an image']:.0f}"
                print(f"| {name}, {seed} | {Path(one).name} | {_cells(found[one])} | {rest} |", flush=True)
            means = {figure: mean(found, figure) for figure in FIGURES if any(figure in x for x in found.values())}
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(f"| {name}, {seed} | **mean** | {_cells(means)} | {peak:.1f} GiB | | |", flush=True)


def _cells(values: dict[str, float]) -> str:
    return " | ".join(f"{values[one]:.3f}".removeprefix("0") if one in values else "-" for one in FIGURES)


if __name__ == "__main__":
    main()
