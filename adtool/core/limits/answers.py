"""Answers of people: a table `id,answer`, with `good` or `defect`, as the page saves it or anyone writes it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adtool.core import layout, names, tables
from adtool.core.errors import BadDataError
from adtool.core.limits.learned import Answered
from adtool.core.tables import Row, TableForm
from adtool.core.words import counted, first_few

IS_DEFECT: Mapping[str, bool] = {"good": False, "ok": False, "defect": True, "nok": True}
SAYS = {False: "good", True: "defect"}
FORM = TableForm(columns=("id", "answer"), name=("id",))
REMEDY = "Mend that line, or save the table from report.html again."
NAMED = 3  # ids in a message


@dataclass(frozen=True)
class Answers:
    """What was said of the parts of one category: whether each, by its id, has a defect."""

    is_defect: Mapping[str, bool]

    def __len__(self) -> int:
        return len(self.is_defect)

    @property
    def defects(self) -> list[str]:
        """Ids of the parts with a defect."""
        return [one for one, is_defect in self.is_defect.items() if is_defect]

    def scored(self, scores: Mapping[str, float]) -> list[Answered]:
        """With the image score of each."""
        return [Answered(scores[one], is_defect) for one, is_defect in self.is_defect.items()]

    def agreement(self, limit: float, scores: Mapping[str, float]) -> "Agreement":
        """How far a limit says the same."""
        judged = [(one.score > limit, one.is_defect) for one in self.scored(scores)]
        missed = sum(is_defect and not rejects for rejects, is_defect in judged)
        rejected = sum(rejects and not is_defect for rejects, is_defect in judged)
        return Agreement(len(judged), missed, rejected)


@dataclass(frozen=True)
class Agreement:
    """How many answers there are, how many of the defects among them are missed, and how many good parts rejected."""

    answers: int
    missed: int
    rejected: int

    def __str__(self) -> str:
        same = self.answers - self.missed - self.rejected
        return (
            f"It agrees with {same} of {counted(self.answers, 'answer')}: it takes {self.missed} of the defects for "
            f"good parts, and {self.rejected} of the good parts for defects."
        )


def read(path: Path, ids: Mapping[str, Collection[str]]) -> dict[str, Answers]:
    """The answers in a table by category; every category is there, some perhaps without an answer.

    Args:
        path: of the table; a column `category` may say which one is meant, and is needed where two have the same ids.
        ids: of the parts of each category.

    Raises:
        MissingInputError: there is no table.
        BadDataError: it is no such table, holds no answer, an answer that is none, one for a part that is not there,
            or two that contradict each other.
    """
    rows = tables.read(path, FORM, "Save it from report.html, or write id,answer with good or defect.", by_hand=True)
    if not rows:
        raise BadDataError(f"{path} holds no answers. Save it from report.html after answering for some parts.")
    found: dict[str, dict[str, bool]] = {category: {} for category in ids}
    unknown = []
    for row in rows:
        is_defect, places = _is_defect(row, path), _places(row, ids)
        if not places:
            unknown.append(names.shown(row["id"]))
        elif len(places) > 1:
            raise BadDataError(
                f"{path}: '{row['id']}' is an id of {first_few([one for one, _ in places], NAMED)}. "
                "Add a column category that says which is meant."
            )
        else:
            [(category, one)] = places
            if found[category].setdefault(one, is_defect) != is_defect:
                raise BadDataError(
                    f"{path} says of '{one}' that it is good, and that it has a defect. Remove one line."
                )
    if unknown:
        raise BadDataError(
            f"{path} has {counted(len(unknown), 'answer')} for ids that are not in these maps: "
            f"{first_few(unknown, NAMED)}. An id is that of images.csv beside the maps. Mend or remove those lines."
        )
    return {category: Answers(said) for category, said in found.items()}


def _is_defect(row: Row, path: Path) -> bool:
    said = IS_DEFECT.get(row["answer"].strip().casefold())
    if said is None:
        raise BadDataError(
            f"{path}, id '{names.shown(row['id'])}': the answer '{names.shown(row['answer'])}' is neither good nor "
            f"defect (nor {layout.OK} or {layout.NOT_OK}). {REMEDY}"
        )
    return said


def _places(row: Row, ids: Mapping[str, Collection[str]]) -> Sequence[tuple[str, str]]:
    """Category and id of the parts that a row may mean; a file's name is taken for its id."""
    given = row["id"].strip().replace("\\", "/")
    spelled = (given, given.rpartition(".")[0])
    named = row.get("category", "").strip()
    meant = {category: known for category, known in ids.items() if not named or category == named}
    for one in spelled:
        inside = [(category, one) for category, known in meant.items() if one in known]
        if inside:
            return inside
    return []
