"""How an image score is made from a map: `python examples/results/image_scores.py [SEED] DATA:CATEGORY[:apart] ...`.

Each DATA is a folder in MVTec AD layout; `:apart` leaves out the training images that a test image repeats (see
mtd_repeats.py). patchcore learns with its defaults and scores its normal images without themselves, which is what they
would say of a new part. Prints the image AUROC of each statistic of the maps, and of rules that put several of them on
one scale by those normal images. In the mean each folder counts once, however many of its categories are given, and
`:apart` if a set is given both ways.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from sklearn.metrics import roc_auc_score

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category, Sample
from adtool.core.layout import ModelFolder
from adtool.detection import as_new, image_scores, scoring, store
from adtool.detection.contract import MapViews, Scored
from adtool.detection.normal_images import NormalImages
from adtool.detectors import patchcore
from adtool.maps.config import MapsConfig

sys.path.insert(0, str(Path(__file__).parent))
import mtd_repeats

SHARES = {"top .1 %": 0.001, "top .3 %": 0.003, "top 1 %": 0.01, "top 3 %": 0.03, "top 10 %": 0.1, "top 30 %": 0.3}
DRAWS = 10
FEW = (5, 10, 20, 50)
Stats = dict[str, np.ndarray]  # (N,) by name


@dataclass
class Set:
    """What is known of a data set: statistics and views of normal images and of test images."""

    name: str
    normal: Stats
    test: Stats
    defect: np.ndarray
    views: list[MapViews]
    groups: list[int]
    new: list[MapViews]

    def auroc(self, scores: np.ndarray) -> float:
        """Of scores of the test images."""
        return float(roc_auc_score(self.defect, scores))


Rule = Callable[[Set], np.ndarray]


def statistics(scores: np.ndarray, bright: float) -> dict[str, float]:
    """Statistics of a map; `bright` is what 5 % of the normal images' pixels exceed."""
    ordered = np.sort(scores.astype(np.float64), axis=None)[::-1]
    sums = np.cumsum(ordered)
    found = {name: sums[(k := max(1, int(share * ordered.size))) - 1] / k for name, share in SHARES.items()}
    _, _, regions, _ = cv2.connectedComponentsWithStats((scores > bright).astype(np.uint8))
    largest = regions[1:, cv2.CC_STAT_AREA].max(initial=0) / ordered.size
    whole = {"mean": ordered.mean(), "median": ordered[ordered.size // 2], "standard deviation": ordered.std()}
    return {"highest": ordered[0], **found, **whole, "largest bright region": largest}


def stacked(rows: list[dict[str, float]]) -> Stats:
    """One array for each statistic."""
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def look(argument: str, seed: int) -> Set:
    """Learn a set and score its images."""
    data, name, apart = [*argument.split(":"), ""][:3]
    category = read_dataset(Path(data)).category(name)
    train = unrepeated(category) if apart else list(category.train)
    chosen = store.prepare("patchcore", patchcore.Settings(), MapsConfig(data=Path(data), seed=seed))
    with tempfile.TemporaryDirectory() as folder:
        normals = NormalImages(train, chosen.frame, ModelFolder(Path(folder)), [])
        opened = scoring.fit(patchcore, normals, chosen.settings)
    judged = as_new.cross_fitted(opened, normals)
    own = [judged.score(one) for one in judged.remembered or []]
    bright = float(np.quantile(np.stack([one.scores[::4, ::4] for one in own]), 0.95))
    test = [(one.sample, statistics(one.scores, bright), one.views) for one in opened.score(category.test)]
    groups = [judged.groups[one.sample.image] for one in own]
    found = Set(
        argument,
        stacked([statistics(one.scores, bright) for one in own]),
        stacked([row for _, row, _ in test]),
        np.array([not category.is_normal(sample) for sample, _, _ in test]),
        [views_of(one) for one in own],
        groups,
        [one for _, _, one in test if one is not None],
    )
    add_place(found)
    return found


def unrepeated(category: Category) -> list[Sample]:
    """The training images that no test image repeats: alike in what not all of them share."""
    train, test = ([mtd_repeats.look(one) for one in samples] for samples in (category.train, category.test))
    shared = np.mean([one for one, _ in train], axis=0)

    def own(looks: list[tuple[np.ndarray, float]]) -> np.ndarray:
        values = np.stack([one - shared for one, _ in looks])
        return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)

    alike = own(test) @ own(train).T
    shapes = [np.array([shape for _, shape in looks]) for looks in (test, train)]
    alike[np.abs(shapes[0][:, None] - shapes[1]) >= mtd_repeats.SAME_SHAPE] = -1
    return [one for one, best in zip(category.train, alike.max(axis=0), strict=True) if best <= mtd_repeats.ALIKE]


def views_of(scored: Scored) -> MapViews:
    """What an image score is made from."""
    return scored.views or MapViews.of(scored.scores)


def add_place(found: Set) -> None:
    """The worst places by their own standard, as a statistic like the others."""
    usual = image_scores.usual_places(found.views, image_scores.members(found.views, found.groups))
    if usual is None:
        raise SystemExit(f"{found.name}: too few normal images.")
    places, found.normal["place"] = usual
    standard = image_scores.Standard(places, np.zeros((2, 2), np.float32))
    found.test["place"] = np.array([standard.place(one) for one in found.new])


def unusual(found: Set, names: Sequence[str], spread: str) -> np.ndarray:
    """How far each statistic of each test image lies above the middle of the good parts, in spreads; (N, K)."""
    columns = []
    member = image_scores.members(found.views, found.groups)
    for name in names:
        good = np.bincount(member, found.normal[name]) / np.bincount(member)
        middle, high = np.quantile(good, [0.5, 0.9])
        width = (high - middle) / 1.2816
        if spread == "mad":
            width = 1.4826 * np.median(np.abs(good - middle))
        if spread == "logarithms":
            logs = np.log(np.maximum(good, 1e-9))
            middle, high = np.quantile(logs, [0.5, 0.9])
            columns.append((np.log(np.maximum(found.test[name], 1e-9)) - middle) / max(high - middle, 1e-9) * 1.2816)
        else:
            columns.append((found.test[name] - middle) / max(width, 1e-9))
    return np.stack(columns, axis=1)


def most(*names: str, spread: str = "quantile") -> Rule:
    """The most unusual of some statistics."""
    return lambda found: unusual(found, names, spread).max(axis=1)


def total(*names: str) -> Rule:
    """Their sum."""
    return lambda found: unusual(found, names, "quantile").sum(axis=1)


def squares(*names: str) -> Rule:
    """The sum of squares of those above the middle."""
    return lambda found: np.square(np.maximum(unusual(found, names, "quantile"), 0)).sum(axis=1)


def soft(*names: str) -> Rule:
    """A soft maximum."""
    return lambda found: np.logaddexp.reduce(unusual(found, names, "quantile"), axis=1)


def mahalanobis(*names: str) -> Rule:
    """The length of the vector of logarithms, by the covariance of good parts, shrunk by .3 to its diagonal."""

    def score(found: Set) -> np.ndarray:
        good, new = (np.log(np.stack([np.maximum(x[n], 1e-9) for n in names], 1)) for x in (found.normal, found.test))
        covariance = np.cov(good.T)
        inverse = np.linalg.inv(0.7 * covariance + 0.3 * np.diag(np.diag(covariance)))
        apart = new - np.median(good, axis=0)
        return np.einsum("nk,kl,nl->n", apart, inverse, apart)

    return score


def default(found: Set) -> np.ndarray:
    """What patchcore does."""
    return np.array(scores_by(found, range(len(found.views)), found.groups))


def scores_by(found: Set, chosen: Sequence[int], groups: Sequence[int] | None) -> list[float]:
    """Image scores by the standard that some of the good parts set."""
    standard, _ = image_scores.learn([found.views[i] for i in chosen], groups)
    return [image_scores.standardised(one, standard) for one in found.new]


def few(count: int) -> Callable[[Set], float]:
    """The image AUROC if so many good parts set the standard, mean of some draws."""

    def measured(found: Set) -> float:
        size = min(count, len(found.views))
        draws = [np.random.default_rng(i).choice(len(found.views), size, replace=False) for i in range(DRAWS)]
        return float(np.mean([found.auroc(np.array(scores_by(found, draw.tolist(), None))) for draw in draws]))

    return measured


THREE = ("top 1 %", "place", "mean")
RULES: dict[str, Rule] = {
    "patchcore's default": default,
    "most unusual: top 1 %, mean": most("top 1 %", "mean"),
    "most unusual: top 1 %, place": most("top 1 %", "place"),
    "most unusual: top 1 %, place, mean": most(*THREE),
    "the same, median and MAD": most(*THREE, spread="mad"),
    "the same, of logarithms": most(*THREE, spread="logarithms"),
    "most unusual: top .3 %, place, mean": most("top .3 %", "place", "mean"),
    "most unusual: top 3 %, place, mean": most("top 3 %", "place", "mean"),
    "most unusual: top 1 %, place, top 10 %": most("top 1 %", "place", "top 10 %"),
    "most unusual: top 1 %, place, median": most("top 1 %", "place", "median"),
    "most unusual: top 1 %, place, mean, region": most(*THREE, "largest bright region"),
    "most unusual: top 1 %, 3 %, 10 %, 30 %, mean": most("top 1 %", "top 3 %", "top 10 %", "top 30 %", "mean"),
    "sum: top 1 %, place, mean": total(*THREE),
    "squares: top 1 %, place, mean": squares(*THREE),
    "soft maximum: top 1 %, place, mean": soft(*THREE),
    "Mahalanobis: top 1 %, place, mean": mahalanobis(*THREE),
}


def figures(sets: Sequence[Set]) -> dict[str, list[float]]:
    """The image AUROC of each statistic and rule, set by set."""
    found = {name: [one.auroc(one.test[name]) for one in sets] for name in sets[0].test}
    found |= {name: [one.auroc(rule(one)) for one in sets] for name, rule in RULES.items()}
    return found | {f"default, {n} good parts set the standard": [few(n)(one) for one in sets] for n in FEW}


def mean(names: Sequence[str], values: Sequence[float]) -> float:
    """Over data sets; categories of one folder count once together, and a set that is given both ways only `:apart`."""
    folders: dict[str, list[float]] = {}
    for name, value in zip(names, values, strict=True):
        if f"{name}:apart" not in names:
            folders.setdefault(name.split(":")[0], []).append(value)
    return float(np.mean([np.mean(one) for one in folders.values()]))


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    seed, arguments = (int(arguments[0]), arguments[1:]) if arguments[0].isdecimal() else (0, arguments)
    sets = [look(one, seed) for one in arguments]
    names = [one.name for one in sets]
    print("| image AUROC | " + " | ".join(Path(name).name for name in names) + " | mean |")
    print("|---|" + "---|" * (len(names) + 1))
    for name, values in figures(sets).items():
        cells = [f"{one:.4f}".removeprefix("0") for one in [*values, mean(names, values)]]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
