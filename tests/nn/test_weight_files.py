"""The shapes of stored tensors."""

import numpy as np
import pytest
import torch

from adtool.nn import weight_files

FORMS = {"bank": ("M", "D"), "mean": ("D",), "spread": (3,)}
WHOLE = {"bank": torch.zeros(5, 3), "mean": torch.zeros(3), "spread": np.zeros(3)}


def test_a_letter_is_one_size_wherever_it_stands():
    assert not weight_files.misfit(WHOLE, FORMS)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"bank": torch.zeros(0, 3)}, "the tensor `bank` has the shape (0, 3), not (M, D)"),
        ({"bank": torch.zeros(15)}, "the tensor `bank` has the shape (15), not (M, D)"),
        ({"mean": torch.zeros(4)}, "the tensor `mean` has the shape (4), not (3)"),
        ({"spread": np.zeros((1, 3))}, "the tensor `spread` has the shape (1, 3), not (3)"),
        ({"spread": np.zeros(3, int)}, "the tensor `spread` holds no decimal numbers"),
    ],
)
def test_what_does_not_fit_is_named(changed, said):
    assert weight_files.misfit({**WHOLE, **changed}, FORMS) == said


def test_what_is_missing_is_named():
    assert weight_files.misfit({"bank": torch.zeros(5, 3)}, FORMS) == "it lacks the tensor `mean`"
