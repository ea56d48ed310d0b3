"""Whether tiles would pay: small defects painted on a few good parts, looked for in the whole picture and in tiles."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from adtool.core import arrays, layout
from adtool.core.arrays import Bools, Floats, UnreadableImageError
from adtool.core.dataset.types import Sample
from adtool.core.layout import ModelFolder
from adtool.core.pictures import tiling
from adtool.core.pictures.tiling import Tiling
from adtool.core.steps import notes
from adtool.core.steps.step_run import StepRun
from adtool.core.synthetic import defects
from adtool.detection import qualities, scoring, store
from adtool.detection.contract import learner, settings_of
from adtool.detection.normal_images import NormalImages
from adtool.nn.feature_reader import Picture
from adtool.run import first
from adtool.run.config import RunConfig
from adtool.run.pictures import GivenPictures

LEARNED, PAINTED = 12, 8  # good parts; on each of the latter two defects are painted, one at a time
FEWEST = 10  # good parts for a trial
EACH = 2
SIZES, CONTRASTS = (0.3, 1.0), (0.7, 1.5)  # of the painted defects, compared with a tile
NEAR = 0.03  # of the longer side: a map's highest score so far from a defect, as coarse as it is, points at it
LEAST_GAIN = 0.2  # share of the defects that tiles must find beyond those that are found without
DETECTOR, SETTINGS = "patchcore", ("coreset=random", "bank_size=5000", "standard=false")
NOTED = "small_defects"  # in the result of the first look

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Painted:
    """One picture with a small defect."""

    picture: Picture
    mask: Bools


def advice(config: RunConfig, given: GivenPictures) -> str:
    """What to try, or empty; tried once, and noted with the first look."""
    if config.tiling is not None or len(given.normal) < FEWEST:
        return ""
    known = notes.read_note(first.FOLDER / given.name).whole_result.get(NOTED)
    if isinstance(known, str):
        return known
    said = _tried(config, given)
    with StepRun(first.COMMAND, first.FOLDER) as work:
        work.amend(given.name, {NOTED: said})
    return said


def _tried(config: RunConfig, given: GivenPictures) -> str:
    how = first.reading(config, given)
    rng = np.random.default_rng(config.seed)
    chosen = [given.normal[i] for i in rng.permutation(len(given.normal))[: LEARNED + PAINTED]]
    samples = [Sample("trial", f"{i:02}", layout.TRAIN, layout.NORMAL_KIND, path, None, reading=how)
               for i, path in enumerate(chosen)]  # fmt: skip
    longer = round(median(_longer(one) for one in samples))
    tiles = tiling.suggested(longer)
    if tiles is None:
        return ""
    log.info("The pictures are %d px long. A trial whether small defects are seen better in tiles: a minute.", longer)
    count = min(PAINTED, len(samples) // 2)
    learned, rest = samples[:-count], samples[-count:]
    found = [_found(config, learned, rest, tiles, way) for way in (None, tiles)]
    (whole, count), (tiled, _) = found
    log.info("Of %d small defects painted on good parts, %d are found in the whole picture, %d in tiles.",
             count, whole, tiled)  # fmt: skip
    if not count or tiled - whole < LEAST_GAIN * count:
        return ""
    return (
        f"Of {count} small defects painted on good parts, {tiled} are found in tiles and {whole} in the whole picture. "
        f"If yours may be as small, add {tiles.as_options()}."
    )


def _longer(one: Sample) -> int:
    """The longer side of a picture, in pixels; 0 if it can't be read, which is said when the pictures are prepared."""
    try:
        return max(arrays.image_size(one.image, one.reading))
    except UnreadableImageError:
        return 0


def _found(
    config: RunConfig, learned: Sequence[Sample], rest: Sequence[Sample], tiles: Tiling, way: Tiling | None
) -> tuple[int, int]:
    """How many of how many painted defects the highest score of the map lies at.

    Args:
        config: names the backbone and the seed.
        learned: good parts that are learned from.
        rest: those that are painted on.
        tiles: that the defects are small compared with.
        way: how pictures are seen, in tiles or whole.
    """
    tiled = way.noted() if way else {"tile": None, "overlap": None}
    asked = first.of_maps(config).model_copy(update={"seed": config.seed, **tiled})
    detector = learner(DETECTOR)
    settings = settings_of(DETECTOR, detector, SETTINGS, qualities.usual(detector, asked))
    chosen = store.prepare(DETECTOR, settings, asked)
    # No folder: nothing is kept meanwhile by what learns in a minute.
    normals = NormalImages(learned, chosen.frame, ModelFolder(Path()))
    opened = scoring.fit(detector, normals, chosen.settings)
    waiting: dict[str, Bools] = {}

    def pictures() -> Iterator[Picture]:
        for one in painted(rest, tiles, config.seed):
            waiting[one.picture.sample.id] = one.mask
            yield one.picture

    hits = [points_at(one.scores, waiting.pop(one.sample.id)) for one in opened.score(pictures())]
    return sum(hits), len(hits)


def painted(samples: Sequence[Sample], tiles: Tiling, seed: int) -> Iterator[Painted]:
    """Small defects, one a picture."""
    for number in range(EACH * len(samples)):
        sample, rng = samples[number // EACH], np.random.default_rng([seed, number])
        try:
            image = arrays.read_image(sample.image, sample.reading)
        except UnreadableImageError:
            continue
        kind, size = defects.KINDS[number % len(defects.KINDS)], float(np.exp(rng.uniform(*np.log(SIZES))))
        contrast = float(rng.uniform(*CONTRASTS))
        drawn, mask = defects.paint_within(image, kind, rng, tiles.size, size=size, contrast=contrast)
        if mask.any():
            yield Painted(Picture(replace(sample, id=f"{number:02}"), drawn), mask)


def points_at(scores: Floats, mask: Bools) -> bool:
    """Whether the highest score of a map lies at a defect, (H, W) of the picture, or near it."""
    y, x = np.unravel_index(int(scores.argmax()), scores.shape)
    height, width = mask.shape
    at = (int((y + 0.5) * height / scores.shape[0]), int((x + 0.5) * width / scores.shape[1]))
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    return bool(distance[at] <= NEAR * max(height, width))
