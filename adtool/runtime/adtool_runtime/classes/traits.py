"""Plain traits of an anomaly: how large and how long it is, and how it differs from the rest in brightness and detail.

A network's features tell a stain from a scratch less surely than its shape does, so both are clustered. Everything is
taken from the guide (a map or a mask) as weights; nothing needs a threshold of its own but the blob, which is what of
the guide lies above the middle between its median and its maximum, around the maximum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adtool_runtime.image_scores import Floats
from adtool_runtime.images import Bytes

NAMES = (
    "log area share", "log spread", "log spread ratio",
    "log blob area share", "log blob length", "log blob ratio", "log blobs",
    "brightness", "log contrast", "brightness against near", "log detail", "log gradient", "log fine detail",
    "red", "blue", "saturation",
)  # fmt: skip
GUIDE_SIDE = 96  # pixels of the squeezed guide
IMAGE_SIDE = 192  # and of the image: half a guide's pixel still shows
NEAR, FINE = 3.0, 1.0  # sigmas of the blurs that detail is what is left of, in pixels
CLIP = 3.0  # standard deviations
TINY = 1e-5

Vectors = NDArray[np.float64]


def of_anomaly(image: Bytes, guide: Floats) -> Vectors:
    """Traits of what the guide points at in an image.

    Args:
        image: (H, W, 3).
        guide: (h, w); weights are its softmax, as in `pooling`.

    Returns:
        (16,), in the order of `NAMES`. Shares are of the image, lengths of its side.
    """
    small = _resized(guide, GUIDE_SIDE)
    weights = np.exp(small - small.max())
    weights /= weights.sum()
    return np.array([*_spread(weights), *_blob(small), *_look(image, weights)], np.float64)


def thumbnail(image: Bytes) -> Bytes:
    """All that `of_anomaly` sees of an image."""
    return _squeezed(image, IMAGE_SIDE)


def _resized(array: NDArray[Any], side: int) -> Floats:
    """Squeezed to a square."""
    return np.asarray(_squeezed(array, side), np.float32)


def _squeezed(array: NDArray[Any], side: int) -> NDArray[Any]:
    shrinks = min(array.shape[:2]) >= side
    return cv2.resize(array, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _spread(weights: Floats) -> list[float]:
    """Effective area (the exponential of the entropy) and the axes of the weights' ellipse."""
    exact = weights.astype(np.float64)
    effective = np.exp(-(exact * np.log(exact + 1e-12)).sum()) / exact.size
    rows, columns = np.mgrid[:GUIDE_SIDE, :GUIDE_SIDE] / GUIDE_SIDE
    places = np.stack([rows.ravel(), columns.ravel()])
    major, minor = _axes(np.cov(places, aweights=exact.ravel(), ddof=0))
    return [float(np.log(effective)), 0.5 * np.log(major + TINY), 0.5 * np.log(minor / (major + TINY) + 1e-3)]


def _blob(guide: Floats) -> list[float]:
    """Area and ellipse of the blob around the maximum, and the number of blobs of at least that height."""
    middle = (float(np.median(guide)) + float(guide.max())) / 2
    count, labels = cv2.connectedComponents((guide >= middle).astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(labels == labels[np.unravel_index(guide.argmax(), guide.shape)])
    area = len(rows)
    covariance = np.cov(np.stack([rows, columns]) / GUIDE_SIDE, ddof=0) + TINY * np.eye(2)
    major, minor = _axes(covariance)
    ratio = 0.5 * np.log(minor / major)
    return [float(np.log(area / guide.size)), 0.5 * np.log(major), ratio, float(np.log(count - 1))]


def _axes(covariance: NDArray[np.float64]) -> tuple[float, float]:
    """Variances along the main axes, the larger first."""
    minor, major = np.linalg.eigvalsh(covariance)
    return float(major), float(max(minor, 0))


def _look(image: Bytes, weights: Floats) -> list[float]:
    pixels = _resized(image, IMAGE_SIDE) / 255
    large = _resized(weights, IMAGE_SIDE)
    large /= large.sum()

    def inside(values: NDArray[np.floating[Any]]) -> float:
        return float((large * values).sum())

    def ratio(values: NDArray[np.floating[Any]]) -> float:
        return float(np.log(inside(values) / (float(values.mean()) + 1e-3) + 1e-3))

    # Plane by plane: along the last axis, of three, numpy takes ten times as long for the same values.
    first, second, third = (pixels[..., c] for c in range(3))
    grey = (first + second + third) / np.float32(3)
    mean = inside(grey)
    contrast = np.sqrt(inside(np.square(grey - mean))) / (float(grey.std()) + 1e-3)
    near = grey - cv2.GaussianBlur(grey, (0, 0), NEAR)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), FINE)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    red, green, blue = (inside(pixels[..., c]) - float(pixels[..., c].mean()) for c in range(3))
    saturation = np.maximum(np.maximum(first, second), third) - np.minimum(np.minimum(first, second), third)
    return [
        mean - float(grey.mean()), float(np.log(contrast + 0.05)), inside(near),
        ratio(np.abs(near)), ratio(gradient), ratio(np.abs(fine)),
        red - green, blue - green, inside(saturation) - float(saturation.mean()),
    ]  # fmt: skip


@dataclass(frozen=True)
class DescriptorScaling:
    """Puts traits on one scale; fitted once, then used for new images as well."""

    middle: Vectors  # (T,) median of all items
    width: Vectors  # (T,) standard deviation
    origin: Vectors  # (T,) of a normal item, after both
    length: Vectors  # (1,) what divides the rest, so that an anomaly's vector has the mean squared length asked for

    @classmethod
    def fit(cls, traits: Vectors, is_normal: NDArray[np.bool_], length: float = 1.0) -> "DescriptorScaling":
        """Fit to a category: (N, T) traits, which of the N items count as normal, and how long the others' are."""
        middle = np.median(traits, axis=0)
        width = traits.std(axis=0) + 1e-6
        scaled = np.clip((traits - middle) / width, -CLIP, CLIP)
        origin = scaled[is_normal].mean(axis=0) if is_normal.any() else np.zeros(traits.shape[1])
        others = scaled[~is_normal] - origin
        squared = float(np.square(others).sum(axis=1).mean()) if len(others) else 0.0
        return cls(middle, width, origin, np.array([max(squared, 1e-12) ** 0.5 / length]))

    def of(self, traits: Vectors) -> Vectors:
        """(N, T) -> (N, T)."""
        scaled = np.clip((traits - self.middle) / self.width, -CLIP, CLIP)
        return (scaled - self.origin) / self.length

    def tensors(self) -> dict[str, Vectors]:
        """To be kept with the classes."""
        return {f"traits_{name}": value for name, value in vars(self).items()}

    @classmethod
    def stored(cls, tensors: Mapping[str, NDArray[Any]]) -> "DescriptorScaling":
        """From what `tensors` gave."""
        return cls(*(tensors[f"traits_{name}"] for name in ("middle", "width", "origin", "length")))
