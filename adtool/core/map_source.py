"""The maps that a later step reads, and the images they belong to."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adtool.core import arrays, files, layout
from adtool.core.arrays import Floats
from adtool.core.dataset import looking
from adtool.core.dataset.looking import LOOK_AT
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import BadDataError, MissingInputError, NotFiniteMapError
from adtool.core.layout import MapsFolder
from adtool.core.limits import evidence
from adtool.core.steps import notes, step_run
from adtool.core.steps.identity import is_same
from adtool.core.steps.note_form import StepNote
from adtool.core.words import counted, none_of, subject
from adtool_runtime.pictures.reading import PictureReading

SHOWN = 3  # images named in a note

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class MapSource:
    """The maps of one category."""

    maps: MapsFolder
    note: StepNote  # of the step that made the maps
    category: Category
    samples: list[Sample]  # those that have a map
    image_scores: NDArray[np.float64]  # (N,)

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.maps.path / self.category.name

    def scores(self, one: Sample) -> Floats:
        """One map, (h, w)."""
        return arrays.read_scores(self.maps.scores(self.category.name, one.id)).scores

    def normal_scores(self) -> NDArray[np.float64] | None:
        """Image scores of normal images, if the maps come from a detector that scored some."""
        known = evidence.read(self.folder).normal_scores
        return np.array(known, dtype=np.float64) if known else None

    def without(self, broken: Mapping[str, str]) -> "MapSource":
        """The same without some images, which is said.

        Args:
            broken: why, by id.

        Raises:
            BadDataError: none is left.
        """
        for reason in broken.values():
            log.warning("skipped 1 unreadable image: %s", reason)
        kept = [place for place, one in enumerate(self.samples) if one.id not in broken]
        if not kept:
            raise BadDataError(
                f"{none_of(len(self.samples), 'image', f'of {self.category.name}', 'can be used')}: "
                f"{next(iter(broken.values()))}"
            )
        return replace(self, samples=[self.samples[place] for place in kept], image_scores=self.image_scores[kept])

    def broken_maps(self) -> dict[str, str]:
        """What is wrong with maps that hold NaN or infinite scores, by id.

        Raises:
            BadDataError: one is damaged.
        """
        found = {}
        for one in self.samples:
            try:
                self.scores(one)
            except NotFiniteMapError as error:
                found[one.id] = str(error)
        return found

    def fingerprint(self) -> str:
        """Hash of the maps."""
        return _maps_fingerprint(self.maps, self.category.name)

    def require_unchanged(self, fingerprint: str) -> None:
        """Refuse to finish what was made while its maps were written again.

        Raises:
            BadDataError: they were.
        """
        if self.fingerprint() != fingerprint:
            raise BadDataError(
                f"The maps in {self.maps.path / self.category.name} changed while they were read. "
                "Run the same command again with --force."
            )


def skipped_note(category: str, skipped: object) -> list[str]:
    """What a step's outcome says of images that were left out, by the list of ids in its result; nothing of none."""
    if not isinstance(skipped, list) or not skipped:
        return []
    noun = "image" if len(skipped) == 1 else "images"
    return [f"{category}: skipped {len(skipped)} unreadable {noun}: {', '.join(map(str, skipped[:SHOWN]))}"]


def choose_maps(given: Path | None) -> Path:
    """The maps to read: those asked for, else refined/ if it was made from the present maps/, else maps/."""
    if given is not None:
        return given
    maps, refined = Path(layout.MAPS), Path(layout.REFINED)
    done = notes.done_categories(refined)
    chosen = refined if done and all(_fits(refined / name, maps, name) for name in done) else maps
    log.info("Reading %s.", chosen)
    return chosen


def read_source(path: Path, category: Category) -> MapSource:
    """The maps of a category and the images they belong to, joined by id.

    Raises:
        MissingInputError: maps are missing or not finished.
        BadDataError: the maps are of other images.
    """
    note = notes.require_done(path / category.name, "adtool maps")
    step_run.check_same_data(note, category.fingerprint(), path / category.name, category.path)
    category = looking.followed(category, note.all_settings.get(LOOK_AT))
    check_same_reading(note, category.reading, path / category.name)
    maps = MapsFolder(path)
    rows = maps.image_rows(category.name)
    known = {one.id: one for one in category.test}
    strange = [row["id"] for row in rows if row["id"] not in known]
    if strange:
        raise BadDataError(
            f"{maps.images(category.name)} names {counted(len(strange), 'image')} that {category.path} does not have, "
            f"for instance {strange[0]}. Give the right --data."
        )
    if not rows:
        raise BadDataError(f"{maps.images(category.name)} lists no images. Run `adtool maps --force`.")
    scores = np.array([float(row["image_score"]) for row in rows])
    return MapSource(maps, note, category, [known[row["id"]] for row in rows], scores)


def check_same_reading(note: StepNote, how: PictureReading, folder: Path) -> None:
    """Refuse results of pictures that were read in another way than they are now.

    Args:
        note: of the folder.
        how: the pictures are read now.
        folder: of a category of a step.

    Raises:
        BadDataError: their grey values had another range, or they were not turned by their tags.
    """
    if note.command not in ("maps", "refine", "discover"):
        return  # made elsewhere
    then, now = note.all_settings, how.identity()
    different = [name for name in ("grey", "orientation", LOOK_AT) if then.get(name) != now.get(name)]
    if different:
        usual = "as by default"
        listed = "; ".join(f"{one}: {then.get(one, usual)} then, {now.get(one, usual)} now" for one in different)
        raise BadDataError(
            f"{folder} was made from the same pictures, read in another way ({listed}). "
            f"Make it again: `adtool {note.command} --force`, and then the steps after it."
        )


def _fits(refined: Path, maps: Path, category: str) -> bool:
    made_from = notes.note_of(refined).inputs.get("maps")
    return notes.is_done(maps / category) and is_same(made_from, _maps_fingerprint(MapsFolder(maps), category))


def _maps_fingerprint(maps: MapsFolder, category: str) -> str:
    paths = [(row["id"], maps.scores(category, row["id"])) for row in maps.image_rows(category)]
    missing = [path for _, path in paths if not path.exists()]
    if missing:
        raise MissingInputError(
            f"{subject(len(missing), 'map', 'is', 'are')} missing, for instance {missing[0]}. Run `adtool maps` again."
        )
    return files.fingerprint(paths)
