import json
from pathlib import Path

import pytest

from adtool.check import rules
from adtool.core.checks import data_rules
from adtool.core.checks.findings import Findings, Rule, counted
from adtool.prep.datasets import mtd

REAL = Path(__file__).parents[3] / "shared/data/mtd_raw"


def test_nothing_wrong_is_exit_0_and_says_what_was_looked_at(data, adtool):
    ended = adtool("check")
    assert ended.code == 0
    assert "12 train, 9 test, 6 masks" in ended.out
    assert "nothing to mend" in ended.out


def test_a_warning_is_exit_0_and_an_error_exit_3(data, adtool):
    (data / "ground_truth/hole/000_mask.png").unlink()
    ended = adtool("check")
    assert ended.code == 0
    assert "0 errors, 1 warning." in ended.out
    for number in range(2):
        (data / f"test/hole/{number:03}.png").write_bytes(b"")
    ended = adtool("check", "--examples", 1)
    assert ended.code == 3
    lines = ended.out.splitlines()
    start = lines.index("error: parts: 2 images that can't be read")
    assert lines[start + 1 : start + 4] == [
        "    data/parts/test/hole/000.png (the file is empty)",
        "    and 1 more",
        "    -> Replace or remove; until then every step leaves it out.",
    ]
    assert lines.index("warning: parts: 1 defective image without a mask") > start, "errors come first"
    assert "error: 1 finding must be mended" in ended.err


def test_as_json_it_is_one_document(data, adtool):
    (data / "test/hole/000.png").write_bytes(b"")
    ended = adtool("check", "--json")
    document = json.loads(ended.out)
    assert ended.code == 3
    assert (document["errors"], document["warnings"], document["data"]) == (1, 0, "data")
    (finding,) = document["findings"]
    assert finding["code"] == "image_unreadable"
    assert finding["count"] == 1
    assert finding["what"] == "1 image that can't be read"


def test_nothing_is_written(data, adtool):
    before = sorted(Path().rglob("*"))
    adtool("check")
    assert sorted(Path().rglob("*")) == before


def test_numbers_and_nouns_agree():
    assert [counted(1, "image"), counted(2, "image"), counted(3, "category"), counted(0, "error")] == [
        *("1 image", "2 images", "3 categories", "0 errors")
    ]


def test_a_rule_without_cases_finds_nothing_and_cases_are_sorted():
    found = Findings()
    found.add(data_rules.LEFTOVER, "here", [])
    assert found.found == []
    found.add(data_rules.LEFTOVER, "here", ["b", "a"])
    assert found.found[0].cases == ("a", "b")


def test_every_rule_has_a_name_of_its_own_and_says_what_to_do():
    every = [value for value in (*vars(rules).values(), *vars(data_rules).values()) if isinstance(value, Rule)]
    assert len({rule.code for rule in every}) == len(every) > 30
    assert all(rule.do.endswith(".") for rule in every)
    assert all(rule.severity in (rules.ERROR, rules.WARNING) for rule in every)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="the real data set is not here")
def test_magnetic_tiles_have_four_empty_masks_and_nothing_else(workspace, adtool):
    mtd.run(mtd.Config(source=REAL))
    document = json.loads(adtool("check", "--json").out)
    assert [(one["code"], one["count"]) for one in document["findings"]] == [("mask_empty", 4)]
