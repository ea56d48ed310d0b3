"""`refine --shard`: decided once, and the whole is what one process makes."""

import json
import shutil
from pathlib import Path

import pytest

from adtool.refine import refine_category
from adtool.refine.config import RefineConfig
from adtool.refine.step import run

NOT_COMPARED = {"noted"}


def content():
    found = {}
    for path in sorted(path for path in Path("refined").rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.name == "_step.json":
            note = json.loads(data)
            data = json.dumps({key: value for key, value in note.items() if key not in NOT_COMPARED}).encode()
        found[path.relative_to("refined").as_posix()] = data
    return found


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"keep": "always", "image_score": "refined"}, {"method": "free"}])
def test_shards_make_what_one_process_makes_and_the_first_decides(
    parts, refine, monkeypatch, workers_in_process, settings
):
    parts()
    sets = ("judged=6",) if "method" in settings else ()

    def call(**more):
        if "method" in settings:
            return run(RefineConfig(settings=sets, **settings, **more))
        return refine(**settings, **more)

    call()
    whole = content()
    shutil.rmtree("refined")
    decided = []
    real = refine_category.decide
    monkeypatch.setattr(refine_category, "decide", lambda *given: decided.append(1) or real(*given))
    outcomes = [call(shard=f"{number}/3") for number in (2, 3, 1)]
    assert content() == whole
    assert len(decided) == (0 if "method" in settings else 1)
    assert outcomes[0].rows[0]["images"] < outcomes[2].rows[0]["images"] == 6
    shutil.rmtree("refined")

    assert call(workers="2").done == ["parts"]
    assert content() == whole
