"""What tokens of a network say of an anomaly: their mean where a guide (a map, a mask) says, less their plain mean."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from adtool_runtime.image_scores import Floats

# Chosen on defects painted on held-out normal tiles:
TEMPERATURE = 0.25  # of a map's weights, in standard deviations of all scores of the category


def guide_of(scores: Floats, std: float) -> Floats:
    """A map as the guide of its image, by the standard deviation of all scores of the category."""
    return scores / np.float32(max(std, 1e-12) * TEMPERATURE)


def shrunk(guide: Floats, height: int, width: int) -> Floats:
    """A guide on a grid of tokens, averaged over the area of each."""
    shrinks = guide.shape[0] >= height and guide.shape[1] >= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(guide, (width, height), interpolation=method), dtype=np.float32)


def weights(guide: Floats, height: int, width: int) -> Floats:
    """How much each token of a grid weighs, in raster order; they sum to 1."""
    logits = shrunk(guide, height, width).ravel()
    found = np.exp(logits - logits.max())
    return np.asarray(found / found.sum(), np.float32)


def differences(layers: Sequence[Floats], guide: Floats) -> NDArray[np.float64]:
    """What is pooled of one picture, layers side by side, (D,).

    Args:
        layers: one (C, h, w) array of tokens each.
        guide: of any size; the softmax of it on the tokens' grid weighs them.
    """
    found = []
    for layer in layers:
        tokens = layer.reshape(len(layer), -1)
        pooled = (tokens @ weights(guide, *layer.shape[-2:])).astype(np.float64)
        found.append(pooled - tokens.mean(axis=1).astype(np.float64))
    return np.concatenate(found)
