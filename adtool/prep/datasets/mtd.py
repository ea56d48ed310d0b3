"""Magnetic Tile Defects (MTD): six kinds of magnetic tile surface, as AnomalyNCD lays it out."""

import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from adtool.core import files, layout
from adtool.core.checks import data_rules as rules
from adtool.core.checks import remarks
from adtool.core.checks.findings import Finding
from adtool.core.config import READS
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.folders import listing
from adtool.core.folders.listing import Listing, images_in
from adtool.core.progress import track
from adtool.core.steps.step_run import Identity, Outcome
from adtool.core.words import counted
from adtool.prep.finding import find_source
from adtool.prep.reading import ReadingSettings
from adtool.prep.writing import DatasetProfile, DatasetWriter, ReadingRules, prepare

KINDS = ("MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Uneven", "MT_Free")
NORMAL = "MT_Free"
CATEGORY = "MTD"
MASK_RULE = "ge128"  # soft edges: anything but black would make 716 regions out of 462
# The 761 normal images that DifferNet, PatchCore and AnomalyNCD train on (DifferNet's repository).
TRAIN_LIST = "mtd_train_filenames.txt"
EXPECTED = f"<kind>/Imgs/*.jpg and *.png of {', '.join(KINDS)}"
PUBLISHED = "https://github.com/abin24/Magnetic-tile-defect-datasets."  # the full stop belongs to it

Pairs = Mapping[str, Sequence[tuple[Path, Path | None]]]  # of a kind the images, each with its mask

log = logging.getLogger("adtool")


class Config(ReadingSettings):
    """Settings of `adtool prep mtd`."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **ReadingSettings.NOT_IDENTITY,
        "source": "its files are inputs",
        "train_list": "an input",
        "out": "where, not what",
    }
    source: Path | None = Field(
        None, description="Folder of the download; else it is searched for.", json_schema_extra={READS: True}
    )
    train_list: Path | None = Field(None, description=f"Names of the training images; else {TRAIN_LIST} in the source.")
    out: Path = Field(Path("data/mtd_anomaly_detection"), description="Folder to write.")


def looks_right(folder: Path) -> bool:
    """Whether a folder is the download: MT_Free/Imgs with JPEG images."""
    return any(path.suffix.lower() == ".jpg" for path in images_in(folder / NORMAL / "Imgs"))


def run(config: Config, *, force: bool = False) -> Outcome:
    """Prepare MTD: 761 normal images to train on, 191 normal and 392 defective ones to test on."""
    source = find_source(config.source, looks_right, name="MTD", expected=EXPECTED, published=PUBLISHED)
    there = _read(source)
    train_list = config.train_list or source / TRAIN_LIST
    train = _read_names(train_list, source)
    pairs = {kind: _pairs(there[kind].images) for kind in KINDS}
    found = _left_out(there, pairs)
    remarks.say(found)
    about = DatasetProfile(
        "mtd_anomaly_detection",
        (CATEGORY,),
        NORMAL,
        config.mask_rule or MASK_RULE,
        "Huang, Qiu, Yuan: Saliency of magnetic tile surface defects",
        "no licence is stated by the authors",
        look_at=config.part,
    )
    identity = Identity("prep mtd", config.identity(if_changed=True), 0, _inputs(pairs, train_list))
    masks = [mask for kind in KINDS for image, mask in pairs[kind] if mask and image.name not in train]
    how = ReadingRules(masks, config.reader(masks, MASK_RULE), found={CATEGORY: found})
    return prepare(about, config.out, identity, partial(_fill, pairs, train), how, force=force)


def _read(source: Path) -> dict[str, Listing]:
    """The folders of the kinds.

    Raises:
        MissingInputError: one holds no images.
    """
    there = {kind: listing.read(source / kind / "Imgs", recursive=False) for kind in KINDS}
    missing = [kind for kind in KINDS if not there[kind].images]
    if missing:
        raise MissingInputError(
            f"{source} lacks images of {', '.join(missing)} (<kind>/Imgs/*.jpg). Complete the download."
        )
    return there


def _inputs(pairs: Pairs, train_list: Path) -> dict[str, str]:
    """Fingerprints of all that is read."""
    images = [(f"{kind}/{image.name}", image) for kind in KINDS for image, _ in pairs[kind]]
    masks = [(f"{kind}/{mask.name}", mask) for kind in KINDS for _, mask in pairs[kind] if mask]
    return {
        "images": files.fingerprint(images),
        "masks": files.fingerprint(masks),
        "train_list": files.fingerprint([(TRAIN_LIST, train_list)]),
    }


def _fill(pairs: Pairs, train: Collection[str], writer: DatasetWriter) -> None:
    """Write the one category: images on the list to train on, the others to test on with their masks."""
    every = [(kind, image, mask) for kind in KINDS for image, mask in pairs[kind]]
    for kind, image, mask in track(every, "prep mtd"):
        is_train = kind == NORMAL and image.name in train
        is_there = writer.link_image(CATEGORY, layout.TRAIN if is_train else layout.TEST, kind, image)
        if is_there and mask and not is_train:
            writer.convert_mask(CATEGORY, kind, mask, image, name=image.stem)


def _pairs(found: Sequence[Path]) -> list[tuple[Path, Path | None]]:
    """Each .jpg image with the .png mask of the same stem."""
    masks = {path.stem: path for path in found if path.suffix.lower() == ".png"}
    return [(path, masks.get(path.stem)) for path in found if path.suffix.lower() == ".jpg"]


def _left_out(there: Mapping[str, Listing], pairs: Pairs) -> list[Finding]:
    """What lies in the folders and is neither an image nor its mask."""
    used = {path for kind in KINDS for pair in pairs[kind] for path in pair}
    rest = [path for kind in KINDS for path in there[kind].images if path not in used]
    strays = [path for path in rest if path.suffix.lower() == ".png"]
    return [
        *remarks.merged(one for kind in KINDS for one in remarks.of_listing(there[kind])),
        *remarks.of(rules.MASK_STRAY, strays),
        *remarks.of(rules.NOT_PUBLISHED, [path for path in rest if path not in strays]),
    ]


def _read_names(path: Path, source: Path) -> set[str]:
    """The names on the list of training images.

    Raises:
        MissingInputError: there is no list.
        BadDataError: it is no text, or names images that are not there.
    """
    if not path.exists():
        raise MissingInputError(
            f"No list of training images at {path}. Give it with --train-list ({TRAIN_LIST} of DifferNet)."
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise BadDataError(f"{path} is no text file in UTF-8. Give the right --train-list.") from None
    names = {Path(line.strip()).name for line in lines if line.strip()}
    unknown = sorted(name for name in names if not (source / NORMAL / "Imgs" / name).exists())
    if unknown:
        raise BadDataError(
            f"{path} names {counted(len(unknown), 'image')} that {source / NORMAL} lacks: {', '.join(unknown[:3])} ... "
            "Complete the download, or give the right --train-list."
        )
    return names
