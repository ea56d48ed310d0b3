"""Image files in folders, and which mask belongs to which image: by name, never by sorted position."""

from collections.abc import Iterable
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def is_image(path: Path) -> bool:
    """Whether a file looks like an image by its name; dot files, Thumbs.db and the like do not."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def images_in(folder: Path, *, recursive: bool = False) -> list[Path]:
    """Image files of a folder, sorted by path; hidden files and folders are left out."""
    if not folder.is_dir():
        return []
    found = folder.rglob("*") if recursive else folder.iterdir()
    return sorted(
        path
        for path in found
        if is_image(path) and path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )


def name_below(image: Path, root: Path) -> str:
    """The path below `root` without the last suffix: `a.b.png` is `a.b`."""
    return image.relative_to(root).with_suffix("").as_posix()


def join_masks(names: Iterable[str], root: Path) -> tuple[dict[str, Path], list[Path]]:
    """The mask files of images: `<name>_mask` before `<name>`, the same case before another, .png before other types.

    Args:
        names: paths of the images without suffix, below the folder that corresponds to `root`.
        root: folder of masks, in the same subfolders.

    Returns:
        The mask of each name that has one, and the masks that belong to no name.
    """
    files = images_in(root, recursive=True)
    exact = {name_below(path, root): path for path in sorted(files, key=lambda path: path.suffix.lower() == ".png")}
    wanted = {name: (f"{name}_mask", name) for name in names}
    found = {}
    for name, keys in wanted.items():
        mask = next((exact[key] for key in keys if key in exact), None)
        if mask is not None:
            found[name] = mask
    taken = set(found.values())
    folded = {name.lower(): path for name, path in exact.items() if path not in taken}
    for name in wanted.keys() - found.keys():
        mask = next((folded[key.lower()] for key in wanted[name] if key.lower() in folded), None)
        if mask is not None:
            found[name] = mask
    used = set(found.values())
    return found, [path for path in files if path not in used]
