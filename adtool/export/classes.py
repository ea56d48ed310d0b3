"""The classes of a category in an export: their data, what of the network they take, what adtool says of pictures."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from adtool.core import layout
from adtool.core.arrays import Floats
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, UsageError
from adtool.core.layout import ClassesFolder
from adtool.core.steps.identity import same_origin
from adtool.core.steps.note_form import StepNote
from adtool.detection.contract import SeenImage
from adtool.detection.frame import Frame
from adtool.discover import predict
from adtool.discover.predict import PredictionRuntime, StoredClasses
from adtool.export.eyes import Eye
from adtool.export.graphs import SeeingGraph
from adtool.nn import backbone, precision
from adtool.nn.backbone import Backbone
from adtool.nn.options import EngineChoice
from adtool_runtime import images
from adtool_runtime.classes import recognising, spots
from adtool_runtime.engines import CLASS_PIXELS, LAYER, SPOTS
from adtool_runtime.forms import ClassesForm, SpotsForm

TENSORS = "classes.npz"


@dataclass(frozen=True)
class ExportedClasses:
    """The classes, and where the layers that they take come from.

    Attributes:
        known: as `discover` stored them.
        unknown: share of their anomalies that would be `unknown`.
        eye: their own network; None where the detector's serves.
        places: of their layers among those of whichever network.
        chosen: engine of that network.
        close: the network that sees spots; None for classes that were found without.
    """

    known: StoredClasses
    unknown: float
    eye: Eye | None
    places: list[int]
    chosen: EngineChoice
    close: Backbone | None = None

    @property
    def spot_graph(self) -> SeeingGraph | None:
        """What sees the turns of a spot, as a graph."""
        if self.close is None:
            return None
        side = images.rounded(spots.SIDE, self.close.multiple)
        return SeeingGraph(self.close, SPOTS, spots.TURNS, (side, side))

    @property
    def inputs(self) -> list[str]:
        """Names of what the graph takes for them."""
        return [] if self.eye is None else [CLASS_PIXELS]

    @property
    def outputs(self) -> list[str]:
        """Names of what it gives."""
        return [LAYER.format(number) for number in range(len(self.places))]

    def example(self) -> tuple[Tensor, ...]:
        """Such inputs."""
        return () if self.eye is None else (self.eye.example(),)

    def of(self, seen: SeenImage, pixels: Sequence[Tensor], grid: Tensor) -> tuple[Tensor, ...]:
        """Layers of tokens, (C, h, w)."""
        del grid
        layers = seen.layers if self.eye is None else self.eye.look(seen.sample, pixels[0]).layers
        return tuple(layers[place] for place in self.places)

    def form(self, reading: dict[str, object], graphs: Mapping[str, str]) -> ClassesForm:
        """What `adtool.json` says of them; `graphs` are the files of `spot_graph` in each format."""
        known, card = self.known, self.known.card
        most = known.limit(self.unknown)
        return ClassesForm(
            names=[known.called(name) for name in known.names],
            unknown=None if np.isinf(most) else most,
            score_std=card.score_std,
            strength=[float(one) for one in card.strength],
            item_strength=[card.score_middle, card.score_width],
            layers=len(self.places),
            tensors=TENSORS,
            input=None if self.eye is None else self.eye.form(card.image_size, reading),
            spots=None if self.close is None else _spots_form(self.close, graphs),
        )

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What else the runtime takes of them."""
        known = recognising.CLOSE if recognising.CLOSE in self.known.tensors else recognising.KNOWN
        names = (*recognising.NAMES, known, *(spots.TENSORS if self.close else ()))
        return {name: self.known.tensors[name] for name in names}

    def expected(
        self, samples: Sequence[Sample], scores_of: Callable[[Sample], Floats], image_scores: Mapping[str, float]
    ) -> dict[str, str]:
        """The classes of pictures as `adtool inspect` finds them, by id."""
        values = np.array([image_scores[one.id] for one in samples])
        with tempfile.TemporaryDirectory() as work:
            folder = ClassesFolder(Path(work))
            found = predict.place(self.known, samples, scores_of, values, folder, PredictionRuntime(self.chosen))
        most = self.known.limit(self.unknown)
        names = [self.known.called(self.known.names[int(label)]) for label in found.images.labels]
        is_far = (found.distance > most).tolist()
        return {
            one.id: layout.UNKNOWN_CLASS if far else name for one, far, name in zip(samples, is_far, names, strict=True)
        }


def _spots_form(network: Backbone, graphs: Mapping[str, str]) -> SpotsForm:
    side, count = images.rounded(spots.SIDE, network.multiple), len(network.layers)
    return SpotsForm(side=side, mean=list(network.mean), std=list(network.std), layers=count, graphs=dict(graphs))


def find(folder: Path, note: StepNote, frame: Frame, chosen: EngineChoice, unknown: float) -> ExportedClasses:
    """The classes of a category, if they can be exported.

    Args:
        folder: of the category's classes.
        note: of the maps that are exported.
        frame: of their detector.
        chosen: what runs networks.
        unknown: share of the anomalies that would be `unknown`.

    Raises:
        MissingInputError: there are none.
        BadDataError: they are damaged, or were found on other maps.
        UsageError: they were found in a way that no export follows.
    """
    known = predict.read(ClassesFolder(folder))
    if not same_origin(known.card.maps, note.identity()):
        raise BadDataError(
            f"{folder} was not made from the maps that are exported. Run `adtool discover --force`, or, where it was "
            "made from refined maps, add --with-refine."
        )
    if known.way.method != "free" or not known.way.is_whole:
        raise UsageError(
            f"{folder} was found with --method {known.way.method} --features {known.way.features}, which no export "
            "follows. Run `adtool discover` with its defaults, or leave out --with-classes."
        )
    if not known.remembers:
        raise UsageError(
            f"{folder} was found on fewer than five anomalies, or by an earlier adtool, and does not keep where they "
            "lie. Run `adtool discover --force` with more of them, or leave out --with-classes."
        )
    chosen = precision.as_learned(known.precision, replace(chosen, weights=None), folder)
    close = predict.close_up(known, chosen) if known.card.spot_layers else None
    places = frame.places_of(known.source, known.card.image_size)
    if places is not None and not frame.needs.pixels:
        return ExportedClasses(known, unknown, None, places, chosen, close)
    network = backbone.again(known.source, chosen)
    if network.weights_id != known.card.weights_id:
        raise BadDataError(f"{folder} was found with other weights of {network.name}. Run `adtool discover --force`.")
    side = images.rounded(known.card.image_size, network.multiple)
    return ExportedClasses(
        known, unknown, Eye.of(network, (side, side)), list(range(len(network.layers))), chosen, close
    )
