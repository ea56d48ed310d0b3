"""Good parts never learned, against what their limit announced: `python .../limit_folds.py [SEED] DATA:CATEGORY ...`.

patchcore with its defaults learns a category without a fold of its normal images, near duplicates together; its limit
is made as always, from the images that it learned, each without itself. Printed is how many of the others lie above
that, in all folds together.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category, Sample
from adtool.core.limits import evidence, tail
from adtool.detection import near_duplicates, store
from adtool.detection.contract import load_plugin
from adtool.maps.config import MapsConfig

DETECTOR = "patchcore"
FOLDS = 5
SHARES = (0.05, 0.1)


def folds(samples: Sequence[Sample], seed: int) -> list[list[Sample]]:
    """The images in parts, each group of near duplicates in one of them."""
    groups = near_duplicates.of_images(samples)
    numbers = np.random.default_rng(seed).permutation(max(groups.values()) + 1) % FOLDS
    return [[one for one in samples if numbers[groups[one.image]] == fold] for fold in range(FOLDS)]


def rejected(category: Category, new: Sequence[Sample], config: MapsConfig) -> dict[float, int]:
    """How many of the new parts lie above the limit at each share, by a model of the others."""
    chosen = store.prepare(DETECTOR, load_plugin(DETECTOR).Settings(), config)
    away = {one.image for one in new}
    others = replace(category, train=tuple(one for one in category.train if one.image not in away))
    with tempfile.TemporaryDirectory() as models:
        model = store.fit_or_load(chosen, others, Path(models), force=False)
        known = evidence.of_model(store.folder_of(DETECTOR, category.name, Path(models)), category.name)
        scores = np.array([one.image_score for one in model.score(new)])
    good = tail.fit(known.normal_scores, known.groups)
    return {share: int(np.sum(scores > good.limit_at(share))) for share in SHARES}


def main(arguments: Sequence[str]) -> None:
    """Print a line for each set and share."""
    seed, arguments = (int(arguments[0]), arguments[1:]) if arguments[0].isdecimal() else (0, arguments)
    for argument in arguments:
        data, _, name = argument.rpartition(":")
        category = read_dataset(Path(data)).category(name)
        config = MapsConfig(data=Path(data), seed=seed)
        found = [rejected(category, new, config) for new in folds(category.train, seed)]
        for share in SHARES:
            count, whole = sum(one[share] for one in found), len(category.train)
            seen = count / whole
            factor = max(seen / share, share / max(seen, 1e-9))
            print(
                f"{name}: announced {share:.0%}, seen {seen:.1%} ({count} of {whole}), factor {factor:.2f}", flush=True
            )


if __name__ == "__main__":
    main(sys.argv[1:])
