"""The last lines of `run`: what was decided, how many of which class, where to look, and what can be done next."""

import shlex
from collections import Counter
from pathlib import Path

from adtool.core import layout
from adtool.core.layout import ClassesFolder, MapsFolder
from adtool.core.steps import step_run
from adtool.core.steps.step_run import Outcome
from adtool.core.words import counted
from adtool.doctor.chain import duration
from adtool.run import first
from adtool.run.pictures import GivenPictures

NO_DEFECT = (layout.NORMAL_CLASS, layout.UNKNOWN_CLASS)


def maps_read() -> Path:
    """The folder of maps that the classes were made from."""
    return step_run.noted_path(Path(layout.CLASSES), "maps") or Path(layout.MAPS)


def of_run(given: GivenPictures, seconds: float, reported: Outcome) -> Outcome:
    """What a person wants to know at the end: what was decided, how many of which class, and where to look.

    Args:
        given: the pictures.
        seconds: that all of it took.
        reported: what the report says.
    """
    outcome = Outcome(first.COMMAND, Path(), done=[given.name])
    folder_of = ClassesFolder(Path(layout.CLASSES) / given.name)
    decisions = {row["id"]: row["decision"] for row in MapsFolder(maps_read()).image_rows(given.name)}
    classes = {row["id"]: row["class"] for row in folder_of.image_rows()}
    parts = Counter(classes.values())
    rejected = Counter(
        classes[one] for one, decision in decisions.items() if decision == layout.NOT_OK and one in classes
    )
    judged = any(decisions.values())
    for row in folder_of.class_rows():
        name = row["class"]
        row_of = {"class": name, "parts": parts[name]} | ({"NOK": rejected[name]} if judged else {})
        outcome.rows.append({**row_of, "example": row.get("example_id", "")})
    page = Path(layout.REPORT) / "report.html"
    outcome.notes += [
        reported.headline or "There is no limit for OK and NOK.",
        *reported.unread,
        f"{counted(sum(row['class'] not in NO_DEFECT for row in outcome.rows), 'class')} "
        f"of defects, in {duration(seconds)}.",
        f"Open {page} in a browser: the decision, the doubtful parts, the classes to name and merge.",
        f"Any step can be done again with other settings, for instance: {_another_limit(given, reported)}; "
        f"adtool discover --category {shlex.quote(given.name)} --classes 5 --force; then adtool report --html.",
    ]
    outcome.document = {
        "command": first.COMMAND,
        "name": given.name,
        "report": page.as_posix(),
        "first": [path.as_posix() for path in first.listed(given.name)],
        "decided": reported.headline,
        "unread": reported.unread,
        "images": len(decisions),
        "rejected": sum(rejected.values()) if judged else None,
        "classes": outcome.rows,
        "seconds": round(seconds, 1),
    }
    return outcome


def _another_limit(given: GivenPictures, reported: Outcome) -> str:
    """What moves the limit here, or makes one: a share of good parts can be asked for only where their scores are."""
    if given.normal and reported.headline:
        return "adtool decide --false-alarms 0.05"
    return "adtool decide --at SCORE (an image score above which parts are NOK; the page shows those of all parts)"
