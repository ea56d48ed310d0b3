"""A plug-in in one file, named by a person; nothing that came with data loads code."""

import json
from pathlib import Path

import pytest

from adtool.core import plugin_files, plugins
from adtool.core.errors import UsageError
from adtool.core.layout import MapsFolder

METRIC = '"""Share that is odd."""\n\nLEVEL = "image"\nDEFINITION = "odd"\n\n\ndef compute(images):\n    return 0.25\n'


def test_the_template_works_as_it_stands_and_is_short(workspace, tiny_data, adtool, instead_of_weights):
    printed = adtool("list", "detectors", "--template")
    assert printed.code == 0
    assert len(printed.out.splitlines()) <= 50
    Path("mine.py").write_text(printed.out)
    tiny_data.make(Path("data/parts"), train=20)
    ran = adtool("maps", "--plugin", "mine.py", "--detector", "mine", "--set", "least=0.1")
    assert ran.code == 0, ran.err
    rows = MapsFolder(Path("maps")).image_rows("parts")
    assert {row["decision"] for row in rows if "/good/" not in row["id"]} == {"NOK"}
    assert adtool("--plugin=mine.py", "maps", "--detector", "mine", "--set", "least=0.1").code == 0, "anywhere"
    without = adtool("maps", "--detector", "mine")
    assert without.code == 2, "it was for that command alone"
    assert "--plugin" in without.err
    again = adtool("inspect", "data/parts/test/hole")
    assert again.code == 2, "model.json names it, and loads nothing"
    assert "--plugin" in again.err


def test_no_file_that_came_with_data_loads_code(workspace, tiny_data, adtool, instead_of_weights):
    tiny_data.make(Path("data/parts"))
    Path("evil.py").write_text('raise SystemExit("ran")\n')
    for path in ("data/adtool.toml", "data/parts/adtool.toml", "adtool.toml"):
        Path(path).write_text('plugin = ["evil.py"]\nADTOOL_PLUGINS = "evil.py"\n')
    card = {"format": 1, "detector": "evil", "plugin": "evil.py", "settings": {}, "backbone": "x", "image_size": 64}
    Path("models/evil/parts").mkdir(parents=True)
    Path("models/evil/parts/model.json").write_text(json.dumps(card))
    assert adtool("maps", "--image-size", 64, "--set", "drawn=1000", "--set", "bank_size=16").code == 0
    assert "evil" not in adtool("list", "detectors").out


def test_a_metric_in_a_file_is_known_by_what_it_has(tmp_path, monkeypatch):
    (tmp_path / "share_odd.py").write_text(METRIC)
    monkeypatch.setenv("ADTOOL_PLUGINS", str(tmp_path / "share_odd.py"))
    assert "share_odd" in plugins.names("report.metrics")
    assert "share_odd" not in plugins.names("detectors")
    assert plugins.about("report.metrics", "share_odd").startswith("Share that is odd (from the file")
    assert plugins.load("report.metrics", "share_odd").compute(None) == 0.25


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("nothing.py", "x = 1\n", "no plug-in"),
        ("broken.py", "def f(:\n", "Python"),
        ("aupro.py", METRIC, "already"),
        ("binary.py", "\0", "Python"),
    ],
)
def test_a_file_that_is_no_plug_in_is_said(tmp_path, monkeypatch, name, text, says):
    (tmp_path / name).write_text(text)
    monkeypatch.setenv("ADTOOL_PLUGINS", str(tmp_path / name))
    with pytest.raises(UsageError, match=says):
        plugins.names("report.metrics")


FORMAT = '"""Mine."""\n\nSUFFIXES = (".npy",)\n\n\ndef write(*_):\n    raise AssertionError\n'


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("npy.py", FORMAT, ["convert", "--to", "npy"]),
        ("aupro.py", METRIC, ["report"]),
        ("aupro.py", METRIC, ["maps"]),
        ("aupro.py", METRIC, ["prep", "synthetic", "--category", "gear"]),
    ],
)
def test_a_taken_name_is_said_by_every_command_before_anything_is_done(
    workspace, adtool, name, text, words, monkeypatch
):
    Path(name).write_text(text)
    said = f"has the name of a plug-in that is there already ('{Path(name).stem}')"
    ended = adtool("--plugin", name, *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    Path("inside").mkdir()
    Path("inside", name).write_text(text)
    monkeypatch.setenv("ADTOOL_PLUGINS", name)  # a path from the workspace
    ended = adtool("-C", "inside", *words)
    assert ended.code == 2
    assert said in ended.err
    assert sorted(path.name for path in Path().iterdir()) == [name]


@pytest.mark.parametrize("group", plugin_files.HAS)
def test_a_taken_name_is_never_the_built_in_instead(tmp_path, monkeypatch, group):
    texts = {
        "detectors": "def needs(): ...\ndef compare(): ...\n",
        "report.metrics": METRIC,
        "prep.datasets": "Config = run = None\n",
        "convert.formats": FORMAT,
    }
    taken = plugins.names(group)[0]
    path = tmp_path / f"{taken}.py"
    path.write_text(texts[group])
    monkeypatch.setenv("ADTOOL_PLUGINS", str(path))
    for ask in (plugins.load, plugins.about):
        with pytest.raises(UsageError, match="already"):
            ask(group, taken)


def test_a_plug_in_that_fails_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "fails.py"
    path.write_text(METRIC + "raise ZeroDivisionError('mine')\n")
    with pytest.raises(UsageError, match=r"fails\.py.*mine"):
        plugin_files.load(path)


def test_files_are_taken_wherever_they_stand(adtool):
    words, files = plugin_files.taken(["maps", "--plugin", "a.py", "--quiet", "--plugin=b.py", "--", "--plugin", "c"])
    assert words == ["maps", "--quiet", "--", "--plugin", "c"]
    assert [one.name for one in files] == ["a.py", "b.py"]
    assert adtool("maps", "--plugin").code == 2
    assert adtool("--plugin", "nowhere.py", "list", "detectors").code == 2
