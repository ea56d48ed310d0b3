"""What can be wrong with a folder of maps, ours or another tool's."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from adtool.check import rules
from adtool.check.data import leftovers
from adtool.core import arrays, files, layout, map_types
from adtool.core.checks import data_rules
from adtool.core.checks.findings import Findings, counted
from adtool.core.dataset.types import Category, Dataset
from adtool.core.errors import BadDataError
from adtool.core.folders.listing import IMAGE_SUFFIXES, name_below
from adtool.core.layout import MapsFolder
from adtool.core.pictures import headers
from adtool.core.progress import track
from adtool.core.shards.shard import Shard
from adtool.core.steps import notes, step_run
from adtool_runtime import parallel
from adtool_runtime.pictures import decoding

LEVELS = 256  # of 8 bits
FEW_LEVELS = 16
SUFFIXES = IMAGE_SUFFIXES | {".npy"}
TIFF = (".tif", ".tiff")
JPEG = (".jpg", ".jpeg")
STRIDE = 61  # of the pixels that are looked at first
TOLD = 200  # characters of a decoder's complaint


@dataclass(frozen=True)
class MapLook:
    """What one map file holds.

    Attributes:
        path: its file.
        id: its path below the category without suffix.
        problem: why it can't be read, empty if it can.
        shape: of the array.
        finite: whether all scores are.
        levels: its distinct scores, none if there are more than 8 bits can hold.
    """

    path: Path
    id: str
    problem: str
    shape: tuple[int, ...]
    finite: bool
    levels: frozenset[float]

    @property
    def is_flat(self) -> bool:
        """Whether it has one channel."""
        return len(self.shape) == 2  # noqa: PLR2004, height and width

    @property
    def is_finite_map(self) -> bool:
        """Whether its scores can be looked at."""
        return not self.problem and self.is_flat and self.finite


def check(
    folder: Path, data: Dataset | None, wanted: Sequence[str], found: Findings, part: Shard | None = None
) -> None:
    """Read every map of a folder once, and note what is wrong; with a data set, also what does not fit it.

    Args:
        folder: of maps.
        data: the data set that they are of, if it is there.
        wanted: names of categories; none for all.
        found: where it is noted.
        part: the shard whose maps are read; None for all.
    """
    for sub in _chosen(folder, data, wanted, found):
        before = len(found.found)
        count = _check_category(sub, data.categories[sub.name] if data else None, found, part)
        found.add_row(folder.as_posix(), sub.name, counted(count, "map"), before)


def _chosen(folder: Path, data: Dataset | None, wanted: Sequence[str], found: Findings) -> list[Path]:
    """The folders of the categories to look at; what is missing or belongs to none is noted."""
    subs = sorted(sub for sub in folder.iterdir() if sub.is_dir() and not sub.name.startswith("."))
    known = set(data.categories) if data else {sub.name for sub in subs}
    if not wanted:
        found.add(rules.CATEGORY_STRAY, folder.as_posix(), (sub for sub in subs if sub.name not in known))
    chosen = [sub for sub in subs if sub.name in known and (not wanted or sub.name in wanted)]
    absent = (set(wanted) or known) - {sub.name for sub in chosen}
    found.add(rules.CATEGORY_MISSING, folder.as_posix(), absent)
    return chosen


def _check_category(sub: Path, category: Category | None, found: Findings, part: Shard | None) -> int:
    """Note what is wrong with the maps of a category, or those of a shard; how many there are."""
    where = sub.as_posix()

    shorter = category is not None and _in_splits(category)  # other tools leave `test/` out of their names

    def is_own(name: str) -> bool:  # a map is of the same shard as its image
        whole = f"{layout.TEST}/{name.removeprefix(f'{layout.TEST}/')}" if shorter else name
        return part is None or part.holds(whole)

    others = _beside_maps(sub)
    paths = sorted(
        path
        for path in sub.rglob("*")
        if _is_map(path, sub) and not _is_of(path, sub, others) and is_own(name_below(path, sub))
    )
    looks = list(track(parallel.each(partial(_look, root=sub), paths), f"check {where}", len(paths)))
    _check_files(where, looks, found)
    _check_values(where, [one for one in looks if one.is_finite_map], found)
    own = category and replace(category, test=tuple(one for one in category.test if is_own(one.id)))
    _check_ids(where, looks, own, found)
    _check_table(sub.parent, sub.name, {look.id for look in looks}, found, is_own)
    _check_note(sub, category, found)
    left = (path for path in leftovers(sub) if not (_belongs(path) or _is_of(path, sub, others)))
    found.add(data_rules.LEFTOVER, where, left)
    return len(paths)


def _in_splits(category: Category) -> bool:
    """Whether the ids of a category begin with its split."""
    return all(one.id.startswith(f"{layout.TEST}/") for one in category.test)


def _is_map(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()


def _beside_maps(root: Path) -> set[str]:
    """Names of what steps write beside the maps of a category, files and folders."""
    maps, category = MapsFolder(root.parent), root.name
    files_there = (maps.images(category), maps.limit(category), maps.normals(category), maps.painted(category))
    return {path.name for path in (*files_there, maps.overlays(category).path, maps.reconstructions(category))}


def _is_of(path: Path, root: Path, others: set[str]) -> bool:
    return path.relative_to(root).parts[0] in others and files.TEMPORARY not in path.name


def _belongs(path: Path) -> bool:
    return path.suffix.lower() == ".npy" or any(path.match(pattern) for pattern in layout.OF_SHARDS)


def _look(path: Path, root: Path) -> MapLook:
    sample_id = name_below(path, root)
    try:
        scores = _decode(path)
    except (OSError, BadDataError, *decoding.DAMAGED, *arrays.DAMAGED_MAP) as error:
        if isinstance(error, OSError) and error.errno in decoding.NOT_THE_FILES_FAULT:
            raise
        reason = "the file is empty" if path.stat().st_size == 0 else f"damaged: {error}"[:TOLD]
        return MapLook(path, sample_id, reason, (), finite=False, levels=frozenset())
    finite = bool(np.isfinite(scores).all())
    return MapLook(path, sample_id, "", scores.shape, finite=finite, levels=_levels(scores))


def _levels(scores: npt.NDArray[np.float32]) -> frozenset[float]:
    few = np.unique(scores.ravel()[::STRIDE])  # settles it for nearly every float map, without sorting all of it
    values = few if few.size > LEVELS else np.unique(scores)
    return frozenset(values.tolist()) if values.size <= LEVELS else frozenset()


def _decode(path: Path) -> npt.NDArray[np.float32]:
    """Scores of a map file of any type that tools exchange, as float32."""
    suffix, note = path.suffix.lower(), None
    if suffix == ".npy":
        raw = headers.load_array(path)
    elif suffix in TIFF:
        with tifffile.TiffFile(path) as tiff:
            headers.require_honest(tiff, path)
            raw = tiff.asarray()
            note = arrays.document_of(tiff.pages.first.description)
    else:
        raw = decoding.decode(path)[1]
    if not raw.size:
        raise ValueError("no pixels")
    return map_types.decoded(raw, note)  # what is too large becomes infinite, which is found


def _check_files(where: str, looks: Sequence[MapLook], found: Findings) -> None:
    """Maps that are none, or whose files are not what maps are kept in."""
    found.add(rules.MAP_UNREADABLE, where, (f"{one.path} ({one.problem})" for one in looks if one.problem))
    read = [one for one in looks if not one.problem]
    found.add(rules.MAP_JPEG, where, (one.path for one in read if one.path.suffix.lower() in JPEG))
    found.add(rules.MAP_SHAPE, where, (f"{one.path} {one.shape}" for one in read if not one.is_flat))
    found.add(rules.MAP_NOT_FINITE, where, (one.path for one in read if not one.finite))


def _check_values(where: str, looks: Sequence[MapLook], found: Findings) -> None:
    """Whether the scores of maps tell pixels apart."""
    constant = [one.path for one in looks if len(one.levels) == 1]
    is_all = len(constant) == len(looks) > 1
    found.add(rules.MAPS_CONSTANT if is_all else rules.MAP_CONSTANT, where, constant)
    if not is_all and _are_bytes(looks):
        found.add(rules.MAP_8BIT, where, (one.path for one in looks))
        few = [one for one in looks if 1 < len(one.levels) < FEW_LEVELS]
        found.add(rules.MAP_LEVELS, where, (f"{one.path} ({len(one.levels)})" for one in few))


def _are_bytes(looks: Sequence[MapLook]) -> bool:
    """Whether all scores together are so few that they were 8 bits once."""
    every = frozenset[float]().union(*(one.levels for one in looks))
    return bool(looks) and all(one.levels for one in looks) and len(every) <= LEVELS


def _check_ids(where: str, looks: Sequence[MapLook], category: Category | None, found: Findings) -> None:
    """Maps against images, by id; other tools leave out `test/`."""
    by_id: dict[str, Path] = {}
    twice = []
    for look in looks:
        if look.id in by_id:
            twice.append(f"{by_id[look.id]} and {look.path.name}")
        by_id.setdefault(look.id, look.path)
    found.add(data_rules.ID_TWICE, where, twice)
    foreign = {name: path for name, path in by_id.items() if path.suffix != ".tiff"}
    if category is not None:
        wanted = {one.id for one in category.test}
        shorter = {name.removeprefix(f"{layout.TEST}/") for name in wanted} if not (wanted & by_id.keys()) else set()
        foreign |= {name: path for name, path in by_id.items() if name in shorter}
        known = wanted | shorter
        found.add(rules.MAP_STRAY, where, (path for name, path in by_id.items() if name not in known))
        mapped = {f"{layout.TEST}/{name}" for name in by_id.keys() & shorter} | by_id.keys()
        found.add(rules.MAP_MISSING, where, (one.image for one in category.test if one.id not in mapped))
    found.add(rules.MAP_FOREIGN, where, foreign.values())


def _check_table(folder: Path, category: str, ids: set[str], found: Findings, is_own: Callable[[str], bool]) -> None:
    table = MapsFolder(folder).images(category)
    if not table.exists():
        return
    try:
        rows = files.read_csv(table)
    except BadDataError as error:
        found.add(data_rules.TABLE_UNREADABLE, table.parent.as_posix(), [error])
        return
    rows = [row for row in rows if is_own(row.get("id", ""))]
    listed = [row.get("id", "") for row in rows]
    where = table.as_posix()
    found.add(rules.TABLE_TWICE, where, (one for one, times in Counter(listed).items() if times > 1))
    gaps = [f"{one} (no map)" for one in set(listed) - ids] + [f"{one} (no row)" for one in ids - set(listed)]
    found.add(rules.TABLE_GAP, where, gaps)
    wrong = [row for row in rows if not _is_number(row.get("image_score", ""))]
    found.add(rules.TABLE_SCORE, where, (f"{row.get('id')}: '{row.get('image_score')}'" for row in wrong))


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _check_note(folder: Path, category: Category | None, found: Findings) -> None:
    """What the step that wrote the maps says of itself; other tools' folders say nothing."""
    note = notes.read_note(folder)
    if not note.is_there:
        return
    state = note.state or None
    found.add(rules.NOT_FINISHED, folder.as_posix(), [] if state == notes.DONE else [f"{folder} ({state})"])
    if category is not None:
        try:
            step_run.check_same_data(note, category.fingerprint(), folder, category.path)
        except BadDataError:
            found.add(rules.IMAGES_CHANGED, folder.as_posix(), [f"{folder}: images at {category.path} differ"])
