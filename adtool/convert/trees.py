"""Maps in other tools' folder trees: where an image's map lies, found by its name and never by its position."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adtool.core import layout, progress
from adtool.core.arrays import Floats, read_scores
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import AdtoolError, BadDataError, MissingInputError
from adtool.core.folders.listing import name_below
from adtool.core.layout import MapsFolder
from adtool.core.limits import evidence, limit_file
from adtool.core.steps import notes
from adtool.core.steps.note_form import NotedLimit

TEST = f"{layout.TEST}/"
LIMIT, EVIDENCE = "limit", "evidence"  # in a card


@dataclass(frozen=True)
class Written:
    """What a format wrote of one category.

    Attributes:
        files: number of files.
        card: what is needed to read them again, as JSON.
        notes: what its user must know.
    """

    files: int
    card: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Maps:
    """The maps of one category of ours, joined with their images by id."""

    folder: MapsFolder
    category: Category
    samples: tuple[Sample, ...]
    image_scores: Mapping[str, float]
    decisions: Mapping[str, str]  # empty texts where there was no limit

    @classmethod
    def of(cls, source: Path, category: Category) -> "Maps":
        """The finished maps of a category.

        Raises:
            MissingInputError: there are none.
            BadDataError: they are of other images.
        """
        folder = MapsFolder(source)
        rows = {row["id"]: row for row in folder.image_rows(category.name)}
        samples = tuple(one for one in category.test if one.id in rows)
        if len(samples) < len(rows) or not rows:
            strange = sorted(rows.keys() - {one.id for one in samples}) or ["no image at all"]
            raise BadDataError(
                f"{folder.images(category.name)} does not fit {category.path}: '{strange[0]}'. Give the right --data."
            )
        scores = {one.id: float(rows[one.id]["image_score"]) for one in samples}
        return cls(folder, category, samples, scores, {one.id: rows[one.id]["decision"] for one in samples})

    def each(self, label: str) -> Iterator[tuple[Sample, Floats]]:
        """Every image with its scores (h, w)."""
        for one in progress.track(self.samples, f"{label} {self.category.name}", len(self.samples)):
            yield one, read_scores(self.folder.scores(self.category.name, one.id)).scores

    @property
    def without(self) -> list[Sample]:
        """Test images that have no map."""
        return [one for one in self.category.test if one.id not in self.image_scores]

    def card(self) -> dict[str, object]:
        """What no picture holds: the image scores, and what they are judged by."""
        folder = self.folder.path / self.category.name
        result = notes.result_of(folder)
        kept = result.model_dump(include=set(NotedLimit.model_fields), exclude_none=True, exclude_unset=True)
        card: dict[str, object] = {
            "image_scores": dict(self.image_scores),
            "decisions": dict(self.decisions),
            "result": kept,
        }
        if limit_file.is_there(folder):
            card[LIMIT] = limit_file.read(folder).model_dump()
            card[EVIDENCE] = evidence.as_json(evidence.read(folder))
        return card


def tail(sample: Sample) -> str:
    """Where other tools keep an image's map below the category: `<kind>/<name>`, `unknown/003` in a flat data set."""
    below = sample.id.removeprefix(TEST)
    return below if below.startswith(f"{sample.kind}/") else f"{sample.kind}/{below}"


@dataclass(frozen=True)
class MatchedFiles:
    """Files of a tree and the images that they belong to.

    Attributes:
        files: by id.
        missing: images without a file.
        strangers: files without an image.
    """

    files: dict[str, Path]
    missing: list[Sample]
    strangers: list[Path]


def find(root: Path, category: Category, suffixes: Collection[str], *, is_only: bool) -> MatchedFiles:
    """The files of a category: `<category>/<kind>/<name>`, with or without `test/` above the kind.

    Args:
        root: the tree.
        category: whose test images are looked for.
        suffixes: of the files that count, in lower case.
        is_only: the data set has no other category, so that the tree may call it otherwise or have no such level.

    Raises:
        MissingInputError: the tree has none of the images.
        BadDataError: two files belong to one image.
    """
    named = root / category.name
    found = [_match(base, category.test, suffixes) for base in _bases(root, category, is_only=is_only)]
    best = max(found, key=lambda one: len(one.files), default=None)
    if best is None or not best.files:
        example = tail(category.test[0]) if category.test else "<kind>/<name>"
        wanted = f"{named / layout.TEST / example}{next(iter(suffixes), '')}"
        there = next((one.strangers[0] for one in found if one.strangers), None)
        raise MissingInputError(
            f"{root} has no map of any test image of {category.name}. For instance {wanted} is looked "
            f"for{f', and {there} is there' if there else ''}. Give the right --data and --from."
        )
    return best


def fits(root: Path, category: Category, suffixes: Collection[str], *, is_only: bool) -> bool:
    """Whether a tree has files of such suffixes for images of a category."""
    try:
        return bool(find(root, category, suffixes, is_only=is_only).files)
    except AdtoolError:
        return False


def find_split(root: Path, category: Category, suffixes: Collection[str], *, is_only: bool) -> MatchedFiles:
    """The files of a category's images of both splits: `<category>/train/<kind>/<name>`, `<category>/test/...`.

    Raises:
        BadDataError: two files belong to one image.
    """
    every = (*category.train, *category.test)
    found = [_match(base, every, suffixes) for base in _bases(root, category, is_only=is_only)]
    return max(found, key=lambda one: len(one.files), default=MatchedFiles({}, list(every), []))


def _bases(root: Path, category: Category, *, is_only: bool) -> list[Path]:
    named = root / category.name
    bases = [named] if named.is_dir() else []
    if not bases and is_only:
        bases = [root, *sorted(sub for sub in root.iterdir() if sub.is_dir() and not sub.name.startswith("."))]
    return bases


def _match(base: Path, samples: Sequence[Sample], suffixes: Collection[str]) -> MatchedFiles:
    there: dict[str, Path] = {}
    for path in sorted(base.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(base).parts)
        if hidden or path.suffix.lower() not in suffixes or not path.is_file():
            continue
        key = name_below(path, base).removeprefix(TEST)
        if key in there:
            raise BadDataError(f"Two files are of the same image '{key}': {there[key]} and {path}. Remove one of them.")
        there[key] = path
    keys = {
        one.id: next((key for key in (tail(one), one.id.removeprefix(TEST)) if key in there), "") for one in samples
    }
    files = {one: there.pop(key) for one, key in keys.items() if key}
    return MatchedFiles(files, [one for one in samples if not keys[one.id]], list(there.values()))
