"""The class of a picture: of those that were found without training, or `unknown`."""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adtool_runtime import images
from adtool_runtime.classes import placing, pooling, spots, traits, vectors
from adtool_runtime.classes.placing import Described, Embedding, Strength
from adtool_runtime.classes.spots import SpotAxes, Spots
from adtool_runtime.classes.traits import DescriptorScaling
from adtool_runtime.errors import BadDataError
from adtool_runtime.forms import ClassesForm
from adtool_runtime.image_scores import Floats
from adtool_runtime.images import Bytes
from adtool_runtime.manifest import AGAIN

UNKNOWN = "unknown"
TRAITS = tuple(f"traits_{name}" for name in ("middle", "width", "origin", "length"))
# Tensors of the classes that a picture is told by: of D features, E axes, K classes but the normal one, M anomalies.
NAMES = ("scale", "origin", "axes", "centres", *TRAITS)
AXES = ("axes", spots.TENSORS[-1])
# Where the M anomalies lie that were there, by the picture and its spot, (M, D + S), or the picture alone, (M, D), if
# nobody looked at spots. Without both nothing is unknown.
CLOSE, KNOWN = "known_clear", "known"

Arrays = Mapping[str, npt.NDArray[Any]]
Close = Callable[[Floats], list[Floats]]


class Recogniser:
    """Gives pictures their class.

    Args:
        form: what the export says of the classes.
        tensors: of NAMES, and CLOSE or KNOWN.
    """

    def __init__(self, form: ClassesForm, tensors: Arrays) -> None:
        self._form = form
        self._of_image, self._of_item = Strength(*form.strength), Strength(*form.item_strength)
        exact = {name: values.astype(np.float64) for name, values in tensors.items()}
        scaling = DescriptorScaling(*(exact[name] for name in TRAITS))
        own = exact["scale"], exact["origin"], exact["axes"]
        self._embedding = Embedding(*own, scaling, self._of_item, SpotAxes.stored(exact))
        self._centres, self._close, self._known = exact["centres"], exact.get(CLOSE), exact.get(KNOWN)

    def of(
        self, image: Bytes, scores: Floats, score: float, layers: Sequence[Floats], close: Close | None = None
    ) -> tuple[str, float]:
        """The class of a picture, and how sure it is, from 0 to 1.

        Args:
            image: (H, W, 3).
            scores: (h, w) its map.
            score: its image score.
            layers: one (C, h, w) array of the network's tokens each.
            close: gives, of (turns, 3, side, side) normalised, layers of (turns, C, h, w) tokens; for classes that
                were found with spots.
        """
        guide = pooling.guide_of(scores, self._form.score_std)
        seen = pooling.differences(layers, guide)[None].astype(np.float64)
        plain = traits.of_anomaly(traits.thumbnail(image), guide)[None]
        one = np.array([score])
        described = Described(seen, self._embedding.scale, plain, self._spots(image, guide, one, close))
        placed = placing.place(self._embedding.directions(described), self._of_item.of(one), self._centres)
        far, most = self._far(described, one), self._form.unknown
        if most is not None and far > most:
            return UNKNOWN, 1 - most / far
        return self._form.names[int(placed.labels[0])], float(placed.confidence[0])

    def _spots(self, image: Bytes, guide: Floats, score: npt.NDArray[np.float64], close: Close | None) -> Spots | None:
        """The spot of an anomaly, of a normal picture none."""
        form, axes = self._form.spots, self._embedding.spots
        if form is None or axes is None or close is None:
            return None
        if not (self._of_item.of(score) > placing.NO_STRENGTH).all():
            return Spots(np.zeros((0, len(axes.scale))), np.zeros(0, np.int64))
        pictures, guides = spots.turns(image, guide, form.side)
        seen = close(np.stack([images.normalised(one, form.mean, form.std) for one in pictures]))
        return Spots(spots.pooled(seen, guides)[None], np.zeros(1, np.int64))

    def _far(self, described: Described, score: npt.NDArray[np.float64]) -> float:
        """Distance of an anomaly from the nearest that is known; 0 where there is none."""
        if not (self._of_image.of(score) > placing.NO_STRENGTH).all():
            return 0.0
        lies = self._embedding.close(described)
        if self._close is not None and lies is not None:
            return float(vectors.distances(lies, self._close).min() * self._embedding.clearness(described, score)[0])
        if self._known is None:
            return 0.0
        return float(vectors.distances(self._embedding.unreduced(described), self._known).min())


def load(folder: Path, form: ClassesForm) -> Recogniser:
    """The classes of an export.

    Raises:
        BadDataError: their tensors are damaged.
    """
    path = folder / form.tensors
    try:
        with np.load(path, allow_pickle=False) as file:
            tensors = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise BadDataError(f"{path} can't be read ({error}). {AGAIN}") from None
    if wrong := _misfit(form, tensors):
        raise BadDataError(f"{path} does not fit its manifest: {wrong}. {AGAIN}")
    return Recogniser(form, tensors)


def _misfit(form: ClassesForm, tensors: Arrays) -> str:
    """What is wrong with the tensors, empty if nothing."""
    names = [*NAMES, *([] if form.spots is None else spots.TENSORS)]
    if lacking := [name for name in names if name not in tensors]:
        return f"there is no `{lacking[0]}`"
    if any(values.dtype.kind != "f" or not np.isfinite(values).all() for values in tensors.values()):
        return "some are no finite numbers"
    (width,), count = tensors["scale"].shape[:1] or (0,), len(traits.NAMES)
    axes, close = (len(tensors[name]) if name in tensors and tensors[name].ndim else 0 for name in AXES)
    wanted = {
        "scale": (width,),
        "origin": (width,),
        "axes": (axes, width),
        "centres": (len(form.names) - 1, axes + close + count),
        **dict.fromkeys(TRAITS[:3], (count,)),
        TRAITS[3]: (1,),
    }
    if form.spots is not None:
        (seen,) = tensors[spots.TENSORS[0]].shape[:1] or (0,)
        wanted |= dict(zip(spots.TENSORS, ((seen,), (seen,), (close, seen)), strict=True))
    widths = {KNOWN: width, CLOSE: 0 if form.spots is None else width + wanted[spots.TENSORS[0]][0]}
    wanted |= {
        name: (len(tensors[name]) if tensors[name].ndim else 0, size)
        for name, size in widths.items()
        if name in tensors
    }
    return next(
        (f"`{name}` is {tensors[name].shape}" for name, form in wanted.items() if tensors[name].shape != form), ""
    )
