"""What the limit in force decides of the images of one category, counted against the truth."""

from dataclasses import dataclass

from adtool.metrics.ranking import ImageScores, UndefinedError


@dataclass(frozen=True)
class DecisionCounts:
    """Images, counted.

    Attributes:
        good: of the normal kind.
        rejected: of these, those above the limit.
        defective: of another kind.
        found: of these, those above the limit.
    """

    good: int
    rejected: int
    defective: int
    found: int

    @property
    def share_rejected(self) -> float:
        """False alarms among the good images.

        Raises:
            UndefinedError: there are none.
        """
        if not self.good:
            raise UndefinedError("no normal images")
        return self.rejected / self.good

    @property
    def share_found(self) -> float:
        """Found among the defective images.

        Raises:
            UndefinedError: there are none.
        """
        if not self.defective:
            raise UndefinedError("no defect images")
        return self.found / self.defective


def count(images: ImageScores) -> DecisionCounts:
    """What the limit of the images decides.

    Raises:
        UndefinedError: there is no limit.
    """
    if images.limit is None:
        raise UndefinedError("no limit between OK and NOK")
    above = images.scores > images.limit
    rejected, found = int((above & ~images.is_defect).sum()), int((above & images.is_defect).sum())
    defective = int(images.is_defect.sum())
    return DecisionCounts(images.scores.size - defective, rejected, defective, found)
