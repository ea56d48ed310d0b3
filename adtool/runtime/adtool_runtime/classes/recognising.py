"""The class of a picture: of those that were found without training, or `unknown`."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adtool_runtime.classes import placing, pooling, traits, vectors
from adtool_runtime.classes.placing import Described, Embedding, Strength
from adtool_runtime.classes.traits import DescriptorScaling
from adtool_runtime.errors import BadDataError
from adtool_runtime.image_scores import Floats
from adtool_runtime.images import Bytes
from adtool_runtime.manifest import AGAIN, ClassesForm

UNKNOWN = "unknown"
TRAITS = tuple(f"traits_{name}" for name in ("middle", "width", "origin", "length"))
# Tensors of the classes that a picture is told by: of D features, E axes, K classes but the normal one, M anomalies.
NAMES = ("scale", "origin", "axes", "centres", *TRAITS)
KNOWN = "known"  # (M, D) where the anomalies lie that were there; without it nothing is unknown

Arrays = Mapping[str, npt.NDArray[Any]]


class Recogniser:
    """Gives pictures their class.

    Args:
        form: what the export says of the classes.
        tensors: of NAMES, and KNOWN.
    """

    def __init__(self, form: ClassesForm, tensors: Arrays) -> None:
        self._form = form
        self._of_image, self._of_item = Strength(*form.strength), Strength(*form.item_strength)
        exact = {name: values.astype(np.float64) for name, values in tensors.items()}
        scaling = DescriptorScaling(*(exact[name] for name in TRAITS))
        self._embedding = Embedding(exact["scale"], exact["origin"], exact["axes"], scaling, self._of_item)
        self._centres, self._known = exact["centres"], exact.get(KNOWN)

    def of(self, image: Bytes, scores: Floats, score: float, layers: Sequence[Floats]) -> tuple[str, float]:
        """The class of a picture, and how sure it is, from 0 to 1.

        Args:
            image: (H, W, 3).
            scores: (h, w) its map.
            score: its image score.
            layers: one (C, h, w) array of the network's tokens each.
        """
        guide = pooling.guide_of(scores, self._form.score_std)
        seen = pooling.differences(layers, guide)[None].astype(np.float64)
        plain = traits.of_anomaly(traits.thumbnail(image), guide)[None]
        described = Described(seen, self._embedding.scale, plain)
        one = np.array([score])
        placed = placing.place(self._embedding.directions(described), self._of_item.of(one), self._centres)
        far, most = self._far(described, one), self._form.unknown
        if most is not None and far > most:
            return UNKNOWN, 1 - most / far
        return self._form.names[int(placed.labels[0])], float(placed.confidence[0])

    def _far(self, described: Described, score: npt.NDArray[np.float64]) -> float:
        """Distance of an anomaly from the nearest that is known; 0 where there is none."""
        if self._known is None or not (self._of_image.of(score) > placing.NO_STRENGTH).all():
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
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise BadDataError(f"{path} can't be read ({error}). {AGAIN}") from None
    if wrong := _misfit(form, tensors):
        raise BadDataError(f"{path} does not fit its manifest: {wrong}. {AGAIN}")
    return Recogniser(form, tensors)


def _misfit(form: ClassesForm, tensors: Arrays) -> str:
    """What is wrong with the tensors, empty if nothing."""
    if lacking := [name for name in NAMES if name not in tensors]:
        return f"there is no `{lacking[0]}`"
    if any(values.dtype.kind != "f" or not np.isfinite(values).all() for values in tensors.values()):
        return "some are no finite numbers"
    (width,), count = tensors["scale"].shape[:1] or (0,), len(traits.NAMES)
    axes = tensors["axes"].shape[0] if tensors["axes"].ndim else 0
    wanted = {
        "scale": (width,),
        "origin": (width,),
        "axes": (axes, width),
        "centres": (len(form.names) - 1, axes + count),
        **dict.fromkeys(TRAITS[:3], (count,)),
        TRAITS[3]: (1,),
    }
    if KNOWN in tensors:
        wanted[KNOWN] = (len(tensors[KNOWN]) if tensors[KNOWN].ndim else 0, width)
    return next(
        (f"`{name}` is {tensors[name].shape}" for name, form in wanted.items() if tensors[name].shape != form), ""
    )
