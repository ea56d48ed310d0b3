"""Where the anomalies of images lie, what is described of them, and the classes of images from those of their crops.

`discover` and `inspect` both go this way, so that a new image is seen as those were that the classes came from.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from adtool.core import arrays, progress
from adtool.core.arrays import Bytes, Floats
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, NotFiniteMapError
from adtool.core.layout import ClassesFolder
from adtool.discover import assign, merge
from adtool.discover.assign import Assigned, DiscoveredClasses
from adtool.discover.binarize import SearchRange
from adtool.discover.config import AC
from adtool.discover.free.features import Item
from adtool.discover.regions import CropRow, Finder, RegionRow
from adtool_runtime import parallel
from adtool_runtime.classes.pooling import guide_of
from adtool_runtime.pictures.reading import OWN

# Chosen on defects painted on held-out normal tiles:
MASK_TEMPERATURE = 0.1  # of a crop's: defect pixels weigh e^10 times as much as others
CROP_SHARE = 0.5  # input side of a crop, as a share of that of a whole image: crops are small

ScoresOf = Callable[[Sample], Floats]


@dataclass(frozen=True)
class FoundRegions:
    """Regions and crops of some images."""

    search: SearchRange
    std: float  # of all scores of the category
    broken: dict[str, str] = field(default_factory=dict)  # what is wrong with images that were left out, by id
    sizes: list[tuple[int, int]] = field(default_factory=list)  # (height, width) of each image
    crops: list[CropRow] = field(default_factory=list)
    regions: list[RegionRow] = field(default_factory=list)

    def crop_image(self, samples: Sequence[Sample]) -> NDArray[np.int64]:
        """Which image each crop is from, (R,)."""
        index = {one.id: i for i, one in enumerate(samples)}
        return np.array([index[row.id] for row in self.crops], np.int64)

    def crop_weights(
        self, crop_image: NDArray[np.int64], temperature: float = 0.0
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Defect pixels of each crop, and its temperature; both (R,), see `merge.merge_regions`.

        Args:
            crop_image: (R,) which image each crop is from.
            temperature: of all crops; 0 takes that of each image's size.
        """
        temperatures = [temperature or merge.scaled_temperature(*self.sizes[i]) for i in crop_image]
        return np.array([row.area_px for row in self.crops], np.int64), np.array(temperatures, np.float64)

    def has_region(self, samples: Sequence[Sample]) -> NDArray[np.bool_]:
        """Whether anything was found in each image, (N,)."""
        with_region = {row.id for row in self.regions}
        return np.array([one.id in with_region for one in samples], bool)


def measure(samples: Sequence[Sample], scores_of: ScoresOf) -> FoundRegions:
    """The range of thresholds and the deviation of the scores over the maps of a category; nothing is found yet.

    Maps with NaN or infinite scores are left out, and stand in `broken` of what is given back.
    """
    maxima: list[float] = []
    moments = np.zeros(3)
    broken: dict[str, str] = {}

    def read(one: Sample) -> Floats | NotFiniteMapError:
        try:
            return scores_of(one)
        except NotFiniteMapError as error:
            return error

    for one, scores in progress.track(parallel.prefetch(samples, read), "reading maps", len(samples)):
        if isinstance(scores, NotFiniteMapError):
            broken[one.id] = str(scores)
            continue
        maxima.append(float(scores.max()))
        exact = scores.astype(np.float64)
        moments += [exact.size, exact.sum(), np.square(exact).sum()]
    if not maxima:
        raise BadDataError(next(iter(broken.values())))
    variance = moments[2] / moments[0] - (moments[1] / moments[0]) ** 2
    return FoundRegions(SearchRange.over(maxima), float(np.sqrt(max(variance, 0))), broken)


def find(
    found: FoundRegions,
    samples: Sequence[Sample],
    scores_of: ScoresOf,
    finder: Finder,
    folder: ClassesFolder,
    label: str,
) -> None:
    """Find regions and crops image by image, and add them.

    Args:
        found: to be added to.
        samples: N images.
        scores_of: their maps.
        finder: with the range of `found`.
        folder: where binaries and crops are written.
        label: of the progress bar.
    """

    def of(one: Sample) -> tuple[tuple[int, int], list[CropRow], list[RegionRow]]:
        image = arrays.read_image(one.image, one.reading)
        return image.shape[:2], *finder.find(one.id, image, scores_of(one), folder)

    with progress.bar(label, len(samples)) as bar:
        for _, (size, crops, regions) in parallel.prefetch(samples, of):
            found.sizes.append(size)
            found.crops.extend(crops)
            found.regions.extend(regions)
            bar.advance(1)


def marked(
    samples: Sequence[Sample], scores_of: ScoresOf, finder: Finder, folder: ClassesFolder, label: str
) -> NDArray[np.bool_]:
    """Write the binaries of images that are not cut into crops; whether anything was found in each, (N,).

    Args:
        samples: N images, of which only the sizes are read.
        scores_of: their maps.
        finder: with the range of the category.
        folder: where binaries are written.
        label: of the progress bar.
    """

    def of(one: Sample) -> bool:
        size = arrays.image_size(one.image, one.reading)
        return bool(finder.binary(one.id, size, scores_of(one), folder)[0].any())

    return np.array([found for _, found in progress.track(parallel.prefetch(samples, of), label, len(samples))], bool)


def forget(found: FoundRegions, images: Collection[str], folder: ClassesFolder) -> None:
    """Remove the pictures that `find` wrote of some images."""
    for one in images:
        folder.binary(one).unlink(missing_ok=True)
    for row in found.crops:
        if row.id in images:
            folder.crop(row.id, row.crop).unlink(missing_ok=True)
            folder.crop_mask(row.id, row.crop).unlink(missing_ok=True)


def whole_images(samples: Sequence[Sample], scores_of: ScoresOf, std: float) -> list[Item]:
    """Images whose guide is their map, in standard deviations of the category's scores over a temperature."""

    def item(one: Sample) -> Item:
        return Item(one.id, lambda: (arrays.read_image(one.image, one.reading), guide_of(scores_of(one), std)), one.id)

    return [item(one) for one in samples]


def crop_items(folder: ClassesFolder, crops: Sequence[CropRow], temperature: float) -> list[Item]:
    """Crops whose guide is their mask, divided by a temperature."""

    def load(row: CropRow) -> tuple[Bytes, Floats]:
        mask = arrays.read_mask(folder.crop_mask(row.id, row.crop), limited=False)
        return arrays.read_image(folder.crop(row.id, row.crop), OWN), mask.astype(np.float32) / np.float32(temperature)

    def item(row: CropRow) -> Item:
        return Item(f"{row.id}_{row.crop}", lambda: load(row), row.id)

    return [item(row) for row in crops]


@dataclass(frozen=True)
class ClassingMethod:
    """How the classes of images come about: the settings of `discover` with that name."""

    method: str
    features: str
    rules: str
    temperature: float = 0.0  # see `FoundRegions.crop_weights`

    @property
    def is_whole(self) -> bool:
        """Whether images are assigned as they are, not by their crops."""
        return self.method == AC or (self.method == "free" and self.features == "maps")


def classes_of_images(
    way: ClassingMethod,
    classes: DiscoveredClasses,
    found: FoundRegions,
    samples: Sequence[Sample],
    strength: NDArray[np.float64],
) -> Assigned:
    """Classes of N images.

    Args:
        way: how.
        classes: of the images or of their crops.
        found: regions and crops.
        samples: the images.
        strength: (N,) of their scores.
    """
    if way.is_whole:
        return classes.items
    crop_image = found.crop_image(samples)
    leaning = assign.certainly_normal(strength) if way.method == "trained" and way.rules == "best" else None
    return assign.merge_crops(classes, crop_image, *found.crop_weights(crop_image, way.temperature), leaning)


def of_images(
    way: ClassingMethod, values: NDArray[np.float64], found: FoundRegions, samples: Sequence[Sample]
) -> NDArray[np.float64]:
    """Values of images, or of crops averaged over each image's as their classes are; (N or R, K) -> (N, K)."""
    if way.is_whole:
        return values
    crop_image = found.crop_image(samples)
    return merge.merge_regions(values, crop_image, *found.crop_weights(crop_image, way.temperature))
