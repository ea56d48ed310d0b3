import json
import re
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest

from adtool.core import files
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.limits import evidence, limit_file
from adtool.core.limits.choose import Asked, choose
from adtool.core.limits.evidence import Evidence, NormalScore, PaintedScore
from adtool.core.limits.limit_file import Limit, MadeFrom
from adtool.decide import step as decide
from adtool.decide.config import DecideConfig
from adtool.report import step
from adtool.report.config import ReportConfig
from adtool.report.html import album, markup, members
from adtool.report.html.markup import Html, tag


class _Reader(HTMLParser):
    """Elements with their attributes, and all text outside of style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.raw: dict[str, str] = {}
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        self._inside = dict(attributes).get("id") or name if name in ("script", "style") else ""

    def handle_endtag(self, name):
        self._inside = ""

    def handle_data(self, text):
        if self._inside:
            self.raw[self._inside] = text
        elif text.strip():
            self.texts.append(text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(autouse=True)
def _in_a_workspace(workspace):
    """Every test has a folder of its own."""


def _report(**settings: object) -> _Reader:
    step.run(ReportConfig(html=True, **settings))
    return _Reader(Path("report/report.html").read_text(encoding="utf-8"))


def test_the_page_begins_with_the_decision_in_parts(finished):
    finished.make()
    said = _report().text
    decision = re.search(
        r"The limit rejects 1 of 3 good parts \(expected .+, probably at most .+\) and finds 3 of 4 defective ones\.",
        said,
    ).group()
    main = said[said.index("Notes") :]  # the last word of the navigation
    assert main.startswith("Notes Pictures, answers")  # what is said without JavaScript
    assert main.index(decision) < main.index("The 7 most doubtful parts") < main.index(" Results ")
    assert "by the scores of 5 normal images, each judged by a model that did not learn from it." in said
    assert "Of the 5 good parts to learn from it would reject 1, each" in said


def test_the_held_out_part_that_would_be_rejected_is_shown_only_if_its_model_is_still_there(finished):
    finished.make()
    shown = "each judged by a model that did not learn from it: train/good/004"
    assert shown in _report().text
    table = Path("models/any/part/normals.csv")
    whole = table.read_text()
    table.write_text(whole.replace(",6", ",6.5"))
    assert shown not in _report().text
    of_all = Path("models/any/_all/normals.csv")  # a stale model of the part alone does not hide the one of all
    of_all.parent.mkdir()
    of_all.write_text(whole.replace("train/", "part/train/"))
    assert shown in _report().text


def _choose(finished, limit: Limit) -> None:
    """A finished workspace with a limit and what it was made from; the last normal image is odd."""
    finished.make()
    normals = [
        NormalScore(f"train/good/{i:03}", score, str(i)) for i, score in enumerate([1.0, 1.5, 2.0, 2.5, 6.0, 99.0])
    ]
    painted = [PaintedScore(f"train/good/{i:03}", "dent", 0.001, 3.0 + i) for i in range(4)]
    evidence.write(Path("maps/part"), Evidence(normals, painted, evidence.CROSS_FITTED))
    limit_file.write(Path("maps/part"), limit)


def test_good_parts_that_look_odd_are_named_with_a_picture(finished):
    made_from = MadeFrom(normals=6, outliers=["train/good/005"])
    _choose(finished, Limit(value=finished.limit, made_from=made_from))
    said = _report().text
    assert "1 of your 6 good parts looks odd: train/good/005. It does not set the limit" in said
    assert "if something is wrong there. train/good/005.png" in said  # the name below the picture
    assert "it would reject 1, each judged by a model that did not learn from it: train/good/004.png" in said


def test_every_working_point_counts_what_its_option_would_decide(finished):
    _choose(finished, Limit(value=finished.limit))
    page = _report()
    assert "--at 5.0 (in force) 5.0 " in page.text
    assert re.search(r"--at 5\.0 \(in force\) 5\.0 .{5,60} 25 % 4 of 7 1 of 3 3 of 4", page.text)
    typed = re.findall(r"--(false-alarms|found) ([0-9.]+) ([0-9.]+) .*? \d+ % (\d) of 7", page.text)
    assert typed
    for option, number, limit, rejected in typed:
        asked = Asked(**{option.replace("-", "_"): float(number)})
        assert choose(evidence.read(Path("maps/part")), asked).value == float(limit)
        assert sum(score > float(limit) for score in finished.scores.values()) == int(rejected)


def _stops(page: str) -> dict[str, object]:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page).group(1))


def test_the_slider_begins_at_the_limit_and_its_commands_decide_what_it_says(finished):
    _choose(finished, Limit(value=finished.limit))
    _report()
    stops = _stops(Path("report/report.html").read_text(encoding="utf-8"))
    assert stops["at"][stops["now"]] == "5.0"
    assert stops["command"] == ["adtool decide maps --at ", " --category part"]
    assert stops["says"][0].startswith("The limit rejects 3 of 3 good parts")
    assert stops["says"][-1].startswith("The limit rejects 0 of 3 good parts")
    assert step.run(ReportConfig()).headline in stops["says"][stops["now"]]
    for at, said in list(zip(stops["at"], stops["says"], strict=True))[::3]:
        decide.run(DecideConfig(at=float(at), maps=Path("maps"), category=("part",)))
        headline = step.run(ReportConfig(folders=(Path("maps"),))).headline
        assert said.startswith(headline)


def test_maps_of_others_that_decide_can_not_decide_on_have_no_slider(finished):
    finished.make()
    for note in Path("maps").rglob("_step.json"):
        note.unlink()
    page = _report(folders=(Path("maps"),))
    assert "No limit is in force" in page.text
    assert "adtool decide maps" not in page.text + "".join(page.raw.values())


def test_without_a_limit_the_slider_begins_where_nothing_is_rejected(finished):
    finished.make(limit=None)
    page = _report()
    stops = _stops(Path("report/report.html").read_text(encoding="utf-8"))
    assert "No decision was made." in page.text
    assert (stops["now"], stops["in_force"]) == (len(stops["at"]) - 1, False)


def test_the_most_doubtful_part_stands_first(finished):
    finished.make()
    page = _report()
    first = next(attributes for name, attributes in page.elements if name == "fieldset")
    document = json.loads(page.raw["document"])
    assert document["images"][int(first["data-n"])] == ["part", f"test/good/{finished.awkward}"]


def test_nothing_on_the_page_points_outside_of_it(finished):
    finished.make()
    page = _report()
    for name, attributes in page.elements:
        for key in ("src", "href", "srcset", "action"):
            assert (attributes.get(key) or "#").startswith(("#", "data:")), (name, attributes)
    assert "url(" not in page.raw["style"]
    assert "http" not in page.raw["script"] + page.raw["style"]


def test_awkward_names_are_text_and_never_markup(finished):
    finished.make()
    page = _report()
    assert finished.awkward in page.text
    assert not [
        attributes for _, attributes in page.elements if "onerror" in attributes or attributes.get("src") == "x"
    ]
    titles = [attributes["title"] for name, attributes in page.elements if name == "li" and "title" in attributes]
    assert any(title.startswith(f"good/{finished.awkward}.png") for title in titles)


def test_every_picture_that_is_asked_for_is_there_once(finished):
    finished.make()
    page = _report()
    pictures = json.loads(page.raw["pictures"])
    asked = {int(attributes["data-p"]) for _, attributes in page.elements if "data-p" in attributes}
    assert asked == set(range(len(pictures)))
    assert all(pictures)
    # Seven images with a map each, four with a mask, one held out, five crops.
    assert len(pictures) == 7 + 7 + 4 + 1 + 5


def test_without_labels_the_page_says_why_there_are_no_curves(finished):
    finished.make(flat=True, limit=None)
    said = _report().text
    assert "No decision was made." in said
    assert "The 7 most conspicuous parts" in said
    assert "There are no figures of merit: no labels (the kind of every image is unknown)." in said
    assert "No image curves: no images are labelled as good or defective." in said
    assert "No pixel curves: no pixels are labelled as good or defective." in said


def test_without_labels_but_with_a_limit_the_rejected_are_counted(finished):
    finished.make(flat=True)
    assert "The limit rejects 1 of 7 parts; of good parts it is expected to reject" in _report().text  # scores 0 .. 6


def test_classes_alone_make_a_page(finished):
    finished.make()
    said = _report(folders=(Path("classes"),)).text
    assert "There are no maps in this report" in said
    assert "Kinds and classes" in said


def test_the_confusion_table_counts_kinds_by_class(finished):
    finished.make()
    said = _report().text
    assert "labelled kind normal c1 c2 c3 all good 2 1 · · 3 hole · 2 · · 2 scratch · · 1 1 2" in said


def test_the_number_of_classes_is_a_range_with_what_is_most_likely(finished):
    finished.make()
    said = _report().text
    # 3 kinds and the normal class; a number that no draw in twenty chose is left out.
    assert "3 to 5 classes, most likely 4, the normal one counted (3: 20%, 4: 70%, 5: 10%)." in said
    assert "These two may be one: c2 and c3" in said
    assert "First half, 2 parts" in said
    assert "Second half, 1 part" in said


def test_classes_of_an_earlier_version_have_no_doubts(finished):
    finished.make()
    (Path("classes") / "part" / "model.json").unlink()
    said = _report().text
    assert "may be one" not in said
    assert "most likely" not in said


def test_several_categories_are_summed_and_listed(finished):
    finished.make("bolt", "nut")
    page = _report()
    assert "The limits of 2 categories reject 2 of 6 good parts" in page.text
    assert "and find 6 of 8 defective ones." in page.text
    assert "bolt 7 4 1 of 3 3 of 4 nut 7 4 1 of 3 3 of 4" in page.text
    document = json.loads(page.raw["document"])
    assert list(document["atlases"]) == ["classes/bolt", "classes/nut"]
    assert {category for category, _ in document["images"]} == {"bolt", "nut"}


def test_answers_are_picked_up_and_compared(finished):
    finished.make()
    _report()
    rows = [
        ("part", "test/good/000", "OK"),  # the limit and the label agree
        ("part", f"test/good/{finished.awkward}", "OK"),  # the limit rejects it
        ("part", "test/hole/001", "Defect"),  # in words; the limit lets it pass
        ("part", "test/gone", "OK"),
    ]
    table = [dict(zip(("category", "id", "answer"), row, strict=True)) for row in rows]
    files.write_csv(Path("report/answers.csv"), ("category", "id", "answer"), table)
    page = _report()
    assert "3 answers: 2 good, 1 with a defect. The limit agrees with 1 of 3" in page.text
    assert "it takes 1 of your defects for good parts and 1 of your good parts for defects." in page.text
    assert "The label agrees with 3 of 3" in page.text
    assert "1 answers are about images that are not in this report." in page.text
    assert json.loads(page.raw["document"])["answers"][1] == ["part", f"test/good/{finished.awkward}", "OK"]
    assert any("3 answers" in note for note in step.run(ReportConfig()).notes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("category,answer\npart,OK\n", "lacks columns"),
        ("category,id,answer\npart,a,maybe\n", "line 2: the answer 'maybe'"),
    ],
)
def test_answers_that_can_not_be_understood_are_refused(finished, text, says):
    finished.make()
    Path("mine.csv").write_text(text)
    with pytest.raises(BadDataError, match=says):
        step.run(ReportConfig(answers=Path("mine.csv")))


def test_answers_written_by_hand_for_decide_are_read_as_well(finished):
    finished.make()
    step.run(ReportConfig())
    Path("report/answers.csv").write_text("id,answer\ntest/good/000,good\ntest/hole/001,Defect\n")
    decide.run(DecideConfig(maps=Path("maps"), answers=Path("report/answers.csv")))
    page = _report()
    assert "2 answers: 1 good, 1 with a defect." in page.text
    assert "2 parts that people answered for or added are not counted." in page.text
    assert json.loads(page.raw["document"])["answers"][1] == ["part", "test/hole/001", "NOK"]
    assert re.search(r"The limit rejects \d of 2 good parts .* and finds \d of 3 defective ones", page.text)


def test_answers_that_are_named_must_be_there(finished):
    finished.make()
    with pytest.raises(MissingInputError, match="No answers at"):
        step.run(ReportConfig(answers=Path("mine.csv")))


def test_two_sources_share_the_curves_and_each_has_its_map(finished):
    finished.make()
    Path("refined").mkdir()
    for path in Path("maps").rglob("*"):
        if path.is_file():
            files.link_or_copy(path, Path("refined") / path.relative_to("maps"))
    page = _report()
    said = page.text
    assert "map in maps/" in said
    assert "map in refined/" in said
    assert "It stands in refined/." in said
    lines = [attributes["class"] for name, attributes in page.elements if name == "path" and "class" in attributes]
    assert {"line s0", "line s1"} <= set(lines)


def test_an_image_that_can_not_be_read_any_more_costs_its_picture_only(finished, caplog, monkeypatch):
    finished.make()
    _report()
    pictures = len(json.loads(_report().raw["pictures"]))
    monkeypatch.setattr(album.pictures, "shrink", lambda *_: (_ for _ in ()).throw(BadDataError("gone")))
    found = json.loads(_report().raw["pictures"])
    assert found == [""] * pictures
    assert "No picture in report.html: gone" in caplog.text


def test_pictures_become_coarser_until_the_page_is_light(finished, monkeypatch):
    finished.make()
    fine = sum(map(len, json.loads(_report().raw["pictures"])))
    monkeypatch.setattr(album, "BUDGET_BYTES", 0.8 * fine)
    assert 0 < sum(map(len, json.loads(_report().raw["pictures"]))) <= 0.8 * fine


def test_the_same_folders_give_the_same_page(finished):
    finished.make()
    _report()
    first = Path("report/report.html").read_bytes()
    _report()
    assert Path("report/report.html").read_bytes() == first


def test_a_crop_that_leads_elsewhere_is_not_embedded(finished):
    finished.make()
    folder = next(Path("classes").glob("*/crops.csv")).parent
    crop = Path(files.read_csv(folder / "crops.csv")[0]["file"])
    outside = Path("..", "secret.png").resolve()
    (folder / crop).rename(outside)
    (folder / crop).symlink_to(outside)
    with pytest.raises(BadDataError, match="leads out of"):
        _report()


def test_without_html_no_page_is_written(finished):
    finished.make()
    step.run(ReportConfig())
    assert not Path("report/report.html").exists()


def test_markup_escapes_all_but_markup():
    made = tag("p", '<b>"', Html("<i>x</i>"), None, title='"<&', data_x=1, hidden=True, open=False, lang=None)
    assert made == '<p title="&quot;&lt;&amp;" data-x="1" hidden>&lt;b&gt;"<i>x</i></p>'


def test_json_in_a_script_can_not_end_the_script():
    text = markup.script_json({"a": "</script><!--"})
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><!--"}


def test_the_template_has_a_place_for_everything():
    found = resources.files("adtool.report.html") / "assets" / "page.html"
    places = set(re.findall(r"\$(\w+)", found.read_text(encoding="utf-8")))
    assert places == {"title", "subtitle", "style", "navigation", "main", "document", "pictures", "script"}


def test_the_atlas_shows_the_crop_of_each_part_that_is_oddest_in_the_order_of_the_parts():
    rows = [("a", "0", "0.3"), ("b", "0", "0.2"), ("a", "1", "0.5"), ("a", "2", "0.5"), ("b", "1", ""), ("c", "0", "")]
    crops = [dict(zip(("id", "crop", "score"), row, strict=True)) for row in rows]
    shown = [(row["id"], row["crop"]) for row in members.one_an_image(crops)]
    assert shown == [("a", "1"), ("b", "0"), ("c", "0")]
