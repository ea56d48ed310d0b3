"""How much of the filtered map suits real defects: `python examples/results/refine_weight.py [--most N] WORKSPACE ...`.

Each workspace is one set with the maps of `adtool maps` and `adtool refine --keep always`, and their models; one of
several categories counts as their mean. A rule says which weight the filtered map has, by what painted defects say of
each weight, drawn `--seeds` times. Printed are pixel AP and AUPRO at 256 px by each rule, the gain in the mean and of
the worst set, and what the share that is best on all sets but one (the least within noise) gains on that one. No rule
sees a mask. The filtered maps are what the refined ones have more than the given ones, so nothing is trained again.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adtool.core.arrays import Bools, Floats
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.errors import BadDataError
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.map_source import MapSource, read_source
from adtool.core.steps import notes, workspace_paths
from adtool.metrics.aupro import aupro
from adtool.metrics.pixels import Pixels
from adtool.metrics.ranking import average_precision
from adtool.nn.options import ANY_ENGINE
from adtool.refine import blending, extractor, model, refine_category
from adtool.refine.blending import BlendFigures, PaintedTruth
from adtool.refine.extractor import AskedBackbone
from adtool.refine.map_detectors import MapDetectors
from adtool.report import sources, truth
from adtool_runtime.refining.mixing import Mixture

SIDE = 256
GIVEN = 0.0  # the weight of a filtered map that is left out
FIXED = (0.25, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)
SHARES = {"half": 1 / 2, "two thirds": 2 / 3, "four fifths": 0.8, "nine tenths": 0.9, "all": 1.0}
LEAST = {name: f"least that reaches {name} of the best gain" for name in SHARES}
BEFORE, NOISE = LEAST["four fifths"], 0.002


@dataclass(frozen=True)
class Category:
    """Pixel AP and AUPRO by the weight: on real defects, and on painted ones for the weights that `refine` tries."""

    real: dict[float, tuple[float, float]]
    given: BlendFigures
    painted: dict[float, BlendFigures]


Rule = Callable[[Category], float]  # the weight for a category


def least(share: float, *, keeps: bool) -> Rule:
    """The least weight that reaches a share of the best gain on painted defects; keeps the given maps if none wins."""

    def weight(one: Category) -> float:
        found = blending.least_weight(one.given, one.painted, share)
        return found if not keeps or blending.wins(one.given, one.painted[found]) else GIVEN

    return weight


def fixed(weight: float) -> Rule:
    """The same weight for all."""
    return lambda _: weight


RULES: dict[str, Rule] = {
    "the maps": fixed(GIVEN),
    **{LEAST[name]: least(share, keeps=True) for name, share in SHARES.items()},
    **{f"{name}, always refined": least(share, keeps=False) for name, share in SHARES.items()},
    **{f"weight {weight:g}": fixed(weight) for weight in FIXED},
    "best by the masks (oracle)": lambda one: max(one.real, key=lambda weight: sum(one.real[weight])),
}


def read(workspace: Path, most: int, seeds: int) -> Iterator[Category]:
    """The categories of a workspace, each as often as defects are painted."""
    given, refined = MapsFolder(workspace / "maps"), MapsFolder(workspace / "refined")
    data = read_dataset(sources.noted_data([given.path]))
    for name in notes.done_categories(refined.path):
        note = notes.read_note(refined.path / name)
        mixture = blending.noted_mixture(note.result)
        if mixture is None or not mixture.weight:
            raise BadDataError(f"{refined.path / name} holds no filtered maps. Run `adtool refine --keep always`.")
        source = read_source(given.path, data.category(name))
        samples = source.samples[:: max(1, round(len(source.samples) / most))]
        both = [truth.pairs(samples, source.category, one, eval_size=SIDE) for one in (given, refined)]
        trials = [(of[0], _filtered(of[0], by[0], mixture), of[1]) for of, by in zip(*both, strict=True)]
        weights = sorted({GIVEN, *FIXED, *blending.WEIGHTS})
        real = {weight: _judged(trials, Mixture(mixture.scale, weight)) for weight in weights}
        filter_ = ModelFolder(workspace_paths.found(note.result.filter, refined.path, note))
        detectors = MapDetectors(workspace / "models", ANY_ENGINE)
        for seed in range(seeds):
            yield Category(real, *_painted(detectors, filter_, source, mixture, seed))


def _filtered(given: Floats, refined: Floats, mixture: Mixture) -> Floats:
    """What was mixed in."""
    return (refined - mixture.scale.apply(given)) / np.float32(mixture.weight)


def _judged(trials: Sequence[tuple[Floats, Floats, Bools]], mixture: Mixture) -> tuple[float, float]:
    pixels = Pixels.of((mixture.of(given, filtered), mask) for given, filtered, mask in trials)
    return average_precision(pixels.rankings()), aupro(pixels)


def _painted(
    detectors: MapDetectors, folder: ModelFolder, source: MapSource, mixture: Mixture, seed: int
) -> tuple[BlendFigures, dict[float, BlendFigures]]:
    """Figures of the given maps and of the mixes on the painted images that `refine` judges by."""
    name, made = source.category.name, model.load(folder)
    eye = extractor.choose(AskedBackbone(), {name: source}, [(name,)], detectors)[name]
    with tempfile.TemporaryDirectory() as place:
        seen = refine_category.painted(made, source, eye, seed, Path(place) / "painted", detectors)
    trials = [(blending.small(one.given), blending.small(one.probability)) for one in seen.trials]
    of = PaintedTruth([blending.covered(one.mask) for one in seen.trials])
    mixes = {weight: Mixture(mixture.scale, weight) for weight in blending.WEIGHTS}
    tried = {weight: of.figures([mix.of(*pair) for pair in trials]) for weight, mix in mixes.items()}
    return of.figures([given for given, _ in trials]), tried


def main(workspaces: Sequence[Path], most: int, seeds: int) -> None:
    """Print the table, and what leaving out one set after the other says."""
    sets = [list(read(workspace, most, seeds)) for workspace in workspaces]
    names = [workspace.name for workspace in workspaces]
    print("| pixel AP / AUPRO |", " | ".join(names), "| mean | gained | worst set | weights |")
    print("|---" * (len(sets) + 5) + "|")
    found = {}
    for rule, weight in RULES.items():
        found[rule] = np.array([np.mean([one.real[weight(one)] for one in each], axis=0) for each in sets])
        gains = found[rule] - found["the maps"]
        pairs = ["{:.4f} / {:.4f}".format(*pair) for pair in (*found[rule], found[rule].mean(axis=0))]
        pairs += ["{:+.4f} / {:+.4f}".format(*pair) for pair in (gains.mean(axis=0), gains.min(axis=0))]
        print("|", " | ".join([rule, *pairs, ", ".join(f"{weight(one):g}" for each in sets for one in each)]), "|")
    for left, name in enumerate(names if len(names) > 1 else ()):
        others = {rule: np.delete(found[rule].sum(axis=1), left).mean() for rule in LEAST.values()}
        best = next(rule for rule, worth in others.items() if worth >= max(others.values()) - NOISE)
        more = (found[best] - found[BEFORE])[left]
        print(f"without {name}: {best}; on {name} {more[0]:+.4f} / {more[1]:+.4f} against {BEFORE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspaces", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=10**6)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    main(given.workspaces, given.most, given.seeds)
