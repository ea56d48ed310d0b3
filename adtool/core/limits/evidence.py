"""What a limit is made from: image scores of good parts and of painted defects, as tables beside the maps or a model.

All of them come from models that did not learn from the scored image.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from adtool.core import files, layout, tables
from adtool.core.json_files import JsonForm
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.steps import notes
from adtool.core.tables import Row, TableForm

REMEDY = "Run `adtool maps --force` to write it again."
NAMELESS_TOO = replace(layout.NORMALS_FORM, maybe=("id",), key=())  # earlier versions noted scores without ids
CROSS_FITTED, HELD_OUT = "cross-fitted", "held out"
SMALL, MEDIUM, LARGE = "small", "medium", "large"
SIZES = {SMALL: 0.003, MEDIUM: 0.02, LARGE: float("inf")}  # share of the image's pixels, below which a defect is one


@dataclass(frozen=True)
class NormalScore:
    """A good part; `id` is empty where it is not known any more. Near duplicates are one `group`."""

    id: str
    score: float
    group: str


@dataclass(frozen=True)
class PaintedScore:
    """A painted defect on a good part; `kind` is its painter, `size` its share of the image's pixels."""

    id: str
    kind: str
    size: float
    score: float

    @property
    def size_name(self) -> str:
        """`small`, `medium` or `large`."""
        return next(name for name, below in SIZES.items() if self.size < below)


@dataclass(frozen=True)
class Evidence:
    """What is known of the scores of a category.

    Attributes:
        normals: good parts.
        painted: painted defects.
        how: `cross-fitted` or `held out`, empty where it is not known.
    """

    normals: Sequence[NormalScore] = ()
    painted: Sequence[PaintedScore] = ()
    how: str = ""

    @cached_property
    def normal_scores(self) -> list[float]:
        """Image scores of the good parts."""
        return [one.score for one in self.normals]

    @cached_property
    def groups(self) -> list[str]:
        """Of the good parts, in the same order."""
        return [one.group for one in self.normals]

    @cached_property
    def painted_scores(self) -> list[float]:
        """Image scores of the painted defects."""
        return [one.score for one in self.painted]


def of_scores(scores: Iterable[float], how: str = "") -> Evidence:
    """Good parts of which nothing is known but their scores; each is a group of its own."""
    return Evidence([NormalScore("", float(one), str(i)) for i, one in enumerate(scores)], (), how)


def of_model(folder: ModelFolder, category: str) -> Evidence:
    """What was scored when a model was made; nothing where its tables are not there.

    Args:
        folder: of the model of a category, or of all.
        category: whose images are meant; their ids are as in the category.

    Raises:
        BadDataError: a table, or the model's note, is damaged.
    """
    above = f"{category}/" if folder.category == layout.ALL_CATEGORIES else ""
    result = notes.result_of(folder.path).normals
    how = result or (HELD_OUT if folder.normals.exists() else "")
    painted = _rows(folder.painted, layout.PAINTED_FORM, f"Make the model again: `adtool train {folder.detector}`.")
    return _of_rows(_below(folder.normal_rows(), above), _below(painted, above), how)


def read(folder: Path) -> Evidence:
    """What belongs to a category of maps, `maps/<category>`; what an older adtool wrote stands in its note.

    Raises:
        BadDataError: a table, or the note, is damaged.
    """
    maps, category = MapsFolder(folder.parent), folder.name
    result = notes.result_of(folder)
    if not maps.normals(category).exists():
        return of_scores(result.normal_scores, HELD_OUT if result.normal_scores else "")
    normals = _rows(maps.normals(category), NAMELESS_TOO, REMEDY)
    return _of_rows(normals, _rows(maps.painted(category), layout.PAINTED_FORM, REMEDY), result.normals)


def write(folder: Path, evidence: Evidence) -> None:
    """Put the tables into a category of maps; `how` is noted by the step that writes the maps, as `normals`."""
    maps, category = MapsFolder(folder.parent), folder.name
    normals = [{"id": one.id, "image_score": one.score, "group": one.group} for one in evidence.normals]
    painted = [{"id": one.id, "kind": one.kind, "size": one.size, "image_score": one.score} for one in evidence.painted]
    for path, columns, rows in (
        (maps.painted(category), layout.PAINTED_COLUMNS, painted),
        (maps.normals(category), layout.NORMALS_COLUMNS, normals),
    ):
        if rows:
            files.write_csv(path, columns, rows)
        else:
            path.unlink(missing_ok=True)


class NormalForm(JsonForm):
    """A good part in a JSON file."""

    id: str
    score: float
    group: str


class PaintedForm(JsonForm):
    """A painted defect in a JSON file."""

    id: str
    kind: str
    size: float
    score: float


class EvidenceForm(JsonForm):
    """All of it in a JSON file, of who hands maps on."""

    normals: list[NormalForm]
    painted: list[PaintedForm]
    how: str


def as_json(evidence: Evidence) -> dict[str, object]:
    """As `of_json` reads it."""
    normals, painted = [asdict(one) for one in evidence.normals], [asdict(one) for one in evidence.painted]
    return {"normals": normals, "painted": painted, "how": evidence.how}


def of_json(values: object) -> Evidence:
    """What `as_json` wrote.

    Raises:
        ValueError: it has another form.
    """
    found = EvidenceForm.of(values)
    normals = [NormalScore(one.id, one.score, one.group) for one in found.normals]
    painted = [PaintedScore(one.id, one.kind, one.size, one.score) for one in found.painted]
    return Evidence(normals, painted, found.how)


def _rows(path: Path, form: TableForm, remedy: str) -> list[Row]:
    """Rows of a table that need not be there."""
    return tables.read(path, form, remedy) if path.exists() else []


def _below(rows: Sequence[Row], above: str) -> list[Row]:
    """The rows of a category, their ids as it has them."""
    return [
        {**row, "id": row["id"].removeprefix(above), "group": row.get("group", "").removeprefix(above)}
        for row in rows
        if row["id"].startswith(above)
    ]


def _of_rows(normals: Sequence[Row], painted: Sequence[Row], how: str) -> Evidence:
    found = [NormalScore(row["id"], float(row["image_score"]), row.get("group") or row["id"]) for row in normals]
    defects = [PaintedScore(row["id"], row["kind"], float(row["size"]), float(row["image_score"])) for row in painted]
    return Evidence(found, defects, how)


def count_by_size(painted: Iterable[PaintedScore]) -> Counter[str]:
    """How many painted defects there are of each size."""
    return Counter(one.size_name for one in painted)
