"""The newcomer's command, on a few tiny pictures and a tiny network."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adtool.core import arrays, files
from adtool.core.steps import notes
from adtool.core.steps.step_run import Outcome
from adtool.detectors import patchcore
from adtool.discover import step as discover
from adtool.discover.config import DiscoverConfig
from adtool.run import step as run
from adtool.run.config import RunConfig
from adtool.run.pictures import read as read_pictures

WORDS = ("run", "--normal", "good", "--test", "odd")
CHAIN = ["prep", "maps", "discover", "report"]


@pytest.fixture
def pictures(tiny_data):
    """Twelve good parts and eight odd ones in two flat folders, one of them not readable."""

    def make(good: int = 12, normal: Path = Path("good"), test: Path = Path("odd")) -> None:
        rng = np.random.default_rng(0)
        for number in range(good):
            arrays.write_png(normal / f"{number:02}.png", tiny_data.image(rng)[0])
        for number in range(7):
            kind = ("good", "hole", "scratch")[number % 3]
            arrays.write_png(test / f"part {number}.png", tiny_data.image(rng, kind)[0])
        files.write_text(test / "cut off.png", "no picture")

    return make


@pytest.fixture
def seen_small(instead_of_weights, monkeypatch):
    """A tiny network, and pictures are seen small: a quarter of the patches, and of the time."""
    usual = patchcore.needs
    monkeypatch.setattr(patchcore, "needs", lambda *given: replace(usual(*given), image_size=128))


@pytest.fixture
def here(workspace, seen_small, pictures):
    """A workspace with the two folders."""
    pictures()
    return workspace


def shown_commands(text: str) -> list[list[str]]:
    return [shlex.split(found) for found in re.findall(r"^\d/\d adtool (.+?): ", text, re.MULTILINE)]


def written(*folders: str) -> dict[Path, int]:
    """When each file of some folders was written."""
    return {path: path.stat().st_mtime_ns for name in folders for path in Path(name).rglob("*") if path.is_file()}


@pytest.mark.slow
def test_two_folders_end_in_a_report(adtool, here):
    before = written("good", "odd")
    ended = adtool(*WORDS)
    assert ended.code == 0, ended.err
    assert Path("report/report.html").exists()
    assert notes.is_done(Path("maps/odd"))
    assert notes.is_done(Path("classes/odd"))
    assert "learn from 12 good pictures in good, test 8 pictures in odd" in ended.err
    assert [words[0] for words in shown_commands(ended.err)] == CHAIN
    assert re.search(r"All of it takes about .*maps .*, discover .*, report ", ended.err)
    assert "With 12 good pictures the limit for OK and NOK is a rough guess" in ended.err
    assert re.search(
        r"The limit rejects \d of 7 parts; of good parts it is expected to reject .+, probably at most .+\.", ended.out
    )
    assert re.search(r"\d+ class(es)? of defects, in ", ended.out)
    assert "report/report.html" in ended.out
    unread = "1 of 8 pictures could not be read: cut off.png"
    assert unread in ended.out
    assert unread in Path("report/report.html").read_text(encoding="utf-8").partition("</header>")[0]
    assert f"odd: {unread}" in adtool("maps").out, "as well where it is done already"
    assert adtool("check", "--data", "odd").code == 3
    checked = adtool("check")
    assert checked.code == 0, "every step leaves it out"
    assert "cut off.png" in checked.out
    assert ended.err.index("report/first/odd/all.png") < ended.err.index("1/4 adtool prep")
    assert written("good", "odd") == before


@pytest.mark.slow
def test_the_first_pictures_come_the_highest_score_first_each_beside_its_map(adtool, here):
    document = json.loads(adtool(*WORDS, "--json").out)
    assert len(document["first"]) == 7
    names = [Path(path).name for path in document["first"]]
    assert [name[:3] for name in names] == [f"{number:02}_" for number in range(1, 8)]
    height, width = arrays.read_image(Path("odd/part 0.png")).shape[:2]
    for path in document["first"]:
        original = arrays.read_image(Path("odd") / Path(path).name[3:])
        both = arrays.read_image(Path(path))
        assert both.shape == (height, 2 * width + 8, 3)
        assert (both[:, :width] == original).all()
        assert (both[:, -width:] != original).any()
    sheet = arrays.read_image(Path("report/first/odd/all.png"))
    assert sheet.shape[0] < sheet.shape[1]
    assert document["report"] == "report/report.html"
    assert (document["images"], sum(row["parts"] for row in document["classes"])) == (7, 7)


@pytest.mark.slow
def test_the_next_run_and_the_commands_it_shows_find_everything_done(adtool, here):
    ended = adtool(*WORDS)
    assert ended.code == 0, ended.err
    commands = shown_commands(ended.err)
    before = written("data", "models", "maps", "classes", "report/first")
    again = adtool(*WORDS)
    assert again.code == 0
    assert again.err.count("already done, skipped") == 4  # the first look, prep, maps, discover
    for words in commands:
        assert adtool(*words).code == 0, words
    assert written("data", "models", "maps", "classes", "report/first") == before


@pytest.mark.slow
def test_what_was_stopped_goes_on(adtool, here, monkeypatch):
    real, calls = discover.run, []

    def stop(*given: object, **named: object) -> Outcome:
        calls.append(given)
        if len(calls) > 1:  # the first is that of the first look
            raise KeyboardInterrupt
        return real(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(discover, "run", stop)
        assert adtool(*WORDS).code == 130
    before = written("data", "maps", "report/first")
    assert before
    assert not Path("classes").exists()
    assert adtool(*WORDS).code == 0
    assert written("data", "maps", "report/first") == before


@pytest.mark.slow
def test_another_number_of_classes_is_refused_then_forced_and_the_maps_stay(adtool, here):
    assert adtool(*WORDS).code == 0
    before = written("data", "models", "maps", "report/first")
    refused = adtool(*WORDS, "--classes", 3)
    assert refused.code == 2
    assert re.search(r"error: classes/odd was made with other .*classes: 'auto' -> '3'.*--force", refused.err)
    assert "--out" not in refused.err
    forced = adtool(*WORDS, "--classes", 3, "--force")
    assert forced.code == 0, forced.err
    assert len(files.read_csv(Path("classes/odd/classes.csv"))) == 3
    assert written("data", "models", "maps", "report/first") == before


@pytest.mark.slow
def test_what_minutes_chose_is_kept_and_another_quality_is_refused(adtool, here, monkeypatch):
    monkeypatch.setattr(patchcore, "QUALITIES", {"fast": patchcore.QUALITIES["fast"]})  # the others take their time
    ended = adtool(*WORDS, "--minutes", 60, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["quality"] == "good"
    before = written("data", "models", "maps", "classes")
    refused = adtool(*WORDS, "--quality", "fast")
    assert refused.code == 2
    assert "grid: 'fine' -> 'coarse'" in refused.err
    assert adtool(*WORDS).code == 0, "as it was begun"
    assert written("data", "models", "maps", "classes") == before


@pytest.mark.slow
def test_new_pictures_are_taken_in_with_force(adtool, here):
    assert adtool(*WORDS).code == 0
    shutil.copy("good/00.png", "odd/new.png")
    refused = adtool(*WORDS)
    assert refused.code == 2
    assert "changed: test images" in refused.err
    assert adtool(*WORDS, "--force").code == 0
    assert {row["id"] for row in files.read_csv(Path("classes/odd/images.csv"))} >= {"test/unknown/new"}


@pytest.mark.slow
def test_without_good_parts_the_pictures_are_compared_with_each_other(adtool, here):
    ended = adtool("run", "--test", "good")
    assert ended.code == 0, ended.err
    assert "Without --normal" in ended.err
    assert notes.read_note(Path("maps/good")).settings.detector == "musc"
    assert "no limit for OK and NOK" in ended.out
    assert "decide --false-alarms" not in ended.out, "there are no good parts to tell it by"
    assert adtool("decide", "--at", "5").code == 0, "what is advised works"
    assert "adtool decide --at SCORE" in ended.out
    assert [words[0] for words in shown_commands(ended.err)] == CHAIN[1:]


@pytest.mark.slow
@pytest.mark.parametrize("good", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_one_or_two_good_parts_give_a_ranking_and_say_so(adtool, workspace, instead_of_weights, pictures, good):
    pictures(good)
    ended = adtool(*WORDS)
    assert ended.code == 0, ended.err
    assert "too few to keep any aside" in ended.err
    assert "no limit for OK and NOK" in ended.out


@pytest.mark.slow
def test_one_picture_to_test_is_enough(adtool, here):
    shutil.rmtree("odd")
    Path("odd").mkdir()
    shutil.copy("good/03.png", "odd")
    ended = adtool(*WORDS)
    assert ended.code == 0, ended.err


@pytest.mark.slow
def test_subfolders_are_kinds_and_give_figures(adtool, here):
    for number, kind in enumerate(("hole", "good", "hole")):
        Path("odd", kind).mkdir(exist_ok=True)
        shutil.move(f"odd/part {number}.png", f"odd/{kind}/")
    ended = adtool(*WORDS)
    assert "taken as kinds, as their names say: good, hole." in ended.err
    assert any(row["metric"] == "image_auroc" for row in files.read_csv(Path("report/metrics.csv")))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("normal", "test", "name"),
    [
        ("pictures/good", "pictures/test", "pictures"),  # data/test would make data/ look like a data set
        ("data/good", "data/odd", "odd_prepared"),  # where the prepared ones would go
        ("train", "test", "workspace"),
    ],
)
def test_a_name_that_is_taken_gives_way(adtool, workspace, seen_small, pictures, normal, test, name):
    pictures(normal=Path(normal), test=Path(test))
    ended = adtool("run", "--normal", normal, "--test", test)
    assert ended.code == 0, ended.err
    assert notes.is_done(Path("maps", name))
    assert adtool("maps").code == 0, "data/ is found again without an option"


@pytest.mark.slow
def test_two_sets_of_pictures_share_a_workspace(adtool, here):
    shutil.copytree("odd", "odder")
    assert adtool(*WORDS).code == 0
    ended = adtool("run", "--normal", "good", "--test", "odder")
    assert ended.code == 0, ended.err
    assert {row["category"] for row in files.read_csv(Path("report/metrics.csv"))} <= {"odder", "mean"}
    assert notes.is_done(Path("maps/odd"))


@pytest.mark.slow
def test_refine_is_one_more_step_where_it_is_asked_for(adtool, here, monkeypatch):
    seen = []
    monkeypatch.setattr(run.refine, "run", lambda config, force: seen.append(config) or Outcome("refine", Path()))
    ended = adtool(*WORDS, "--refine")
    assert [words[0] for words in shown_commands(ended.err)] == ["prep", "maps", "refine", "discover", "report"]
    assert [config.category for config in seen] == [("odd",)]
    assert "comes refine" in ended.err
    alone = adtool("run", "--test", "odd", "--refine")
    assert alone.code == 2
    assert "--refine learns from good parts" in alone.err


@pytest.mark.slow
def test_by_default_maps_are_refined_where_there_is_a_gpu(adtool, here, monkeypatch):
    seen = []
    monkeypatch.setattr(run.refine, "run", lambda config, force: seen.append(config) or Outcome("refine", Path()))
    assert adtool(*WORDS).code == 0
    assert seen == []
    monkeypatch.setattr(run.device, "pick", lambda _: __import__("torch").device("cuda"))
    assert adtool(*WORDS).code == 0
    assert len(seen) == 1
    assert adtool(*WORDS, "--no-refine").code == 0
    assert len(seen) == 1


# Bad input: what is wrong is said at once, and nothing is written


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--normal", "good"], 2, "no pictures are named. Give --test"),
        (["--norml", "good", "--test", "odd"], 2, "No such option"),
        (["--normal", "goood", "--test", "odd"], 3, "--normal goood is not a folder"),
        (["--normal", "good", "--test", "od"], 3, "--test od is not a folder"),
        (["--test", "od"], 3, "--test od is not a folder"),
        (["--normal", "good/00.png", "--test", "odd"], 3, "is not a folder"),
        (["--normal", "empty", "--test", "odd"], 3, "--normal empty holds no images"),
        (["--normal", "good", "--test", "empty"], 3, "--test empty holds no images"),
        (["--normal", "good", "--test", "good"], 2, "are the same folder"),
        (["--normal", "both/good", "--test", "both"], 2, "lie in both"),
        (["--normal", "both", "--test", "both/good"], 2, "lie in both"),
        (["--normal", "good", "--test", "."], 2, "among your pictures"),
        (["--normal", "..", "--test", "odd"], 2, "among your pictures"),
        (["--normal", "good", "--test", "set"], 2, "is a data set already"),
        (["--normal", "good", "--test", "odd", "--classes", "many"], 2, "classes='many'"),
        (["--normal", "damaged", "--test", "odd"], 3, "The only picture of --normal can't be read"),
        (["--normal", "good", "--test", "damaged"], 3, "The only picture of --test can't be read"),
        (
            ["--normal", "good", "--test", "twice"],
            3,
            "2 pairs of images get the same id: twice/00.jpg and twice/00.png",
        ),
        (["--test", "twice"], 3, "2 pairs of images get the same id: twice/00.jpg and twice/00.png"),
    ],
)
def test_bad_input_is_said_and_nothing_is_written(adtool, here, tiny_data, words, code, said):
    Path("empty").mkdir()
    shutil.copytree("good", "both/good")
    tiny_data.make(Path("set"))
    files.write_text(Path("damaged/a.png"), "no picture")
    for name in ("00", "01"):
        for suffix in ("png", "jpg"):
            files.link_or_copy(Path(f"good/{name}.png"), Path(f"twice/{name}.{suffix}"))
    before = written(".")
    ended = adtool("run", *words)
    assert (ended.code, ended.out) == (code, "")
    assert re.sub(r"[\s│]+", "", said) in re.sub(r"[\s│]+", "", ended.err)
    assert written(".") == before


def test_weights_that_are_not_here_are_exit_4_and_nothing_is_written(adtool, workspace, pictures):
    pictures()
    before = written(".")
    ended = adtool(*WORDS, "--backbone", "dinov2_vits14")
    assert ended.code == 4, ended.err
    assert "adtool weights install dinov2_vits14" in ended.err
    assert written(".") == before


@pytest.mark.slow
def test_a_report_of_someone_else_is_not_touched(adtool, here):
    files.write_text(Path("report/thesis.txt"), "mine")
    ended = adtool(*WORDS)
    assert ended.code == 2
    assert "report holds files that adtool did not write" in ended.err
    assert "--out" not in ended.err


def test_what_prep_can_be_asked_for_is_handed_on_and_shown(workspace, pictures, tiny_data):
    pictures()
    Path("odd/line1").mkdir()
    shutil.move("odd/part 0.png", "odd/line1/")
    arrays.write_mask(Path("drawn/part 1.png"), np.eye(*tiny_data.size, dtype=bool))
    asked = {"masks": Path("drawn"), "kinds_from_folders": True, "normal_kinds": ("line1",), "mask_rule": "gt0"}
    asked |= {"mask_orientation": "stored", "pages": "all", "grey": "0:4095"}
    config = RunConfig(normal=Path("good"), test=Path("odd"), **asked)
    stage = run._stages(config, read_pictures(config), DiscoverConfig(), refined=False)[0]
    assert shlex.join(stage.words) == (
        "adtool prep folder --normal good --test odd --masks drawn --kinds-from-folders --normal-kinds line1 "
        "--mask-rule gt0 --mask-orientation stored --pages all --grey 0:4095 --name odd"
    )
    assert stage.run(force=False).rows[0]["masks"] == 1


def test_what_needs_good_parts_is_refused_without_them(adtool, here):
    ended = adtool("run", "--test", "odd", "--pages", "all")
    assert (ended.code, "--pages goes with --normal" in ended.err) == (2, True)
