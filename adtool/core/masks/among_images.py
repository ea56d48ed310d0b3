"""Masks and depth that lie among the images: told from them by name first, then by what they hold.

What is recognised: `<name>_label.bmp` beside `<name>.jpg` (KolektorSDD), a .png of two greys beside a .jpg of the same
name (Magnetic Tile Defects), and folders of masks, `gt/` beside `rgb/` (MVTec 3D), `Masks/` beside `Images/` (VisA).
A name alone makes no mask: `x_mask.png` that looks like a photograph is an image.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from adtool.core.folders import kinds
from adtool.core.folders.listing import name_below
from adtool.core.masks import mask_reader

WORDS = "mask|masks|label|labels|gt|groundtruth|ground_truth|ground-truth|seg|segmentation|annotation"
ENDING = re.compile(rf"^(?P<name>.+?)[_\-. ](?:{WORDS})$", re.IGNORECASE)
BEGINNING = re.compile(rf"^(?:{WORDS})[_\-. ](?P<name>.+)$", re.IGNORECASE)
# Folders are called so in part, too, `masks_png`, `gt-masks`, and in other languages: what they hold decides.
_FOLDER_WORDS = """
mask masks label labels gt gts groundtruth seg segmentation segmentations annotation annotations maske masken masque
masques mascara mascaras maschera maschere masker maskers maska maski maskor anotaciones anotacoes annotazioni
annotationen etiketten etiquetas etichette segmentierung segmentierungen segmentacion
"""
FOLDER_WORDS = frozenset(_FOLDER_WORDS.split())
FOLDER_SIGNS = (
    "掩码",
    "掩膜",
    "掩模",
    "标注",
    "標註",
    "标签",
    "マスク",
    "ラベル",
    "마스크",
    "라벨",
    "маск",
    "разметка",
)
PHOTOS, DEPTH = "rgb", ("xyz", "depth", "pc", "pointcloud")  # MVTec 3D, Eyecandies and their like
LOSSLESS = (".png", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".pbm")
MOST_LEVELS = 16  # numbers of defects, or a palette
EDGE, SOLID = 24, 0.97  # greys beside black and white that JPEG makes, and the share that black and white have
SIDE = 512  # of what is looked at; a thumbnail would mix greys
SAMPLED, MOST = 20, 0.9  # files of a folder that are looked at, and the share that must look like masks


@dataclass
class SortedImages:
    """Images, and what lies among them.

    Attributes:
        images: what is an image.
        masks: of an image, found beside it.
        unpaired: masks without an image, depth, clouds of points: nothing to test.
    """

    images: list[Path]
    masks: dict[Path, Path] = field(default_factory=dict)
    unpaired: list[Path] = field(default_factory=list)

    @property
    def left_out(self) -> list[Path]:
        """Everything that is no image."""
        return sorted({*self.masks.values(), *self.unpaired})


def sort_out(images: Iterable[Path], root: Path) -> SortedImages:
    """Tell the images of a folder from the masks among them.

    Args:
        images: files below `root` with the suffix of an image.
        root: the folder; its own name says nothing.
    """
    found = SortedImages(list(images))
    _drop_depth(found, root)
    _take_folders(found, root)
    _take_neighbours(found)
    taken = {*found.masks.values(), *found.unpaired}
    return SortedImages([path for path in found.images if path not in taken], found.masks, found.unpaired)


def drop_painted(found: SortedImages) -> list[Path]:
    """Leave out the images whose own mask marks a defect, as where parts to learn from are told by masks alone.

    Args:
        found: images to learn from; what is left out is dropped from its images.

    Returns:
        What was left out.
    """
    painted = [image for image in found.images if image in found.masks and mask_reader.is_painted(found.masks[image])]
    found.images = [image for image in found.images if image not in painted]
    return painted


def _drop_depth(found: SortedImages, root: Path) -> None:
    """Leave out what lies in `xyz/` beside `rgb/`."""
    folders = {above for path in found.images for above in path.parents if root in above.parents}
    clouds = {one for one in folders if one.name.lower() in DEPTH and one.with_name(PHOTOS) in folders}
    found.unpaired += [path for path in found.images if clouds & set(path.parents)]


def _take_folders(found: SortedImages, root: Path) -> None:
    """Folders that are called like masks, hold what looks like masks, and lie beside or below the images."""
    inside: dict[Path, list[Path]] = defaultdict(list)
    for path in found.images:
        for above in reversed(path.parents):
            if root in above.parents and _is_called_masks(above.name):
                inside[above].append(path)
                break
    drawings = {folder: paths for folder, paths in inside.items() if _most_look_like_masks(paths)}
    drawn = {path for paths in drawings.values() for path in paths}
    photos = [path for path in found.images if path not in drawn and path not in found.unpaired]
    for folder, paths in drawings.items():
        for path in paths:
            image = _image_of(path, folder, photos)
            if image is not None and image not in found.masks:
                found.masks[image] = path
            else:
                found.unpaired.append(path)


def _is_called_masks(name: str) -> bool:
    words = kinds.words_of(name)
    together = {"".join(pair) for pair in pairwise(words)}
    return bool((together | set(words)) & FOLDER_WORDS) or any(sign in name.casefold() for sign in FOLDER_SIGNS)


def _most_look_like_masks(paths: list[Path]) -> bool:
    looked_at = paths[:: max(1, len(paths) // SAMPLED)]
    return sum(looks_like_mask(path) for path in looked_at) >= MOST * len(looked_at)


def _image_of(mask: Path, folder: Path, photos: list[Path]) -> Path | None:
    """The only image whose path beside or above a folder of masks is that of the mask."""
    below = name_below(mask, folder)
    names = {below.lower(), *(str(Path(below).with_name(plain)).lower() for plain in _plain(Path(below).name))}

    def fits(photo: Path) -> bool:
        inside = folder.parent in photo.parents
        parts = photo.relative_to(folder.parent).with_suffix("").parts if inside else ()
        return "/".join(parts).lower() in names or "/".join(parts[1:]).lower() in names

    near = [photo for photo in photos if fits(photo)]
    return near[0] if len(near) == 1 else None


def _plain(stem: str) -> Iterator[str]:
    """What a mask's name says its image is called."""
    for pattern in (ENDING, BEGINNING):
        if match := pattern.match(stem):
            yield match["name"]


def _take_neighbours(found: SortedImages) -> None:
    """Masks in the folder of their images: `x_label` beside `x`, or `x.png` beside `x.jpg`."""
    taken = {*found.masks.values(), *found.unpaired}
    folders: dict[Path, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in found.images:
        if path not in taken:
            folders[path.parent][path.stem.lower()].append(path)
    for names in folders.values():
        for stem, paths in names.items():
            image = next((names[plain][0] for plain in _plain(stem) if plain in names), None)
            if image is not None and len(paths) == 1:
                _take(found, image, paths[0])
            elif len(paths) == 2:  # noqa: PLR2004, an image and its mask
                photo, drawn = sorted(paths, key=lambda path: path.suffix.lower() in LOSSLESS)
                if photo.suffix.lower() not in LOSSLESS:
                    _take(found, photo, drawn)


def _take(found: SortedImages, image: Path, mask: Path) -> None:
    if image not in found.masks and looks_like_mask(mask) and not looks_like_mask(image):
        found.masks[image] = mask


def looks_like_mask(path: Path) -> bool:
    """Whether a picture is drawn, not photographed: a few greys, or nearly all of it black and white."""
    try:
        with Image.open(path) as image:
            image.seek(0)
            size = (min(image.width, SIDE), min(image.height, SIDE))
            grey = image.convert("L") if not image.mode.startswith(("I", "F")) else image
            values = np.asarray(grey.resize(size, Image.Resampling.NEAREST))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return False  # said where it is read
    if len(np.unique(values)) <= MOST_LEVELS:
        return True
    top = float(values.max())
    return bool(top > EDGE and np.mean((values <= EDGE) | (values >= top - EDGE)) >= SOLID)
