from adtool.decide import inspected


def row(decision, name):
    return {"decision": decision, "class": name}


def test_rejected_parts_are_counted_for_each_class_and_in_all():
    rows = [row("NOK", "c1"), row("NOK", "c1"), row("OK", "c1"), row("NOK", "c2"), row("NOK", ""), row("", "")]
    before = {"classes": [{"class": name, "images": 9, "NOK": 7} for name in ("c1", "c2", "normal", "-")]}
    found = inspected._counts(rows, before, is_judged=True)
    assert found["rejected"] == 4
    assert [line["NOK"] for line in found["classes"]] == [2, 1, 0, 1]
    assert {line["images"] for line in found["classes"]} == {9}


def test_without_a_limit_nothing_is_counted():
    before = {"classes": [{"class": "c1", "images": 3}]}
    assert inspected._counts([row("", "c1")], before, is_judged=False) == {"rejected": None, **before}
