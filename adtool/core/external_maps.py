"""Maps that come from somewhere else: `adtool.write_maps`, the one function for people with maps in hand."""

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import get_args

import numpy as np
import numpy.typing as npt

from adtool.core import arrays, files, layout, map_types, names
from adtool.core.arrays import Floats
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Category
from adtool.core.errors import BadDataError, UsageError
from adtool.core.folders.listing import IMAGE_SUFFIXES
from adtool.core.in_python import in_python
from adtool.core.layout import MapsFolder
from adtool.core.limits import evidence
from adtool.core.map_types import MapType
from adtool.core.steps import inventory
from adtool.core.steps.note_form import NotedResult
from adtool.core.steps.step_run import Identity, StepRun
from adtool.core.words import counted, subject

COMMAND = "write_maps"


def write_category(  # noqa: PLR0913, a public function: each argument is one thing its caller has
    out: Path | str,
    category: str,
    ids: Sequence[str],
    scores: Sequence[npt.ArrayLike],
    *,
    image_scores: Sequence[float] | None = None,
    normal_scores: Sequence[float] | None = None,
    data: Path | str | None = None,
    map_type: MapType = map_types.WHOLE,
    force: bool = False,
) -> Path:
    """Write maps made by any detector as a category of a maps folder, for `adtool discover` and `adtool report`.

    All maps of a category go into one call. The same call again changes nothing, one that was interrupted goes on,
    and a second category goes beside the first.

    Args:
        out: folder to write, for instance `maps`.
        category: name of the category, as in the data set.
        ids: of each image, its path below the category without the last suffix: `test/crack/003`.
        scores: of each image a (H, W) array of any size, higher where it is less normal; what is written is float32.
        image_scores: of each image one number; by default the mean of the top 1 % of its map.
        normal_scores: image scores, made in the same way, of good parts that the detector did not learn from and that
            are not among the images. From them `adtool decide --false-alarms` chooses a limit.
        data: the data set that the images are of. If given, the ids are checked, the kinds are noted, and later
            steps find the data set and notice when its images change.
        map_type: what the files hold: `float32`, or `float16` for half of the space, or either with `-deflate`.
        force: write the category again if it holds other maps.

    Returns:
        The category's folder.

    Raises:
        UsageError: the arguments don't fit each other, or the folder holds other maps or is not ours.
        BadDataError: a map is not (H, W) or not finite, or an id is not in the data set.
        MissingInputError: there is no such data set or category.
    """
    _check_name(category)
    if map_type not in get_args(MapType):
        raise UsageError(f"There is no map_type '{map_type}'. There are: {', '.join(get_args(MapType))}.")
    maps = _checked_maps(ids, scores, is_known=data is not None)
    of_images = _checked_scores(ids, maps, image_scores)
    held_out = evidence.of_scores(_finite("normal_scores", normal_scores or ()), evidence.HELD_OUT)
    dataset = dataset_folder.read_dataset(Path(data)) if data is not None else None
    found = dataset.category(category) if dataset else None
    kinds = _kinds(ids, found)
    inputs = {"maps": _fingerprint(ids, maps, of_images, held_out.normal_scores)} | (
        {"images": found.fingerprint()} if found else {}
    )
    notes: dict[str, object] = {"data": dataset.path} if dataset else {}
    folder = MapsFolder(Path(out))
    settings, before = map_types.noted(map_type), {map_types.SETTING: map_types.WHOLE}
    run = StepRun(COMMAND, Path(out), force=force, missing=inventory.of_maps)
    with run as work, map_types.written_as(map_type):
        if work.plan({category: Identity(COMMAND, settings, 0, inputs, before)}, notes):
            with work.category(category, keep_going=False) as unit:
                for one, values, score in zip(ids, maps, of_images, strict=True):
                    if not folder.scores(category, one).exists():
                        arrays.write_scores(folder.scores(category, one), values, score)
                rows = [
                    {"id": one, "kind": kinds[one], "image_score": score, "decision": ""}
                    for one, score in zip(ids, of_images, strict=True)
                ]
                files.write_csv(folder.images(category), layout.IMAGES_COLUMNS, rows)
                given = "given to write_maps"
                rule = arrays.IMAGE_SCORE_RULE if image_scores is None else given
                evidence.write(unit.folder, held_out)
                how = evidence.HELD_OUT if held_out.normals else ""
                unit.result |= NotedResult(image_score_rule=rule, images=len(rows), normals=how).as_json()
    return Path(out) / category


write_maps = in_python(write_category)  # the public one; `convert` is a command


def _check_name(category: str) -> None:
    if names.category_problem(category) or category.startswith("."):
        raise UsageError(f"'{category}' can't be the name of a category: it becomes the name of a folder.")


def _checked_maps(ids: Sequence[str], scores: Sequence[npt.ArrayLike], *, is_known: bool) -> list[Floats]:
    if isinstance(ids, str):
        raise UsageError("ids is one text; a list of them is wanted, one for each map.")
    if len(ids) != len(scores):
        given = f"{counted(len(ids), 'id')} and {counted(len(scores), 'map')}"
        raise UsageError(f"{given}: there must be one map for each id.")
    if not len(ids):
        raise UsageError("No maps are given.")
    twice = sorted(one for one in set(ids) if list(ids).count(one) > 1) if len(set(ids)) < len(ids) else []
    if twice:
        raise UsageError(f"The id '{twice[0]}' is given more than once.")
    for one in ids:
        _check_id(one, is_known=is_known)
    return [_checked_map(one, values) for one, values in zip(ids, scores, strict=True)]


def _check_id(one: str, *, is_known: bool) -> None:
    """Refuse what is no id; a backslash may stand in the name of an image that is there, elsewhere it is a slip."""
    if names.path_problem(one, portable=not is_known) or any(part.startswith(".") for part in one.split("/")):
        raise UsageError(
            f"'{one}' can't be an id. It is the image's path below its category, with / and without the last suffix: "
            "test/crack/003."
        )


def _checked_map(one: str, values: npt.ArrayLike) -> Floats:
    scores = arrays.as_map(values, f"The map of '{one}'")
    if not np.isfinite(scores).all():
        raise BadDataError(f"The map of '{one}' holds NaN or infinite scores.")
    return scores


def _checked_scores(ids: Sequence[str], maps: Sequence[Floats], given: Sequence[float] | None) -> list[float]:
    if given is None:
        return [arrays.image_score(scores) for scores in maps]
    if len(given) != len(ids):
        both = f"{counted(len(ids), 'id')} and {counted(len(given), 'image score')}"
        raise UsageError(f"{both}: there must be one for each id.")
    scores = [arrays.as_score(score, f"The image score of '{one}'") for one, score in zip(ids, given, strict=True)]
    for one, score in zip(ids, scores, strict=True):
        if not np.isfinite(score):
            raise BadDataError(f"The image score of '{one}' is {score}; a finite number is wanted.")
    return scores


def _finite(what: str, given: Sequence[float]) -> list[float]:
    scores = [arrays.as_score(score, f"A score in {what}") for score in given]
    if not np.isfinite(scores).all():
        raise BadDataError(f"{what} holds a number that is not finite.")
    return scores


def _kinds(ids: Sequence[str], category: Category | None) -> dict[str, str]:
    """The kind of each image, `unknown` without a data set."""
    if category is None:
        suffixed = next((one for one in ids if PurePosixPath(one).suffix.lower() in IMAGE_SUFFIXES), None)
        if suffixed is not None:
            raise UsageError(f"The id '{suffixed}' ends like a file; leave the last suffix out, or give data=...")
        return dict.fromkeys(ids, layout.UNKNOWN_KIND)
    known = {one.id: one.kind for one in category.test}
    strangers = [one for one in ids if one not in known]
    if strangers:
        example = next(iter(known), "none")
        who = subject(len(strangers), "id", "is", "are")
        raise BadDataError(
            f"{who} not of the test images of {category.path}, for instance '{strangers[0]}' "
            f"(an id there is '{example}')."
        )
    return known


def _fingerprint(
    ids: Sequence[str], maps: Sequence[Floats], image_scores: Sequence[float], normal_scores: Sequence[float]
) -> str:
    digest = hashlib.sha256("".join(f"{score!r}\0" for score in normal_scores).encode())
    for one, scores, score in sorted(zip(ids, maps, image_scores, strict=True), key=lambda item: item[0]):
        digest.update(f"{one}\0{scores.shape}\0{score!r}\0".encode())
        digest.update(np.ascontiguousarray(scores).tobytes())
    return digest.hexdigest()[:16]
