"""What every command says of a folder that it read: files that it did not read, and why; folders with doubtful names.

`check` has the same as findings, so that both name the same files and the same numbers.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from adtool.core import kinds
from adtool.core.errors import BadDataError
from adtool.core.listing import LONGEST_STEM, Listing, shown
from adtool.core.suffixes import NOTE_SUFFIXES, UNREADABLE_PICTURES, counted

SHOWN = 3  # examples named in a sentence
SNIFFED = 100  # files whose first bytes are looked at

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Remark:
    """One thing to say of a folder.

    Attributes:
        code: its name, for programs.
        noun: what is counted, in the singular.
        what: the rest of the sentence after the number and the noun.
        do: what to do.
        cases: each of them.
        is_error: whether nothing can be done with the folder before it is mended.
    """

    code: str
    noun: str
    what: str
    do: str
    cases: tuple[str, ...]
    is_error: bool = False

    def sentence(self) -> str:
        """All of it in one or two lines."""
        number = len(self.cases)
        noun = self.noun if number == 1 else f"{self.noun[:-1]}ies" if self.noun.endswith("y") else f"{self.noun}s"
        more = " ..." if number > SHOWN else ""
        return f"{number} {noun} {self.what}: {', '.join(self.cases[:SHOWN])}{more}. {self.do}"


def of_listing(found: Listing) -> list[Remark]:
    """What is to be said of the files of a folder."""
    remarks = []

    def add(code: str, noun: str, what: str, do: str, paths: Iterable[Path], *, is_error: bool = False) -> None:
        if cases := tuple(shown(path) for path in paths):
            remarks.append(Remark(code, noun, what, do, cases, is_error))

    pictures = unread_pictures(found.others)
    disguised = [path for path in pictures if path.suffix.lower() not in UNREADABLE_PICTURES]
    if len(pictures) > len(found.images):
        add(
            "mostly_unread",
            "picture",
            f"of a type that can't be read ({counted(pictures)}), more than the {len(found.images)} that can",
            "Save them as .png, .tif or .jpg and give them the suffix of what they are.",
            pictures,
            is_error=True,
        )
    add(
        "file_unread",
        "file",
        f"not read ({counted(found.others)})",
        "Save as .png, .tif or .jpg what shall be read; the rest is of no harm.",
        found.others,
    )
    add(
        "image_by_content",
        "file",
        "holding an image, without the suffix of one",
        "It is not read. Give it the suffix of what it is.",
        disguised,
    )
    add(
        "not_opened",
        "path",
        "that may not be read (permission denied)",
        "It is left out, with all that lies in it. Give yourself the right to read it, or remove it.",
        found.closed,
    )
    add("link_broken", "link", "leading nowhere", "What it led to is not read. Mend or remove it.", found.broken)
    add(
        "name_unusable",
        "name",
        f"not in UTF-8 or longer than {LONGEST_STEM} bytes",
        "It is left out, with all that lies in it. Rename it.",
        found.nameless,
    )
    return remarks


def unread_pictures(others: Sequence[Path]) -> list[Path]:
    """Those of some files that are pictures, by their suffix or, where that says nothing, by their first bytes."""
    doubtful = [path for path in others if path.suffix.lower() not in UNREADABLE_PICTURES | NOTE_SUFFIXES]
    looked_at = set(doubtful[:SNIFFED])
    return [
        path
        for path in others
        if path.suffix.lower() in UNREADABLE_PICTURES or (path in looked_at and _is_picture(path))
    ]


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path):
            return True
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return False


def of_masks_among(masks: Sequence[Path], unpaired: Sequence[Path]) -> list[Remark]:
    """What is to be said of masks that lie among the images."""
    remarks = []
    if masks:
        cases = tuple(map(str, masks))
        what, do = "among the images, taken as masks of their neighbours", "If they are images, rename them."
        remarks.append(Remark("mask_among_images", "file", what, do, cases))
    if unpaired:
        cases = tuple(map(str, unpaired))
        what, do = (
            "among the images holding a mask or depth, left out",
            "Move it out of the way; if it is one, rename it.",
        )
        remarks.append(Remark("no_image", "file", what, do, cases))
    return remarks


def of_painted(images: Sequence[Path]) -> list[Remark]:
    """What is to be said of images of normal parts whose masks mark defects."""
    if not images:
        return []
    what, do = "among the normal ones with a defect in its mask, left out", "Move it to the images to test."
    return [Remark("defect_among_normal", "image", what, do, tuple(map(str, images)))]


def of_kinds(names: Iterable[str], normal: Iterable[str], where: Path) -> list[Remark]:
    """A doubt where no kind is normal, but the name of one says something like it."""
    there = set(names)
    if there & set(normal):
        return []
    doubtful = sorted(name for name in there if kinds.sounds_normal(name))
    if not doubtful:
        return []
    return [
        Remark(
            "kind_maybe_normal",
            "kind",
            "taken as a defect, though no kind is normal and its name sounds like good parts",
            f"If it is: --normal-kinds {doubtful[0]!r} of adtool prep, or call its folder good.",
            tuple(str(where / name) for name in doubtful),
        )
    ]


def merged(remarks: Iterable[Remark]) -> list[Remark]:
    """One remark of each code and text."""
    found: dict[str, Remark] = {}
    for one in remarks:
        seen = found.get(one.code)
        if seen is None:
            found[one.code] = one
            continue
        cases = tuple(dict.fromkeys((*seen.cases, *one.cases)))
        what = f"not read ({counted([Path(case) for case in cases])})" if one.code == "file_unread" else seen.what
        found[one.code] = Remark(seen.code, seen.noun, what, seen.do, cases, seen.is_error or one.is_error)
    return list(found.values())


def say(remarks: Iterable[Remark], *, refuse: bool = True) -> None:
    """Warn of everything, each thing once.

    Raises:
        BadDataError: something is wrong that makes the folder useless, and `refuse`.
    """
    every = merged(remarks)
    for one in every:
        if one.is_error and refuse:
            raise BadDataError(one.sentence())
    for one in every:
        log.warning("%s", one.sentence())
