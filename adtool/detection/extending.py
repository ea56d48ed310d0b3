"""A stored model learns the good parts that were added since, in seconds: the old images are not read again."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from adtool.core import files, layout
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import AdtoolError
from adtool.core.layout import ModelFolder
from adtool.core.limits.evidence import CROSS_FITTED
from adtool.core.progress import track
from adtool.core.steps import notes
from adtool.core.steps.step_run import Identity, Work
from adtool.core.tables import Row
from adtool.detection import looks, near_duplicates, scoring
from adtool.detection.added import is_added
from adtool.detection.contract import CrossFitting, Extending, LearningDetector
from adtool.detection.frame import Frame
from adtool.detection.looks import UsualLooks
from adtool.detection.scoring import OpenedModel

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Extendable:
    """A model that lacks only some images that were added.

    Attributes:
        opened: the model.
        samples: what it lacks.
        added: ids of all that were added, those it knows and those it lacks.
        normals: rows of its table of normal images.
        painted: content of its table of painted defects.
        looks: of the images that it knows; None where they were not noted.
        result: what its note says.
    """

    opened: OpenedModel
    samples: Sequence[Sample]
    added: Sequence[str]
    normals: Sequence[Row]
    painted: bytes
    looks: UsualLooks | None
    result: dict[str, object]


def find(
    detector: LearningDetector,
    folder: ModelFolder,
    frame: Frame,
    category: Category,
    identity_of: Callable[[Category], Identity],
) -> Extendable | None:
    """The stored model, if it was made from the same images but for some that were added since.

    Args:
        detector: its module.
        folder: where it lies.
        frame: what it runs in.
        category: with all that was added.
        identity_of: the model of a category; asked for only where something was added, since it reads all images.
    """
    note = notes.read_note(folder.path)
    added = [one for one in category.train if is_added(one)]
    if note.state != notes.DONE or not added or note.result.normals != CROSS_FITTED:
        return None
    known = set(note.result.added)
    lacking = [one for one in added if one.id not in known]
    if not lacking:
        return None
    before = replace(category, train=tuple(one for one in category.train if one not in lacking))
    if identity_of(before).differences(note):
        return None
    try:
        opened, usual = scoring.load(detector, folder, frame), looks.read(folder)
    except AdtoolError as error:
        log.warning("%s It is learned again, with what was added.", error)
        return None
    if not isinstance(opened.model, Extending):
        return None
    painted = folder.painted.read_bytes() if folder.painted.exists() else b""
    ids = [one.id for one in added]
    return Extendable(opened, lacking, ids, folder.normal_rows(), painted, usual, dict(note.whole_result))


def extend(old: Extendable, work: Work) -> OpenedModel:
    """The model that knows what was added, and its tables; nothing is written but those."""
    seen, structures = [], {}
    frame, model = old.opened.frame, old.opened.model
    assert isinstance(model, Extending)
    for one in track(frame.see(old.samples, near_duplicates.structure), "added parts", len(old.samples)):
        structures[one.sample.image] = one.glance
        seen.append(one)
    first = 1 + max((int(row["group"]) for row in old.normals if row.get("group", "").isdecimal()), default=-1)
    groups = [first + number for number in near_duplicates.groups(list(structures.values()))]
    larger = replace(old.opened, model=model.extended(seen, groups)) if seen else old.opened
    rows = [{name: row.get(name, "") for name in layout.NORMALS_COLUMNS} for row in old.normals]
    if isinstance(larger.model, CrossFitting):
        for one, group in zip(seen, groups, strict=True):
            for scored in scoring.usable([larger.ask(one, group)], larger.name):
                rows.append({"id": one.sample.id, "image_score": str(scored.image_score), "group": str(group)})
    folder = ModelFolder(work.folder)
    files.write_csv(folder.normals, layout.NORMALS_COLUMNS, rows)
    if old.looks is not None:
        added = [one.look for one in structures.values()]
        looks.write(folder, old.looks.extended(added, len(set(groups))))
    if old.painted:
        files.write_bytes(folder.painted, old.painted)
    return larger
