import numpy as np
import pytest

from adtool.metrics.ranking import Ranking, UndefinedError, auroc, average_precision, f1_max


def _ranking(defects: list[float], normals: list[float]) -> Ranking:
    return Ranking.of(np.sort(np.array(defects)), np.sort(np.array(normals)), unit="images")


def test_a_ranking_counts_the_normals_above_each_defect_score():
    ranking = _ranking([3, 1, 3], [0, 1, 2, 4, 4])
    assert ranking.scores.tolist() == [1, 3]
    assert ranking.defects.tolist() == [1, 2]
    assert ranking.above.tolist() == [3, 2]
    assert ranking.at_least.tolist() == [4, 2]
    assert ranking.found.tolist() == [3, 2]


def test_auroc_is_the_share_of_pairs_won_with_ties_half():
    # Pairs of a defect (3, 1) and a normal (2, 1): won, won, lost, tied.
    assert auroc(_ranking([3, 1], [2, 1])) == 2.5 / 4


def test_auroc_of_inverted_scores_stays_below_one_half():
    assert auroc(_ranking([0, 1], [2, 3])) == 0


def test_average_precision_steps_at_each_defect():
    # From the top: defect 4 (precision 1/1), normal 3, defect 2 (2/3), normal 1.
    assert average_precision(_ranking([4, 2], [3, 1])) == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_takes_a_tie_as_one_step():
    # Everything ties: one step of recall 1 at precision 2/5, the chance level.
    assert average_precision(_ranking([1, 1], [1, 1, 1])) == pytest.approx(2 / 5)


def test_f1_max_is_the_best_of_all_thresholds():
    # Thresholds 4: TP 1 FP 0, F1 = 2/3; 2: TP 2 FP 1, F1 = 4/5.
    assert f1_max(_ranking([4, 2], [3, 1])) == pytest.approx(4 / 5)


def test_f1_max_of_a_constant_score_is_twice_p_over_one_plus_p():
    p = 2 / 5
    assert f1_max(_ranking([1, 1], [1, 1, 1])) == pytest.approx(2 * p / (1 + p))


@pytest.mark.parametrize("figure", [auroc, average_precision, f1_max])
@pytest.mark.parametrize(
    ("defects", "normals", "reason"),
    [
        ([1.0], [], "no normal images"),
        ([], [1.0], "no defect images"),
        ([], [], "no defect and no normal images"),
    ],
)
def test_without_both_sides_the_reason_is_given(figure, defects, normals, reason):
    with pytest.raises(UndefinedError, match=reason):
        figure(_ranking(defects, normals))
