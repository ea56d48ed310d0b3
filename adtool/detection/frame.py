"""What a detector runs in: the backbone with the layers that it wants, and how that backbone sees images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from adtool.core.pictures.picture_file import Bytes
from adtool.nn.backbone import Backbone
from adtool.nn.feature_reader import FeatureReader, Glance, Seeable, SeenImage


@dataclass(frozen=True)
class Needs:
    """What a detector wants of a backbone, and to be given of each image.

    Attributes:
        layers: strides of a convolutional network or blocks of a transformer; None for the backbone's own, and an
            empty tuple for no features at all.
        norm: whether a transformer's final norm is applied.
        image_size: the input size it works best at.
        before_relu: whether a ResNet's features are taken before their last ReLU.
        keep_aspect: whether the ratio of an image's sides is kept. Otherwise all images have one size.
        whole: whether it wants `SeenImage.whole` and `SeenImage.first`.
        pixels: whether it wants the decoded picture, (H, W, 3) uint8, as `SeenImage.glance`.
    """

    layers: tuple[int, ...] | None = None
    norm: bool = False
    image_size: int = 256
    before_relu: bool = False
    keep_aspect: bool = False
    whole: bool = False
    pixels: bool = False


@dataclass(frozen=True)
class Frame:
    """What the command line and a detector's wishes decide together.

    Attributes:
        backbone: the network, with the layers that the detector asked for.
        image_size: side of the network's input, in pixels.
        batch_size: images a batch.
        seed: of everything random.
        needs: what the detector wants.
    """

    backbone: Backbone
    image_size: int
    batch_size: int
    seed: int
    needs: Needs = field(default_factory=Needs)

    @property
    def is_plain(self) -> bool:
        """Whether features are taken as they come out of the network."""
        return not (self.needs.norm or self.needs.before_relu)

    def places_of(self, network: str, weights_id: str, layers: Sequence[int], image_size: int) -> list[int] | None:
        """Where others find the layers that they want among those that are seen here.

        Args:
            network: name of theirs.
            weights_id: of their weights.
            layers: their indices; all images of one size, and features as they come out of the network.
            image_size: side of the input, in pixels.

        Returns:
            the places in `SeenImage.layers`; None if their network has to see the images itself.
        """
        own, indices = self.backbone, [layer.index for layer in self.backbone.layers]
        same = (network, weights_id, image_size) == (own.name, own.weights_id, self.image_size)
        is_seen = self.is_plain and self.needs.layers != () and not self.needs.keep_aspect
        if not (same and is_seen) or not set(layers) <= set(indices):
            return None
        return [indices.index(layer) for layer in layers]

    def see(self, samples: Iterable[Seeable], glance: Glance | None = None) -> Iterator[SeenImage]:
        """Images as the detector wants them, in their order; what can't be read is skipped and said.

        Args:
            samples: the images; taken only as far as they are decoded ahead.
            glance: see `FeatureReader`; not for a detector that wants the pixels.
        """
        reader = FeatureReader(
            self.backbone,
            self.image_size,
            self.needs.keep_aspect,
            self.batch_size,
            whole=self.needs.whole,
            runs=self.needs.layers != (),
            glance=_pixels if self.needs.pixels else glance,
        )
        yield from reader.see(samples)


def _pixels(image: Bytes) -> Bytes:
    return image
