"""What a network can be shown: an image in a file, or a picture in memory."""

from dataclasses import dataclass

from adtool.core.dataset.types import Sample
from adtool_runtime.pictures.picture_file import Bytes


@dataclass(frozen=True)
class Picture:
    """An image that is in memory, and need not be read: (H, W, 3) uint8.

    `share` of it is looked at, where its sample does not say which part.
    """

    sample: Sample
    pixels: Bytes
    share: float = 1.0


Seeable = Sample | Picture


def sample_of(one: Seeable) -> Sample:
    """The image, whether it is in memory or not."""
    return one.sample if isinstance(one, Picture) else one


def share_of(picture: Picture) -> float:
    """Share of a picture that is looked at."""
    look_at, size = picture.sample.reading.look_at, (picture.pixels.shape[0], picture.pixels.shape[1])
    # What is in memory may have been brought to another size, or turned.
    return picture.share if look_at is None or look_at.problem(size) else look_at.share(size)
