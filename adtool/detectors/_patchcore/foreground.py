"""Which places of an image show the part: by the first principal component of its features (AnomalyDINO)."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

LEAST = 10.0  # of the component; DINOv2's features have this scale
EDGE, CENTRE_SHARE = 0.2, 0.35  # the part lies in the centre; where there is less of it, the sign is the other one
# Source: notes on the authors' code: of MVTec AD these, of VisA all.
OF_MVTEC = ("capsule", "hazelnut", "pill", "screw", "toothbrush")
OF_VISA = ("candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2", "pipe_fryum")
MASKED = frozenset((*OF_MVTEC, *OF_VISA, "pcb1", "pcb2", "pcb3", "pcb4"))


def is_asked_for(rule: str, category: str) -> bool:
    """Whether a category's images are masked, by the setting `foreground`."""
    return rule == "pca" or (rule == "published" and category in MASKED)


def of(layer: Tensor, shape: tuple[int, int]) -> Tensor:
    """(h, w) of 0 and 1, from (C, h', w') features of an image, on the grid of another layer."""
    from sklearn.decomposition import PCA  # late: no other setting needs it, and it takes a second

    height, width = layer.shape[-2:]
    tokens = layer.flatten(1).T.cpu().numpy()
    component = PCA(1, svd_solver="full").fit_transform(tokens).reshape(height, width)
    rows, columns = (slice(int(side * EDGE), int(side * (1 - EDGE))) for side in (height, width))
    mask = component > LEAST
    if mask[rows, columns].sum() <= CENTRE_SHARE * mask[rows, columns].size:
        mask = -component > LEAST
    kernel = np.ones((3, 3), np.uint8)
    wide = cv2.dilate(mask.astype(np.uint8), kernel)
    whole = torch.from_numpy(np.asarray(cv2.morphologyEx(wide, cv2.MORPH_CLOSE, kernel), dtype=np.float32))
    return whole if whole.shape == shape else F.interpolate(whole[None, None], shape)[0, 0]
