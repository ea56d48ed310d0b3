"""The record's figures on new kinds: `python examples/results/new_kinds.py DRAWS MAPS...`, as `3 maps dinov2/maps`.

In the workspace whose finished maps these are. One kind of defect after the other is left out, classes are found on
the normal images and on three quarters of the NOK ones of the other kinds, drawn at random; the rest of these is known,
the kind left out is new. Both are judged as `inspect` judges them, one by one and in folders of ten. These are drawn
with repetition, and every other folder of known ones is of a single kind; or of ten different ones (or as many as there
are), those of known ones all of a single kind, for which those that were learned are taken as well.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import described
import numpy as np
from described import Images, Places
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from adtool.discover import novelty
from adtool.discover.free import method
from adtool.inspect import alarms
from adtool_runtime.classes.placing import NO_STRENGTH

KNOWN_SHARE = 0.75
SHARES = (0.02, 0.03, 0.05)  # `--unknown`
FEWEST = 3  # images of a new kind, and kinds
FOLDERS, OF = 100, 10
TOLD = ("told", "falsely", "ten told", "ten falsely")  # with repetition; ten different ones at most
COLUMNS = ("area", *(f"{what} {share:.0%}" for share in SHARES for what in ("found", "known")), *TOLD)

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """A kind left out: places of what the classes are found on, of the known, and of the new images."""

    learned: Places
    known: Places
    new: Places
    kinds: int  # that are learned


def splits(images: Images, draws: int) -> list[Split]:
    """One a kind and draw."""
    every = np.arange(len(images.items))
    is_odd = images.part(every).is_odd
    found = []
    for left_out in images.defects if len(images.defects) >= FEWEST else ():
        is_new = images.kinds == left_out
        for draw in range(draws):
            rest = np.random.default_rng(draw).permutation(np.flatnonzero(is_odd & ~is_new))
            known = rest[int(KNOWN_SHARE * len(rest)) :]
            learned = every[~is_new & ~np.isin(every, known)]
            new = np.flatnonzero(is_odd & is_new)
            if len(new) >= FEWEST:
                found.append(Split(learned, known, new, len(images.defects) - 1))
    return found


def figures(images: Images, split: Split, draw: np.random.Generator) -> list[float]:
    """One for each of `COLUMNS`."""
    part = images.part(split.learned)
    tensors = part.classes(split.kinds, seed=0).tensors

    def away(places: Places) -> Values:
        items, scores = [images.items[place] for place in places], images.scores[places]
        placed = method.locate(tensors, part.strength, items, scores, images.sight)
        if placed.unreduced is None or placed.clearness is None:
            raise ValueError("without spots nothing is known of new kinds")
        far = novelty.away(placed.unreduced, placed.clearness, tensors)
        return np.where(part.strength.of(scores) > NO_STRENGTH, far, 0)

    known, new = away(split.known), away(split.new)
    found = [float(roc_auc_score(np.repeat([0, 1], [len(known), len(new)]), np.concatenate([known, new])))]
    for share in SHARES:
        limit = novelty.limit(tensors[novelty.NEAREST], share)
        found += [float(np.mean(new > limit)), float(np.mean(known > limit))]
    kinds = images.kinds[split.known]
    of_known = np.concatenate([known, tensors[novelty.NEAREST]])  # the learned ones as they lie from the others
    of_kinds = np.concatenate([kinds, images.kinds[split.learned][part.is_odd]])
    folders = []
    for number in range(FOLDERS):
        some = known[kinds == draw.choice(kinds)] if number % 2 else known
        alike = of_known[of_kinds == draw.choice(of_kinds)]
        drawn = draw.choice(new, OF), draw.choice(some, OF), draw.permutation(new)[:OF], draw.permutation(alike)[:OF]
        folders.append([alarms.is_new(novelty.ranks(far, tensors)) for far in drawn])
    return [*found, *np.mean(folders, axis=0).tolist()]


def main(draws: int, folders: list[Path]) -> None:
    """Print the figures of all folders, and of each its categories' mean."""
    print("\t".join(("", *COLUMNS)))
    rows = []
    for images in described.read(folders):
        draw = np.random.default_rng(0)
        of_splits = [figures(images, one, draw) for one in splits(images, draws)]
        if of_splits:
            rows.append(np.mean(of_splits, axis=0))
            print("\t".join((images.name, *(f"{one:.3f}" for one in rows[-1]))), flush=True)
    print("\t".join((f"mean of {len(rows)}", *(f"{one:.3f}" for one in np.mean(rows, axis=0)))))


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(one) for one in sys.argv[2:]])
