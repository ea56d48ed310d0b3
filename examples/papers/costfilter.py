"""CostFilter-AD's tables, a data set and a baseline at a time. Never run on its real data: it was not here.

    python examples/papers/costfilter.py DATA OUT --data-set mvtec --baseline dinomaly

DATA is the data set as published (MVTec AD, VisA, MPDD, BTAD); OUT/table.md has baseline, refined maps and difference
in the table's metrics, each with the published figure in brackets. GLAD's and UniAD's maps are not made by adtool: give
them as `adtool convert` wrote them (--maps FOLDER, with a data set that `adtool prep` wrote beside it).
Metrics at 256 px, AUPRO exact (the published ones are of 200 thresholds; `aupro_200` is in OUT/report). With --small:
the embedded network (dinomaly: DINOv2-S), few steps.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import common

METRICS = (
    "image_auroc", "image_ap", "image_f1max_oracle", "pixel_auroc", "pixel_ap", "pixel_f1max_oracle", "aupro",
)  # fmt: skip
# Source: the tables of the paper (ICML 2025) and of its repository; the baseline, then refined.
PUBLISHED: Mapping[tuple[str, str], tuple[tuple[float, ...], tuple[float, ...]]] = {
    ("mvtec", "glad"): ((97.5, 98.8, 96.8, 97.3, 58.8, 59.7, 92.8), (98.7, 99.6, 97.8, 98.2, 66.8, 64.4, 94.1)),
    ("mvtec", "hvqtrans"): ((97.9, 99.3, 97.4, 97.4, 49.4, 54.3, 91.5), (99.0, 99.7, 98.6, 97.9, 58.1, 61.2, 93.2)),
    ("mvtec", "anomalydino"): ((96.8, 98.6, 97.1, 98.1, 61.3, 60.8, 93.6), (98.5, 99.4, 97.8, 98.8, 67.8, 64.9, 94.1)),
    ("mvtec", "uniad"): ((97.5, 99.1, 97.0, 96.9, 44.5, 50.5, 90.6), (99.0, 99.7, 98.1, 97.5, 60.5, 59.9, 91.3)),
    ("mvtec", "dinomaly"): ((99.6, 99.8, 99.0, 98.3, 68.7, 68.7, 94.6), (99.7, 99.8, 99.1, 98.4, 68.9, 68.9, 94.8)),
    ("visa", "glad"): ((90.1, 91.4, 86.7, 97.4, 33.9, 39.4, 91.5), (93.2, 94.1, 89.2, 98.1, 40.7, 43.7, 91.5)),
    ("visa", "hvqtrans"): ((91.5, 93.4, 88.1, 98.5, 35.5, 39.6, 86.4), (93.4, 95.2, 89.3, 98.6, 41.4, 45.0, 86.8)),
    ("visa", "anomalydino"): ((90.5, 91.4, 86.2, 97.4, 39.6, 40.4, 86.3), (94.3, 95.1, 90.6, 99.2, 44.6, 45.5, 86.3)),
    ("visa", "dinomaly"): ((98.7, 98.9, 96.1, 98.7, 52.5, 55.4, 94.5), (98.7, 99.0, 96.3, 98.8, 53.2, 55.8, 94.7)),
    ("mpdd", "hvqtrans"): ((86.5,), (93.1,)),
    ("btad", "hvqtrans"): ((90.9,), (93.3,)),
    ("btad", "dinomaly"): ((95.4,), (95.5,)),
}
MADE_BY = {
    "dinomaly": ("dinomaly", "--backbone", "vit_base_patch14_reg4_dinov2", "--set", "preset=paper"),
    "hvqtrans": ("hvqtrans", "--backbone", "tf_efficientnet_b4", "--set", "preset=paper"),
    "anomalydino": (
        "patchcore", "--backbone", "dinov2_vits14", "--set", "preset=anomalydino", "--image-size", "448",
    ),
}  # fmt: skip
HOURS = {"dinomaly": 60.0, "hvqtrans": 400.0, "anomalydino": 300.0, "glad": 300.0, "uniad": 300.0}
TRIAL = {
    "dinomaly": ("dinomaly", "--backbone", "dinov2_vits14", "--set", "steps=4", "--set", "decoder_blocks=1",
                 "--image-size", "64"),
    "hvqtrans": ("hvqtrans", "--set", "epochs=1", "--set", "codes=16", "--set", "width=16", "--set", "hidden=16",
                 "--set", "depth=1", "--set", "input_px=64"),
    "anomalydino": ("patchcore", "--set", "scale=unit", "--set", "pooled=false", "--image-size", "64"),
}  # fmt: skip
FEW = ("steps=4", "painted=12", "judged=4", "width=4", "plane=16", "matches=8", "reduced=1", "batch=4", "templates=2",
       "tested=2")  # fmt: skip


def main() -> None:
    """Prepare, map, refine, measure, and put both figures side by side."""
    parser = common.arguments(__doc__ or "")
    parser.add_argument("--data-set", choices=("mvtec", "visa", "mpdd", "btad"), default="mvtec")
    parser.add_argument("--baseline", choices=tuple(HOURS), default="anomalydino")
    parser.add_argument("--maps", type=Path, help="the baseline's maps, where adtool does not make them")
    given = parser.parse_args()
    if given.maps is None and given.baseline not in MADE_BY:
        parser.error(f"adtool does not make the maps of {given.baseline}: give --maps, as `adtool convert` wrote them")
    common.require_time(HOURS[given.baseline], given)
    work = given.out / f"{given.data_set}_{given.baseline}"
    maps = given.maps.absolute() if given.maps else Path("maps")
    only = common.chosen(given.category)
    if given.maps is None:
        data = prepared(given, work)
        made_by = (TRIAL if given.small else MADE_BY)[given.baseline]
        common.adtool(work, "maps", "--data", data, "--detector", *made_by, *only, "--quiet")
    variant = f"paper-{given.baseline}" if given.baseline != "uniad" else "paper-anomalydino"
    small = ["--keep", "always", "--image-score", "refined", *(w for one in FEW for w in ("--set", one))]
    how = small if given.small else ["--preset", variant]
    common.adtool(work, "refine", "--maps", maps, *how, *only, "--quiet")
    common.adtool(work, "report", maps, "refined", "--eval-size", 256, *only, "--quiet")
    write(given, work, maps.name)


def prepared(given: argparse.Namespace, work: Path) -> Path:
    """The data set in adtool's layout."""
    source = given.data.absolute()
    if given.data_set == "mvtec":
        common.adtool(work, "prep", "mvtec", "--source", source, "--quiet")
        return source
    common.adtool(work, "prep", given.data_set, "--source", source, "--out", "data", "--quiet")
    return Path("data")


def write(given: argparse.Namespace, work: Path, maps: str) -> None:
    """The table: the baseline, the refined maps, the difference, in percent."""
    found = common.figures(work)
    published = PUBLISHED.get((given.data_set, given.baseline), ((), ()))
    rows = []
    means: dict[str, list[float | None]] = {}
    for source, known in zip((maps, "refined"), published, strict=True):
        categories = sorted({category for name, category, _ in found if name == source} - {common.MEAN})
        row = {"": given.baseline if source == maps else "+ CostFilter"}
        for place, metric in enumerate(METRICS):
            values = [found[source, one, metric] for one in categories if (source, one, metric) in found]
            mean = sum(values) / len(values) if values else None
            means.setdefault(metric, []).append(mean)
            row[metric] = common.beside(mean, known[place] if place < len(known) else None, 100)
        rows.append(row)
    gained = {metric: None if None in pair else pair[1] - pair[0] for metric, pair in means.items()}  # type: ignore[operator]
    rows.append({"": "difference", **{metric: common.beside(value, None, 100) for metric, value in gained.items()}})
    size = "a trial: networks and trainings are small" if given.small else "the settings as released"
    of = f"{len(categories)} of the categories" if given.category else "all categories"
    remarks = [f"mean of {of}; {size}.", "in brackets: as published, where it is."]
    common.table(work, f"CostFilter-AD on {given.data_set}, {given.baseline}, in percent", rows, remarks)


if __name__ == "__main__":
    main()
