"""VisA: twelve objects, split as its authors do for learning from normal images alone."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

from pydantic import Field

from adtool.core import files, layout
from adtool.core.checks import data_rules as rules
from adtool.core.checks import remarks
from adtool.core.checks.findings import Finding
from adtool.core.config import READS
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.folders import listing
from adtool.core.folders.listing import Listing
from adtool.core.progress import track
from adtool.core.steps.step_run import Identity, Outcome
from adtool.prep.finding import find_source
from adtool.prep.published import chosen
from adtool.prep.reading import ReadingSettings
from adtool.prep.writing import SHOWN, DatasetProfile, DatasetWriter, ReadingRules, prepare

SPLIT = Path("split_csv/1cls.csv")
COLUMNS = ("object", "split", "label", "image", "mask")
MASK_RULE = "gt0"  # small numbers, one for each type of defect
CREDIT = ("VisA (Zou et al., ECCV 2022)", "CC BY 4.0")
GOOD, BAD = "good", "bad"  # as the authors' own converter calls them
KINDS = {"normal": GOOD, "anomaly": BAD}
PUBLISHED = "https://github.com/amazon-science/spot-diff"
EXPECTED = f"{SPLIT.as_posix()}, <object>/Data/Images/{{Normal,Anomaly}}/*.JPG, <object>/Data/Masks/Anomaly/*.png"

log = logging.getLogger("adtool")


class Config(ReadingSettings):
    """Settings of `adtool prep visa`."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **ReadingSettings.NOT_IDENTITY,
        "source": "its files are inputs",
        "split_file": "an input",
        "category": "noted as those that were made",
        "out": "where, not what",
    }
    source: Path | None = Field(
        None, description="Folder of the download; else it is searched for.", json_schema_extra={READS: True}
    )
    split_file: Path | None = Field(None, description=f"Table of the split; else {SPLIT.as_posix()} in the source.")
    category: tuple[str, ...] = Field((), description="Object, such as candle; repeat it for several. All by default.")
    out: Path = Field(Path("data/visa"), description="Folder to write.")


@dataclass(frozen=True)
class Row:
    """One image of the split."""

    category: str
    split: str
    kind: str
    image: Path
    mask: Path | None


def looks_right(folder: Path) -> bool:
    """Whether a folder is the download, or a part of it."""
    if not folder.is_dir():
        return False
    return (folder / SPLIT).exists() or any((sub / "Data" / "Images").is_dir() for sub in folder.iterdir())


def run(config: Config, *, force: bool = False) -> Outcome:
    """Prepare VisA by its official split: 8,659 normal images to train on, 962 normal and 1,200 others to test on."""
    source = find_source(config.source, looks_right, name="VisA", expected=EXPECTED, published=PUBLISHED)
    split = config.split_file or source / SPLIT
    table = _table(split)
    names = chosen("VisA", dict.fromkeys(row["object"] for row in table), config.category)
    there = listing.read(source)
    rows = _join([row for row in table if row["object"] in names], there, split)
    _refuse_twins(rows, split)
    about = DatasetProfile("visa", tuple(names), GOOD, config.mask_rule or MASK_RULE, *CREDIT, look_at=config.part)
    inputs = {
        "images": files.fingerprint((row.image.relative_to(source).as_posix(), row.image) for row in rows),
        "masks": files.fingerprint((row.mask.relative_to(source).as_posix(), row.mask) for row in rows if row.mask),
        "split_file": files.fingerprint([("split", split)]),
    }

    def fill(writer: DatasetWriter) -> None:
        for row in track(rows, "prep visa"):
            if writer.link_image(row.category, row.split, row.kind, row.image) and row.mask is not None:
                writer.convert_mask(row.category, row.kind, row.mask, row.image, name=row.image.stem)

    found = {name: _left_out(name, rows, there) for name in names}
    remarks.say(one for several in found.values() for one in several)
    masks = [row.mask for row in rows if row.mask and row.split == layout.TEST]
    how = ReadingRules(masks, config.reader(masks, MASK_RULE), found=found)
    identity = Identity("prep visa", {"category": names, **config.identity(if_changed=True)}, 0, inputs)
    return prepare(about, config.out, identity, fill, how, force=force)


def _table(path: Path) -> list[dict[str, str]]:
    """The rows of the split file.

    Raises:
        MissingInputError: there is no such file.
        BadDataError: it is not VisA's, or not the one for learning from normal images.
    """
    if not path.exists():
        raise MissingInputError(
            f"No split file at {path}. It is {SPLIT.as_posix()} of the download: complete the download, or give it "
            "with --split-file."
        )
    rows = [
        {key: (value or "").strip() for key, value in row.items() if key} for row in files.read_csv(path, by_hand=True)
    ]
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise BadDataError(f"{path} is no split of VisA: it needs the columns {','.join(COLUMNS)}.")
    for row in rows:
        if row["split"] not in (layout.TRAIN, layout.TEST) or row["label"] not in KINDS:
            raise BadDataError(
                f"{path}: split '{row['split']}' and label '{row['label']}' of {row['image']} are not train or test, "
                "and normal or anomaly. Give the split file of the download."
            )
    taught = [row["image"] for row in rows if row["split"] == layout.TRAIN and row["label"] != "normal"]
    if taught:
        raise BadDataError(
            f"{path} puts {len(taught)} anomalous images into train ({taught[0]}); adtool learns from normal images "
            f"alone. Give {SPLIT.as_posix()} of the download with --split-file."
        )
    return rows


def _join(table: Sequence[dict[str, str]], files: Listing, split: Path) -> list[Row]:
    """The files that the split names; suffixes may differ in case.

    Raises:
        MissingInputError: files are missing.
    """
    source = files.root
    there = {path.relative_to(source).as_posix().lower(): path for path in files.images}

    def find(name: str) -> Path | None:
        return there.get(PurePosixPath(name).as_posix().lower())

    named = [row[column] for row in table for column in ("image", "mask") if row[column]]
    missing = [name for name in named if find(name) is None]
    if missing:
        objects = list(dict.fromkeys(PurePosixPath(name).parts[0] for name in missing))
        raise MissingInputError(
            f"{source} lacks {len(missing)} of the {len(named)} files that {split} names ({', '.join(missing[:SHOWN])} "
            f"...; of {', '.join(objects)}). Complete the download, or choose what is complete with --category."
        )
    rows = []
    for row in table:
        image = there[PurePosixPath(row["image"]).as_posix().lower()]
        mask = find(row["mask"]) if row["mask"] and row["label"] != "normal" else None
        rows.append(Row(row["object"], row["split"], KINDS[row["label"]], image, mask))
    return rows


def _left_out(name: str, rows: Sequence[Row], there: Listing) -> list[Finding]:
    """What lies in the folder of an object and is not in the split."""
    known = {row.image for row in rows} | {row.mask for row in rows}
    own = there.without(lambda path: path.relative_to(there.root).parts[0] != name)
    rest = [path for path in own.images if path not in known]
    return [*remarks.of_listing(own), *remarks.of(rules.NOT_PUBLISHED, rest)]


def _refuse_twins(rows: Sequence[Row], split: Path) -> None:
    """An image may stand in the split once: one that is trained on must not be tested on.

    Raises:
        BadDataError: it stands there twice, or two images would get one id.
    """
    images: dict[Path, Row] = {}
    ids: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if row.image in images:
            raise BadDataError(f"{split} names {row.image} more than once. Give the split file of the download.")
        key = (row.category, row.split, row.kind, row.image.stem)
        if key in ids:
            raise BadDataError(f"Two images get the id '{'/'.join(key[1:])}': {ids[key].image} and {row.image}.")
        images[row.image], ids[key] = row, row
