"""`adtool run --config adtool.toml`: the settings of all steps in one file."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays
from adtool.detectors import patchcore
from adtool.run import config_file
from adtool.run.config import RunCommand, RunConfig

FILE = Path("adtool.toml")
MINE = '[run]\nnormal = "good"\ntest = "odd"\nclasses = "3"\n\n[maps]\nsettings = ["drawn=1000", "bank_size=64"]\n'


@pytest.fixture
def here(workspace, tiny_data, instead_of_weights, monkeypatch):
    """Two folders of pictures, and a tiny network that sees them small."""
    usual = patchcore.needs
    monkeypatch.setattr(patchcore, "needs", lambda *given: replace(usual(*given), image_size=64))
    rng = np.random.default_rng(0)
    for number in range(9):
        arrays.write_png(Path("good", f"{number}.png"), tiny_data.image(rng)[0])
        arrays.write_png(Path("odd", f"{number}.png"), tiny_data.image(rng, ("good", "hole", "scratch")[number % 3])[0])
    return workspace


def written(*names):
    """When each file of some folders was written."""
    return {path: path.stat().st_mtime_ns for name in names for path in Path(name).rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_run_writes_what_it_did_and_does_nothing_new_from_it(adtool, here):
    Path("mine.toml").write_text(MINE)
    ran = adtool("run", "--config", "mine.toml", "--seed", 3)
    assert ran.code == 0, ran.err
    assert "--set drawn=1000 --set bank_size=64" in ran.err, "the line that does the same"
    text = FILE.read_text()
    before = written("data", "maps", "models", "classes")
    again = adtool("run", "--config", FILE)
    assert again.code == 0, again.err
    assert written("data", "maps", "models", "classes") == before
    assert FILE.read_text() == text
    tables = config_file.read(FILE)
    assert tables["run"] == {
        "normal": "good", "test": "odd", "classes": "3", "seed": 3, "quality": "good", "refine": False
    }  # fmt: skip
    assert tables["maps"] == {"settings": ("drawn=1000", "bank_size=64")}
    card = Path("models/patchcore/odd/model.json").read_text()
    assert '"bank_size": 64' in card
    (line,) = [line for line in text.splitlines() if line.startswith("# adtool maps")]
    assert shlex.split(line)[-4:] == ["--set", "drawn=1000", "--set", "bank_size=64"]
    Path("mine.toml").write_text(f"{MINE}\n[report]\nmin = ['image_auroc=0.9']\n")
    gated = adtool("run", "--config", "mine.toml", "--seed", 3)
    assert gated.code == 1
    assert "Open report/report.html" in gated.out, "all is said that is said without the gate"
    assert gated.err.rstrip().splitlines()[-2].startswith("error: 1 of 1 gates failed.")


@pytest.mark.slow
def test_a_file_does_the_same_in_an_empty_workspace_with_the_pictures_that_it_names(adtool, here, monkeypatch):
    Path("mine.toml").write_text(MINE)
    assert adtool("run", "--config", "mine.toml", "--seed", 3, "--look-at", "0,0,50,40").code == 0
    old, new = Path.cwd(), Path("new").absolute()
    new.mkdir()
    monkeypatch.chdir(new)
    ran = adtool("run", "--config", "../adtool.toml")
    assert ran.code == 0, ran.err
    for name in ("maps/odd/images.csv", "classes/odd/images.csv", "classes/odd/classes.csv"):
        assert (new / name).read_bytes() == (old / name).read_bytes(), name
    text = FILE.read_text()
    assert 'normal = "../good"\ntest = "../odd"' in text
    assert 'look_at = "0,0,50,40"' in text
    assert adtool("run", "--config", FILE).code == 0
    assert FILE.read_text() == text


def test_paths_of_a_file_are_those_beside_it_whatever_else_is_text(workspace):
    Path("far").mkdir()
    Path("far/mask.png").touch()
    Path("far/mine.toml").write_text(
        '[run]\ntest = "odd"\nmasks = "/else/masks"\nlook_at = "mask.png"\nbackbone = "b"\n'
        '[maps]\nsettings = ["teacher=x"]\nweights = "w"\n'
    )
    asked = config_file.asked(RunCommand(config=Path("far/mine.toml")))
    assert (asked.test, asked.masks, asked.look_at) == (Path("far/odd"), Path("/else/masks"), "far/mask.png")
    assert (asked.backbone, asked.steps["maps"]["settings"]) == ("b", ("teacher=x",))
    assert asked.steps["maps"]["weights"] == "far/w"
    Path("far/mine.toml").write_text('[run]\ntest = "odd"\nlook_at = "1,2,3,4"\n')
    assert config_file.asked(RunCommand(config=Path("far/mine.toml"))).look_at == "1,2,3,4"


def test_what_is_typed_counts_before_the_file(workspace):
    FILE.write_text('[run]\ntest = "odd"\nseed = 2\nclasses = "4"\n[discover]\nfeatures = "crops"\n')
    asked = config_file.asked(RunCommand(config=FILE, seed=5))
    assert (asked.test, asked.seed, asked.classes) == (Path("odd"), 5, "4")
    assert config_file.step(asked, "discover", {"classes": "4", "features": "maps"}) == {
        "classes": "4", "features": "crops"
    }  # fmt: skip
    assert config_file.words(asked, "discover") == ["--features", "crops"]


@pytest.mark.parametrize("name", ['a "b"\\c', "größe ☃ 😀", "tab\tand\x7f"])
def test_any_name_survives_being_written(workspace, name):
    config = RunConfig(test=Path(name), normal_kinds=(name, "b"))
    assert config_file.write(config, [("adtool", "maps")], refined=True)
    tables = config_file.read(FILE)
    assert tables["run"] == {"test": name, "normal_kinds": (name, "b"), "refine": True}


def test_a_file_of_somebody_else_stays(workspace):
    FILE.write_text("# my notes\n")
    assert not config_file.write(RunConfig(test=Path("odd")), [], refined=False)
    assert FILE.read_text() == "# my notes\n"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ('[run]\ntset = "odd"', 2, "there is no setting 'tset'; did you mean 'test'?"),
        ("[mapps]\nseed = 1", 2, "there is no [mapps]; did you mean 'maps'?"),
        ("[maps]\nqualty = 1", 2, "[maps]: there is no setting 'qualty'; did you mean 'quality'?"),
        ('[maps]\nquality = "great"', 2, "quality='great'"),
        ('[maps]\nout = "elsewhere"', 2, "`run` decides out itself"),
        ("maps = 3", 2, "maps is no table"),
        ('[run]\ntest = "odd"\nmasks = ""', 2, "[run]: masks is empty"),
        ('[maps]\nbackbone = ""', 2, "[maps]: backbone is empty"),
        ("[run", 2, "is no TOML"),
        ('[run]\nseed = "many"\ntest = "odd"', 2, "seed='many'"),
        ("[run]\nseed = 1", 2, "no pictures are named"),
        ('plugin = "evil.py"', 2, "names a plug-in (plugin). A file that may have come with data loads no code"),
        ('[maps]\nplugin = "evil.py"', 2, "names a plug-in (plugin)"),
        ('[run]\nplugins = ["evil.py"]', 2, "names a plug-in (plugins)"),
    ],
)
def test_what_a_file_says_wrongly_is_refused_before_anything_is_done(adtool, workspace, text, code, said):
    Path("evil.py").write_text("import pathlib\npathlib.Path('ran').touch()\n")
    FILE.write_text(text)
    ran = adtool("run", "--config", FILE)
    assert (ran.code, said in " ".join(ran.err.split())) == (code, True), ran.err
    assert "adtool.toml" in ran.err
    assert "?." not in ran.err
    assert {path.name for path in Path().iterdir()} == {"adtool.toml", "evil.py"}


def test_a_file_that_is_not_there_is_said(adtool, workspace):
    ran = adtool("run", "--config", "nowhere.toml")
    assert (ran.code, "There is no file nowhere.toml" in ran.err) == (3, True)
    assert "Give --test" in adtool("run").err
