"""A first look: the chain in small on ten of the pictures, to show something early and to tell the time of the rest."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from adtool.core import arrays, files, json_files, layout
from adtool.core.arrays import Bytes, UnreadableImageError
from adtool.core.colours import scale_of
from adtool.core.config import identity_defaults, parse
from adtool.core.dataset import looking
from adtool.core.errors import BadDataError
from adtool.core.layout import MapsFolder
from adtool.core.limits import limit_file
from adtool.core.pictures.survey import survey
from adtool.core.steps import locks, notes
from adtool.core.steps.standing import Standing, standing
from adtool.core.steps.step_run import Identity, StepRun
from adtool.core.warnings_once import unnamed
from adtool.core.words import none_of
from adtool.detection import qualities
from adtool.detection.contract import Usual, load_plugin
from adtool.doctor.chain import Speed, time_chain
from adtool.maps import step as maps
from adtool.maps.config import MapsConfig
from adtool.nn.options import DEFAULT_BACKBONE
from adtool.prep.datasets import folder
from adtool.prep.reading import given_range, grey_range
from adtool.run.config import RunConfig
from adtool.run.pictures import GivenPictures
from adtool_runtime.drawing import heat, shrink
from adtool_runtime.pictures.reading import PictureReading

FOLDER = Path(layout.REPORT) / "first"
COMMAND = "run"
TESTED, LEARNED = 10, 40  # pictures
SIDE = 512  # of a picture that is written, in pixels
SHEET = "all.png"
COLUMNS, TILE, CAPTION, GAP, WHITE = 5, 240, 24, 8, 255  # of the sheet; pixels

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class FirstPicture:
    """One picture of the first look.

    Attributes:
        source: the picture.
        image: (H, W, 3), shrunk.
        drawn: the same with its map.
        score: its image score, made with the little that was learned so far.
    """

    source: Path
    image: Bytes
    drawn: Bytes
    score: float


@dataclass(frozen=True)
class FirstLook:
    """What was measured, and the pictures."""

    speed: Speed
    pictures: list[FirstPicture]


def of_maps(config: RunConfig) -> MapsConfig:
    """How maps are made, of the few pictures and of all."""
    tiles = config.tiling.noted() if config.tiling else {}
    chosen = {} if config.quality is None else {"quality": config.quality}
    asked = {"backbone": config.backbone, "look_at": config.look_at, **chosen, **tiles}
    return parse(MapsConfig, {**asked, **config.steps.get(maps.COMMAND, {})}, where="[maps]")


def usual(config: RunConfig, given: GivenPictures) -> Usual:
    """What the quality comes to with these pictures."""
    detector = load_plugin(maps.WITH_NORMALS if given.normal else maps.WITHOUT_NORMALS)
    return qualities.usual(detector, of_maps(config))


def take(config: RunConfig, given: GivenPictures, seen: FirstLook | None = None, *, force: bool = False) -> Speed:
    """Score ten pictures and write them with their maps to report/first/; the speed that was measured.

    What is there from an earlier run of the same pictures is kept.

    Args:
        config: what was asked for, with its quality.
        given: the pictures.
        seen: a look at them with this quality, if there was one.
        force: whether what lies there of another quality may go.
    """
    set_by_quality = usual(config, given)
    identity = Identity(
        COMMAND,
        config.identity()
        | {"backbone": config.backbone or set_by_quality.backbone or DEFAULT_BACKBONE}
        | ({"settings": set_by_quality.words()} if set_by_quality.words() else {})
        | ({"grey": config.grey} if config.grey else {})
        | ({"maps": config.steps[maps.COMMAND]} if config.steps.get(maps.COMMAND) else {})
        | ({"look_at": part.text} if (part := looking.parsed(config.look_at)) else {})
        | (config.tiling.noted() if config.tiling else {}),
        config.seed,
        {"images": files.fingerprint((path.as_posix(), path) for path in (*given.normal, *given.test))},
        identity_defaults(RunConfig),
    )
    out = FOLDER / given.name
    before = notes.read_note(out).result
    known = before.speed
    if known and standing(out, identity, force=False, replace=True) is Standing.DONE:
        log.info("%s: already done, skipped.", out)
        return Speed(**known)
    seen = seen or look(config, given)
    # The maps may not be made with another quality than before unless `force`; until they are, that one is kept.
    chosen = (config.quality, config.minutes) if force or not before.quality else (before.quality, before.minutes)
    _claim_report()
    with StepRun(COMMAND, FOLDER) as work:
        for name in work.plan({given.name: identity}, replace=True):
            with work.category(name, keep_going=False) as unit:
                _write(seen.pictures, out)
                unit.result |= {"speed": asdict(seen.speed), "quality": chosen[0], "minutes": chosen[1]}
    return seen.speed


def look(config: RunConfig, given: GivenPictures) -> FirstLook:
    """Score ten pictures; nothing is written that stays."""
    with locks.scratch("adtool-run") as root, unnamed(root):
        return _chain_in_small(config, given, root)


def _claim_report() -> None:
    """The report's own note, without which it would take the folder for someone else's."""
    report = Path(layout.REPORT)
    notes.refuse_foreign(report)
    if not notes.read_note(report).is_there:
        with locks.writing(report):
            notes.write(report, json_files.numbered({"command": "report"}), notes.RUNNING)


def _chain_in_small(config: RunConfig, given: GivenPictures, root: Path) -> FirstLook:
    rng = np.random.default_rng(config.seed)
    data = root / layout.DATA / given.name
    learned = _link(given.normal, LEARNED, data / layout.TRAIN / folder.NORMAL, rng)
    tested = _link(given.test, TESTED, data / layout.TEST / layout.UNKNOWN_KIND, rng)
    for option, wanted, found in (("--normal", given.normal, learned), ("--test", given.test, tested)):
        if wanted and not found:
            none = none_of(len(wanted), "picture", f"of {option}", "can be read")
            raise BadDataError(f"{none}, for instance {wanted[0]}.")
    how = reading(config, given)
    files.write_json(data / layout.DATASET_FILE, json_files.numbered({"reading": how.as_json()}))
    speed = time_chain(data, root, len(learned), of_maps(config))
    return FirstLook(speed, _looks(root / layout.MAPS, given.name, tested, how))


def reading(config: RunConfig, given: GivenPictures) -> PictureReading:
    """How pictures are read: as the whole set will be, not as a few of them alone would be."""
    found = given_range(survey([*given.normal, *given.test]).reading, grey_range(config.grey))
    return replace(found, look_at=looking.parsed(config.look_at))


def _link(paths: Sequence[Path], count: int, target: Path, rng: np.random.Generator) -> dict[str, Path]:
    """Put so many readable pictures, drawn at random, into a folder; what they are, by their names there."""
    found: dict[str, Path] = {}
    for i in rng.permutation(len(paths)):
        if len(found) == count:
            break
        try:
            arrays.read_image(paths[i])
        except UnreadableImageError:
            continue  # said when all of them are prepared
        name = f"{len(found):03}"
        files.link_or_copy(paths[i], target / f"{name}{paths[i].suffix}")
        found[name] = paths[i]
    return found


def _looks(path: Path, category: str, tested: dict[str, Path], how: PictureReading) -> list[FirstPicture]:
    """The pictures with their maps, the highest score first."""
    folder_of = MapsFolder(path)
    rows = {Path(row["id"]).name: row for row in folder_of.image_rows(category)}
    scores = {name: arrays.read_scores(folder_of.scores(category, row["id"])).scores for name, row in rows.items()}
    image_scores = {name: float(row["image_score"]) for name, row in rows.items()}
    limit = limit_file.read(path / category).value
    scale = scale_of(list(scores), scores.__getitem__, list(image_scores.values()), limit)
    looks = []
    for name in sorted(rows, key=lambda one: -image_scores[one]):
        image = shrink(arrays.read_image(tested[name], how), SIDE)
        looks.append(FirstPicture(tested[name], image, heat(image, scores[name], scale), image_scores[name]))
    return looks


def _write(looks: Sequence[FirstPicture], out: Path) -> None:
    """One file a picture, beside its map; and one file with all of them."""
    tiles = []
    for number, look in enumerate(looks, start=1):
        arrays.write_png(out / f"{number:02}_{look.source.stem}.png", _joined([look.image, look.drawn], axis=1))
        pair = _joined([_on_square(look.image), _on_square(look.drawn)], axis=0)
        tiles.append(_joined([_caption(f"{number:02}  score {look.score:.3g}", pair.shape[1]), pair], axis=0))
    rows = [_joined(tiles[i : i + COLUMNS], axis=1) for i in range(0, len(tiles), COLUMNS)]
    width = max(row.shape[1] for row in rows)
    wide = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=WHITE) for row in rows]
    arrays.write_png(out / SHEET, _joined(wide, axis=0))


def _joined(pictures: Sequence[Bytes], *, axis: int) -> Bytes:
    """Pictures beside each other (axis 1) or below each other (axis 0), with a white gap between them."""
    shape = list(pictures[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, WHITE, dtype=np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(parts, axis=axis)


def _on_square(image: Bytes) -> Bytes:
    small = shrink(image, TILE)
    above, left = (TILE - small.shape[0]) // 2, (TILE - small.shape[1]) // 2
    square = np.full((TILE, TILE, 3), WHITE, dtype=np.uint8)
    square[above : above + small.shape[0], left : left + small.shape[1]] = small
    return square


def _caption(text: str, width: int) -> Bytes:
    strip = np.full((CAPTION, width, 3), WHITE, dtype=np.uint8)
    cv2.putText(strip, text, (4, CAPTION - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


def listed(name: str) -> list[Path]:
    """The pictures that were written, the highest score first."""
    return sorted(path for path in (FOLDER / name).glob("*.png") if path.name != SHEET)
