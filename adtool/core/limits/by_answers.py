"""Chooses a limit by answers of people."""

from collections.abc import Mapping
from dataclasses import replace

from adtool.core.limits import choose as choosing
from adtool.core.limits import learned
from adtool.core.limits.answers import Answers
from adtool.core.limits.asked import Asked
from adtool.core.limits.evidence import Evidence, PaintedScore
from adtool.core.limits.limit_file import Limit


def choose(
    evidence: Evidence, answers: Answers, scores: Mapping[str, float], found: float | None = None, set_by: str = ""
) -> Limit:
    """The limit that answers lead to; without a value, but with a reason, where it can't be had.

    Args:
        evidence: what is known of the scores.
        answers: at least one, for parts that have a score.
        scores: image scores of all parts by their ids.
        found: share of the answered defects that shall be found; without, the default limit, moved by the answers.
        set_by: the command that chooses.
    """
    limit = _by_default(evidence, answers, scores) if found is None else _finding(evidence, answers, scores, found)
    made_from = limit.made_from.model_copy(
        update={"painted": len(evidence.painted), "answers": len(answers), "answered": sorted(answers.is_defect)}
    )
    expected = limit.expected if limit.value is None else choosing.expect(evidence, limit.value)
    return limit.model_copy(update={"set_by": set_by, "made_from": made_from, "expected": expected})


def _by_default(evidence: Evidence, answers: Answers, scores: Mapping[str, float]) -> Limit:
    before, tail = choosing.choose(evidence, Asked()), choosing.tail_of(evidence)
    if before.value is None or tail is None:
        return before.model_copy(update={"rule": "answers", "asked": None})
    value = learned.limit(tail, before.value, answers.scored(scores), list(scores.values()))
    return before.model_copy(update={"value": choosing.rounded(value, evidence), "rule": "answers", "asked": None})


def _finding(evidence: Evidence, answers: Answers, scores: Mapping[str, float], share: float) -> Limit:
    """The answered defects stand for the painted ones."""
    defects = [PaintedScore(one, "answer", 0.0, scores[one]) for one in answers.defects]
    limit = choosing.choose(replace(evidence, painted=defects), Asked(found=share))
    if limit.value is None:
        return limit.model_copy(update={"why": "none of the answers is a defect, to tell by what is found"})
    return limit
