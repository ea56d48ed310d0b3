"""AeBAD-S: turbine blades under shifts of background, light and view; --crop makes AnomalyNCD's labelled base set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from adtool.core import files, layout
from adtool.core.checks import data_rules as rules
from adtool.core.checks import remarks
from adtool.core.checks.findings import Finding
from adtool.core.config import READS
from adtool.core.dataset.types import Sample
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.folders import listing
from adtool.core.folders.listing import Listing, images_in, name_below, pair_masks
from adtool.core.progress import track
from adtool.core.steps.step_run import Identity, Outcome
from adtool.prep import base_set
from adtool.prep.finding import find_source
from adtool.prep.published import chosen, require_masks
from adtool.prep.reading import ReadingSettings
from adtool.prep.writing import DatasetProfile, DatasetWriter, ReadingRules, prepare

NAME = "AeBAD_S"
NORMAL = "good"
KINDS = ("ablation", "breakdown", "fracture", "groove")
_TESTED = (NORMAL, *KINDS)
EXPECTED = (
    f"{NAME}/train/good/<domain>/*.png, {NAME}/test/<kind>/<domain>/*.png, {NAME}/ground_truth/<kind>/<domain>/*.png "
    f"with the kinds {', '.join((NORMAL, *KINDS))} and the domains same, background, illumination, view"
)
PUBLISHED = "https://github.com/zhangzilongc/MMR"
CREDIT = ("AeBAD-S (Zhang et al., Masked multi-scale reconstruction, 2023)", "CC BY 4.0")
MASK_RULE = "half_max"  # MMR's loader divides each mask by its maximum, so they need not be 0/255


class Config(ReadingSettings):
    """Settings of `adtool prep aebad`."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **ReadingSettings.NOT_IDENTITY,
        "source": "its files are inputs",
        "domain": "noted as those that were made",
        "crop": "another command, in its notes",
        "out": "where, not what",
    }
    source: Path | None = Field(
        None, description="Folder of the download; else it is searched for.", json_schema_extra={READS: True}
    )
    domain: tuple[str, ...] = Field(
        (), description="Domain of the test images (same, background, ...); repeat it for several. All if left out."
    )
    crop: bool = Field(False, description="Make the labelled base set of AnomalyNCD instead: crops of the defects.")
    out: Path | None = Field(
        None, description="Folder to write; else data/aebad, with the chosen domains, or data/AeBAD_crop."
    )


@dataclass(frozen=True)
class Download:
    """What lies in the folders that are used.

    Attributes:
        train: images to learn from.
        test: images by kind, those of all domains.
        masks: of test images, by their paths without suffix.
        found: what there is to say of the rest.
    """

    train: Listing
    test: Mapping[str, Sequence[Path]]
    masks: Mapping[str, Path]
    found: Sequence[Finding]


def looks_right(folder: Path) -> bool:
    """Whether a folder is AeBAD_S, holds it, or is a part of it as downloaded (a folder a domain)."""
    root = _root(folder)
    parts = [root / split / kind for split in (layout.TEST, layout.GROUND_TRUTH) for kind in KINDS]
    return any(_domains(part) for part in parts) and not (root / layout.STEP_FILE).exists()


def run(config: Config, *, force: bool = False) -> Outcome:
    """Prepare AeBAD-S as one category, or with --crop the labelled base set for `discover`.

    The domain comes before the name of each image, since names repeat: `same_IMG_0001.png`. The published figures are
    for one domain each: `--domain same`.
    """
    if config.crop and config.look_at is not None:
        raise UsageError("--look-at is for whole pictures, and --crop cuts out their defects. Leave one of them out.")
    source = _root(find_source(config.source, looks_right, name="AeBAD-S", expected=EXPECTED, published=PUBLISHED))
    _require_complete(source, with_normals=not config.crop)
    there = sorted({domain for kind in KINDS for domain in _domains(source / layout.TEST / kind)})
    domains = chosen("AeBAD-S", dict.fromkeys(there), config.domain, "domain")
    download = _read(source, domains)
    test = _test(source, download)
    require_masks(source, [item for item in test if item.kind != NORMAL])
    inputs = {
        "images": files.fingerprint((item.id, item.image) for item in test),
        "masks": files.fingerprint((item.id, item.mask) for item in test if item.mask),
    }
    if config.crop:
        identity = Identity("prep aebad --crop", {"domain": domains, **config.identity(if_changed=True)}, 0, inputs)
        return _write_crops(config, download, test, identity, force=force)
    remarks.say(download.found)
    train = _flat(download.train.images, download.train.root)
    inputs["training images"] = files.fingerprint(train.items())
    identity = Identity("prep aebad", {"domain": domains, **config.identity(if_changed=True)}, 0, inputs)
    masks = [item.mask for item in test if item.mask]
    how = ReadingRules(masks, config.reader(masks, MASK_RULE), found={NAME: download.found})
    about = DatasetProfile("aebad", (NAME,), NORMAL, config.mask_rule or MASK_RULE, *CREDIT, look_at=config.part)
    out = config.out or Path("data", "_".join(("aebad", *(domains if config.domain else ()))))
    return prepare(about, out, identity, partial(_fill, train, test), how, force=force)


def _require_complete(source: Path, *, with_normals: bool) -> None:
    """Refuse a download that lacks a folder of defects, or of good images where they are wanted.

    Raises:
        MissingInputError: it does.
    """
    good = [f"{layout.TRAIN}/{NORMAL}", f"{layout.TEST}/{NORMAL}"] if with_normals else []
    lacking = [place for place in (*good, *(f"test/{kind}" for kind in KINDS)) if not _domains(source / place)]
    if lacking:
        raise MissingInputError(
            f"{source} lacks images in {', '.join(f'{place}/<domain>' for place in lacking)}. Complete the download."
        )


def _write_crops(
    config: Config, download: Download, test: Sequence[Sample], identity: Identity, *, force: bool
) -> Outcome:
    """The labelled base set: crops of the defects that have masks."""
    defective = [item for item in test if item.kind != NORMAL]
    remarks.say([*download.found, *remarks.of(rules.MASK_MISSING, (i.image for i in defective if not i.mask))])
    masked = [item for item in defective if item.mask]
    reader = config.reader([item.mask for item in masked if item.mask], MASK_RULE)
    return base_set.write(masked, config.out or Path("data/AeBAD_crop"), reader, identity, force=force)


def _fill(train: Mapping[str, Path], test: Sequence[Sample], writer: DatasetWriter) -> None:
    """Write the one category with all images."""
    for name, image in track(train.items(), "training images", len(train)):
        writer.link_image(NAME, layout.TRAIN, NORMAL, image, name)
    for item in track(test, "test images"):
        name = item.id.rpartition("/")[-1] + item.image.suffix
        if writer.link_image(NAME, layout.TEST, item.kind, item.image, name) and item.mask:
            writer.convert_mask(NAME, item.kind, item.mask, item.image, name=Path(name).stem)


def _root(folder: Path) -> Path:
    return folder / NAME if (folder / NAME).is_dir() else folder


def _domains(folder: Path) -> list[str]:
    """Subfolders that hold images."""
    if not folder.is_dir():
        return []
    return sorted(sub.name for sub in folder.iterdir() if images_in(sub))


def _flat(images: Sequence[Path], root: Path) -> dict[str, Path]:
    """A name for each image that says its domain: the same name stands in several.

    Raises:
        BadDataError: two images would get one name.
    """
    found: dict[str, Path] = {}
    stems: dict[str, Path] = {}
    for image in images:
        name = "_".join(image.relative_to(root).parts)
        stem = Path(name).stem
        if stem in stems:
            raise BadDataError(f"Two images get the name '{stem}': {stems[stem]} and {image}. Rename one of them.")
        found[name], stems[stem] = image, image
    return found


def _read(source: Path, domains: Sequence[str]) -> Download:
    """The folders of some domains with their masks: equal names below ground_truth, whatever the suffix."""
    root = source / layout.TEST
    train = listing.read(source / layout.TRAIN / NORMAL)
    parts = {kind: [listing.read(root / kind / domain, recursive=False) for domain in domains] for kind in _TESTED}
    truth = listing.read(source / layout.GROUND_TRUTH)
    test = {kind: [image for part in several for image in part.images] for kind, several in parts.items()}
    names = [name_below(image, root) for images in test.values() for image in images]
    masks, strays = pair_masks(names, truth.images, truth.root)
    of_files = [train, *(part for several in parts.values() for part in several)]
    found = [
        *remarks.merged(one for part in (*of_files, truth) for one in remarks.of_listing(part)),
        *remarks.of(rules.MASK_STRAY, [path for path in strays if path.parent.name in domains]),
    ]
    return Download(train, test, masks, found)


def _test(source: Path, download: Download) -> list[Sample]:
    """The test images with their masks; the domain stands before the name of each."""
    found = []
    for kind, images in download.test.items():
        for name, image in _flat(images, source / layout.TEST / kind).items():
            mask = download.masks.get(name_below(image, source / layout.TEST))
            found.append(Sample(NAME, f"{layout.TEST}/{kind}/{Path(name).stem}", layout.TEST, kind, image, mask))
    return found
