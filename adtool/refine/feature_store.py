"""What is seen of images, kept: features of normal and of painted images, computed once and read many times."""

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor

from adtool.core import files
from adtool.core.arrays import Bools, Bytes, UnreadableImageError
from adtool.core.dataset.types import Sample
from adtool.core.progress import track
from adtool.detection import scoring
from adtool.detection.contract import Rebuilding
from adtool.nn.backbone import Backbone
from adtool.nn.feature_reader import FeatureReader, Seeable, SeenImage, sample_of
from adtool.refine.rebuilders import GivenReconstructions, RebuildingDetector
from adtool_runtime import images, parallel

SEEN_NOTE = "seen.json"
FULL = 255  # of a mask pixel that is wholly defect
SAVED_EVERY = 16  # batches; what a kill loses

NORMALS, RECONSTRUCTION = "normals", "reconstruction"  # what an image is compared with


@dataclass(frozen=True)
class ImageFeatures:
    """What is seen of one image.

    Attributes:
        sample: the image.
        layers: one (C, h, w) float32 tensor a layer.
        templates: its reconstruction, a (C, h, w) tensor a layer; none where images are compared with normal ones.
    """

    sample: Sample
    layers: list[Tensor]
    templates: list[Tensor]


@dataclass(frozen=True)
class Extractor:
    """What sees images: a backbone alone, or with what was rebuilt of them, or a detector that rebuilds them.

    Attributes:
        backbone: the network.
        image_size: side of its square input, in pixels.
        batch_size: images a batch.
        rebuilder: the detector, or the reconstructions, if there are any.
    """

    backbone: Backbone
    image_size: int
    batch_size: int
    rebuilder: RebuildingDetector | GivenReconstructions | None = None

    @property
    def detector(self) -> RebuildingDetector | None:
        """The detector that rebuilds images, if one does."""
        return self.rebuilder if isinstance(self.rebuilder, RebuildingDetector) else None

    @property
    def templates(self) -> str:
        """What an image is compared with."""
        return RECONSTRUCTION if self.rebuilder else NORMALS

    @property
    def side(self) -> int:
        """Side of the input as the network takes it."""
        return images.fit((1, 1), self.image_size, self.backbone.multiple)[0]

    def see(self, samples: Iterable[Seeable]) -> Iterator[ImageFeatures]:
        """See images in their order; what can't be read is skipped and said."""
        if self.detector is not None:
            model = cast(Rebuilding, self.detector.open().model)
            for one in self.detector.frame.see(samples):
                yield ImageFeatures(one.sample, *scoring.rebuilt(model, one))
            return
        reader = FeatureReader(self.backbone, self.image_size, keep_aspect=False, batch_size=self.batch_size)
        if isinstance(self.rebuilder, GivenReconstructions):
            yield from _in_pairs(reader, samples, self.rebuilder)
            return
        for sight in reader.see(samples):
            yield ImageFeatures(sight.sample, sight.layers, [])

    def as_seen(self, image: Bytes) -> Bytes:
        """An image that only this eye will see, while it waits: small, where that changes nothing."""
        # A detector may crop, or keep the ratio of the sides.
        return images.resize(image, self.side, self.side) if self.detector is None else image


def _in_pairs(
    reader: FeatureReader, samples: Iterable[Seeable], rebuilt: GivenReconstructions
) -> Iterator[ImageFeatures]:
    """Images and what was rebuilt of them; of both that can be read."""
    own: SeenImage | None = None
    for seen in reader.see(each for one in samples for each in (one, rebuilt.of(one))):
        if seen.sample.image not in rebuilt.files:
            own = seen
        elif own is not None and rebuilt.pictures[own.sample.image] == seen.sample.image:
            yield ImageFeatures(own.sample, own.layers, seen.layers)
            own = None


@dataclass(frozen=True)
class FeatureStore:
    """Features of M images, on disk.

    Attributes:
        layers: one (M, C, h, w) float16 array a layer.
        masks: (M, S, S) uint8, the share of each pixel that is defect, times 255; S is the input's side.
        templates: as the layers, of each image's reconstruction; none where images are compared with normal ones.
    """

    layers: Sequence[NDArray[np.float16]]
    masks: NDArray[np.uint8]
    templates: Sequence[NDArray[np.float16]] = ()

    @property
    def channels(self) -> tuple[int, ...]:
        """Of each layer."""
        return tuple(layer.shape[1] for layer in self.layers)

    def features(self, rows: Sequence[int] | NDArray[np.intp], device: torch.device) -> list[Tensor]:
        """Features of some images, one (B, C, h, w) float32 tensor a layer."""
        return [torch.from_numpy(layer[rows]).to(device).float() for layer in self.layers]

    def rebuilt(self, rows: Sequence[int] | NDArray[np.intp], device: torch.device) -> list[Tensor]:
        """Their reconstructions, each image's only template: one (B, 1, C, h, w) float32 tensor a layer."""
        return [torch.from_numpy(layer[rows]).to(device).float().unsqueeze(1) for layer in self.templates]

    def mask(self, rows: Sequence[int] | NDArray[np.intp], device: torch.device) -> Tensor:
        """(B, 1, S, S) in [0, 1]."""
        return torch.from_numpy(self.masks[rows]).to(device).float().unsqueeze(1) / FULL


@dataclass(frozen=True)
class ShownImage:
    """An image to be seen.

    Attributes:
        image: the image, or a picture of it in memory.
        mask: (S, S) uint8 as in `FeatureStore`; None if it has no defect.
    """

    image: Seeable
    mask: NDArray[np.uint8] | None = None

    @property
    def sample(self) -> Sample:
        """The image."""
        return sample_of(self.image)


def share(mask: Bools, side: int) -> NDArray[np.uint8]:
    """A mask of any size, (H, W) -> (side, side): the share of each pixel that is defect, times 255."""
    return np.rint(cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) * FULL).astype(
        np.uint8
    )


def look(eyes: Sequence[Extractor], show: Callable[[int], ShownImage], folder: Path, label: str) -> FeatureStore:
    """See pictures and keep what was seen; goes on where an earlier call stopped.

    Args:
        eyes: what sees picture number i; all with the same input and the same layers. Each eye sees all that is its
            own at once, in turn.
        show: gives picture number i; called in threads, and must give the same for the same number.
        folder: where the arrays go; `forget` removes it.
        label: of the progress bar.

    Raises:
        UnreadableImageError: a picture can't be read.
    """
    note = files.read_json(folder / SEEN_NOTE)
    done = int(note["done"]) if isinstance(note, dict) else 0
    kept = _opened(folder) if done else None
    count = len(eyes)
    for row, shown, seen in track(_seen(eyes, show, done), label, count - done):
        if kept is None:
            kept = _made(folder, count, eyes[0].side, seen)
        if shown.mask is not None:
            kept.masks[row] = shown.mask
        for arrays, found in ((kept.layers, seen.layers), (kept.templates, seen.templates)):
            for array, values in zip(arrays, found, strict=True):
                array[row] = values.cpu().numpy()
        done += 1
        if done % (SAVED_EVERY * eyes[0].batch_size) == 0 or done == count:
            for written in (*kept.layers, *kept.templates, kept.masks):
                cast(np.memmap, written).flush()
            files.write_json(folder / SEEN_NOTE, {"done": done})
    return kept or _opened(folder)


def is_begun(folder: Path) -> bool:
    """Whether `look` has kept something here."""
    return (folder / SEEN_NOTE).exists()


def _seen(
    eyes: Sequence[Extractor], show: Callable[[int], ShownImage], done: int
) -> Iterator[tuple[int, ShownImage, ImageFeatures]]:
    """Pictures with their numbers, eye after eye; the first `done` were seen before."""
    by_eye: dict[int, list[int]] = {}
    for row, eye in enumerate(eyes):
        by_eye.setdefault(id(eye), []).append(row)
    for rows in by_eye.values():
        known, done = min(done, len(rows)), max(0, done - len(rows))
        if known == len(rows):
            continue
        eye = eyes[rows[0]]
        again = known % eye.batch_size  # seen once more, so that each batch holds the same as without the stop
        todo = rows[known - again :]
        waiting: deque[tuple[int, ShownImage]] = deque()
        for number, found in enumerate(eye.see(_presented(todo, show, 2 * eye.batch_size, waiting))):
            row, shown = waiting.popleft()
            if shown.sample != found.sample:  # all could be read a moment ago
                raise UnreadableImageError(f"{shown.sample.image} can't be read any more. Run the same again.")
            if number >= again:
                yield row, shown, found
        if waiting:
            raise UnreadableImageError(f"{waiting[0][1].sample.image} can't be read any more. Run the same again.")


def _presented(
    rows: Sequence[int], show: Callable[[int], ShownImage], ahead: int, waiting: deque[tuple[int, ShownImage]]
) -> Iterator[Seeable]:
    """Pictures as they are asked for, made in threads; `waiting` knows those that were not seen yet."""
    for row, shown in parallel.prefetch(rows, show, ahead=ahead):
        waiting.append((row, shown))
        yield shown.image


def _made(folder: Path, count: int, side: int, seen: ImageFeatures) -> FeatureStore:
    """New arrays; their sizes are measured, not computed."""
    folder.mkdir(parents=True, exist_ok=True)

    def make(kind: str, tensors: Sequence[Tensor]) -> list[np.memmap]:
        return [
            open_memmap(folder / f"{kind}{n}.npy", mode="w+", dtype=np.float16, shape=(count, *one.shape))
            for n, one in enumerate(tensors)
        ]

    masks = open_memmap(folder / "masks.npy", mode="w+", dtype=np.uint8, shape=(count, side, side))
    return FeatureStore(make("layer", seen.layers), masks, make("template", seen.templates))


def _opened(folder: Path) -> FeatureStore:
    def open_all(kind: str) -> list[np.memmap]:
        names = [folder / f"{kind}{n}.npy" for n in range(len(list(folder.glob(f"{kind}[0-9]*.npy"))))]
        return [open_memmap(name, mode="r+") for name in names]

    return FeatureStore(open_all("layer"), open_memmap(folder / "masks.npy", mode="r+"), open_all("template"))


def forget(folder: Path) -> None:
    """Remove what `look` kept."""
    shutil.rmtree(folder, ignore_errors=True)
