"""How good limits are that no label chose: `python examples/results/limits.py [SEED] WORKSPACE ...`.

The seed draws what is drawn here; the maps of a workspace have one of their own (`adtool maps --seed`). Each workspace
is one set, whose maps adtool made; a set of several categories counts as the mean of them. Needed are
`maps/<category>/images.csv` and `normals.csv`, and the data set for the labels, which are used to judge only. Good
parts that a model never learned are judged by limit_folds.py.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.layout import MapsFolder
from adtool.core.limits import choose, evidence, learned, tail
from adtool.core.limits.asked import Asked
from adtool.core.limits.evidence import Evidence
from adtool.core.steps import notes
from adtool.report import sources

Values = NDArray[np.float64]
Rule = Callable[[Values, float], float]
SHARES = (0.01, 0.03, 0.05, 0.1)
DRAWS, DRAWS_WITH_ODD = 300, 50
COUNTS = (20, 50, 100, 200)
ANSWERS, DOUBTFUL, PEOPLE = 20, 40, 100
WORSE = -0.03


@dataclass(frozen=True)
class Judged:
    """The scores of a category's test images, by their labels, and what is known of its good parts."""

    set: str
    category: str
    known: Evidence
    good: Values
    defects: Values

    @property
    def name(self) -> str:
        """As it is printed."""
        return self.set if self.set == self.category else f"{self.set} {self.category}"

    @property
    def normals(self) -> Values:
        """Scores of the normal images, as if they were new."""
        return np.asarray(self.known.normal_scores)

    def balanced(self, limit: float) -> float:
        """Balanced accuracy."""
        return float(np.mean(self.good <= limit) + np.mean(self.defects > limit)) / 2

    @cached_property
    def best(self) -> float:
        """Balanced accuracy of the best limit with labels."""
        scores = np.unique(np.concatenate([self.good, self.defects]))
        return max(self.balanced(limit) for limit in [scores[0] - 1, *scores])

    def found(self, limit: float) -> float:
        """Share of defects above a limit."""
        return float(np.mean(self.defects > limit))

    def found_at(self, share: float) -> float:
        """What the limit finds that rejects a share of the test normals."""
        return max(self.found(float(np.quantile(self.good, 1 - share, method="higher"))), 1e-9)


def read(workspace: Path) -> Iterator[Judged]:
    """The categories of a workspace."""
    folder = MapsFolder(workspace / "maps")
    data = read_dataset(sources.noted_data([folder.path]))
    for category in notes.done_categories(folder.path):
        good = {one.id for one in data.category(category).test if data.category(category).is_normal(one)}
        rows = [(row["id"] in good, float(row["image_score"])) for row in folder.image_rows(category)]
        scores = [np.array([score for is_good, score in rows if is_good == side]) for side in (True, False)]
        yield Judged(workspace.name, category, evidence.read(folder.path / category), *scores)


def mean(sets: Sequence[Judged], values: Sequence[float]) -> tuple[float, float]:
    """Each set once: the mean over them, and the lowest."""
    by_set = {one.set: [v for other, v in zip(sets, values, strict=True) if other.set == one.set] for one in sets}
    means = [float(np.mean(each)) for each in by_set.values()]
    return float(np.mean(means)), min(means)


def alone(scores: Values) -> tail.Tail:
    """Adtool's model, without near duplicates."""
    return tail.fit(scores.tolist(), [str(i) for i in range(len(scores))])


def counted(scores: Values, share: float) -> float:
    """Interpolated order statistics."""
    return float(np.interp(share * (len(scores) + 1), np.arange(1, len(scores) + 1), np.sort(scores)[::-1]))


def smoothed(scores: Values, share: float) -> float:
    """Harrell and Davis: all order statistics, weighted."""
    n = len(scores)
    ends = stats.beta.cdf(np.linspace(0, 1, n + 1), (1 - share) * (n + 1), share * (n + 1))
    return float(np.diff(ends) @ np.sort(scores))


def pareto(scores: Values, share: float) -> float:
    """Generalised Pareto, by maximum likelihood, on the top fifth."""
    start = float(np.quantile(scores, 0.8))
    above = scores[scores > start] - start
    part = len(above) / len(scores)
    if share >= part:
        return float(np.quantile(scores, 1 - share))
    shape, _, scale = stats.genpareto.fit(above, floc=0)
    return start + float(stats.genpareto.isf(share / part, shape, 0, scale))


def plain_exponential(scores: Values, share: float) -> float:
    """The top fifth, with the steepness taken as known."""
    start = float(np.quantile(scores, 0.8))
    above = scores[scores > start] - start
    part = len(above) / len(scores)
    return start + float(above.mean() * np.log(part / share)) if share < part else float(np.quantile(scores, 1 - share))


def lognormal(scores: Values, share: float) -> float:
    """Median and MAD of the logarithms."""
    logs = np.log(scores)
    return float(np.exp(np.median(logs) + stats.norm.isf(share) * stats.median_abs_deviation(logs, scale="normal")))


def lottery(scores: Values, share: float) -> float:
    """What adtool did before: a tenth is held out, 5 to 100, and its highest is the limit."""
    held = np.random.default_rng(0).choice(scores, min(len(scores), max(5, min(100, len(scores) // 10))), replace=False)
    return float(np.quantile(held, 1 - share, method="higher"))


RULES: dict[str, Rule] = {
    "before (highest of a held-out tenth)": lottery,
    "interpolated order statistic": counted,
    "Harrell-Davis": smoothed,
    "generalised Pareto, top fifth": pareto,
    "exponential, top fifth": plain_exponential,
    "log-normal, median and MAD": lognormal,
    "adtool: exponential, predictive, censored": lambda scores, share: alone(scores).limit_at(share),
}


def compare(sets: Sequence[Judged]) -> None:
    """Every rule at every share."""
    print("rule | share | relative balanced accuracy: mean, lowest set | found, relative | rejected: largest share")
    for name, rule in RULES.items():
        for share in SHARES:
            limits = [rule(one.normals, share) for one in sets]
            balanced = mean(sets, [one.balanced(at) / one.best for one, at in zip(sets, limits, strict=True)])
            found = mean(sets, [one.found(at) / one.found_at(share) for one, at in zip(sets, limits, strict=True)])
            rejected = max(float(np.mean(one.good > at)) for one, at in zip(sets, limits, strict=True))
            print(f"{name} | {share} | {balanced[0]:.3f}, {balanced[1]:.3f} | {found[0]:.2f} | {rejected:.2f}")


def by_default(sets: Sequence[Judged]) -> None:
    """The default limit of each category."""
    relative, found = [], []
    for one in sets:
        limit = choose.choose(one.known, Asked())
        rate = limit.expected.false_alarms
        if limit.value is None or rate is None:
            sys.exit(f"{one.name} has no limit: {limit.why}")
        count, gaps = int(np.sum(one.good > limit.value)), limit.made_from.groups + 1
        ends = stats.betabinom.ppf([tail.LOW, tail.HIGH], len(one.good), rate.rate * gaps, (1 - rate.rate) * gaps)
        relative.append(one.balanced(limit.value) / one.best)
        found.append(one.found(limit.value) / one.found_at(rate.rate))
        print(
            f"{one.name}: {limit.made_from.normals} normals, {limit.made_from.groups} groups, odd "
            f"{len(limit.made_from.outliers)}; limit {limit.value}, expected {rate.rate:.1%} ({rate.low:.1%} to "
            f"{rate.high:.1%}); rejects {count} of {len(one.good)} (may be {ends[0]:.0f} to {ends[1]:.0f}), finds "
            f"{one.found(limit.value):.2f}; balanced accuracy {one.balanced(limit.value):.3f}, best {one.best:.3f}"
        )
    print("relative balanced accuracy: mean {:.3f}, lowest set {:.3f}".format(*mean(sets, relative)))
    print("found, relative to the limit that rejects the announced share: mean {:.2f}".format(*mean(sets, found)))


def draws(one: Judged, seed: int) -> None:
    """Few normals, judged on the others."""
    for count in (count for count in COUNTS if count < 0.7 * len(one.normals)):
        for share in SHARES:
            inside, seen = 0, 0.0
            for number in range(DRAWS):
                order = drawing(seed, number).permutation(len(one.normals))
                model, rest = alone(one.normals[order[:count]]), one.normals[order[count:]]
                limit = model.limit_at(share)
                expected, above = model.expected(limit), int(np.sum(rest > limit))
                inside += np.floor(expected.low * len(rest)) <= above <= np.ceil(expected.high * len(rest))
                seen += above / len(rest) / DRAWS
            print(f"{one.name}, {count} normals, {share:.0%}: seen {seen:.1%}, in the interval {inside / DRAWS:.0%}")


def one_odd(one: Judged, seed: int) -> None:
    """One odd part among 54."""
    worst = []
    for number in range(DRAWS_WITH_ODD):
        scores = drawing(seed, number).permutation(one.normals)[:54]
        spread, limit = tail.width(scores.tolist()), alone(scores).limit_at(choose.DEFAULT_FALSE_ALARMS)
        with_it = [alone(np.append(scores, scores.max() + above * spread)) for above in (0, 1, 2, 4, 6, 8, 10, 30, 1e4)]
        worst.append(max(abs(model.limit_at(choose.DEFAULT_FALSE_ALARMS) - limit) / spread for model in with_it))
    print(
        f"{one.name}: however high, one odd part among 54 moves the limit by at most {np.median(worst):.2f} robust "
        f"standard deviations in half of {DRAWS_WITH_ODD} draws, {max(worst):.2f} in all"
    )


def answers(sets: Sequence[Judged], seed: int) -> None:
    """Some of the most doubtful parts, answered by their labels."""
    gaps, gains, worse = [], [], []
    for one in sets:
        limit = choose.choose(one.known, Asked()).value or 0.0
        present = np.concatenate([one.good, one.defects])
        doubtful = np.argsort(abs(present - limit), kind="stable")[:DOUBTFUL]
        moved = []
        for number in range(PEOPLE):
            asked = drawing(seed, number).permutation(doubtful)[:ANSWERS]
            said = [learned.Answered(float(present[i]), bool(i >= len(one.good))) for i in asked]
            model = tail.fit(one.known.normal_scores, one.known.groups)
            moved.append(one.balanced(learned.limit(model, limit, said, present.tolist())) - one.balanced(limit))
        gaps.append(one.best - one.balanced(limit))
        gains.append(float(np.mean(moved)))
        worse.append(float(np.mean(np.array(moved) < WORSE)))
        print(f"{one.name}: gap {gaps[-1]:.3f}, closed {gains[-1]:+.3f}, worse by .03 in {worse[-1]:.0%} of draws")
    closed = mean(sets, gains)
    print(f"closed of the gap: {closed[0] / mean(sets, gaps)[0]:.2f}; worst set {closed[1]:+.3f}")


def drawing(seed: int, number: int) -> np.random.Generator:
    """What a draw is drawn with."""
    return np.random.default_rng(seed * 1000 + number)


def main(arguments: Sequence[str]) -> None:
    """Print all of it."""
    seed, workspaces = (int(arguments[0]), arguments[1:]) if arguments[0].isdecimal() else (0, arguments)
    sets = [one for workspace in workspaces for one in read(Path(workspace))]
    compare(sets)
    by_default(sets)
    for one in sets:
        draws(one, seed)
        if len(one.normals) > 54:
            one_odd(one, seed)
    answers(sets, seed)


if __name__ == "__main__":
    main(sys.argv[1:])
