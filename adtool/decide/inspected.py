"""The decisions of a folder that `inspect` wrote, written again by another limit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adtool.core import files, layout, tables
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import InspectedFolder
from adtool.core.steps import locks, notes
from adtool.core.steps.note_form import StepNote
from adtool.core.tables import Row, TableForm
from adtool.core.words import counted
from adtool_runtime.decision import decision

INSPECT = "inspect"
FORM = TableForm(
    ("file", "image_score", "decision", "class"),
    number=("image_score",),
    name=("file",),
    maybe=("image_score",),  # of a file that could not be read
    key=("file",),
)


@dataclass(frozen=True)
class InspectedDecisions:
    """A finished folder of `inspect`.

    Attributes:
        folder: itself.
        category: of its images.
        note: its note.
    """

    folder: Path
    category: str
    note: StepNote

    @classmethod
    def read(cls, folder: Path, categories: list[str]) -> "InspectedDecisions":
        """The folder, if it is one and of one of some categories.

        Raises:
            MissingInputError: it is not there, or not finished, or of another category.
            UsageError: another command wrote it.
        """
        note = notes.require_done(folder, "adtool inspect")
        if note.command != INSPECT:
            raise UsageError(f"{folder} was not written by `adtool inspect` (but by `{note.command}`).")
        category = str(note.all_settings.get("category", ""))
        if category not in categories:
            raise MissingInputError(
                f"{folder} is of the category '{category}', and a limit is chosen for {', '.join(categories)}."
            )
        return cls(folder, category, note)

    def write(self, limit: float | None) -> list[str]:
        """Decide again; what is to be said of it.

        What `inspect` notes of its limit stays, so that it draws its overlays again when it is repeated.
        """
        with locks.writing(self.folder):
            path = InspectedFolder(self.folder).table
            rows = tables.read(path, FORM, "Run `adtool inspect --force` to write it again.")
            new = [self._decided(row, limit) for row in rows]
            if new != rows:
                files.write_csv(path, list(rows[0]), new)
            result = {**self.note.whole_result, **_counts(new, self.note.whole_result, is_judged=limit is not None)}
            if result != self.note.whole_result:
                notes.write(self.folder, {**self.note.document, "result": result}, notes.DONE)
        changed = sum(one != other for one, other in zip(new, rows, strict=True))
        rejected = sum(row["decision"] == layout.NOT_OK for row in new)
        said = [
            f"{self.folder}: {rejected} of {counted(len(new), 'part')} NOK, {changed} decided otherwise than before."
        ]
        if changed:
            said.append(
                f"The overlays of these {changed} still show the decision before; `adtool inspect` draws them again."
            )
        return said

    @staticmethod
    def _decided(row: Row, limit: float | None) -> Row:
        score = row["image_score"]
        return {**row, "decision": decision(float(score), limit) if score else row["decision"]}


def _counts(rows: list[Row], result: Any, *, is_judged: bool) -> dict[str, object]:  # noqa: ANN401, a JSON document
    """What the note tells of the decisions: how many are NOK, in all and of each class."""
    rejected = [row for row in rows if row["decision"] == layout.NOT_OK]
    lines = [
        {**line, "NOK": sum((row["class"] or "-") == line.get("class") for row in rejected)} if is_judged else line
        for line in result.get("classes") or []
    ]
    return {"rejected": len(rejected) if is_judged else None, "classes": lines}
