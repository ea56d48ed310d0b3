"""A labelled base set for class discovery: crops of known defects, in folders by class.

The layout is AnomalyNCD's: `images/<class>/<name>_crop<k>.png`, and the same under `masks/`.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from adtool.core import arrays, crops
from adtool.core.arrays import UnreadableImageError
from adtool.core.checks import data_rules as rules
from adtool.core.checks import remarks
from adtool.core.dataset.types import Sample
from adtool.core.masks.mask_reader import MaskReader
from adtool.core.progress import track
from adtool.core.steps import whole_folder
from adtool.core.steps.step_run import Identity, Outcome
from adtool.core.steps.whole_folder import WholeFolder
from adtool.prep.writing import require_size, unreadable_notes

IMAGES, MASKS = "images", "masks"
REGIONS = 1  # the number of regions that AnomalyNCD's script assumes of each image: it keeps one crop more than that

log = logging.getLogger("adtool")


def write(samples: Sequence[Sample], out: Path, reader: MaskReader, identity: Identity, *, force: bool) -> Outcome:
    """Cut at most two crops around the defects of each image.

    An image whose mask is empty is left out: it shows no defect to learn (AnomalyNCD keeps it, whole).

    Raises:
        BadDataError: the mask of an image has another size.
    """
    outcome = Outcome(identity.command, out)
    with whole_folder.writing(WholeFolder(out, identity, restarts=True), force=force) as work:
        if work.is_done:
            outcome.skipped.append(out.name)
        else:
            _cut_all(samples, out, reader, outcome)
            outcome.done.append(out.name)
        outcome.rows = [{"class": name, "crops": count} for name, count in _counted(out)]
    return outcome


def _cut_all(samples: Sequence[Sample], out: Path, reader: MaskReader, outcome: Outcome) -> None:
    empty: list[Path] = []
    unreadable: list[str] = []
    for item in track(samples, "crops"):
        try:
            if not _cut(item, out, reader):
                empty.append(item.image)
        except UnreadableImageError as error:
            unreadable.append(str(error))
    remarks.say(remarks.of(replace(rules.MASK_EMPTY, do="It is left out: it shows no defect to learn."), empty))
    outcome.notes += unreadable_notes(unreadable)


def _cut(item: Sample, out: Path, reader: MaskReader) -> bool:
    """The crops of one image; False if its mask is empty."""
    if item.mask is None:
        return False
    image = arrays.read_image(item.image, item.reading)
    mask = reader.read(item.mask, item.image)
    require_size(item.mask, mask.shape, item.image, (image.shape[0], image.shape[1]))
    if not mask.any():
        return False
    for k, box in enumerate(crops.crop_boxes(mask, REGIONS)):
        name = Path(item.kind) / f"{item.id.rpartition('/')[-1]}_crop{k}.png"
        arrays.write_mask(out / MASKS / name, crops.cut(mask, box))
        arrays.write_png(out / IMAGES / name, crops.cut(image, box))
    return True


def _counted(out: Path) -> Iterator[tuple[str, int]]:
    for folder in sorted((out / IMAGES).glob("*/")):
        yield folder.name, sum(path.suffix == ".png" for path in folder.iterdir())
