"""The Python interface: a detector in three lines, and the steps as functions."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import adtool as package
from adtool.core import arrays
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.layout import MapsFolder

ROOT = Path(__file__).parents[1]
QUICK = {"drawn": 1000, "bank_size": 64}


def good(count=12):
    rng = np.random.default_rng(0)
    return [np.repeat(rng.integers(100, 130, (40, 56), dtype=np.uint8)[..., None], 3, axis=2) for _ in range(count)]


def odd():
    picture = good(1)[0].copy()
    picture[10:24, 10:24] = 250
    return picture


@pytest.mark.usefixtures("instead_of_weights")
def test_a_detector_learns_judges_and_is_kept(workspace):
    found = package.Detector.fit(good(), image_size=64, settings=QUICK)
    said = found.score(odd())
    assert said.decision == "NOK"
    assert said.map.shape == (64, 64)
    assert said.size == (40, 56)
    arrays.write_png(Path("odd.png"), odd())
    assert found.score("odd.png").score == said.score
    assert [one.score for one in found.score([odd(), Path("odd.png")])] == [said.score] * 2
    assert [one.score for one in found.score(np.stack([odd(), odd()]))] == [said.score] * 2
    found.decide(at=1e9)
    assert found.score(odd()).decision == "OK"
    again = package.Detector.load(found.save("kept"))
    assert (again.limit.value, again.score(odd()).score) == (1e9, said.score)
    with pytest.raises(UsageError, match="not empty"):
        found.save("kept")


@pytest.mark.usefixtures("instead_of_weights")
def test_threads_may_ask_at_once_and_one_picture_is_seen_at_a_time(workspace, monkeypatch):
    found = package.Detector.fit(good(), image_size=64, settings=QUICK)
    expected, scored, running, most = found.score(odd()).score, found._opened.score, [], []

    def watched(pictures):
        running.append(1)
        most.append(len(running))
        time.sleep(0.01)
        yield from scored(pictures)
        running.pop()

    monkeypatch.setattr(type(found._opened), "score", lambda self, pictures: list(watched(pictures)))
    with ThreadPoolExecutor(4) as pool:
        assert {one.score for one in pool.map(found.score, [odd()] * 8)} == {expected}
    assert most == [1] * 8


@pytest.mark.usefixtures("instead_of_weights")
def test_from_a_folder_the_same_is_learned_as_by_the_command(exported):
    found = package.Detector.fit("data/parts", image_size=64, settings=QUICK)
    for row in MapsFolder(Path("maps")).image_rows("parts"):
        said = found.score(f"data/parts/{row['id']}.png")
        assert said.score == pytest.approx(float(row["image_score"]), rel=1e-4)
    assert package.Detector.load("models/patchcore/parts").limit.value == found.limit.value
    flat = package.Detector.fit("data/parts/train/good", image_size=64, settings=QUICK)
    assert flat.limit.value == pytest.approx(found.limit.value, rel=0.3)


@pytest.mark.usefixtures("instead_of_weights")
def test_what_can_not_be_had_is_said(workspace):
    with pytest.raises(MissingInputError, match="nowhere"):
        package.Detector.fit("nowhere")
    with pytest.raises(MissingInputError):
        package.Detector.fit([])
    with pytest.raises(UsageError, match="patchcor"):
        package.Detector.fit(good(2), detector="patchcor")
    with pytest.raises(UsageError, match="learns nothing"):
        package.Detector.fit(good(2), detector="musc")
    with pytest.raises(UsageError, match="drwn"):
        package.Detector.fit(good(2), settings={"drwn": 1})
    with pytest.raises(MissingInputError):
        package.Detector.load("nowhere")
    found = package.Detector.fit(good(), image_size=64, settings=QUICK)
    with pytest.raises(UsageError, match="one of"):
        found.decide()
    with pytest.raises(BadDataError):
        found.score(np.zeros((2, 2, 9), np.uint8))


def test_steps_are_functions_over_the_same_folders(exported):
    refined = package.api.refine_maps(method="free")
    assert (refined / "parts" / "images.csv").exists()
    rows = package.api.make_report(["maps"])
    assert {row["metric"] for row in rows} >= {"image_auroc", "pixel_auroc"}
    with pytest.raises(UsageError, match="method"):
        package.api.refine_maps(method="other")


@pytest.mark.slow
@pytest.mark.parametrize("first", ["import adtool.report.step", "from adtool import api, Detector"])
def test_public_names_are_there_in_whatever_order_things_are_imported(first):
    code = f"{first}\nimport adtool\nassert set(adtool.__all__) == {{'Detector', 'api', 'write_maps'}}\n"
    code += "assert adtool.Detector is adtool.api.Detector and callable(adtool.write_maps)\n"
    code += "from pathlib import Path\n"
    code += "parts = {one.name for one in Path(adtool.__file__).parent.iterdir() if one.is_dir()}\n"
    code += "assert not parts & set(adtool.__all__)\n"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("instead_of_weights")
def test_the_notebook_runs(workspace):
    notebook = json.loads((ROOT / "examples" / "python_api.ipynb").read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert names["result"].decision == "NOK"
    assert names["again"].limit == names["detector"].limit
