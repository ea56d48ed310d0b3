"""What dataset.json says is looked at before it is used: each field that decides something has its own sentence."""

import pytest

from adtool.core import files
from adtool.core.dataset import dataset_card
from adtool.core.errors import BadDataError

FINDING = {"code": "a", "noun": "file", "what": "is odd", "do": "Look.", "where": "x", "count": 3, "cases": ["1"]}


def card(folder, **fields):
    files.write_json(folder / "dataset.json", fields)
    return dataset_card.read(folder / "dataset.json")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"normal_kinds": "good"}, "'normal_kinds' is no list of names. Mend it"),
        ({"categories": [1]}, "'categories' is no list of names. Mend it"),
        ({"categories": ["../a"]}, "can't be the name of a category"),
        ({"mask_rule": "dark"}, r"there is no mask_rule 'dark' \(there are: "),
        ({"mask_rule": ["auto"]}, "there is no mask_rule "),
        ({"mask_orientation": "left"}, "there is no mask_orientation 'left'"),
        ({"findings": [{**FINDING, "count": "3"}]}, "'findings' is no list of findings. Remove it"),
    ],
)
def test_what_can_not_be_understood_is_said_with_the_file(tmp_path, fields, said):
    with pytest.raises(BadDataError, match=rf"dataset\.json: .*{said}"):
        card(tmp_path, **fields)


def test_what_is_empty_or_someone_elses_says_nothing(tmp_path):
    read = card(tmp_path, name=7, categories=None, mask_rule="", findings=None, format="COCO", images=[{"id": 1}])
    assert (read.name, read.categories, read.mask_rule, read.findings) == ("7", [], "auto", [])
    assert dataset_card.read(tmp_path / "none.json") == dataset_card.DatasetCard()


def test_findings_come_back_as_they_were_noted(tmp_path):
    [found] = dataset_card.findings(card(tmp_path, findings=[FINDING]))
    assert (found.rule.code, found.where, found.cases, found.more) == ("a", "x", ("1",), 2)
    assert [one.as_json() for one in dataset_card.noted([found])] == [{**FINDING, "count": found.count}]
