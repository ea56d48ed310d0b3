"""answers.csv: what a person said about images, saved from one report and read by the next."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from adtool.core import files, layout
from adtool.core.dataset.types import Dataset
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.limits.answers import IS_DEFECT
from adtool.core.words import counted
from adtool.report.html.gather import CategoryView
from adtool.report.html.markup import Html, tag

FILE = "answers.csv"
COLUMNS = ("category", "id", "answer")


def read(given: Path | None, out: Path) -> dict[tuple[str, str], str]:
    """Answers by category and id: of the file given, else of the one in the report's folder, else none.

    A table written by hand for `adtool decide` need not name the category, which is empty then; see `placed`.

    Raises:
        MissingInputError: the file given is not there.
        BadDataError: a column is missing, or an answer is neither good nor defect.
    """
    path = given or out / FILE
    if not path.exists():
        if given is not None:
            raise MissingInputError(f"No answers at {path}. Save them from report.html, or leave --answers out.")
        return {}
    found = {}
    for line, row in enumerate(files.read_csv(path, by_hand=True), start=2):
        if not set(COLUMNS) - {"category"} <= set(row):
            raise BadDataError(f"{path} lacks columns: it needs {','.join(COLUMNS)}. Save it from report.html again.")
        is_defect = IS_DEFECT.get(row["answer"].strip().casefold())  # as `adtool decide --answers` reads them
        if is_defect is None:
            raise BadDataError(
                f"{path}, line {line}: the answer '{row['answer']}' is neither good nor defect (nor {layout.OK} or "
                f"{layout.NOT_OK}). Mend or remove that line."
            )
        found[row.get("category", ""), row["id"]] = layout.NOT_OK if is_defect else layout.OK
    return found


def placed(answers: Mapping[tuple[str, str], str], data: Dataset) -> dict[tuple[str, str], str]:
    """The answers, each with its category; one that does not name it has it where only one has such an image."""
    having: dict[str, list[str]] = {}
    for name, category in data.categories.items():
        for sample in category.test:
            having.setdefault(sample.id, []).append(name)
    found = {}
    for (named, image), answer in answers.items():
        names = having.get(image, [])
        found[names[0] if not named and len(names) == 1 else named, image] = answer
    return found


def section(views: Sequence[CategoryView], answers: Mapping[tuple[str, str], str]) -> Html | None:
    """How far the limit and the labels agree with the person."""
    said = sentences(views, answers)
    return tag("section", tag("h2", "Your answers so far"), tag("p", " ".join(said)), id="answers") if said else None


def sentences(views: Sequence[CategoryView], answers: Mapping[tuple[str, str], str]) -> list[str]:
    """The same in words, nothing without answers."""
    if not answers:
        return []
    tested = {(view.name, sample.id): (view, sample) for view in views for sample in view.category.test}
    known = [(*tested[key], answer) for key, answer in answers.items() if key in tested]
    judged = [
        (view.judge.rejects(sample), answer == layout.NOT_OK)
        for view, sample, answer in known
        if view.judge and view.judge.limit is not None and sample.id in view.judge.scores
    ]
    labelled = [
        (not view.category.is_normal(sample), answer == layout.NOT_OK)
        for view, sample, answer in known
        if view.is_known(sample)
    ]
    good = sum(answer == layout.OK for _, _, answer in known)
    said = [f"{counted(len(known), 'answer')}: {good} good, {len(known) - good} with a defect."]
    said += [_agreement("The limit", judged)] if judged else []
    said += [_agreement("The label", labelled)] if labelled else []
    if len(known) < len(answers):
        said.append(f"{len(answers) - len(known)} answers are about images that are not in this report.")
    return said


def _agreement(who: str, pairs: Sequence[tuple[bool, bool]]) -> str:
    same = sum(rejects == defect for rejects, defect in pairs)
    missed = sum(defect and not rejects for rejects, defect in pairs)
    return (
        f"{who} agrees with {same} of {len(pairs)}; it takes {missed} of your defects for good parts "
        f"and {len(pairs) - same - missed} of your good parts for defects."
    )
