from pathlib import Path

import pytest

from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.detection import holding_out


def samples(count):
    return [Sample("parts", f"train/good/{k:04}", "train", "good", Path(f"{k:04}.png")) for k in range(count)]


@pytest.mark.parametrize(
    ("count", "out"), [(0, 0), (2, 0), (3, 1), (12, 4), (30, 5), (60, 6), (101, 11), (999, 100), (5000, 100)]
)
def test_a_tenth_is_held_out_five_to_a_hundred_and_never_more_than_a_third(count, out):
    every = samples(count)
    held_out, learned = holding_out.hold_out(every, seed=0)
    assert len(held_out) == out
    assert sorted(held_out + learned, key=lambda one: one.id) == every


@pytest.mark.parametrize(("share", "out"), [(0.0, 0), (0.25, 5), (0.9, 18)])
def test_a_share_that_is_asked_for_is_held_out(share, out):
    assert len(holding_out.hold_out(samples(20), 0, share)[0]) == out


def test_the_seed_draws_what_is_held_out():
    drawn = [holding_out.hold_out(samples(60), seed)[0] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_few_shots_are_the_first_images_and_the_next_seed_takes_the_next_ones():
    every = samples(5)
    mixed = every[::-1]
    names = [[one.id[-1] for one in holding_out.few(mixed, 2, seed)] for seed in range(3)]
    assert names == [["0", "1"], ["2", "3"], ["4", "0"]]
    assert holding_out.few(mixed, 0, 7) == mixed
    with pytest.raises(UsageError, match="5 normal images are there"):
        holding_out.few(every, 6, 0)
