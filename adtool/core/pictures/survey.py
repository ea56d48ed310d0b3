"""What the pictures of a data set are, all of them together: the range of their grey values, tags, pages, channels."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from adtool.core.checks import data_rules as rules
from adtool.core.checks.findings import Findings
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.file_memory import FileMemory
from adtool.core.words import first_few, subject
from adtool_runtime import parallel
from adtool_runtime.pictures import decoding, reading
from adtool_runtime.pictures.decoding import Header, UnreadableImageError
from adtool_runtime.pictures.reading import LEARNED_BOTH, LEARNED_BYTES, PLAIN, UNNOTED, GreyRange, PictureReading

SHOWN = 3  # files named in a message
ENDS = FileMemory("greys", "ends")  # to be found by decoding; every command that reads an unprepared folder needs them

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Survey:
    """What was found in the headers of some pictures; of those that can't be read nothing is said here.

    Attributes:
        reading: how to read them.
        deep: those with more than 8 bits a channel.
        shallow: those with 8 bits.
        tagged: those that a tag turns.
        paged: those with several pages, of which the first is used.
        unused: those with channels that are left out.
    """

    reading: PictureReading = PLAIN
    deep: Sequence[Path] = ()
    shallow: Sequence[Path] = ()
    tagged: Sequence[Path] = ()
    paged: Sequence[Path] = ()
    unused: Sequence[Path] = field(default=())

    @property
    def is_mixed(self) -> bool:
        """Whether some pictures have 8 bits and others more, so that their grey values need not mean the same."""
        return bool(self.deep and self.shallow)

    def warnings(self) -> list[str]:
        """What a step that reads the pictures has to say of them."""
        found = Findings()
        found.add(rules.IMAGE_PAGES, "", self.paged)
        found.add(rules.IMAGE_CHANNELS, "", self.unused)
        found.add(rules.IMAGE_MIXED, "", self.shallow if self.is_mixed else ())
        return [one.sentence() for one in found.found]

    def say(self) -> None:
        """Log the warnings, and the range of deep pictures."""
        self.say_range()
        for text in self.warnings():
            log.warning("%s", text)

    def say_range(self) -> None:
        """Log the range of deep pictures, if there are any."""
        if self.deep and self.reading.grey is not None:
            log.info(
                "%s more than 8 bits: grey %s is read as black to white, in all of them.",
                subject(len(self.deep), "image", "has", "have"), self.reading.grey,
            )  # fmt: skip


def named(paths: Sequence[Path]) -> str:
    """The first few of some files."""
    return first_few(paths, SHOWN)


def survey(paths: Iterable[Path], noted: PictureReading | None = None) -> Survey:
    """Look at the headers of pictures, and at the values of deep ones, unless their range is noted.

    Args:
        paths: all pictures of a data set.
        noted: how they were read before, if that is known; it stays.

    Raises:
        BadDataError: some hold integers and others floats, so that no range fits both.
    """
    every = list(paths)
    headers = {path: header for path, header in zip(every, map(_header, every), strict=True) if header is not None}
    deep = [path for path, header in headers.items() if header.kind != "byte"]
    tagged = [path for path, header in headers.items() if header.orientation != decoding.UPRIGHT]
    how = noted or PLAIN
    if deep and noted != UNNOTED:
        kind = _one_kind({path: headers[path] for path in deep}, how.grey)
        how = how if how.grey is not None else replace(how, grey=_grey(kind, deep))
    return Survey(
        replace(how, tagged=bool(tagged)),
        deep,
        [path for path, header in headers.items() if header.kind == "byte"],
        tagged,
        [path for path, header in headers.items() if header.pages > 1],
        [path for path, header in headers.items() if header.unused],
    )


def as_learned(paths: Iterable[Path], how: PictureReading) -> PictureReading:
    """How a data set's pictures are read, and of which depth those are that a model learns from.

    The range is that of all pictures; where only tested ones are deep, later ones of 8 bits are no surprise.
    """
    if how.grey is None:
        return how
    found = {"byte" if one.kind == "byte" else "deep" for one in map(_header, paths) if one is not None}
    learned = {"byte": LEARNED_BYTES, "byte deep": LEARNED_BOTH}.get(" ".join(sorted(found)), "")
    return replace(how, learned=learned)


def _header(path: Path) -> Header | None:
    try:
        return decoding.header_of(path)
    except (UnreadableImageError, MissingInputError):
        return None  # said by whoever decodes it


def _one_kind(deep: dict[Path, Header], noted: GreyRange | None) -> Literal["integer", "float"]:
    """What the values of all deep pictures are."""
    kinds: dict[str, Path | str] = {"float" if one.kind == "float" else "integer": path for path, one in deep.items()}
    if noted is not None:
        kinds.setdefault(noted.kind, "the images that their range was found in")
    if len(kinds) > 1:
        raise BadDataError(
            f"Some images hold integers ({kinds['integer']}), others floats ({kinds['float']}), so their grey values "
            "can't be compared. Save all of them in one type, or put them into different data sets."
        )
    return "float" if "float" in kinds else "integer"


def _grey(kind: Literal["integer", "float"], deep: Sequence[Path]) -> GreyRange | None:
    """One range for all deep pictures, None if none of them can be decoded."""
    ends = [tuple(map(float, text.split())) for text in ENDS.recalled(deep, _ends_of).values()]
    return reading.span(kind, min(low for low, _ in ends), max(high for _, high in ends)) if ends else None


def _ends_of(paths: Sequence[Path]) -> dict[Path, str]:
    """The lowest and the highest value of each picture that can be decoded, in words that a float survives."""
    found = zip(paths, parallel.each(_ends, paths), strict=True)
    return {path: f"{ends[0]!r} {ends[1]!r}" for path, ends in found if ends is not None}


def _ends(path: Path) -> tuple[float, float] | None:
    try:
        values = decoding.decode(path)[1]
    except (UnreadableImageError, MissingInputError):
        return None
    return (float(np.min(values)), float(np.max(values))) if values.size else None
