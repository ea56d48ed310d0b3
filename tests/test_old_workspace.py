"""A workspace that adtool 0.1.0 made is read, and nothing in it is made again without being asked.

`old_workspace/` was written by these commands (the filter's weights, 1 MB, are left out):

    adtool prep folder --normal raw/good --test raw/odd --masks raw/masks --name parts
    adtool maps --image-size 32 --set bank_size=32 --set drawn=1000
    adtool refine <FILTER below>
    adtool discover --classes 3
    adtool inspect new
    adtool report
"""

import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from adtool.core import files, layout
from adtool.core.dataset import dataset_folder
from adtool.core.errors import BadDataError
from adtool.core.steps import notes, step_run
from adtool.core.steps.note_form import StepNote

HERE = Path(__file__).parent
FILTER = ("templates=2", "matches=6", "plane=16", "width=4", "painted=8", "steps=3", "batch=4", "judged=6",
          "by_features=false")  # fmt: skip
BEFORE = "--set grid=coarse --set padding=zeros --set pooled=false"  # the defaults of patchcore then
NORMAL = "--normal scores"  # the default of discover then
UNKNOWN = "--unknown 0.01"  # the default of inspect then
STEPS = {  # command: (folder whose note it writes, its words)
    "prep": ("data/parts", "prep folder --normal raw/good --test raw/odd --masks raw/masks --name parts"),
    "maps": ("maps/parts", f"maps --image-size 32 --set bank_size=32 --set drawn=1000 {BEFORE}"),
    "refine": ("refined/parts", "refine " + " ".join(f"--set {one}" for one in FILTER)),
    "discover": ("classes/parts", f"discover --classes 3 {NORMAL}"),
    "inspect": ("inspected", f"inspect new {UNKNOWN}"),
}


@pytest.fixture
def old(workspace, monkeypatch):
    """A copy of it is the current folder; its backbone is known by name, and can't see."""
    from adtool.nn import backbone
    from adtool.nn.backbone import FeatureSource

    shutil.copytree(HERE / "old_workspace", workspace, dirs_exist_ok=True)
    layers = [SimpleNamespace(index=8), SimpleNamespace(index=16)]
    source = FeatureSource("tf_efficientnet_lite0", "579344248a93e230", (8, 16))
    net = SimpleNamespace(
        name=source.name, weights_id=source.weights_id, layers=layers, source=source, precision="full"
    )
    monkeypatch.setattr(backbone, "load", lambda *_, **__: net)
    return workspace


def contents() -> dict[str, bytes]:
    """Every file but the notes, which are brought up to date."""
    return {
        path.as_posix(): path.read_bytes()
        for path in sorted(Path().rglob("*"))
        if path.is_file() and path.name != layout.STEP_FILE and not path.name.startswith(".")
    }


def test_other_defaults_since_then_are_said_and_nothing_is_made_again(old, adtool):
    before = contents()
    done = adtool(*STEPS["maps"][1].removesuffix(BEFORE).split())
    assert done.code == 2, done.err
    assert "grid: 'coarse' -> 'fine'; padding: 'zeros' -> 'replicate'; pooled: False -> True" in done.err
    done = adtool(*STEPS["discover"][1].removesuffix(NORMAL).split())
    assert done.code == 2, done.err
    assert "normal: 'scores' -> 'limit'" in done.err
    assert contents() == before


def test_each_step_is_done_already_and_its_fingerprints_are_brought_up_to_date(old, adtool, caplog):
    before = contents()
    for name, (folder, words) in STEPS.items():
        then = files.read_json(Path(folder) / layout.STEP_FILE)
        with caplog.at_level(logging.INFO, logger="adtool"):
            done = adtool(*words.split())
        assert done.code == 0, done.err
        assert f"{folder}: already done, skipped." in caplog.text + done.err
        now = files.read_json(Path(folder) / layout.STEP_FILE)
        assert {**now, "inputs": None} == {**then, "inputs": None}
        for key, value in now["inputs"].items():
            assert value.startswith(then["inputs"][key] + "-"), (name, key)
    for name in ("refine", "inspect"):  # what is of both kinds still fits together
        assert adtool(*STEPS[name][1].split()).code == 0, name
    assert contents() == before


def test_it_is_reported_on(old, adtool):
    told = adtool("report", "--json")
    assert told.code == 0, told.err
    sources = json.loads(told.out)["sources"]
    assert len(sources) == 3
    measured = {(row["source"], row["metric"]): row["value"] for row in files.read_csv(Path("report/metrics.csv"))}
    assert float(measured["maps", "image_auroc"]) == 1.0
    assert ("refined", "pixel_ap") in measured
    assert ("classes", "f1") in measured


def test_an_old_folder_of_other_images_is_still_refused(old):
    note = notes.read_note(Path("maps/parts"))
    step_run.check_same_data(note, note.inputs["images"] + "-" + 32 * "0", Path("maps/parts"), Path("data/parts"))
    with pytest.raises(BadDataError, match="other images"):
        step_run.check_same_data(note, "0000-0000", Path("maps/parts"), Path("data/parts"))


def test_an_edit_behind_the_first_64_kib_is_noticed_from_then_on(old):
    image = Path("data/parts/test/hole/000.png")
    image.write_bytes(image.read_bytes() + bytes(64 << 10))  # behind the end of a PNG may lie anything
    category = dataset_folder.read_dataset(Path("data/parts")).category("parts")
    folder = Path("maps/parts")
    noted = {**notes.note_of(folder).document, "inputs": {"images": category.fingerprint().partition("-")[0]}}
    note = StepNote.of(noted)

    def identity() -> step_run.Identity:
        return step_run.Identity("maps", note.all_settings, 0, {"images": category.fingerprint()})

    files.write_json(folder / layout.STEP_FILE, noted)
    assert identity().differences(note) == []
    notes.upgrade(folder, identity())
    data = bytearray(image.read_bytes())
    data[-1] = 1
    image.write_bytes(data)
    assert identity().differences(note) == []
    assert identity().differences(notes.note_of(folder)) == ["changed: images"]


def test_a_setting_that_came_later_with_its_default_changes_nothing():
    settings = {"blur": 4.0, "of": {"epochs": 30}}
    note = StepNote.of({"command": "maps", "settings": settings, "seed": 0, "inputs": {}})

    def differences(**settings: object) -> list[str]:
        now = {"blur": 4.0, "of": {"epochs": 30, "rate": 1e-3}, "pages": "first", **settings}
        defaults = {"pages": "first", "blur": 1.0, "of": {"rate": 1e-3}}
        return step_run.Identity("maps", now, 0, {}, defaults).differences(note)

    assert differences() == []
    assert differences(pages="all") == ["pages: 'first' -> 'all'"]
    assert differences(of={"epochs": 30, "rate": 1.0}) == ["of.rate: 0.001 -> 1.0"]
    assert differences(blur=1.0) == ["blur: 4.0 -> 1.0"]


NEWER = {  # file: commands that read it
    "data/parts/_step.json": [STEPS["prep"][1], "maps", "check --data data/parts"],
    "data/parts/dataset.json": [STEPS["maps"][1], "check --data data/parts", "report"],
    "maps/_step.json": ["maps --force", "refine", "report", "models list"],
    "maps/parts/_step.json": [
        "maps", "maps --force", "refine", "discover", "inspect new", "report", "models list", "models remove --unused",
        "check --maps maps", "convert --to npy",
    ],
    "models/patchcore/parts/_step.json": ["inspect new", "models list", STEPS["maps"][1] + " --force"],
    "models/patchcore/parts/model.json": ["inspect new", STEPS["maps"][1] + " --force"],
    "models/costfilter/parts/_step.json": ["models list", STEPS["refine"][1] + " --force"],
    "models/costfilter/parts/model.json": [STEPS["refine"][1] + " --force"],
    "refined/parts/_step.json": ["report", STEPS["refine"][1] + " --force"],
    "classes/parts/_step.json": ["discover", "discover --classes 3 --force", "inspect new", "report"],
    "classes/parts/model.json": ["inspect new", "discover --review classes/parts/classes.csv"],
    "inspected/_step.json": ["inspect new", "inspect new --force"],
    "report/_step.json": ["report"],
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(NEWER))
def test_what_a_newer_adtool_wrote_is_refused_wherever_it_is_read_and_stays_as_it_is(old, adtool, path):
    files.write_json(Path(path), {**files.read_json(Path(path)), "format": 99})
    before = Path(path).read_bytes()
    for words in NEWER[path]:
        done = adtool(*words.split())
        assert done.code == 3, (words, done.err)
        assert f"{path} was written by a newer adtool (format 99, this one reads up to 1)" in done.err, words
        assert Path(path).read_bytes() == before, words
