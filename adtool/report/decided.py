"""What the limits in force decided, and the sentence that says it: the first one of the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from adtool.core.limits import choose, evidence, limit_file, sentences
from adtool.core.limits.limit_file import Limit
from adtool.core.limits.part_counts import DecidedParts, PartCounts
from adtool.core.steps import notes
from adtool.core.steps import unread as not_read
from adtool.core.words import first_few
from adtool.metrics import decisions
from adtool.metrics.ranking import ImageScores
from adtool.report.table import CategoryReport

NAMED = 3  # categories in a sentence


def in_force(folder: Path) -> Limit:
    """The limit of a category of maps, with what is expected of it; earlier versions did not note that.

    Raises:
        BadDataError: it, or what it was made from, is damaged.
    """
    limit = limit_file.read(folder)
    if limit.value is None or limit.expected.false_alarms is not None:
        return limit
    return limit.model_copy(update={"expected": choose.expect(evidence.read(folder), limit.value)})


def of(images: ImageScores, limit: Limit) -> DecidedParts | None:
    """What a limit decided of labelled images; None without one."""
    if limit.value is None:
        return None
    found = decisions.count(images)
    rejected = found.rejected + found.found
    return DecidedParts(
        limit,
        PartCounts(images.scores.size, rejected, found.good, found.rejected, found.defective, found.found),
    )


def of_unlabelled(parts: int, rejected: int | None, limit: Limit) -> DecidedParts | None:
    """The same of images that nobody labelled."""
    return None if rejected is None or limit.value is None else DecidedParts(limit, PartCounts(parts, rejected))


def unread(reports: Sequence[CategoryReport], folders: Mapping[str, Path]) -> list[str]:
    """Which of the pictures that were given could not be read, a sentence a category; by the first maps of the chain.

    Args:
        reports: of every category of every source.
        folders: of the sources, by name.
    """
    first = {report.category: report for report in reversed(reports) if "limit" in report.facts}
    said = {name: not_read.sentence(notes.result_of(folders[one.source] / name)) for name, one in first.items()}
    alone = len({report.category for report in reports}) == 1
    return [text if alone else f"{name}: {text}" for name, text in sorted(said.items()) if text]


def headline(reports: Sequence[CategoryReport]) -> str:
    """What was measured at the limits in force, by the last maps of the chain; empty if there are none."""
    last = {report.category: report for report in reports if "limit" in report.facts}
    judged = {name: report.decided for name, report in last.items() if report.decided is not None}
    if not judged:
        return ""
    without = [name for name, report in last.items() if report.decided is None]
    lacking = f" For {first_few(without, NAMED)} there is no limit." if without else ""
    said = (sentences.measured([*judged.values()]) + lacking, sentences.unlike_learned(judged))
    return " ".join(filter(None, said))
