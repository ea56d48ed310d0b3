"""What is shown of a limit that could be chosen; each number can be typed again."""

from adtool.core.limits.choose import WorkingPoint
from adtool.core.limits.evidence import SIZES
from adtool.core.limits.limit_file import RateForm
from adtool.core.outcome import Exact

UNKNOWN, ALL, NONE = "-", "all", "none"
SHARE_DIGITS = 3


def row(category: str, point: WorkingPoint, parts: int) -> dict[str, object]:
    """Its line of the table."""
    limit = point.limit
    rate, found, sizes = limit.expected.false_alarms, limit.expected.found, limit.expected.found_by_size
    line: dict[str, object] = {
        "category": category,
        "limit": Exact(limit.value or 0.0),
        "option": _option(point) + (" (now)" if point.is_now else ""),
        "NOK": point.rejected,
        "parts": parts,
        "false alarms": UNKNOWN if rate is None else _rate(point, rate),
    }
    if found is not None:
        line["found"] = _share(found)
        line |= {name: _share(sizes[name]) if name in sizes else UNKNOWN for name in SIZES}
    return line


def _option(point: WorkingPoint) -> str:
    """What asks for it."""
    return (point.limit.option if point.is_now else "") or point.asked.typed()


def _rate(point: WorkingPoint, rate: RateForm) -> str:
    """The share that is expected, as it may be typed, and what it probably lies between."""
    typed = f"under {rate.high:.2g}" if point.false_alarms is None else f"{point.false_alarms:g}"
    return f"{typed} ({rate.low:.2g} to {rate.high:.2g})"


def _share(share: float) -> object:
    """A share of painted defects; what is not between 0 and 1 can't be asked for."""
    rounded = round(share, SHARE_DIGITS)
    return ALL if rounded >= 1 else NONE if rounded <= 0 else Exact(rounded)


def as_json(point: WorkingPoint) -> dict[str, object]:
    """The same for a program."""
    return {
        "limit": point.limit.value,
        "option": _option(point),
        "rejected": point.rejected,
        "is_now": point.is_now,
        "false_alarms": point.false_alarms,
        "expected": point.limit.expected.model_dump(),
    }
