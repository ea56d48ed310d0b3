"""Image scores of normal images by a model that did not learn from them, and of defects painted on them.

The limit between OK and NOK is made from these two tables, which lie beside the model.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from adtool.core import arrays, files, layout
from adtool.core.arrays import Bools, UnreadableImageError
from adtool.core.dataset.types import Sample
from adtool.core.layout import ModelFolder
from adtool.core.limits.evidence import CROSS_FITTED, HELD_OUT
from adtool.core.progress import track
from adtool.core.steps import notes
from adtool.core.synthetic import defects
from adtool.detection import image_scores
from adtool.detection.contract import CrossFitting, Scored, Standardised
from adtool.detection.frame import Frame
from adtool.detection.normal_images import NormalImages
from adtool.detection.scoring import OpenedModel, usable
from adtool.nn.feature_reader import Picture, SeenImage
from adtool_runtime import parallel
from adtool_runtime.pictures.look_at import OUTSIDE, LookAt
from adtool_runtime.pictures.picture_file import Bytes
from adtool_runtime.pictures.reading import PLAIN

log = logging.getLogger("adtool")

LEAST_PAINTED, MOST_PAINTED = 20, 100
MOST_TRIES = 7  # more, at a place that is looked at
PAINTED_OF = 5  # one painted image for so many normal ones, which keeps their part of the time below a fifth
SIZES, CONTRASTS = (0.4, 3.0), (0.5, 1.5)  # of the painted defects: hardly visible to plain
FEW_AGAIN = 0.1  # share of images whose surface is shown again: so few hardly move a limit
FEWEST_GROUPS = 2  # with one alone, nothing is left to compare it with


@dataclass(frozen=True)
class Normals:
    """Normal images that can be scored as if they were new.

    Attributes:
        opened: the model.
        samples: the images.
        groups: of near duplicates, by the file of every one of them; without, each is alone.
        remembered: what was seen of some of them already.
        how: `cross-fitted` or `held out`.
    """

    opened: OpenedModel
    samples: Sequence[Sample]
    groups: Mapping[Path, int]
    remembered: Sequence[SeenImage] | None
    how: str

    def score(self, seen: SeenImage) -> Scored:
        """Score what was seen of one, or of what was painted on it."""
        return self.opened.ask(seen, self.groups[seen.sample.image] if self.how == CROSS_FITTED else None)


def cross_fitted(opened: OpenedModel, normals: NormalImages) -> Normals:
    """Those that a model has just learned from; none if they are all alike."""
    groups, (samples, remembered) = normals.groups(), normals.to_score()
    if len(set(groups.values())) < FEWEST_GROUPS:
        samples, remembered = [], []
    again = normals.shown_again()
    if samples and again > FEW_AGAIN * len(groups):
        log.warning(
            "%d of %d normal images show a surface that others show, too, in another light or from a little beside. "
            "Each is judged by what was learned from those, so of parts that were never photographed more will be "
            "rejected than the limit says. With one picture of each part, it is right for new parts.",
            again,
            len(groups),
        )
    return Normals(opened, samples, groups, remembered, CROSS_FITTED)


def held_out(opened: OpenedModel, samples: Sequence[Sample], groups: Mapping[Path, int]) -> Normals:
    """Those that a model did not learn from."""
    return Normals(opened, samples, groups, None, HELD_OUT)


def reopened(opened: OpenedModel, folder: ModelFolder, samples: Sequence[Sample]) -> OpenedModel:
    """A stored model that can score normal images as if it had not learned from them, if it is of that kind.

    Args:
        opened: the model.
        folder: where it lies.
        samples: normal images of a category of its own.

    Raises:
        BadDataError: its table of normal images is damaged.
    """
    if not isinstance(opened.model, CrossFitting) or notes.result_of(folder.path).normals != CROSS_FITTED:
        return opened
    groups = {row["id"]: int(row["group"]) for row in folder.normal_rows() if row.get("group", "").isdecimal()}
    return replace(opened, groups={one.image: groups[one.id] for one in samples if one.id in groups})


def scores(normals: Normals) -> tuple[Normals, list[tuple[Sample, float]]]:
    """Image scores of the images; if such scores are by a standard, the images set it, and the model knows it then."""
    seen = normals.opened.frame.see(normals.samples) if normals.remembered is None else normals.remembered
    label = "held-out normal images" if normals.remembered is None else "normal images, each without itself"
    scored = usable((normals.score(one) for one in track(seen, label, len(normals.samples))), normals.opened.name)
    found = [(one.sample, one.image_score, one.views) for one in scored]  # without the maps
    views = [one for _, _, one in found if one is not None]
    model = normals.opened.model
    if not isinstance(model, Standardised) or not views or len(views) < len(found):
        return normals, [(sample, score) for sample, score, _ in found]
    samples = [sample for sample, _, _ in found]
    standard, own = image_scores.learn(views, [normals.groups.get(one.image, one.image) for one in samples])
    if standard is not None:
        normals = replace(normals, opened=replace(normals.opened, model=model.with_standard(standard)))
    return normals, list(zip(samples, own, strict=True))


def write(
    folder: ModelFolder, normals: Normals, scored: Sequence[tuple[Sample, float]], full_id: Callable[[Sample], str]
) -> None:
    """Write the images' scores beside the model, and those of defects painted on some of them.

    Args:
        folder: of the model.
        normals: the images.
        scored: their scores.
        full_id: an id that is unique among all that the model learns from.
    """
    rows = [
        {"id": full_id(sample), "image_score": score, "group": normals.groups.get(sample.image, "")}
        for sample, score in scored
    ]
    files.write_csv(folder.normals, layout.NORMALS_COLUMNS, rows)
    files.write_csv(folder.painted, layout.PAINTED_COLUMNS, _painted(normals, full_id) if rows else [])


def _painted(normals: Normals, full_id: Callable[[Sample], str]) -> list[dict[str, object]]:
    """Rows of the table of painted defects."""
    opened = normals.opened
    count = min(MOST_PAINTED, max(LEAST_PAINTED, len(normals.samples) // PAINTED_OF))
    details: dict[str, tuple[Sample, str, float]] = {}

    def pictures() -> Iterator[Picture]:
        for number, one in enumerate(paint(normals.samples, opened.frame, count)):
            sample = one.picture.sample
            name = f"{number:04d}"
            details[name] = (sample, one.kind, float(one.mask.mean()))
            shown = Sample(sample.category, name, layout.TRAIN, sample.kind, sample.image)
            yield replace(one.picture, sample=shown)

    seen = track(opened.frame.see(pictures()), "painted defects", count)
    scored = usable(map(normals.score, seen), opened.name)
    return [
        {"id": full_id(sample), "kind": kind, "size": round(size, 6), "image_score": one.image_score}
        for one in scored
        for sample, kind, size in [details[one.sample.id]]
    ]


@dataclass(frozen=True)
class PaintedPicture:
    """A picture of a normal image with a painted defect: its kind, and its mask at the picture's size."""

    picture: Picture
    kind: str
    mask: Bools


def paint(samples: Sequence[Sample], frame: Frame, count: int) -> Iterable[PaintedPicture]:
    """Paint one defect each on normal images, which are spread evenly and taken in turn.

    Args:
        samples: the images.
        frame: that the painted ones are seen in; its seed decides what is painted.
        count: number of painted images.

    Yields:
        The painted pictures. What could not be read, and what could not be seen though it was painted, is left out.
    """

    def one(number: int) -> PaintedPicture | None:
        sample = samples[number * len(samples) // count if count <= len(samples) else number % len(samples)]
        rng = np.random.default_rng([frame.seed, number])
        try:
            image = arrays.read_image(sample.image, sample.reading)
        except UnreadableImageError:
            return None
        kind = defects.KINDS[number % len(defects.KINDS)]
        size = float(np.exp(rng.uniform(*np.log(SIZES))))
        contrast = float(rng.uniform(*CONTRASTS))
        painted, mask = frame.paint(image, kind, rng, size=size, contrast=contrast)
        if sample.reading.look_at is not None:
            again = (frame.paint(image, kind, rng, size=size, contrast=contrast) for _ in range(MOST_TRIES))
            places = (_inside(one, image, sample.reading.look_at) for one in chain([(painted, mask)], again))
            painted, mask = next((one for one in places if one[1].any()), (painted, np.zeros_like(mask)))
        share = _share(sample, image)
        plain = replace(sample, reading=PLAIN)  # what is in memory is read, and may be smaller
        return PaintedPicture(Picture(plain, painted, share), kind, mask) if mask.any() else None

    workers = 2 if frame.tiling else None  # what is not made smaller takes much memory
    painted = parallel.prefetch(range(count), one, workers, ahead=4 if workers else 16)
    return (found for _, found in painted if found is not None)


def _share(sample: Sample, image: Bytes) -> float:
    look_at = sample.reading.look_at
    return 1.0 if look_at is None else look_at.share((image.shape[0], image.shape[1]))


def _inside(found: tuple[Bytes, Bools], image: Bytes, look_at: LookAt) -> tuple[Bytes, Bools]:
    """What of a painted defect is looked at; the painted picture may be smaller than the image."""
    painted, mask = found
    inside = look_at.on_map((image.shape[0], image.shape[1]), (mask.shape[0], mask.shape[1]))
    return np.where((mask & ~inside)[..., None], np.uint8(OUTSIDE), painted), mask & inside
