"""Exit codes, and what goes to stdout and to stderr, through the command line itself."""

import errno
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from adtool.core import arrays, files
from adtool.core.errors import (
    BadDataError,
    GateError,
    MachineError,
    MissingWeightsError,
    PartialFailureError,
    TerminatedError,
    UsageError,
)
from adtool.maps import step as maps

QUICK = ("--image-size", 64, "--set", "drawn=1000", "--set", "bank_size=64")


@pytest.fixture(autouse=True)
def here(workspace):
    return workspace


@pytest.fixture
def data(tiny_data, instead_of_weights):
    return tiny_data.make(Path("data/parts"))


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


# Help


def test_help_lists_every_command_with_its_line(adtool):
    shown = adtool("--help")
    assert shown.code == 0
    for name in ("demo", "prep", "maps", "discover", "report", "weights", "doctor", "list"):
        assert re.search(rf"\b{name}\b +\S", shown.out), name


@pytest.mark.parametrize(
    "name", ["maps", "discover", "report", "prep mtd", "prep folder", "weights list", "doctor", "convert"]
)
def test_every_command_has_help(adtool, name):
    shown = adtool(*name.split(), "--help")
    assert shown.code == 0
    assert "--json" in shown.out


@pytest.mark.parametrize("name", ["maps", "list", "prep mtd", "report", "convert", "train", "inspect"])
def test_a_command_that_takes_plug_ins_says_so(adtool, name):
    assert re.search(r"--plugin +FILE\.py", adtool(*name.split(), "--help").out)


@pytest.mark.parametrize("name", ["models", "weights"])
def test_a_group_that_lists_does_so_by_itself(adtool, name):
    for more in ((), ("--json",)):
        by_itself, asked = adtool(name, *more), adtool(name, "list", *more)
        assert (by_itself.code, by_itself.out) == (0, asked.out)
    assert "Without a command" in adtool(name, "--help").out
    assert adtool(name, "lists").code == 2


def test_the_version_is_that_of_the_package(adtool):
    from importlib.metadata import version

    assert adtool("--version").out.strip() == f"adtool {version('adtool')}"


# Exit 2: wrong usage


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mapz"], "Did you mean 'maps'"),
        (["../commands/maps"], "No such command"),
        (["_step"], "No such command"),
        (["prep", "mtdd"], "Did you mean 'mtd'"),
        (["prep", "_x"], "No such command"),
        (["maps", "--detektor", "x"], "No such option"),
        (["maps", "--image-size", "big"], "--image-size"),
        (["maps", "--image-size", "8"], "greater than or equal to 32"),
        (["maps", "--seed", "-1"], "--seed"),
        (["maps", "--limit", "0"], "greater than or equal to 1"),
        (["maps", "--max-images", "0"], "greater than or equal to 1"),
        (["maps", "--max-images", "3", "--limit", "3"], "--limit is the old spelling of --max-images"),
        (["maps", "--at", "3", "--found", "0.5"], "--at and --found each choose the limit"),
        (["maps", "--false-alarms", "0"], "greater than 0"),
        (["maps", "--found", "1"], "less than 1"),
        (["maps", "--at", "nan"], "finite"),
        (["maps", "--engine", "tpu"], "'torch', 'torch-f16' or 'torch-f32'"),
        (["maps", "--detector", "patchcor"], "Did you mean 'patchcore'"),
        (["maps", "--set", "bank_sise=3"], "did you mean 'bank_size'"),
        (["maps", "--set", "bank_size=x"], "bank_size='x'"),
        (["maps", "--set", "bank_size"], "expected name=value"),
        (["maps", "--set", "preset=x"], "no such preset"),
        (["discover", "--classes", "1"], "at least 2"),
        (["-C", "gone", "maps"], "does not exist"),
        (["prep", "folder"], "Missing option"),
        (["prep", "folder", "--normal", "a", "--test", "b", "--name", "../x"], "name='../x'"),
        (["prep", "synthetic", "--category", "spoon"], "no synthetic category 'spoon'"),
        (["list", "detector"], "There is no group 'detector'"),
    ],
)
def test_wrong_usage_is_exit_2_and_says_what_would_be_right(adtool, here, words, said):
    ended = adtool(*words)
    assert (ended.code, ended.out) == (2, "")
    # A box may break the line anywhere.
    assert re.sub(r"[\s│]+", "", said) in re.sub(r"[\s│]+", "", ended.err)
    assert list(here.iterdir()) == []


def test_no_command_shows_the_help(adtool):
    shown = adtool()
    assert shown.code == 2
    assert "prep" in shown.out + shown.err


def test_other_settings_in_a_finished_folder_are_exit_2_with_their_names(adtool, data):
    assert adtool("maps", *QUICK).code == 0
    ended = adtool("maps", *QUICK, "--set", "blur=1")
    assert ended.code == 2
    assert re.search(r"error: maps/parts was made with other settings .*blur: .* -> 1\.0.*--force", ended.err)


def test_a_folder_that_is_not_ours_is_exit_2(adtool, data):
    files.write_text(Path("maps/thesis.txt"), "mine")
    ended = adtool("maps", *QUICK)
    assert ended.code == 2
    assert "did not write" in ended.err
    assert Path("maps/thesis.txt").read_text() == "mine"


def test_the_folder_of_another_step_is_exit_2_even_with_force(adtool, data):
    assert adtool("maps", *QUICK).code == 0
    ended = adtool("discover", "--classes", "2", "--out", "maps", "--force")
    assert (ended.code, Path("maps/parts/images.csv").exists()) == (2, True)
    ended = adtool("report", "--out", "maps")
    assert ended.code == 2
    assert json.loads(Path("maps/_step.json").read_text())["command"] == "maps"


# Exit 3: data


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["maps"], "No data set at data"),
        (["maps", "--data", "gone"], "No data set at gone: the folder does not exist"),
        (["discover"], "No finished maps at maps. Run `adtool maps` first."),
        (["report"], "Run `adtool maps` first"),
        (["report", "gone"], "No folder at gone"),
        (["prep", "mtd"], "https://github.com/abin24"),
        (["prep", "mtd", "--source", "gone"], "--source gone does not exist"),
        (["prep", "mvtec"], "<category>/train/good/*.png"),
        (["prep", "folder", "--normal", "gone", "--test", "odd"], "--normal gone is not a folder"),
    ],
)
def test_missing_data_is_exit_3_and_says_where_it_was_looked_for(adtool, here, words, said):
    ended = adtool(*words)
    assert (ended.code, ended.out) == (3, "")
    assert said in ended.err
    assert len([line for line in lines(ended.err) if line.startswith("error: ")]) == 1, "one line, however long"
    assert list(here.iterdir()) == []


def test_no_normal_images_are_exit_3(adtool, tiny_data, instead_of_weights):
    tiny_data.make(Path("data/parts"), train=0)
    assert adtool("maps", "--detector", "patchcore", *QUICK).code == 3


def test_an_unfinished_folder_is_exit_3_and_says_what_to_run(adtool, data):
    assert adtool("maps", *QUICK).code == 0
    note = files.read_json(Path("maps/parts/_step.json"))
    files.write_json(Path("maps/parts/_step.json"), {**note, "state": "running"})
    ended = adtool("discover", "--classes", "2")
    assert (ended.code, "Run `adtool maps`" in ended.err) == (3, True)
    assert adtool("report").code == 3
    ended = adtool("discover", "--category", "parts", "--classes", "2")
    assert ended.code == 3


def test_maps_of_another_data_set_are_exit_3_in_report_and_discover(adtool, data, tiny_data):
    assert adtool("maps", *QUICK).code == 0
    tiny_data.make(Path("other/parts"), kinds={"good": 1, "hole": 1})
    for command in (["report"], ["discover", "--classes", "2"]):
        ended = adtool(*command, "--data", "other/parts")
        assert ended.code == 3, command
        assert "maps/parts was made from other images than those at other/parts" in ended.err
    tiny_data.make(Path("third/nut"))
    assert adtool("report", "--data", "third").code == 3


def test_several_data_sets_are_exit_3_and_named(adtool, tiny_data):
    tiny_data.make(Path("data/one"), ["bolt"])
    tiny_data.make(Path("data/two"), ["nut"])
    ended = adtool("maps")
    assert ended.code == 3
    assert "data/one, data/two" in ended.err


# Exit 4: weights


def test_missing_weights_are_exit_4_and_say_how_to_get_them(adtool, tiny_data):
    tiny_data.make(Path("data/parts"))
    ended = adtool("maps", "--backbone", "resnet18")
    assert ended.code == 4
    assert "resnet18" in ended.err
    assert not Path("maps").exists()


# Exit 5: some categories


def test_if_some_categories_fail_the_others_are_written_and_it_is_exit_5(adtool, tiny_data, instead_of_weights):
    tiny_data.make(Path("data/many"), ["bolt"], train=0)
    tiny_data.make(Path("data/many"), ["nut"])
    ended = adtool("maps", *QUICK, "--json")
    assert ended.code == 5
    document = json.loads(ended.out)
    assert document["done"] == ["nut"]
    assert list(document["failed"]) == ["bolt"]
    assert "bolt: " in lines(ended.err)[-1]


# Exit 6: the machine


def test_a_full_disk_is_exit_6_and_the_same_command_goes_on(adtool, data, monkeypatch):
    real, left = arrays.write_scores, [3]

    def write(path, *rest):
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, *rest)

    monkeypatch.setattr(arrays, "write_scores", write)
    ended = adtool("maps", *QUICK)
    assert ended.code == 6
    assert re.fullmatch(r"error: The disk is full at maps/parts/.*\. What was written is kept.*", lines(ended.err)[-1])
    before = {path: path.stat().st_mtime_ns for path in Path("maps").rglob("*.tiff")}
    assert len(before) == 2
    assert adtool("maps", *QUICK).code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(Path("maps").rglob("*.tiff"))) == 6


# Every other way to end, with a command that does nothing else


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (GateError("AUPRO .70 < .73"), 1, "error: AUPRO .70 < .73"),
        (UsageError("x"), 2, "error: x"),
        (BadDataError("x"), 3, "error: x"),
        (MissingWeightsError("x"), 4, "error: x"),
        (PartialFailureError("x"), 5, "error: x"),
        (MachineError("x"), 6, "error: x"),
        (MemoryError(), 6, "error: The machine ran out of memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), 6, "out of memory"),
        (PermissionError(errno.EACCES, "Permission denied", "maps"), 6, "Permission denied at maps"),
        (OSError(errno.EROFS, "Read-only file system"), 6, "The file system is read-only"),
        (KeyboardInterrupt(), 130, "Interrupted. What was written is kept; the same command goes on."),
        (TerminatedError(), 143, "Terminated. What was written is kept; the same command goes on."),
    ],
)
def test_every_way_to_end_has_its_code_and_one_line(adtool, monkeypatch, error, code, said):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(maps, "run", fail)
    ended = adtool("maps")
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert len(lines(ended.err)) == 1
    assert not logging.getLogger("adtool").handlers


def test_a_bug_is_exit_70_with_one_line_and_a_log_of_the_traceback(adtool, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise KeyError("oh no\nsecond line")

    monkeypatch.setattr(maps, "run", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = adtool("maps", "--seed", "3")
    assert ended.code == 70
    (line,) = lines(ended.err)
    log = Path(re.search(r"The traceback is in (\S+\.log)\.", line).group(1))
    assert log.parent == tmp_path
    text = log.read_text()
    assert "adtool maps --seed 3" in text
    assert "Traceback" in text
    assert "KeyError" in text
    ended = adtool("maps", "--verbose")
    assert ended.code == 70
    assert "Traceback" in ended.err


def test_a_file_that_is_gone_and_that_nobody_removed_leaves_a_log_too(adtool, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise FileNotFoundError(2, "No such file", str(tmp_path / "gone.tiff"))

    monkeypatch.setattr(maps, "run", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = adtool("maps")
    assert ended.code == 3
    log = Path(re.search(r"The traceback is in (\S+\.log)\.", ended.err).group(1))
    assert "gone.tiff was removed or renamed" in ended.err
    assert "FileNotFoundError" in log.read_text()


def test_a_bug_with_no_place_for_a_log_shows_its_traceback(adtool, monkeypatch):
    def fail(*_, **__):
        raise KeyError("oh no")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(maps, "run", fail)
    monkeypatch.setattr("tempfile.mkstemp", full)
    ended = adtool("maps")
    assert ended.code == 70
    assert "Traceback" in ended.err


def test_an_error_that_looks_like_markup_is_shown_as_it_is(adtool, monkeypatch):
    def fail(*_, **__):
        raise BadDataError("data/[red]x[/red]/a[0].png can't be read")

    monkeypatch.setattr(maps, "run", fail)
    assert "data/[red]x[/red]/a[0].png can't be read" in adtool("maps").err


# stdout and stderr


def test_json_is_one_document_on_stdout_and_nothing_else(adtool, data):
    shown = adtool("maps", *QUICK, "--json")
    assert shown.code == 0
    document = json.loads(shown.out)
    assert (document["command"], document["out"], document["done"]) == ("maps", "maps", ["parts"])
    assert document["rows"][0]["images"] == 6
    again = json.loads(adtool("maps", *QUICK, "--json").out)
    assert (again["done"], again["skipped"]) == ([], ["parts"])


@pytest.mark.parametrize("command", ["report", "prep synthetic --train 1 --test 1 --size 32", "doctor", "list"])
def test_every_command_has_json(adtool, data, command):
    assert adtool("maps", *QUICK).code == 0
    shown = adtool(*command.split(), "--json")
    assert shown.code == 0
    json.loads(shown.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_a_table_for_a_person_goes_to_stdout_whole_and_progress_does_not(adtool, data, monkeypatch):
    monkeypatch.setattr("adtool.cli.bars.LINE_EVERY_S", 0)
    monkeypatch.setenv("COLUMNS", "20")
    shown = adtool("maps", *QUICK)
    assert re.search(r"category .*images .*NOK .*limit", shown.out), "a pipe has no width to break lines at"
    assert re.search(r"parts: 6 maps in .* images/s", shown.out), "the last line"
    assert re.search(r"maps parts: 6/6", shown.err)
    assert "6/6" not in shown.out


def test_quiet_leaves_errors_and_warnings(adtool, data, monkeypatch):
    monkeypatch.setattr("adtool.cli.bars.LINE_EVERY_S", 0)
    assert adtool("maps", *QUICK, "--quiet").err == ""
    (data / "test/hole/000.png").write_bytes(b"")
    ended = adtool("maps", *QUICK, "--quiet", "--force")
    assert "warning: skipped 1 unreadable image: " in ended.err
    assert "parts: 1 of 6 pictures could not be read: test/hole/000" in ended.out


def test_the_workspace_can_be_named(adtool, data, here):
    assert adtool("-C", "..", "maps", "--data", f"{here.name}/data/parts", "--out", "elsewhere", *QUICK).code == 0
    assert (here.parent / "elsewhere/parts/images.csv").exists()


PRINTS = """
from adtool.cli import show
try:
    with show.session(quiet=False, verbose=False):
        show.result("x" * 1_000_000, as_json=False)
except show.typer.Exit as stop:
    raise SystemExit(stop.exit_code)
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_stdout_is_exit_6():
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([sys.executable, "-c", PRINTS], stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 6
    assert b"disk is full" in ended.stderr


def test_a_reader_that_has_seen_enough_is_no_error():
    writer = subprocess.Popen([sys.executable, "-c", PRINTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout.read(1) == b"x"
    writer.stdout.close()
    assert (writer.wait(), writer.stderr.read()) == (0, b"")
    writer.stderr.close()


@pytest.mark.parametrize(("words", "setting"), [(("refine",), "matches"), (("discover",), "epochs")])
def test_list_shows_the_settings_of_a_step(adtool, words, setting):
    ended = adtool("list", *words)
    assert (ended.code, setting in ended.out) == (0, True)
    assert adtool("list", *words, "--json").code == 0
