"""What a detector runs in: the backbone with the layers that it wants, and how that backbone sees images."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from adtool.core.arrays import Bools
from adtool.core.errors import UsageError
from adtool.core.pictures.tiling import Tiling
from adtool.core.synthetic import defects
from adtool.nn.backbone import Backbone, FeatureSource
from adtool.nn.feature_reader import FeatureReader, Glance, Picture, Seeable, SeenImage
from adtool.nn.tiles import Cutter
from adtool_runtime import images
from adtool_runtime.pictures.picture_file import Bytes


@dataclass(frozen=True)
class Needs:
    """What a detector wants of a backbone, and to be given of each image.

    Attributes:
        layers: strides of a convolutional network or blocks of a transformer; None for the backbone's own, and an
            empty tuple for no features at all.
        norm: whether a transformer's final norm is applied.
        image_size: the input size it works best at.
        before_relu: whether a ResNet's features are taken before their last ReLU.
        replicates: whether a convolutional network's borders are padded with what is beside them instead of zeros.
        keep_aspect: whether the ratio of an image's sides is kept. Otherwise all images have one size.
        whole: whether it wants `SeenImage.whole` and `SeenImage.first`.
        pixels: whether it wants the decoded picture, (H, W, 3) uint8, as `SeenImage.glance`.
        centre_crop: side of the middle of an image of that size that it sees; 0 for all of it.
        beside: a second network whose features it wants, too, and what it wants of that; None for none.
    """

    layers: tuple[int, ...] | None = None
    norm: bool = False
    image_size: int = 256
    before_relu: bool = False
    replicates: bool = False
    keep_aspect: bool = False
    whole: bool = False
    pixels: bool = False
    centre_crop: int = 0
    beside: "tuple[str, Needs] | None" = None

    @property
    def variant(self) -> dict[str, bool]:
        """What makes its features differ from those that come out of the network as it is; see `backbone.load`."""
        return {"norm": self.norm, "before_relu": self.before_relu, "replicates": self.replicates}


@dataclass(frozen=True)
class Frame:
    """What the command line and a detector's wishes decide together.

    Attributes:
        backbone: the network, with the layers that the detector asked for.
        image_size: side of the network's input, in pixels; with a crop, that the image is brought to before.
        batch_size: images a batch.
        seed: of everything random.
        needs: what the detector wants.
        tiling: the tiles that images are seen in; None to see them whole.
        centre_crop: side of the middle that is seen alone, in pixels; 0 to see images whole.
        beside: that of a second network, which sees the same pictures; None if there is one network.

    Raises:
        UsageError: tiles or a middle that this backbone can't see.
    """

    backbone: Backbone
    image_size: int
    batch_size: int
    seed: int
    needs: Needs = field(default_factory=Needs)
    tiling: Tiling | None = None
    centre_crop: int = 0
    beside: "Frame | None" = None

    def __post_init__(self) -> None:
        _ = self.cutter  # tiles that this backbone can't see are refused now
        if self.centre_crop and self.tiling:
            raise UsageError("--tile and a centre crop exclude each other: tiles are there to see all of an image.")
        if self.crop > self.image_size or (self.centre_crop and not self.crop):
            raise UsageError(
                f"A centre crop of {self.centre_crop} px of an image of {self.image_size} px: give --centre-crop from "
                f"{self.backbone.multiple} to {self.image_size}, or another --image-size."
            )
        if self.crop and self.beside:
            raise UsageError("A centre crop and a second network exclude each other: they would not see the same.")

    def noted(self) -> dict[str, object]:
        """What of it decides features, as notes and cards of models have it."""
        return {
            **self.network_noted(),
            **(self.tiling.noted() if self.tiling else {}),
            **({"centre_crop": self.centre_crop} if self.centre_crop else {}),
            **({f"beside_{name}": value for name, value in self.beside.network_noted().items()} if self.beside else {}),
        }

    def network_noted(self) -> dict[str, object]:
        """What is noted of the network, and how it sees."""
        network = self.backbone
        return {
            "backbone": network.name,
            "backbone_weights": network.weights_id,
            "layers": [layer.index for layer in network.layers],
            "image_size": self.image_size,
        }

    @property
    def crop(self) -> int:
        """Side of the middle that the network sees, a multiple of what it takes; 0 if it sees images whole."""
        return self.centre_crop and self.centre_crop // self.backbone.multiple * self.backbone.multiple

    @property
    def input_px(self) -> int:
        """Side of the network's input, where that is square."""
        return self.crop or images.rounded(self.image_size, self.backbone.multiple)

    @property
    def cutter(self) -> Cutter | None:
        """What cuts images into tiles; None if they are seen whole."""
        if self.tiling is None:
            return None
        multiple = self.backbone.multiple
        return Cutter(self.tiling, images.rounded(self.image_size, multiple), multiple)

    @property
    def is_plain(self) -> bool:
        """Whether features are those that come out of the network's layers."""
        return not (self.needs.norm or self.needs.before_relu)

    def places_of(self, wanted: FeatureSource, image_size: int) -> list[int] | None:
        """Where others find the layers that they want among those that are seen here.

        Args:
            wanted: what their features come out of; all images of one size.
            image_size: side of the input, in pixels.

        Returns:
            the places in `SeenImage.layers`; None if their network has to see the images itself.
        """
        own = self.backbone.source
        same = replace(own, layers=wanted.layers) == wanted and self.image_size == image_size
        is_whole = not self.needs.keep_aspect and self.tiling is None and not self.crop
        is_seen = self.is_plain and self.needs.layers != () and is_whole
        if not (same and is_seen) or not set(wanted.layers) <= set(own.layers):
            return None
        return [own.layers.index(layer) for layer in wanted.layers]

    def paint(
        self, image: Bytes, kind: str, rng: np.random.Generator, *, size: float, contrast: float
    ) -> tuple[Bytes, Bools]:
        """Paint one defect, as `defects.paint` does: as large compared with what the network sees at a time.

        What is seen far smaller anyway becomes smaller.
        """
        if self.tiling is not None:
            return defects.paint_within(image, kind, rng, self.tiling.size, size=size, contrast=contrast)
        small = defects.handy(image, self.image_size)
        return defects.paint(small, kind, rng, part=self._paintable(small), size=size, contrast=contrast)

    def _paintable(self, image: Bytes) -> Bools:
        """Where defects may lie, (H, W): on the part, and within what is seen."""
        part = defects.find_part(image)
        if not self.crop:
            return part
        size = (image.shape[0], image.shape[1])
        whole = images.around_middle(size, self.image_size, self.crop, keep_aspect=self.needs.keep_aspect)
        seen = np.zeros(whole, np.uint8)
        seen[images.middle(whole, self.crop)] = 1
        middle = np.asarray(cv2.resize(seen, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT), dtype=bool)
        return part & middle if (part & middle).any() else middle

    def see(self, samples: Iterable[Seeable], glance: Glance | None = None) -> Iterator[SeenImage]:
        """Images as the detector wants them, in their order; what can't be read is skipped and said.

        Args:
            samples: the images; taken only as far as they are decoded ahead.
            glance: see `FeatureReader`; not for a detector that wants the pixels.
        """
        if self.beside is None:
            yield from self._see(samples, glance)
            return
        waiting: deque[tuple[SeenImage, Bytes]] = deque()

        def with_pixels(image: Bytes) -> tuple[Bytes, Any]:
            return image, glance(image) if glance else None

        def pictures() -> Iterator[Picture]:  # decoded once for both
            for one in self._see(samples, with_pixels):
                pixels, glanced = one.glance
                waiting.append((replace(one, glance=glanced), pixels))
                yield Picture(one.sample, pixels)

        for other in self.beside.see(pictures(), _pixels):
            own, pixels = waiting.popleft()
            while pixels is not other.glance:  # the second network made no finite features of one, which was said
                own, pixels = waiting.popleft()
            yield replace(own, beside=replace(other, glance=None))

    def _see(self, samples: Iterable[Seeable], glance: Glance | None) -> Iterator[SeenImage]:
        reader = FeatureReader(
            self.backbone,
            self.image_size,
            self.needs.keep_aspect,
            self.batch_size,
            whole=self.needs.whole,
            runs=self.needs.layers != (),
            glance=_pixels if self.needs.pixels else glance,
            cutter=self.cutter,
            crop=self.crop,
        )
        yield from reader.see(samples)


def _pixels(image: Bytes) -> Bytes:
    return image
