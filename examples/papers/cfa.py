"""CFA's tables in anomalib's README. Never run on all of MVTec AD with the networks of the tables: they were not here.

    python examples/papers/cfa.py MVTEC OUT

MVTEC is MVTec AD as downloaded. OUT/table.md has a table a metric and a column a backbone, with the published figure in
brackets, by the code of January 2023 that the tables were made with (`preset=anomalib-2023`) and torchvision's weights.
Published with an early stop by test labels; here it is by defects painted on normal images that are not trained on,
unless --stop oracle is given. With --backbone NAME, for instance tf_efficientnet_lite0, which is embedded: another
network beside the figures of ResNet-18. With --small: the embedded network, two epochs.
"""

import argparse
from collections.abc import Mapping, Sequence

import common

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category
from adtool.core.errors import AdtoolError

MVTEC = "https://www.mvtec.com/company/research/datasets/mvtec-ad"
EMBEDDED = "tf_efficientnet_lite0"
METRICS = ("image_auroc", "image_f1max_oracle", "pixel_auroc", "aupro", "pixel_f1max_oracle")
COLUMNS = {"resnet18.tv_in1k": "ResNet-18", "wide_resnet50_2.tv_in1k": "Wide ResNet-50"}
CHANNELS = {"resnet18.tv_in1k": 448, "wide_resnet50_2.tv_in1k": 1792}
CHANNELS_OF_OTHERS = 448
PLACES, EPOCHS = 56 * 56, 30
LONG_HOURS = 1.0

# Source: anomalib's README of CFA. For each metric ResNet-18 and Wide ResNet-50, seed 0.
PUBLISHED: Mapping[str, Sequence[tuple[float, float]]] = {
    "bottle": ((0.991, 0.998), (0.983, 0.984), (0.986, 0.989), (0.940, 0.947), (0.751, 0.789)),
    "cable": ((0.947, 0.979), (0.907, 0.962), (0.984, 0.988), (0.902, 0.940), (0.661, 0.674)),
    "capsule": ((0.858, 0.872), (0.938, 0.946), (0.987, 0.989), (0.946, 0.939), (0.507, 0.500)),
    "carpet": ((0.953, 0.978), (0.956, 0.961), (0.970, 0.980), (0.910, 0.919), (0.549, 0.578)),
    "grid": ((0.947, 0.961), (0.946, 0.957), (0.973, 0.954), (0.911, 0.862), (0.316, 0.280)),
    "hazelnut": ((0.995, 1.000), (0.996, 1.000), (0.987, 0.985), (0.931, 0.930), (0.598, 0.561)),
    "leather": ((0.999, 0.990), (0.995, 0.973), (0.992, 0.989), (0.974, 0.955), (0.461, 0.378)),
    "metal_nut": ((0.932, 0.995), (0.958, 0.984), (0.981, 0.992), (0.912, 0.931), (0.819, 0.874)),
    "pill": ((0.887, 0.946), (0.920, 0.952), (0.981, 0.988), (0.935, 0.947), (0.689, 0.679)),
    "screw": ((0.625, 0.703), (0.858, 0.855), (0.973, 0.979), (0.884, 0.906), (0.212, 0.301)),
    "tile": ((1.000, 0.999), (1.000, 0.994), (0.978, 0.985), (0.892, 0.906), (0.740, 0.768)),
    "toothbrush": ((0.994, 1.000), (0.984, 1.000), (0.990, 0.991), (0.895, 0.899), (0.609, 0.627)),
    "transistor": ((0.895, 0.957), (0.795, 0.907), (0.964, 0.977), (0.895, 0.930), (0.570, 0.666)),
    "wood": ((1.000, 0.994), (1.000, 0.983), (0.964, 0.974), (0.898, 0.893), (0.564, 0.627)),
    "zipper": ((0.919, 0.967), (0.949, 0.975), (0.978, 0.990), (0.925, 0.958), (0.561, 0.668)),
}
MEANS = ((0.930, 0.956), (0.946, 0.962), (0.979, 0.983), (0.917, 0.924), (0.574, 0.598))


def main() -> None:
    """Train, map and measure with each backbone, and put both figures side by side."""
    parser = common.arguments(__doc__ or "")
    parser.add_argument("--backbone", action="append", default=[], help="only this one; by default the tables' two")
    parser.add_argument("--stop", choices=("painted", "oracle"), default="painted", help="what judges an epoch")
    given = parser.parse_args()
    given.backbone = given.backbone or ([EMBEDDED] if given.small else list(COLUMNS))
    chosen = categories(given)
    if (needed := hours(given, chosen)) > LONG_HOURS:
        common.require_time(needed, given)
    only = common.chosen(one.name for one in chosen)
    small = ("--set", "epochs=2", "--image-size", "64") if given.small else ()
    stop = () if given.stop == "painted" else ("--set", f"stop={given.stop}")
    for backbone in given.backbone:
        work = given.out / backbone
        how = ("--detector", "cfa", "--backbone", backbone, "--set", "preset=anomalib-2023", *stop, *small)
        common.adtool(work, "maps", "--data", given.data.absolute(), *how, *only, "--quiet")
        common.adtool(work, "report", "maps", *only, "--quiet")
    write(given, [one.name for one in chosen])


def categories(given: argparse.Namespace) -> list[Category]:
    """What is asked for of the data set; ends with exit code 3 where that is missing."""
    try:
        return read_dataset(given.data).select(given.category)
    except AdtoolError as error:
        common.stop(error.exit_code, f"{error} MVTec AD is published at {MVTEC}.")


def hours(given: argparse.Namespace, chosen: Sequence[Category]) -> float:
    """What training would take on this machine's processor: distances to the prototypes, and the descriptor."""
    images = sum(len(one.train) for one in chosen)
    operations = 0.0
    for channels in (CHANNELS.get(one, CHANNELS_OF_OTHERS) for one in given.backbone):
        operations += EPOCHS * images * (2 * PLACES**2 * channels + 6 * PLACES * channels**2)
    return operations / common.per_second() / 3600


def write(given: argparse.Namespace, names: Sequence[str]) -> None:
    """A table a metric: a row a category and their mean, a column a backbone."""
    found = {one: common.figures(given.out / one) for one in given.backbone}
    tables = {}
    for place, metric in enumerate(METRICS):
        rows = []
        for name in [*names, *([common.MEAN] if len(names) > 1 else [])]:
            row = {"category": name if name != common.MEAN else f"mean of {len(names)}"}
            for backbone, figures in found.items():
                known = published(name, names, place, backbone)
                row[COLUMNS.get(backbone, backbone)] = common.beside(figures.get(("maps", name, metric)), known)
            rows.append(row)
        tables[metric] = rows
    said = "a trial: a small network and two epochs" if given.small else "the settings as published, but for the stop"
    judged = "painted defects" if given.stop == "painted" else "the test images' masks, as published: an oracle"
    remarks = [f"{said}; epochs are judged by {judged}.", "in brackets: as published."]
    if others := [one for one in given.backbone if one not in COLUMNS]:
        remarks.append(f"{', '.join(others)}: no network of the tables; in brackets are the figures of ResNet-18.")
    common.tables(given.out, "CFA, anomalib's README", tables, remarks)


def published(name: str, names: Sequence[str], metric: int, backbone: str) -> float | None:
    """The figure of a category, or of the mean over those that are measured."""
    column = list(COLUMNS).index(backbone) if backbone in COLUMNS else 0
    if name != common.MEAN:
        return PUBLISHED[name][metric][column] if name in PUBLISHED else None
    if set(names) == set(PUBLISHED):
        return MEANS[metric][column]
    known = [PUBLISHED[one][metric][column] for one in names if one in PUBLISHED]
    return round(sum(known) / len(known), 3) if len(known) == len(names) else None


if __name__ == "__main__":
    main()
