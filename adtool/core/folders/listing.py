"""Image files in folders, and which mask belongs to which image: by name, never by sorted position.

Every command that reads a folder of images does it here, so that all of them follow links, stop at loops, and know of
the files that they did not read.
"""

import errno
import os
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.folders.suffixes import IMAGE_SUFFIXES as IMAGE_SUFFIXES  # where it is looked for
from adtool.core.folders.suffixes import is_harmless, is_image

# An id becomes the names of files: `<stem>.tiff`, `<stem>_mask.png`, `<stem>_12.png`; file systems take 255 bytes.
LONGEST_STEM = 246


@dataclass
class Listing:
    """What lies in a folder, hidden files and folders left out; every list is sorted by path.

    Attributes:
        root: the folder.
        images: files with the suffix of an image, that may be read.
        others: files with another suffix, but for harmless ones (a licence, Thumbs.db).
        closed: folders and images that may not be read.
        broken: links that lead nowhere.
        special: pipes, sockets and devices; reading one could wait for ever.
        nameless: what has a name that nothing can be called after: not UTF-8, or too long.
    """

    root: Path
    images: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)
    nameless: list[Path] = field(default_factory=list)
    special: list[Path] = field(default_factory=list)

    def without(self, left_out: Callable[[Path], bool]) -> "Listing":
        """The same without some files."""

        def kept(paths: list[Path]) -> list[Path]:
            return [path for path in paths if not left_out(path)]

        parts = (self.images, self.others, self.closed, self.broken, self.nameless, self.special)
        return Listing(self.root, *(kept(part) for part in parts))


def read(folder: Path, *, recursive: bool = True, leave_out: Callable[[Path], bool] | None = None) -> Listing:
    """What lies in a folder; links are followed.

    Args:
        folder: where; one that is not there is empty.
        recursive: whether its subfolders are read, too.
        leave_out: subfolders that are not entered.

    Raises:
        BadDataError: a link leads to a folder that it lies in.
        MissingInputError: the folder itself may not be read.
    """
    found = Listing(folder)
    if not folder.is_dir():
        return found
    _walk(found, folder, (folder.resolve(),), recursive=recursive, leave_out=leave_out or (lambda _: False))
    if folder in found.closed:
        raise MissingInputError(f"{folder} may not be read (permission denied). Give yourself the right to read it.")
    for part in (found.images, found.others, found.closed, found.broken, found.nameless, found.special):
        part.sort()
    return found


def _walk(
    found: Listing, folder: Path, real: tuple[Path, ...], *, recursive: bool, leave_out: Callable[[Path], bool]
) -> None:
    """Add what lies in a folder; `real` ends with where it really is, before it where links were followed."""
    try:
        with os.scandir(folder) as entries:
            named = [entry for entry in entries if not entry.name.startswith(".")]
    except PermissionError:
        found.closed.append(folder)
        return
    for entry in named:
        path = folder / entry.name
        if not _can_be_named(path):
            found.nameless.append(path)
            continue
        kind = _kind(entry, path)
        if kind == "folder":
            if recursive and not leave_out(path):
                inside = _followed(path, real) if entry.is_symlink() else (*real[:-1], real[-1] / entry.name)
                _walk(found, path, inside, recursive=recursive, leave_out=leave_out)
        elif kind == "file" and is_image(path):
            (found.images if os.access(path, os.R_OK) else found.closed).append(path)
        elif kind == "file":
            if not is_harmless(path):
                found.others.append(path)
        else:
            {"closed": found.closed, "broken": found.broken, "special": found.special}[kind].append(path)


def _kind(entry: os.DirEntry[str], path: Path) -> str:
    try:
        if entry.is_dir():
            return "folder"
        return "file" if entry.is_file() else "special" if path.exists() else "broken"
    except PermissionError:
        return "closed"
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _loop(path, path.readlink()) from None


def _followed(link: Path, real: tuple[Path, ...]) -> tuple[Path, ...]:
    """Where a link to a folder leads, behind all that was passed on the way to it.

    Raises:
        BadDataError: it leads back to a folder that was passed, or to one above.
    """
    target = link.resolve()
    if any(target == passed or target in passed.parents for passed in real):
        raise _loop(link, target)
    return (*real, target)


def _loop(link: Path, target: Path) -> BadDataError:
    return BadDataError(f"The link {link} leads to {target}, which it lies in: that never ends. Remove the link.")


def _can_be_named(path: Path) -> bool:
    try:
        return len(path.stem.encode()) <= LONGEST_STEM
    except UnicodeEncodeError:  # what is no UTF-8 in the file system
        return False


def shown(path: Path) -> str:
    """A path as it can be printed anywhere: bytes that are no UTF-8 become replacement characters."""
    return os.fsencode(path).decode("utf-8", "replace")


def images_in(folder: Path, *, recursive: bool = False) -> list[Path]:
    """Image files of a folder, sorted by path; hidden files and folders are left out."""
    return read(folder, recursive=recursive).images


def is_empty(folder: Path) -> bool:
    """Whether nothing but hidden files lies in a folder; one that may not be read is not empty."""
    try:
        with os.scandir(folder) as entries:
            return all(entry.name.startswith(".") for entry in entries)
    except PermissionError:
        return False


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, and links to such, sorted; hidden ones and those that can't be named are left out.

    Raises:
        MissingInputError: the folder may not be read.
    """
    try:
        with os.scandir(folder) as entries:
            named = [entry for entry in entries if not entry.name.startswith(".")]
    except PermissionError:
        raise MissingInputError(
            f"{folder} may not be read (permission denied). Give yourself the right to read it."
        ) from None
    paths = ((entry, folder / entry.name) for entry in named)
    return sorted(path for entry, path in paths if _can_be_named(path) and _kind(entry, path) == "folder")


def name_below(image: Path, root: Path) -> str:
    """The path below `root` without the last suffix: `a.b.png` is `a.b`."""
    return image.relative_to(root).with_suffix("").as_posix()


def join_masks(names: Iterable[str], root: Path) -> tuple[dict[str, Path], list[Path]]:
    """The mask files of images: `<name>_mask` before `<name>`, the same case before another, .png before other types.

    A mask belongs to one image. Where `x` and `x_mask` are both images, `x_mask.png` is the mask of the one that has
    no other, as the names of the other masks suggest. Several masks of one image lie in a folder called like it
    (MVTec LOCO): the folder stands for all of them.

    Args:
        names: paths of the images without suffix, below the folder that corresponds to `root`.
        root: folder of masks, in the same subfolders.

    Returns:
        The mask of each name that has one, and the masks that belong to no name.
    """
    return pair_masks(names, images_in(root, recursive=True), root)


def pair_masks(names: Iterable[str], files: list[Path], root: Path) -> tuple[dict[str, Path], list[Path]]:
    """`join_masks` with the files that lie below its `root`."""
    exact = {name_below(path, root): path for path in sorted(files, key=lambda path: path.suffix.lower() == ".png")}
    wanted = dict.fromkeys(names)
    found = _paired(wanted, exact, str)
    taken = set(found.values())
    folded = {_alike(name): path for name, path in exact.items() if path not in taken}
    found |= _paired([name for name in wanted if name not in found], folded, _alike)
    folders = {path.parent for path in files}
    for name in wanted:
        if name not in found and (root / name) in folders:
            found[name] = root / name
    used = set(found.values())
    return found, [path for path in files if path not in used and path.parent not in used]


def _alike(name: str) -> str:
    """The same for names that differ in case, or in how accents are written (as macOS and Linux do)."""
    return unicodedata.normalize("NFC", name).lower()


def mask_files(mask: Path) -> list[Path]:
    """The files of a mask: itself, or those in the folder that stands for it."""
    return images_in(mask) if mask.is_dir() else [mask]


def _paired(names: Iterable[str], there: dict[str, Path], fold: Callable[[str], str]) -> dict[str, Path]:
    """One mask for each name that has one; none is given away twice."""
    keys = {name: (fold(f"{name}_mask"), fold(name)) for name in names}
    own = {plain for _, plain in keys.values()}
    clear = [pair for pair in keys.values() if pair[0] not in own]
    suffixed = sum(pair[0] in there for pair in clear) >= sum(pair[1] in there for pair in clear)
    found: dict[str, Path] = {}
    taken: set[str] = set()

    def contested(pair: tuple[str, str]) -> bool:
        """Whether `x_mask` is the only mask that an image `x_mask` can have, while `x` has another."""
        return pair[0] in own and fold(f"{pair[0]}_mask") not in there and pair[1] in there

    for place in (0, 1) if suffixed else (1, 0):
        for name, pair in keys.items():
            key = pair[place]
            if name in found or key in taken or key not in there or (place == 0 and contested(pair)):
                continue
            found[name] = there[key]
            taken.add(key)
    return found
