"""What a limit decided of the parts that are there, counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from adtool.core.limits.limit_file import Limit, RateForm

CHANCE = 0.01  # below it more rejected good parts than expected are no accident


@dataclass(frozen=True)
class PartCounts:
    """Parts, counted; those that nobody labelled are neither good nor defective.

    Attributes:
        parts: all of them.
        rejected: of these, those above the limit.
        good: labelled as good.
        good_rejected: of these, those above the limit.
        defective: labelled as something else.
        found: of these, those above the limit.
    """

    parts: int
    rejected: int
    good: int = 0
    good_rejected: int = 0
    defective: int = 0
    found: int = 0

    @property
    def are_labelled(self) -> bool:
        """Whether anything can be measured against labels."""
        return self.good + self.defective > 0


@dataclass(frozen=True)
class DecidedParts:
    """A limit in force, and what it decided."""

    limit: Limit
    counts: PartCounts

    @property
    def rejects_unlike_expected(self) -> bool:
        """Whether more labelled good parts are rejected than the upper end of the interval and chance explain."""
        rate, rejected = self.limit.expected.false_alarms, self.counts.good_rejected
        if rate is None or not rejected:
            return False
        # Binomial: so many or more, if each good part is rejected with the highest rate that was to be expected.
        return float(special.bdtrc(rejected - 1, self.counts.good, min(rate.high, 1.0))) < CHANCE


def total(all_decided: Sequence[DecidedParts]) -> PartCounts:
    """The parts of all categories."""
    names = ("parts", "rejected", "good", "good_rejected", "defective", "found")
    return PartCounts(**{name: sum(getattr(one.counts, name) for one in all_decided) for name in names})


def expected_rate(all_decided: Sequence[DecidedParts]) -> RateForm | None:
    """What is expected of good parts of all categories, each as often as it is there; None if one does not tell.

    The interval is that of limits which all err to the same side, so rather too wide than too narrow.
    """
    rates = [one.limit.expected.false_alarms for one in all_decided]
    known = [rate for rate in rates if rate is not None]
    weights = [one.counts.good if total(all_decided).are_labelled else one.counts.parts for one in all_decided]
    whole = sum(weights)
    if len(known) < len(rates) or not whole:
        return None
    pairs = list(zip(known, weights, strict=True))
    return RateForm(
        rate=sum(rate.rate * weight for rate, weight in pairs) / whole,
        low=sum(rate.low * weight for rate, weight in pairs) / whole,
        high=sum(rate.high * weight for rate, weight in pairs) / whole,
    )
