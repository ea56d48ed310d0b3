"""The limit of an export: data in its `adtool.json`, chosen by the tables of scores that lie beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from adtool.core import files
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.limits import evidence, keeping, limit_file
from adtool.core.limits.asked import Asked
from adtool.core.limits.choose import WorkingPoint, choose, working_points
from adtool.core.limits.limit_file import Limit
from adtool_runtime import manifest
from adtool_runtime.decision import NOT_OK, decision
from adtool_runtime.manifest import MANIFEST

CHECK = "check/expected.json"


@dataclass(frozen=True)
class DecidedExport:
    """What was decided of an export.

    Attributes:
        folder: of it.
        limit: in force.
        before: that was in force.
        scores: image scores of the pictures that go with it.
        points: the limit among its neighbours.
    """

    folder: Path
    limit: Limit
    before: float | None
    scores: Sequence[float]
    points: Sequence[WorkingPoint]

    @property
    def rejected(self) -> int:
        """Pictures that go with it above the limit."""
        return sum(decision(one, self.limit.value) == NOT_OK for one in self.scores)


def folders(path: Path, categories: Sequence[str]) -> list[Path]:
    """The exports that are meant: one, or those of some categories (or all) in a folder.

    Raises:
        MissingInputError: there is none, or not of a category.
    """
    if (path / MANIFEST).is_file():
        found = {manifest.read(path).category: path}
    else:
        found = {one.parent.name: one.parent for one in sorted(path.glob(f"*/{MANIFEST}"))}
    if not found:
        raise MissingInputError(f"There is no export at {path}. Run `adtool export` first.")
    for name in categories:
        if name not in found:
            raise MissingInputError(f"{path} holds no export of '{name}', but of {', '.join(found)}.")
    return [found[name] for name in dict.fromkeys(categories)] or list(found.values())


def decide(folder: Path, asked: Asked, command: str) -> DecidedExport:
    """The limit of an export, put in force if it is not; the folder's lock is held.

    Raises:
        MissingInputError: what is asked for can't be had.
        BadDataError: a file is damaged.
    """
    path, before = folder / MANIFEST, manifest.read(folder).limit
    known, limit = evidence.read(folder), _limit(path, before.model_dump())
    if asked:
        limit = keeping.require(choose(known, asked, command), folder)
    if limit.value != before.value or asked:
        files.write_json(path, {**files.read_json(path), "limit": limit.model_dump(mode="json")})
    scores = _scores(folder)
    return DecidedExport(folder, limit, before.value, scores, working_points(known, limit, scores))


def _limit(path: Path, values: dict[str, object]) -> Limit:
    """The limit that an export has, also one that a person typed there."""
    fields = {name: value for name, value in values.items() if name in limit_file.Limit.model_fields}
    try:
        return Limit.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadDataError(f"{path} is damaged (limit.{where}: {first['msg']}). Export it again.") from None


def _scores(folder: Path) -> list[float]:
    """Image scores of the pictures that go with an export, none if their table can't be read."""
    found = files.read_json(folder / CHECK)
    rows = found if isinstance(found, list) else []
    scores = [one.get("image_score") for one in rows if isinstance(one, dict)]
    return [float(one) for one in scores if isinstance(one, int | float)]
