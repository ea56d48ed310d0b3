"""What the filter learns from: normal images with painted defects, and their masks.

Two recipes: a texture blended in where Perlin noise is high (CostFilter-AD's, after DRAEM, ICCV 2021),
and structural defects (scratches, holes, missing parts ...), which resemble more of the real ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from adtool.core import arrays
from adtool.core.arrays import Bools, Bytes
from adtool.core.synthetic import defects, textures
from adtool.core.synthetic.textures import Rng

HIGH = 0.3  # of Perlin noise, where the texture is blended in; DRAEM has 0.5
FINEST = 5  # 2**5 noise cells along the image
MOST_VISIBLE = 0.8  # the image keeps a share of up to this
CELLS = 8  # the image is cut into 8 x 8 cells that change places
AUGMENTERS = 3  # drawn for each texture
MIN_PIXELS = 6  # a mask with fewer is none


@dataclass(frozen=True)
class PaintingSettings:
    """What is painted.

    Attributes:
        clean: share of the images that stay as they are.
        structural: share of the painted images with structural defects; the others get a blended texture.
        faint: share of the structural defects that are large and faint, of `defects.FAINT_KINDS`.
        kinds: of the others, from `defects.KINDS`.
        textures: files with textures; made-up materials if there are none.
    """

    clean: float = 0.5
    structural: float = 0.5
    faint: float = 0.0
    kinds: Sequence[str] = defects.KINDS
    textures: Sequence[Path] = ()


def draw(
    image: Bytes, recipe: PaintingSettings, rng: Rng, find_part: Callable[[Bytes], Bools] = defects.find_part
) -> tuple[Bytes, Bools]:
    """One training image: (H, W, 3) RGB and its mask (H, W), empty if it stayed clean.

    Args:
        image: a normal image; not changed. The time grows with its pixels: seconds at 4 million.
        recipe: what is painted.
        rng: the only source of chance.
        find_part: says where the part lies, (H, W); asked only where something is painted.
    """
    if rng.random() < recipe.clean:
        return image, np.zeros(image.shape[:2], dtype=bool)
    part = find_part(image)
    if rng.random() < recipe.structural:
        return _structural(image, part, recipe, rng)
    return _blended(image, part, recipe.textures, rng)


def _structural(image: Bytes, part: Bools, recipe: PaintingSettings, rng: Rng) -> tuple[Bytes, Bools]:
    """One to three defects of random size and visibility."""
    mask = np.zeros(image.shape[:2], dtype=bool)
    for _ in range(int(rng.choice((1, 2, 3), p=(0.6, 0.25, 0.15)))):
        size, contrast = float(np.exp(rng.uniform(np.log(0.4), np.log(3.0)))), float(rng.uniform(0.5, 1.5))
        kinds = defects.FAINT_KINDS if recipe.faint and rng.random() < recipe.faint else recipe.kinds
        image, more = defects.paint(image, str(rng.choice(kinds)), rng, part=part, size=size, contrast=contrast)
        mask |= more
    return image, mask


def _blended(image: Bytes, part: Bools, files: Sequence[Path], rng: Rng) -> tuple[Bytes, Bools]:
    """A texture, or the image's own pieces, blended in where noise is high (CostFilter-AD's released recipe)."""
    shape = image.shape[:2]
    mask = _noise(shape, rng) & part
    if np.count_nonzero(mask) < MIN_PIXELS:
        return image, np.zeros(shape, dtype=bool)
    # The released GLAD and AnomalyDINO variants augment the image here, and throw the texture away.
    source = _augmented(_texture(image, files, rng) if rng.random() < 0.5 else _shuffled(image, rng), rng)  # noqa: PLR2004
    if _is_grey(image):
        source = np.repeat(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    keep = rng.uniform(0, MOST_VISIBLE)
    mixed = np.rint(keep * image.astype(np.float64) + (1 - keep) * source).clip(0, 255).astype(np.uint8)
    return np.where(mask[..., None], mixed, image), mask


def _noise(shape: tuple[int, int], rng: Rng) -> Bools:
    """Where rotated Perlin noise is high; cells from one to 32 along each axis."""
    cells = 2.0 ** rng.integers(0, FINEST + 1, 2)
    field = textures.perlin(shape, (float(cells[0]), float(cells[1])), rng)
    turn = cv2.getRotationMatrix2D((shape[1] / 2, shape[0] / 2), float(rng.uniform(-90, 90)), 1.0)
    return np.asarray(cv2.warpAffine(field, turn, (shape[1], shape[0])) > HIGH)


def _texture(image: Bytes, files: Sequence[Path], rng: Rng) -> Bytes:
    shape = (image.shape[0], image.shape[1])
    if files:
        texture = arrays.read_image(files[int(rng.integers(len(files)))])
        return np.asarray(cv2.resize(texture, shape[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.rint(textures.material(shape, rng)).astype(np.uint8)


def _is_grey(image: Bytes) -> bool:
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all())


def _shuffled(image: Bytes, rng: Rng) -> Bytes:
    """The image cut into cells that change places."""
    height, width = (max(CELLS, side // CELLS * CELLS) for side in image.shape[:2])
    even = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    cells = even.reshape(CELLS, height // CELLS, CELLS, width // CELLS, 3).swapaxes(1, 2).reshape(CELLS**2, -1)
    mixed = cells[rng.permutation(CELLS**2)].reshape(CELLS, CELLS, height // CELLS, width // CELLS, 3)
    whole = np.ascontiguousarray(mixed.swapaxes(1, 2).reshape(height, width, 3))
    return np.asarray(cv2.resize(whole, image.shape[1::-1], interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _augmented(texture: Bytes, rng: Rng) -> Bytes:
    """Three of ten changes, in the drawn order."""
    picture = Image.fromarray(texture)
    for index in rng.choice(len(CHANGES), AUGMENTERS, replace=False):
        picture = CHANGES[int(index)](picture, rng)
    return np.asarray(picture)


def _gamma(picture: Image.Image, rng: Rng) -> Image.Image:
    levels = np.arange(256) / 255
    tables = [np.rint(255 * levels ** rng.uniform(0.5, 2.0)).astype(int) for _ in range(3)]
    return picture.point(np.concatenate(tables).tolist())


def _brightness(picture: Image.Image, rng: Rng) -> Image.Image:
    factor, shift = rng.uniform(0.8, 1.2), rng.uniform(-30, 30)
    table = np.rint(factor * np.arange(256) + shift).clip(0, 255).astype(int)
    return picture.point(table.tolist() * 3)


def _sharpness(picture: Image.Image, rng: Rng) -> Image.Image:
    return ImageEnhance.Sharpness(picture).enhance(float(rng.uniform(0, 3)))


def _hue_and_saturation(picture: Image.Image, rng: Rng) -> Image.Image:
    hsv = np.asarray(picture.convert("HSV")).astype(int)
    hue, saturation = (int(value) for value in rng.integers(-50, 51, 2))
    hsv[..., 0] = (hsv[..., 0] + hue) % 256
    hsv[..., 1] = (hsv[..., 1] + saturation).clip(0, 255)
    return Image.fromarray(hsv.astype(np.uint8), "HSV").convert("RGB")


def _solarize(picture: Image.Image, rng: Rng) -> Image.Image:
    return ImageOps.solarize(picture, int(rng.integers(32, 129))) if rng.random() < 0.5 else picture  # noqa: PLR2004


def _posterize(picture: Image.Image, rng: Rng) -> Image.Image:
    return ImageOps.posterize(picture, int(rng.integers(1, 9)))


def _invert(picture: Image.Image, rng: Rng) -> Image.Image:
    return ImageOps.invert(picture)


def _autocontrast(picture: Image.Image, rng: Rng) -> Image.Image:
    return ImageOps.autocontrast(picture)


def _equalize(picture: Image.Image, rng: Rng) -> Image.Image:
    return ImageOps.equalize(picture)


def _rotation(picture: Image.Image, rng: Rng) -> Image.Image:
    return picture.rotate(float(rng.uniform(-45, 45)))


CHANGES: tuple[Callable[[Image.Image, Rng], Image.Image], ...] = (
    _gamma, _brightness, _sharpness, _hue_and_saturation, _solarize, _posterize, _invert, _autocontrast, _equalize,
    _rotation,
)  # fmt: skip
