"""What is said of a limit, for people who don't work with statistics."""

from collections.abc import Mapping, Sequence

from adtool.core.limits.limit_file import Limit, RateForm
from adtool.core.limits.part_counts import DecidedParts, expected_rate, total
from adtool.core.words import counted, first_few

ONE_IN = 10  # shares up to one in so many are said so, larger ones as so many in a hundred
NEVER = 100_000  # a share of one in more is said to be this rare
STEPS = {20: 1, 100: 5, 1000: 10, 10_000: 100, float("inf"): 1000}  # below so many, rounded to so many
NAMED = 3  # odd parts in a sentence
LEAST_PERCENT = 0.05  # what is less is said so
SURE = 0.995  # from here on a share is all
HIGHER = "a higher limit lets more defects through than good parts it saves"
NO_SCORES = "There are no scores of normal images, so how many good parts it rejects is not known."


def one_in(share: float) -> str:
    """`1 in 50`, `15 in 100`, `none`, `all`; rounded, since it is an estimate."""
    if share <= 0:
        return "none"
    if share >= SURE:
        return "all"
    if share * ONE_IN > 1:
        return f"{100 * share:.0f} in 100"
    number = min(1 / share, NEVER)
    step = next(step for below, step in STEPS.items() if number < below)
    return f"1 in {round(number / step) * step:,}"


def alike(*shares: float) -> list[str]:
    """The same of shares in one sentence: all in a hundred if one of them is."""
    if not any(ONE_IN * share > 1 for share in shares if share < SURE):
        return [one_in(share) for share in shares]
    return [f"{_rounded(100 * share)} in 100" if 0 < share < SURE else one_in(share) for share in shares]


def _rounded(percent: float) -> str:
    """`13`, `2`, `0.8`; what is rarer than one in a thousand is less than 0.1."""
    return f"{percent:.0f}" if percent >= 1 else f"{percent:.1f}" if percent >= LEAST_PERCENT else "less than 0.1"


def expected(limit: Limit) -> str:
    """`expected 1 in 100, probably at most 1 in 25`, of good parts that are rejected; empty where nothing is."""
    return _expected(limit.expected.false_alarms)


def _expected(rate: RateForm | None) -> str:
    if rate is None:
        return ""
    share, high = alike(rate.rate, rate.high)
    return f"expected {share}, probably at most {high}"


def measured(decided: Sequence[DecidedParts]) -> str:
    """What limits decided of the parts that are there, beside what is expected of them; empty without any.

    `The limit rejects 2 of 150 good parts (expected 1 in 100, probably at most 1 in 25) and finds 64 of 71 defective
    ones.`
    """
    if not decided:
        return ""
    counts, expected_here = total(decided), _expected(expected_rate(decided))
    who, s = ("The limit", "s") if len(decided) == 1 else (f"The limits of {len(decided)} categories", "")
    if not counts.are_labelled:
        they = "it is" if len(decided) == 1 else "they are"
        more = (
            f"; of good parts {they} {expected_here.replace('expected', 'expected to reject')}" if expected_here else ""
        )
        return f"{who} reject{s} {counts.rejected:,} of {counted(counts.parts, 'part')}{more}."
    said = []
    if counts.good:
        behind = f" ({expected_here})" if expected_here else ""
        said.append(f"reject{s} {counts.good_rejected:,} of {counted(counts.good, 'good part')}{behind}")
    if counts.defective:
        ones = f"{counts.defective:,} defective {'one' if counts.defective == 1 else 'ones'}"
        whole = ones if counts.good else counted(counts.defective, "defective part")
        said.append(f"find{s} {counts.found:,} of {whole}")
    return f"{who} {' and '.join(said)}."


def unlike_learned(decided: Mapping[str, DecidedParts]) -> str:
    """What to do where more good parts are rejected than was expected, and more than chance explains; empty if nowhere.

    Args:
        decided: by the limits of categories, by name.
    """
    names = [name for name, one in decided.items() if one.rejects_unlike_expected]
    if not names:
        return ""
    whose = "" if len(decided) == 1 else f" of {first_few(names, NAMED)}"
    return (
        f"That is more good parts{whose} than chance explains: those that were learned from are not like those tested. "
        "Teach the model such parts, `adtool maps --add-normals FOLDER`, or move the limit, `adtool decide "
        '--false-alarms 0.01`; see "Too many good parts rejected?" in the README.'
    )


def about(limit: Limit) -> str:
    """What a limit is, what it rests on, what is expected of it, and what did not set it; or why there is none."""
    return " ".join(filter(None, (stated(limit), "" if limit.value is None else odd(limit))))


def stated(limit: Limit) -> str:
    """The same without the odd good parts."""
    if limit.value is None:
        return f"There is no limit for OK and NOK: {limit.why or 'none was chosen'}."
    said = [f"The limit is an image score of {limit.value!r}, {_chosen(limit)}."]
    rate = limit.expected.false_alarms
    if rate is not None:
        share, low, high = alike(rate.rate, rate.low, rate.high)
        said.append(
            f"Of good parts it is expected to reject {share}, probably between {low} and {high}, by the scores of "
            f"{counted(limit.made_from.normals, 'normal image')}, "
            "each judged by a model that did not learn from it."
        )
    elif not limit.made_from.normals:
        said.append(NO_SCORES)
    return " ".join(filter(None, [*said, found(limit)]))


def _chosen(limit: Limit) -> str:
    """How a limit came about."""
    whose = "the answered" if limit.made_from.answers else "painted"
    chosen = {
        "at": "as it was asked for",
        "false_alarms": f"asked for with {100 * (limit.asked or 0):.3g} % false alarms",
        "found": f"asked for with {100 * (limit.asked or 0):.3g} % of {whose} defects found",
        "answers": f"the default one, moved by {counted(limit.made_from.answers, 'answer')}",
        "default": "chosen by default"
        + (f", to reject {one_in(limit.asked)} good parts: {HIGHER}" if limit.asked is not None else ""),
    }
    return chosen[limit.rule]


def found(limit: Limit) -> str:
    """The share of painted defects that are found, by size; empty where none were painted."""
    share, sizes = limit.expected.found, limit.expected.found_by_size
    if share is None:
        return ""
    by_size = ", ".join(
        f"{100 * sizes[name]:.0f} % of {name} ones" for name in ("small", "medium", "large") if name in sizes
    )
    return f"It finds {100 * share:.0f} % of {counted(limit.made_from.painted, 'painted defect')} ({by_size})."


def odd(limit: Limit) -> str:
    """Good parts that look odd, by name; empty if none do."""
    ids, count = limit.made_from.outliers, limit.made_from.normals
    if not ids:
        return ""
    named = [one for one in ids if one]
    which = f": {first_few(named, NAMED)}" if named else ""
    look, they = ("looks", "It does") if len(ids) == 1 else ("look", "They do")
    return (
        f"{len(ids)} of your {counted(count, 'good part')} {look} odd{which}. {they} not set the limit; take "
        f"{'it' if len(ids) == 1 else 'them'} out of the good parts if something is wrong there."
    )
