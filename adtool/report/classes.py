"""True kinds against discovered classes, one of each per image, or per region."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from adtool.core.layout import UNKNOWN_CLASS
from adtool.metrics.ranking import UndefinedError


@dataclass(frozen=True)
class LabelledClasses:
    """The kind and the discovered class of each image, or region, of a category.

    Attributes:
        kinds: N true kinds.
        classes: N discovered classes, in the same order.
        normal_kinds: the kinds of images without a defect.
        unit: what has a kind and a class, for messages.
    """

    kinds: Sequence[str]
    classes: Sequence[str]
    normal_kinds: frozenset[str]
    unit: str = "image"

    def require_images(self) -> None:
        """Raise `UndefinedError` unless there is one."""
        if not self.kinds:
            raise UndefinedError(f"no {self.unit} with a known kind")

    def require_kinds(self) -> None:
        """Raise `UndefinedError` unless there are two kinds to tell apart."""
        self.require_images()
        if len(set(self.kinds)) == 1:
            raise UndefinedError(f"only one kind ({self.kinds[0]})")

    @cached_property
    def matching(self) -> dict[str, str]:
        """The kind of each class: one to one, such that most images are right (Hungarian method).

        Of several best matchings, the one right for most defect images is taken, so that names decide
        nothing. Classes in excess of the kinds have no kind; the class `unknown` never has one.
        """
        kinds = sorted(set(self.kinds))
        classes = sorted(set(self.classes) - {UNKNOWN_CLASS})
        if not classes:
            return {}
        counts = np.zeros((len(classes), len(kinds)), np.int64)
        for kind, name in zip(self.kinds, self.classes, strict=True):
            if name != UNKNOWN_CLASS:
                counts[classes.index(name), kinds.index(kind)] += 1
        is_defect = np.array([kind not in self.normal_kinds for kind in kinds])
        # No sum of defect counts reaches N + 1, so it only decides between equal sums of counts.
        gain = counts * (len(self.kinds) + 1) + counts * is_defect
        rows, columns = linear_sum_assignment(gain, maximize=True)
        return {classes[row]: kinds[column] for row, column in zip(rows, columns, strict=True)}

    @property
    def is_defect(self) -> NDArray[np.bool_]:
        """(N,) whether the image's kind is not a normal one."""
        return np.array([kind not in self.normal_kinds for kind in self.kinds], dtype=bool)

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """(N,) whether the image's class is matched to its kind."""
        pairs = zip(self.kinds, self.classes, strict=True)
        return np.array([self.matching.get(name) == kind for kind, name in pairs], dtype=bool)
