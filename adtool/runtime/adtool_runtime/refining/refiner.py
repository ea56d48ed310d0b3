"""What refines the maps of an export, with a filter in its graph or without one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from adtool_runtime.engines import ODDS
from adtool_runtime.errors import BadDataError
from adtool_runtime.forms import FilterForm, FreeForm
from adtool_runtime.image_scores import Floats, image_score
from adtool_runtime.images import Bytes
from adtool_runtime.manifest import AGAIN
from adtool_runtime.refining import mixing
from adtool_runtime.refining.free import FreeFilter
from adtool_runtime.refining.mixing import Finish, Mixture, ScoreScale


class Refiner(Protocol):
    """Refines maps."""

    def refined(self, given: Floats, image: Bytes, found: Mapping[str, Floats]) -> Floats:
        """A map, (H, W), by the picture, (h, w, 3), and what the graph gave, by name."""

    def image_score(self, refined: Floats, share: float) -> float:
        """That of a refined map, of which a share is looked at."""


@dataclass(frozen=True)
class FreeRefiner:
    """Without a filter that was trained."""

    made: FreeFilter

    def refined(self, given: Floats, image: Bytes, found: Mapping[str, Floats]) -> Floats:
        """See `Refiner`."""
        del found
        return self.made.refined(given, image)

    def image_score(self, refined: Floats, share: float) -> float:
        """See `Refiner`."""
        return image_score(refined, 1 / share)


@dataclass(frozen=True)
class FilterRefiner:
    """With one whose log-odds the graph gives.

    Attributes:
        mixture: of the given and the filtered map.
        levels: sorted scores of the category, where nothing was decided, and ranks are mixed; None else.
    """

    mixture: Mixture
    levels: Floats | None

    def refined(self, given: Floats, image: Bytes, found: Mapping[str, Floats]) -> Floats:
        """See `Refiner`."""
        del image
        filtered = mixing.probability(found[ODDS], *given.shape)
        if self.levels is not None:
            return mixing.mixed_ranks(given, filtered, self.levels)
        return self.mixture.of(given, filtered)

    def image_score(self, refined: Floats, share: float) -> float:
        """See `Refiner`."""
        return self.mixture.finish.image_score(refined, share)


def load(folder: Path, form: FreeForm | FilterForm | None) -> Refiner | None:
    """What refines the maps of an export; None if nothing does.

    Raises:
        BadDataError: its levels are damaged.
    """
    if form is None:
        return None
    scale = ScoreScale(form.zero, form.one)
    if isinstance(form, FreeForm):
        return FreeRefiner(FreeFilter(form, scale))
    mixture = Mixture(scale, form.weight, Finish(form.blur_given, form.blur_mixed, form.top))
    return FilterRefiner(mixture, _levels(folder / form.levels) if form.levels else None)


def _levels(path: Path) -> Floats:
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadDataError(f"{path} can't be read ({error}). {AGAIN}") from None
    if values.dtype != np.float32 or values.ndim != 1 or not np.isfinite(values).all():
        raise BadDataError(f"{path} holds {values.dtype} of the shape {values.shape}. {AGAIN}")
    return np.asarray(values)
