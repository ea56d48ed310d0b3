"""What the networks of EfficientAD learn from: pictures of good parts, made-up textures, and both in one.

All pictures are (3, S, S) or (B, 3, S, S) float32 of values in [0, 255]; those that are drawn are whole numbers, as
others are: the last digits of what is computed may differ from run to run.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from adtool.core.arrays import Bytes
from adtool.core.synthetic import textures
from adtool.detection.frame import Frame
from adtool_runtime import images

# Of ImageNet, as what is published was trained with.
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LUMA = (0.299, 0.587, 0.114)
GREY = 0.3  # share of the textures that are grey
LEAST_CROP = 0.5  # of the side that a teacher sees at a time
REGION = (2.0, 6.0)  # cells of the noise along a side that says where a texture lies on a picture
LEVEL = 0.1  # of that noise, above which it lies there


def of_image(image: Bytes, frame: Frame) -> Tensor:
    """A decoded picture as the frame's network would get it, (H, W, 3) -> (3, S, S)."""
    if not frame.crop:
        seen = images.resize(image, frame.input_px, frame.input_px)
    else:
        size = (image.shape[0], image.shape[1])
        whole = images.around_middle(size, frame.image_size, frame.crop, keep_aspect=False)
        seen = images.resize(image, *whole)[images.middle(whole, frame.crop)]
    return torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1))).float()


def of_input(pixels: Tensor, mean: Sequence[float], spread: Sequence[float]) -> Tensor:
    """The picture that became the input of a network, (3, S, S): whole numbers again."""
    scale, shift = (255 * torch.tensor(x)[:, None, None] for x in (spread, mean))
    return (pixels * scale + shift).round()


def normalised(pictures: Tensor, mean: tuple[float, ...] = MEAN, spread: tuple[float, ...] = SPREAD) -> Tensor:
    """Pictures as a network takes them."""
    shift, scale = (255 * torch.tensor(x, device=pictures.device)[:, None, None] for x in (mean, spread))
    return (pictures - shift) / scale


def texture(side: int, rng: np.random.Generator) -> Tensor:
    """A made-up texture, which stands for a picture of anything."""
    made = textures.material((side, side), rng, grey=bool(rng.uniform() < GREY))
    return torch.from_numpy(np.rint(made)).permute(2, 0, 1).float()


def shown_to_teacher(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """What a teacher sees of a picture: a part of it enlarged, as often with a texture on it, or a texture alone."""
    side = picture.shape[-1]
    kind = int(rng.integers(3))
    if kind == 0:
        return texture(side, rng)
    size = round(side * rng.uniform(LEAST_CROP, 1))
    top, left = (int(x) for x in rng.integers(0, side - size + 1, 2))
    part = picture[:, top : top + size, left : left + size]
    found = F.interpolate(part[None], (side, side), mode="bilinear", align_corners=False)[0]
    turned = torch.rot90(found, int(rng.integers(4)), (1, 2))
    return (turned if kind == 1 else _covered(turned, rng)).round()


def _covered(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """A picture with a texture on parts of it, as opaque as chance has it."""
    side = picture.shape[-1]
    cells = rng.uniform(*REGION, 2)
    lies = textures.fractal((side, side), (cells[0], cells[1]), rng, octaves=2) > LEVEL
    weight = torch.from_numpy(lies * rng.uniform(0.2, 1)).float()
    return picture + weight * (texture(side, rng) - picture)


def recoloured(pictures: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Brightness, contrast or saturation changed by a factor of up to 1 +- strength; (B, 3, S, S)."""
    factor = rng.uniform(1 - strength, 1 + strength)
    luma = (pictures * torch.tensor(LUMA, device=pictures.device)[:, None, None]).sum(dim=1, keepdim=True)
    still = (torch.zeros_like(luma), luma.mean(dim=(2, 3), keepdim=True), luma)[int(rng.integers(3))]
    return (still + factor * (pictures - still)).clamp(0, 255)
