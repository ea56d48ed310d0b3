"""What lies beside the maps and was made under another limit."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from adtool.core import layout
from adtool.core.layout import MapsFolder
from adtool.core.limits import limit_file
from adtool.core.map_source import choose_maps
from adtool.core.steps import notes, step_run

MAKE_MAPS = ("maps", "refine", "write_maps", "convert")


def chosen_maps() -> Path:
    """The maps to decide on where none are named."""
    return choose_maps(None)


def what_is_older(maps: Path, limits: Mapping[str, float | None]) -> list[str]:
    """What to say of classes and refined maps that were made from maps, if they know another limit.

    Args:
        maps: whose limits were chosen.
        limits: by category.
    """
    return [*_classes(maps, limits), *_refined(maps, limits)]


def older_overlays(folder: Path) -> str:
    """What to say of the overlays of a category whose limit has moved, empty if there are none."""
    place = MapsFolder(folder.parent).overlays(folder.name).path
    if not place.is_dir():
        return ""
    return f"{place} shows the limit before: `adtool maps --overlays` draws it again."


def _classes(maps: Path, limits: Mapping[str, float | None]) -> Iterator[str]:
    folder = Path(layout.CLASSES)
    for name, limit in limits.items() if _is_made_from(folder, maps) else ():
        if not notes.is_done(folder / name):
            continue
        then = _limit_then(folder / name, maps / name)
        if then is not None and then != limit:
            again = shlex.join(("adtool", "discover", "--maps", str(maps), "--category", name, "--force"))
            was = f"its classes were found when the limit was {then!r}"
            yield f"{folder / name} is older: {was}. `{again}` finds them again."


def _limit_then(classes: Path, maps: Path) -> float | None:
    """The limit that classes were made under; of those of an earlier version, the one that the maps noted."""
    noted = notes.result_of(classes).limit
    return notes.result_of(maps).threshold if noted is None else noted


def _refined(maps: Path, limits: Mapping[str, float | None]) -> Iterator[str]:
    folder = Path(layout.REFINED)
    for name, limit in limits.items() if _is_made_from(folder, maps) else ():
        theirs = limit_file.read(folder / name).value if notes.is_done(folder / name) else limit
        if theirs != limit:
            yield (
                f"{folder / name} has another limit, {theirs!r}: `adtool decide {folder}` "
                "chooses one there, and `adtool refine` takes this one over unless one was chosen."
            )


def _is_made_from(folder: Path, maps: Path) -> bool:
    noted = step_run.noted_path(folder, "maps") if folder.is_dir() else None
    return noted is not None and noted.resolve() == maps.resolve()
