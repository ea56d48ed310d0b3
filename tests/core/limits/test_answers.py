"""Answers of people, and how they move a limit."""

import numpy as np
import pytest

from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.limits import answers, by_answers, evidence, learned, sentences, tail
from adtool.core.limits.answers import Answers
from adtool.core.limits.choose import Asked, choose
from adtool.core.limits.learned import Answered

IDS = {"gear": {"test/dent/000", "test/good/000", "test/dent/a.b"}, "wood": {"test/good/000", "test/knot/001"}}
RNG = np.random.default_rng(0)
GOOD = tail.fit(RNG.normal(10, 1, 100).tolist(), [str(i) for i in range(100)])
LIMIT = GOOD.limit_at(0.05)
PRESENT = [*RNG.normal(10, 1, 60), *RNG.normal(12, 2, 60)]


def table(tmp_path, text):
    path = tmp_path / "answers.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_of_ids_and_answers_is_read(tmp_path):
    path = table(tmp_path, "id;answer\ntest/dent/000;Defect\ntest\\knot\\001.png;ok\ntest/dent/a.b;NOK\n")
    found = answers.read(path, IDS)
    assert found["gear"] == Answers({"test/dent/000": True, "test/dent/a.b": True})
    assert found["wood"] == Answers({"test/knot/001": False})


def test_a_table_of_the_page_says_which_category_is_meant(tmp_path):
    path = table(tmp_path, "category,id,answer\ngear,test/good/000,OK\nwood,test/good/000,NOK\n")
    found = answers.read(path, IDS)
    assert (found["gear"].defects, found["wood"].defects) == ([], ["test/good/000"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no answers"),
        ("id,answer\n", "holds no answers"),
        ("id,said\ntest/dent/000,good\n", "lacks columns: answer"),
        ("id,answer\ntest/dent/000,maybe\n", "'test/dent/000': the answer 'maybe' is neither good nor defect"),
        ("id,answer\ntest/dent/000\n", "the answer '' is neither"),
        (
            "id,answer\ntest/dent/7,good\ntest/dent/000,good\n",
            "1 answer for ids that are not in these maps: test/dent/7",
        ),
        ("id,answer\ntest/dent/000,good\ntest/dent/000,defect\n", "good, and that it has a defect"),
        ("id,answer\ntest/good/000,good\n", "is an id of gear, wood"),
        ("category,id,answer\nwood,test/dent/000,good\n", "not in these maps"),
    ],
)
def test_what_is_no_answer_is_said(tmp_path, text, why):
    with pytest.raises(BadDataError, match=why):
        answers.read(table(tmp_path, text), IDS)


def test_a_table_that_is_not_there_is_said(tmp_path):
    with pytest.raises(MissingInputError, match="no table"):
        answers.read(tmp_path / "answers.csv", IDS)


def test_agreement_counts_what_the_limit_takes_for_something_else():
    said = Answers({"a": True, "b": True, "c": False, "d": False})
    found = said.agreement(5.0, {"a": 9.0, "b": 4.0, "c": 6.0, "d": 5.0})
    assert (found.answers, found.missed, found.rejected) == (4, 1, 1)
    assert "agrees with 2 of 4 answers" in str(found)


def moved(*said: Answered) -> float:
    return learned.limit(GOOD, LIMIT, said, PRESENT) - LIMIT


def test_without_an_answer_near_the_limit_it_stays():
    assert moved() == 0
    assert moved(Answered(LIMIT + 30, is_defect=True), Answered(LIMIT - 30, is_defect=False)) == 0


@pytest.mark.parametrize("is_defect", [True, False])
def test_the_first_answer_moves_it_a_little_and_more_of_them_more(is_defect):
    way = -1 if is_defect else 1
    steps = [
        way * moved(*[Answered(LIMIT + 0.01 * i * way, is_defect) for i in range(count)]) for count in (1, 3, 10, 40)
    ]
    assert 0 <= steps[0] < 0.5
    assert steps == sorted(steps)
    assert 0.2 < steps[-1] < 3


def test_the_limit_never_falls_below_the_middle_of_the_good_parts():
    assert LIMIT + moved(*[Answered(LIMIT - 0.9, is_defect=True)] * 1000) >= np.median(GOOD.scores)


def test_learned_limits_come_nearer_to_the_best_one():
    rng = np.random.default_rng(3)
    good, defects = rng.normal(10, 1, 100), rng.normal(12.5, 1.5, 200)
    present = np.concatenate([good, defects])
    doubtful = np.argsort(abs(present - LIMIT))[:40]

    def balanced(limit: float) -> float:
        return float((good <= limit).mean() + (defects > limit).mean()) / 2

    gains = []
    for _ in range(20):
        asked = rng.permutation(doubtful)[:20]
        said = [Answered(float(present[i]), is_defect=bool(i >= len(good))) for i in asked]
        gains.append(balanced(learned.limit(GOOD, LIMIT, said, present.tolist())) - balanced(LIMIT))
    gap = max(balanced(limit) for limit in present) - balanced(LIMIT)
    assert np.mean(gains) > gap / 3
    assert min(gains) > -0.03


SCORES = {f"test/{i:03}": score for i, score in enumerate(PRESENT)}
KNOWN = evidence.of_scores(GOOD.scores, "cross-fitted")
SAID = Answers({one: score > 10.8 for one, score in SCORES.items() if abs(score - LIMIT) < 1})


def test_a_limit_by_answers_says_so_and_names_the_parts_that_were_answered():
    found = by_answers.choose(KNOWN, SAID, SCORES, set_by="decide")
    before = choose(KNOWN, Asked())
    assert found.rule == "answers"
    assert found.was_asked
    assert found.value < before.value
    assert found.expected.false_alarms.rate > before.expected.false_alarms.rate
    assert found.made_from.answered == sorted(SAID.is_defect)
    assert f"the default one, moved by {len(SAID)} answers" in sentences.about(found)


def test_the_answered_defects_can_be_asked_to_be_found():
    found = by_answers.choose(KNOWN, SAID, SCORES, found=1 - 1e-9)
    assert all(SCORES[one] > found.value for one in SAID.defects)
    assert "100 % of the answered defects found" in sentences.about(found)


def test_without_a_defect_or_without_normal_images_there_is_no_such_limit():
    good = Answers({"test/000": False})
    assert "none of the answers is a defect" in by_answers.choose(KNOWN, good, SCORES, found=0.9).why
    nothing = by_answers.choose(evidence.Evidence(), good, SCORES)
    assert (nothing.value, nothing.rule) == (None, "answers")
    assert "no scores of normal images" in nothing.why


def test_the_limit_without_answers_counts_as_eight_of_them():
    both = [Answered(LIMIT, is_defect=True), Answered(LIMIT, is_defect=False)]
    assert learned._more_defects(both, awaited=0.5) == 1.0, "as awaited"
    assert learned._more_defects([both[0]] * 2, awaited=0.5) == pytest.approx((2 / 0.5 + 8) / (2 + 8))
    assert learned._more_defects([both[1]] * 2, awaited=0.5) == pytest.approx(8 / (2 + 8))
    assert learned._more_defects([both[0]] * 2, awaited=0.0) == pytest.approx((2 / 0.05 + 8) / 10), (
        "a twentieth at least"
    )


def test_good_parts_are_known_as_twenty_answers_tell_and_never_taken_for_fewer():
    good, defect = Answered(LIMIT, is_defect=False), Answered(LIMIT, is_defect=True)
    assert learned._more_good([good] * 10, awaited=0.5) == pytest.approx((10 + 20) / (5 + 20))
    assert learned._more_good([defect] * 10, awaited=0.5) == 1.0


def test_answers_say_little_of_scores_far_from_them():
    spread = tail.width(GOOD.scores.tolist())
    assert 0.5 < moved(*[Answered(LIMIT, is_defect=False)] * 2000) / spread < 1.2, "not the 1.5 that are tried at most"
