"""What was rebuilt of images, as if they were normal: by a stored detector, or by another tool."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from adtool.core.layout import ModelFolder
from adtool.detection import scoring
from adtool.detection.contract import learner
from adtool.detection.frame import Frame
from adtool.detection.scoring import OpenedModel
from adtool.nn.feature_reader import Seeable, sample_of
from adtool_runtime.pictures.reading import OWN


@dataclass(frozen=True)
class RebuildingDetector:
    """A stored detector that rebuilds what it sees as if it were normal.

    Attributes:
        folder: of its model.
        frame: what it runs in, shared with the models of other categories.
        asked: the settings it was made with.
        weights: tells this model from another.
    """

    folder: ModelFolder
    frame: Frame
    asked: Mapping[str, object]
    weights: str

    def open(self) -> OpenedModel:
        """The model; not kept, as there may be one for each of many categories."""
        return scoring.load(learner(self.folder.detector), self.folder, self.frame)


@dataclass(frozen=True)
class GivenReconstructions:
    """What another tool rebuilt of images: pictures beside its maps.

    What is painted on a normal image is compared with the reconstruction of that: what rebuilds well leaves it out.

    Attributes:
        folder: where they lie.
        pictures: that of each image, by the image's file.
        weights: tells those of the normal images from others.
        tested: tells those of the test images from others.
    """

    folder: Path
    pictures: Mapping[Path, Path]
    weights: str
    tested: str

    @cached_property
    def files(self) -> frozenset[Path]:
        """The pictures."""
        return frozenset(self.pictures.values())

    def of(self, image: Seeable) -> Seeable:
        """What was rebuilt of an image."""
        sample = sample_of(image)
        return replace(sample, image=self.pictures[sample.image], mask=None, reading=OWN)
