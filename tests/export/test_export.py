"""What was learned as a graph and data, found to give the same answers before it is finished."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from adtool.core.layout import MapsFolder
from adtool.core.steps import notes
from adtool.export import comparing, wheel
from adtool_runtime import load
from adtool_runtime.errors import BadDataError

pytestmark = pytest.mark.usefixtures("instead_of_weights")


@pytest.fixture
def maps(exported):
    """Finished maps of one category, with a limit, and their export."""
    return MapsFolder(Path("maps"))


def test_an_export_gives_the_scores_and_decisions_of_the_maps(maps):
    part = load("export/parts")
    for row in maps.image_rows("parts"):
        said = part.inspect(f"data/parts/{row['id']}.png")
        assert said.score == pytest.approx(float(row["image_score"]), rel=1e-4)
        assert said.decision == row["decision"]
    written = json.loads(Path("export/parts/adtool.json").read_text())
    assert written["limit"]["value"] == part.limit
    assert written["checked"]["pictures"] == 18, "all that there are"
    assert written["checked"]["engines"][0]["largest_difference"] < 1e-4
    for one in json.loads(Path("export/parts/check/expected.json").read_text()):
        said = part.inspect(Path("export/parts") / one["picture"])
        assert said.score == pytest.approx(one["image_score"], rel=1e-4)
        np.testing.assert_allclose(said.map, np.load(Path("export/parts") / one["map"]), rtol=1e-3, atol=1e-4)
    readme = Path("export/parts/README.md").read_text()
    assert wheel.name() in readme
    assert "0 decided otherwise" in readme


def test_what_is_exported_is_not_exported_again_and_a_limit_that_moved_since_is_said(maps, adtool):
    before = Path("export/parts/model.bin").stat().st_mtime_ns
    assert adtool("decide", "--at", "1.5").code == 0
    again = adtool("export")
    assert again.code == 0
    assert Path("export/parts/model.bin").stat().st_mtime_ns == before
    assert "--at 1.5" in again.err
    Path("export/parts/model.bin").unlink()
    assert adtool("export").code == 0, "what is missing is made again"
    assert Path("export/parts/model.bin").exists()


def test_an_export_that_answers_otherwise_is_not_finished_and_can_not_be_loaded(maps, adtool, monkeypatch):
    monkeypatch.setattr(comparing, "TOLERANCE", -1.0)
    ran = adtool("export", "--force")
    assert ran.code == 3
    assert "does not give the answers of adtool" in ran.err
    assert notes.read_note(Path("export/parts")).state == notes.FAILED
    with pytest.raises(BadDataError, match="not finished"):
        load("export/parts")


def test_scores_are_compared_relative_to_themselves_but_near_zero_to_the_limit():
    assert comparing.apart(2.02, 2.0, 1.0) == pytest.approx(0.01)
    assert comparing.apart(0.001, 0.002, 1.0) == pytest.approx(0.01)  # of a tenth of the limit
    assert comparing.apart(0.001, 0.002, None) == pytest.approx(0.5)


@pytest.mark.slow
def test_a_picture_near_the_limit_is_counted_apart(maps, adtool):
    score = maps.image_rows("parts")[0]["image_score"]
    assert adtool("decide", "--at", score).code == 0
    assert adtool("export", "--force").code == 0
    checked = json.loads(Path("export/parts/adtool.json").read_text())["checked"]["engines"][0]
    assert checked["near_limit"] == 1
    assert checked["decided_otherwise"] == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("export", "--maps", "elsewhere"), 3, "No finished maps"),
        (("export", "--category", "other"), 3, "parts"),
        (("export", "--force", "--device", "cuda"), 2, "CPU"),
        (("export", "--force", "--data", "nowhere"), 3, "nowhere"),
        (("export", "--classes", "classes"), 2, "add --with-classes"),
        (("export", "--unknown", "0.5"), 2, "add --with-classes"),
    ],
)
def test_what_is_lacking_is_said(maps, adtool, words, code, says):
    ran = adtool(*words)
    assert ran.code == code
    assert says in ran.err


def test_maps_of_a_detector_that_compares_images_can_not_be_exported(workspace, tiny_data, adtool):
    tiny_data.make(Path("data/parts"), train=2)
    assert adtool("maps", "--detector", "musc", "--image-size", 64).code == 0
    ran = adtool("export")
    assert ran.code == 3
    assert "patchcore" in ran.err


def test_the_wheel_holds_the_whole_runtime_and_asks_for_what_its_pyproject_asks(tmp_path):
    tomllib = pytest.importorskip("tomllib")
    root = Path(__file__).parents[2] / "adtool" / "runtime"
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    with zipfile.ZipFile(wheel.write(tmp_path)) as archive:
        names = set(archive.namelist())
        info = f"adtool_runtime-{project['version']}.dist-info"
        metadata = archive.read(f"{info}/METADATA").decode()
        record = archive.read(f"{info}/RECORD").decode()
    assert {path.relative_to(root).as_posix() for path in root.rglob("*.py")} <= names
    assert all(one in record for one in names)
    assert set(re.findall(r"^Requires-Dist: ([^;\n]+)$", metadata, re.M)) == set(project["dependencies"])
    for extra, needs in project["optional-dependencies"].items():
        assert f'Requires-Dist: {needs[0]}; extra == "{extra}"' in metadata
    assert f"Requires-Python: {project['requires-python']}" in metadata
    assert wheel.write(tmp_path).read_bytes() == wheel.write(tmp_path).read_bytes()


GUARDED = """
import sys

for name in ("torch", "adtool", "timm", "sklearn", "scipy", "pandas"):
    sys.modules[name] = None
sys.path.insert(0, sys.argv[1])
from adtool_runtime.__main__ import main

code = main(sys.argv[2:])
assert "site" in str(sys.modules["adtool_runtime"].__file__)
sys.exit(code)
"""


@pytest.mark.slow
def test_the_wheel_runs_an_export_without_torch_and_without_adtool(maps, tmp_path):
    moved = tmp_path / "line" / "parts"
    shutil.copytree("export/parts", moved)
    with zipfile.ZipFile(moved / wheel.name()) as archive:
        archive.extractall(tmp_path / "site")
    words = [sys.executable, "-c", GUARDED, tmp_path / "site", moved, "data/parts/test", "--csv", "out/table.csv"]
    ran = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    rows = Path("out/table.csv").read_text().splitlines()
    assert rows[0] == "file,image_score,decision,class,confidence,boxes,reason"
    expected = {row["id"]: row["decision"] for row in maps.image_rows("parts")}
    assert len(rows) == 1 + len(expected)
    for row in rows[1:]:
        file, _, decision = row.split(",")[:3]
        assert decision == expected[Path(file).relative_to("data/parts").with_suffix("").as_posix()]


SMALL_STUDENT = ("steps=2", "share=0.05", "channels=8")
TRAINED = {
    "cfa": ("memory=places", "start=random", "epochs=0", "stop=none"),
    "hvqtrans": ("width=16", "hidden=16", "codes=8", "epochs=1", "layers=8,16"),
    "rd": ("steps=2", "layers=4,8,16"),
    "rd, its maps summed": ("steps=2", "layers=4,8,16", "combine=sum", "projects=true", "image_score=max"),
    "uniad": ("steps=2", "width=16", "hidden=16", "layers=8,16", "neighbours=3"),
    "uniad, corner on corner": (
        *("steps=2", "width=16", "hidden=16", "layers=8,16", "neighbours=3"),
        *("corners=true", "image_score=pooled", "blur=0"),
    ),
    "efficientad": SMALL_STUDENT,
    "efficientad, by a teacher": (*SMALL_STUDENT, "teacher=distilled", "teacher_steps=2", "borders=mirrored"),
    "patchcore, as its code has it": ("mapped=16", "pool=3", "drawn=1000", "bank_size=64"),
    "dinomaly": ("steps=2", "groups=1", "decoder_blocks=1", "joint=false"),
}
# Of the untrained tiny networks these see all places nearly alike, and what they take differences of is nearly equal.
NEARLY_ALIKE = ("cfa", "dinomaly")
OTHER_NETWORKS = {"dinomaly": "test_vit", "rd": "test_resnet"}


@pytest.mark.slow
@pytest.mark.parametrize("how", TRAINED)
def test_detectors_that_train_are_exported_as_well(workspace, tiny_data, adtool, monkeypatch, how):
    detector = how.partition(",")[0]
    if detector in OTHER_NETWORKS:
        timm = pytest.importorskip("timm")
        from adtool.detectors import dinomaly
        from adtool.nn import backbone

        model = timm.create_model(OTHER_NETWORKS[detector], pretrained=False)
        layers = (4, 8, 16) if detector == "rd" else dinomaly.encoder_blocks(len(model.blocks))
        found = backbone.from_model(OTHER_NETWORKS[detector], model, layers=layers, engine="torch")
        monkeypatch.setattr(backbone, "load", lambda *_, **__: found)
        monkeypatch.setattr(dinomaly, "_depth", lambda _: len(model.blocks))
    tolerance = 1e-2 if detector in NEARLY_ALIKE else comparing.TOLERANCE
    monkeypatch.setattr(comparing, "TOLERANCE", tolerance)
    tiny_data.make(Path("data/parts"), train=6)
    settings = [word for one in TRAINED[how] for word in ("--set", one)]
    ran = adtool("maps", "--detector", detector, "--image-size", 64, *settings)
    assert ran.code == 0, ran.err
    ran = adtool("export", "--format", "both" if all(map(find_spec, ("onnx", "onnxruntime"))) else "openvino")
    assert ran.code == 0, ran.err
    checked = json.loads(Path("export/parts/adtool.json").read_text())["checked"]["engines"]
    assert max(one["largest_difference"] for one in checked) <= tolerance
    assert max(one["map_difference"] for one in checked) <= tolerance
