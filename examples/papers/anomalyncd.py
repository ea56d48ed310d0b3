"""AnomalyNCD's tables by category. Never run on MVTec AD and MTD with its networks and AeBAD-S: they were not here.

    python examples/papers/anomalyncd.py MVTEC OUT --base AEBAD_CROP
    python examples/papers/anomalyncd.py MTD OUT --setting semi-supervised --base AEBAD_CROP

MVTEC is MVTec AD as downloaded, MTD what `adtool prep mtd` wrote, AEBAD_CROP what `adtool prep aebad --crop` wrote.
unsupervised takes the maps of MuSc, semi-supervised those of PatchCore. OUT/<setting>/table.md has NMI, ARI and F1 of
images and AUPRO of the maps (at 200 thresholds, as published), each with the published figure in brackets.
With --small: the embedded network, two epochs. With --backbone NAME, for instance tf_efficientnet_lite0, which is
embedded: the paper's other settings, with one network for maps and classes.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import common

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category
from adtool.core.errors import EXIT_DATA, AdtoolError
from adtool.prep.datasets import aebad, mtd

MVTEC = "https://www.mvtec.com/company/research/datasets/mvtec-ad"
WHERE = f"MVTec AD is published at {MVTEC}, MTD at {mtd.PUBLISHED} (then `adtool prep mtd`)."
EMBEDDED = "tf_efficientnet_lite0"
COLUMNS = {
    "NMI": ("classes", "nmi"),
    "ARI": ("classes", "ari"),
    "F1": ("classes", "f1"),
    "AUPRO": ("maps", "aupro_200"),
}

# Source: the paper (arXiv 2410.14379) and its repository. NMI, ARI and F1 with MuSc's maps:
BY_CATEGORY: Mapping[str, Sequence[float]] = {
    "bottle": (0.613, 0.583, 0.819),
    "cable": (0.597, 0.492, 0.626),
    "capsule": (0.445, 0.335, 0.591),
    "carpet": (0.852, 0.837, 0.906),
    "grid": (0.622, 0.578, 0.731),
    "hazelnut": (0.662, 0.582, 0.718),
    "leather": (0.863, 0.838, 0.911),
    "metal_nut": (0.643, 0.467, 0.565),
    "pill": (0.439, 0.291, 0.513),
    "screw": (0.399, 0.265, 0.488),
    "tile": (0.885, 0.850, 0.940),
    "toothbrush": (0.368, 0.259, 0.762),
    "transistor": (0.531, 0.421, 0.620),
    "wood": (0.743, 0.672, 0.868),
    "zipper": (0.526, 0.417, 0.615),
}


@dataclass(frozen=True)
class Setting:
    """One of the paper's settings.

    Attributes:
        detector: whose maps.
        options: of `adtool maps`, as that detector's paper has them.
        mvtec: NMI, ARI, F1 and AUPRO, the mean over MVTec AD.
        mtd: the same of MTD.
        by_category: NMI, ARI and F1 of MVTec AD's categories, where they were published.
        operations: of an image's map, and of comparing it with another image.
    """

    detector: str
    options: Sequence[str]
    mvtec: Sequence[float]
    mtd: Sequence[float]
    by_category: Mapping[str, Sequence[float]]
    operations: tuple[float, float]


SETTINGS = {
    "unsupervised": Setting(
        "musc",
        ("--backbone", "vit_large_patch14_clip_336.openai", "--set", "preset=published"),
        (0.613, 0.526, 0.712, 0.938),
        (0.268, 0.228, 0.509, 0.769),
        BY_CATEGORY,
        (1.0e12, 4.6e10),
    ),
    "semi-supervised": Setting(
        "patchcore",
        ("--backbone", "wide_resnet50_2.tv_in1k", "--set", "preset=paper"),
        (0.670, 0.601, 0.769, 0.938),
        (0.380, 0.390, 0.617, 0.729),
        {},
        (2.3e10, 0.0),
    ),
}
TRIAL = ("epochs=2", "side=64", "hidden=64", "batch=8")
VIEW = 1.6e11  # operations: ViT-B/8 at 224 px, 785 tokens
VIEWS = 2 * 50 + 1  # two in each epoch, and one to tell the class
CROPS = 2  # an image, about


def main() -> None:
    """Map, discover, measure, and put both figures side by side."""
    parser = common.arguments(__doc__ or "")
    parser.add_argument("--setting", choices=tuple(SETTINGS), default="unsupervised")
    parser.add_argument("--base", type=Path, help="labelled crops of AeBAD-S")
    parser.add_argument("--without-base", action="store_true", help="learn without them, unlike the paper")
    parser.add_argument("--backbone", help="one network instead of the paper's two")
    given = parser.parse_args()
    chosen = categories(given)
    if not given.backbone:
        common.require_time(hours(given, chosen), given)
    setting, work = SETTINGS[given.setting], given.out / given.setting
    only = common.chosen(one.name for one in chosen)
    backbone = given.backbone or (EMBEDDED if given.small else None)
    own = ("--backbone", backbone) if backbone else ()
    small = ("--image-size", "96") if given.small else ()
    mapped = ("--data", given.data.absolute(), "--detector", setting.detector, *(own or setting.options), *small)
    common.adtool(work, "maps", *mapped, *only, "--quiet")
    few = [word for one in (TRIAL if given.small else ()) for word in ("--set", one)]
    base = ("--base", given.base.absolute()) if given.base else ()
    # The paper is told the number of classes: that of the folders.
    paper = ("--preset", "paper", "--classes", "oracle", "--maps", "maps")
    common.adtool(work, "discover", *paper, *own, *few, *base, *only, "--quiet")
    common.adtool(work, "report", "maps", "classes", *only, "--quiet")
    write(given, [one.name for one in chosen], work)


def categories(given: argparse.Namespace) -> list[Category]:
    """What is asked for of the data set; ends with exit code 3 where that or the base set is missing."""
    try:
        found = read_dataset(given.data).select(given.category)
    except AdtoolError as error:
        common.stop(error.exit_code, f"{error} {WHERE}")
    if given.base is not None and not (given.base / "images").is_dir():
        common.stop(EXIT_DATA, f"There is no base set at {given.base}. AeBAD-S is published at {aebad.PUBLISHED}.")
    if given.base is None and not (given.small or given.without_base):
        common.stop(
            EXIT_DATA,
            f"The paper also learns from crops of AeBAD-S, published at {aebad.PUBLISHED}. Make them with "
            "`adtool prep aebad --crop` and name them with --base, or give --without-base.",
        )
    return found


def hours(given: argparse.Namespace, chosen: Sequence[Category]) -> float:
    """What the networks alone would take on this machine's processor."""
    base = sum(1 for path in (given.base / "images").rglob("*") if path.is_file()) if given.base else 0
    an_image, a_pair = SETTINGS[given.setting].operations
    operations = 0.0
    for images in (len(one.test) for one in chosen):
        operations += images * an_image + images**2 * a_pair + (images * CROPS + base) * VIEWS * VIEW
    return operations / common.per_second() / 3600


def write(given: argparse.Namespace, names: Sequence[str], work: Path) -> None:
    """The table: a row a category, and their mean."""
    setting, found = SETTINGS[given.setting], common.figures(work)
    measured = {name: [found.get((source, name, one)) for source, one in COLUMNS.values()] for name in names}
    known = {
        name: _padded(setting.mtd if name == mtd.CATEGORY else setting.by_category.get(name, ())) for name in names
    }
    if len(names) > 1:
        is_whole = set(names) == set(BY_CATEGORY)
        mean = f"mean of {len(names)}"
        measured[mean] = [_mean([measured[name][k] for name in names]) for k in range(len(COLUMNS))]
        means = [_mean([known[name][k] for name in names]) for k in range(len(COLUMNS))]
        known[mean] = list(setting.mvtec) if is_whole else means
    rows = [
        {"category": name}
        | {column: common.beside(measured[name][k], known[name][k]) for k, column in enumerate(COLUMNS)}
        for name in measured
    ]
    said = "a trial: a small network and two epochs" if given.small else "the settings as published"
    said += f", with {given.backbone} instead of the paper's networks" if given.backbone else ""
    remarks = [f"{said}; the number of classes is that of the folders.", "in brackets: as published, where it is."]
    if given.base is None:
        remarks.append("learned without the labelled crops of AeBAD-S, unlike the paper.")
    common.table(work, f"AnomalyNCD, {given.setting}: maps of {setting.detector}", rows, remarks)


def _padded(values: Sequence[float]) -> list[float | None]:
    return [*values, *[None] * (len(COLUMNS) - len(values))]


def _mean(values: Sequence[float | None]) -> float | None:
    """The unweighted mean, None where one is missing."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


if __name__ == "__main__":
    main()
