"""What else looks at the features that the detector's backbone sees: the filter and the classes, where they fit.

One decoding and one pass of the network then serve all three.
"""

from dataclasses import dataclass
from pathlib import Path

from adtool.core.arrays import Floats
from adtool.core.layout import ClassesFolder
from adtool.detection.frame import Frame
from adtool.discover import predict
from adtool.discover.free import features
from adtool.discover.predict import StoredClasses
from adtool.nn.feature_reader import SeenImage
from adtool_runtime.classes import pooling, traits


@dataclass(frozen=True)
class Describer:
    """Describes images for the classes while their features are at hand.

    Attributes:
        cache: where `predict.place` looks for what is described.
        places: of the classes' layers among those that are seen.
        std: of all scores of the category.
    """

    cache: Path
    places: list[int]
    std: float

    glance = staticmethod(traits.thumbnail)

    def keep(self, seen: SeenImage, scores: Floats) -> None:
        """Describe an image; its glance is by `glance`."""
        guide = pooling.guide_of(scores, self.std)
        features.keep(self.cache, seen.sample.id, [seen.layers[i] for i in self.places], seen.glance, guide)


def describer(classes: StoredClasses | None, frame: Frame, work: ClassesFolder) -> Describer | None:
    """What describes images for the classes; None where those see images in another way, or there are none.

    Args:
        classes: that were found.
        frame: of the detector.
        work: folder of `predict.place`.
    """
    if classes is None or classes.way.method != "free" or not classes.way.is_whole or frame.needs.pixels:
        return None
    if classes.precision != frame.backbone.precision:
        return None
    card = classes.card
    places = frame.places_of(classes.source, card.image_size)
    return None if places is None else Describer(work.path / predict.FEATURES, places, card.score_std)
