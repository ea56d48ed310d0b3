import pytest

from adtool.core.folders import kinds


@pytest.mark.parametrize("name", ["OK", "ok", "Good", "pass", "i.O.", "Gut", "bon", "MT_Free", "良品", "양품"])
def test_names_of_good_parts_in_many_words_and_any_case(name):
    assert kinds.is_normal(name)
    assert not kinds.is_defect(name)
    assert not kinds.is_place(name)


@pytest.mark.parametrize("name", ["not_good", "NOK", "not ok", "no_good", "n.i.O.", "NG", "不良品", "Scratches"])
def test_denied_words_and_defects_are_not_normal(name):
    assert not kinds.is_normal(name)
    assert not kinds.sounds_normal(name)
    assert kinds.is_defect(name)


@pytest.mark.parametrize("name", ["good_parts", "OK_2024", "negative", "no_crack"])
def test_a_word_in_part_is_worth_a_question_only(name):
    assert kinds.sounds_normal(name)
    assert not kinds.is_normal(name)


@pytest.mark.parametrize("name", ["2026-11-27", "line1", "camera_A", "lot 12b", "Monday"])
def test_days_lines_and_cameras_are_places(name):
    assert kinds.is_place(name)


@pytest.mark.parametrize("name", ["line", "hole", "A", "foo", "u16_65535", "voc_1_15"])
def test_what_may_be_a_kind_is_no_place(name):
    assert not kinds.is_place(name)


def test_a_short_word_has_no_plural():
    assert kinds.is_defect("KO")
    assert not kinds.is_defect("kos01")


@pytest.mark.parametrize(
    "name", ["ohne Fehler", "keine Fehler", "zonder fout", "without_defects", "anomaly-free", "normale", "无瑕"]
)
def test_good_parts_are_also_called_by_what_they_lack(name):
    assert kinds.is_normal(name)
    assert not kinds.is_defect(name)


@pytest.mark.parametrize("name", ["nicht i.O.", "NO-GO", "nogo", "zły", "不可"])
def test_what_is_not_good_in_other_words_is_a_defect(name):
    assert kinds.is_defect(name)
    assert not kinds.sounds_normal(name)
