"""The page in a real browser; skipped where there is none (`apt-get install chromium`, `pip install playwright`)."""

import csv
import io
import os
import shutil
from pathlib import Path

import pytest

from adtool.core import files
from adtool.report import step
from adtool.report.config import ReportConfig

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT_MS = 10_000


@pytest.fixture(scope="module")
def browser():
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no browser: apt-get install chromium")
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def made(finished, tmp_path_factory):
    """A workspace with the page."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        finished.make()
        step.run(ReportConfig(html=True))
    return folder


@pytest.fixture
def opened(browser, made):
    """The page from disk without network; whatever the browser complains about fails the test."""
    context = browser.new_context(offline=True, viewport={"width": 1300, "height": 900})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url[:60]))
    page.goto((made / "report/report.html").as_uri())
    yield page
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()


def _saved(page, button: str) -> tuple[str, list[dict[str, str]]]:
    with page.expect_download() as started:
        page.get_by_role("button", name=button).click()
    text = Path(started.value.path()).read_text(encoding="utf-8")
    return started.value.suggested_filename, list(csv.DictReader(io.StringIO(text, newline="")))


def _class(page, name: str):
    return page.locator(f'article.class[data-class="{name}"]')


@pytest.mark.slow
def test_it_opens_with_all_pictures_that_are_looked_at(opened):
    picture = opened.locator("#doubtful img").first
    opened.wait_for_function("document.querySelector('#doubtful img').naturalWidth > 0")
    assert picture.evaluate("one => one.src").startswith("data:image/webp;base64,")
    assert opened.locator("#bar").is_hidden()
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_awkward_name_is_shown_as_it_is(opened, finished):
    first = opened.locator("#doubtful .card .facts .id").first
    assert first.text_content() == f"good/{finished.awkward}.png"


def test_the_slider_is_moved_by_keys_and_shows_the_command_for_its_limit(opened, finished):
    box = opened.locator(".slider")
    assert box.locator(".at").text_content() == f"{finished.limit!r} (in force)"
    assert box.locator(".said").text_content() in opened.locator(".headline").text_content()
    assert box.locator(".back").is_disabled()
    box.locator("input").focus()
    opened.keyboard.press("ArrowRight")
    limit = box.locator(".at").text_content()
    assert float(limit) > finished.limit
    assert "rejects 0 of 3 good parts" in box.locator(".said").text_content()
    assert box.locator(".command").text_content() == f"adtool decide maps --at {limit} --category part"
    assert box.locator("input").get_attribute("aria-valuetext") == limit
    box.locator(".copy").click()
    opened.wait_for_function("document.querySelector('.slider .copied').textContent")
    box.locator(".back").click()
    assert box.locator(".at").text_content().endswith("(in force)")


def test_without_a_script_there_is_no_dead_slider_but_a_table(browser, made):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((made / "report/report.html").as_uri())
    assert page.locator(".slider").is_hidden()
    assert page.get_by_text("--at 5.0").is_visible()
    context.close()


def test_classes_are_renamed_merged_and_rejected_into_the_review_file(opened, finished):
    name = 'Loch, "tief" <b>'
    _class(opened, "c1").locator("input.name").fill(name)
    _class(opened, "c2").locator("select").select_option(label=f"Merge into c1, {name}")
    _class(opened, "c3").locator("select").select_option(label="Reject: not a class")
    assert "will count as c1" in _class(opened, "c2").locator(".fate-note").text_content()
    assert opened.locator("#state").text_content() == "3 classes changed"
    file, rows = _saved(opened, "Save classes.csv")
    assert file == "classes.csv"
    assert [tuple(row.values()) for row in rows] == [
        ("normal", "", "2", "", "", "", ""),
        ("c1", name, "3", f"test/good/{finished.awkward}", "", "", ""),
        ("c2", "", "1", "", "merge", "c1", ""),
        ("c3", "", "1", "", "reject", "", ""),
    ]
    assert tuple(rows[0]) == ("class", "name", "images", "example_id", "action", "into", "description")


def test_a_class_that_others_were_merged_into_takes_them_along(opened):
    _class(opened, "c2").locator("select").select_option("merge c1")
    _class(opened, "c1").locator("select").select_option("merge c3")
    _, rows = _saved(opened, "Save classes.csv")
    assert [(row["class"], row["action"], row["into"]) for row in rows[1:]] == [
        ("c1", "merge", "c3"),
        ("c2", "merge", "c3"),
        ("c3", "", ""),
    ]
    choices = _class(opened, "c3").locator("option").all_text_contents()
    assert choices == ["Keep as a class", "Merge into normal", "Reject: not a class"]


def test_each_category_has_a_review_file_of_its_own(opened, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finished.make("bolt", "nut")
    step.run(ReportConfig(html=True))
    opened.goto((tmp_path / "report/report.html").as_uri())
    opened.locator('article.class[data-atlas="classes/nut"][data-class="c1"] input.name').fill("hole")
    file, rows = _saved(opened, "Save classes.csv of classes/nut")
    assert (file, [row["name"] for row in rows]) == ("nut_classes.csv", ["", "hole", "", ""])


def test_answers_are_saved_and_read_by_the_next_report(opened, finished, made, monkeypatch):
    awkward = opened.locator("#doubtful .card").first
    awkward.get_by_role("button", name="Good part").click()
    second = opened.locator("#doubtful .card").nth(1)
    second.get_by_role("button", name="Good part").click()
    second.get_by_role("button", name="Defect").click()
    third = opened.locator("#doubtful .card").nth(2).get_by_role("button", name="Defect")
    third.click()
    third.click()  # taken back
    other = second.locator(".facts .id").get_attribute("title")
    file, rows = _saved(opened, "Save answers.csv")
    assert file == "answers.csv"
    expected = [(f"test/good/{finished.awkward}", "OK"), (other, "NOK")]
    assert [(row["id"], row["answer"]) for row in rows] == expected
    assert {row["category"] for row in rows} == {"part"}
    monkeypatch.chdir(made)
    files.write_csv(Path("answers.csv"), tuple(rows[0]), rows)
    notes = step.run(ReportConfig(out=Path("next"), answers=Path("answers.csv"))).notes
    assert any("2 answers: 1 good, 1 with a defect." in note for note in notes)


def test_an_image_shown_twice_has_one_answer(opened, finished):
    opened.locator("#doubtful .card").first.get_by_role("button", name="Good part").click()
    pressed = opened.locator('button[aria-pressed="true"]')
    assert pressed.count() == 2  # among the doubtful and among the false alarms
    opened.get_by_role("button", name="Undo all").click()
    assert pressed.count() == 0


def test_work_is_still_there_when_the_page_is_opened_again(opened):
    _class(opened, "c1").locator("input.name").fill("hole")
    opened.locator("#doubtful .card").first.get_by_role("button", name="Defect").click()
    opened.reload()
    assert _class(opened, "c1").locator("input.name").input_value() == "hole"
    assert opened.locator("#state").text_content() == "1 answer, 1 class changed"
    assert opened.locator('th [data-name="c1"]').text_content() == "hole"


def test_it_can_be_used_with_the_keyboard_alone(opened):
    opened.locator("#doubtful button.pictures").first.focus()
    opened.keyboard.press("Enter")
    assert opened.locator("#large").is_visible()
    opened.keyboard.press("Escape")
    assert opened.locator("#large").is_hidden()
    opened.keyboard.press("Tab")
    opened.keyboard.press("Space")
    assert opened.locator("#state").text_content() == "1 answer"


def test_parts_are_found_by_name_and_by_decision(opened):
    opened.locator("#find").fill("HOLE 00")
    assert opened.locator(".tile:visible").count() == 2
    opened.locator("#show").select_option("wrong")
    assert opened.locator(".tile:visible .id").all_text_contents() == ["hole/001.png"]
    assert opened.locator("#found").text_content() == "1 of 7 parts"


def test_the_printed_page_has_its_pictures(opened):
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.evaluate("[...document.querySelectorAll('main img')].every(i => i.src || i.closest('#everything'))")


def test_one_click_merges_the_two_that_may_be_one_and_splits_the_one_that_may_be_two(opened):
    doubts = opened.locator(".doubts")
    assert doubts.locator("h4").all_text_contents() == ["These two may be one: c2 and c3", "This one may be two: c1"]
    merge, split = (opened.get_by_role("button", name=name) for name in ("Merge c3 into c2", "Split c1"))
    merge.click()
    split.click()
    assert merge.get_attribute("aria-pressed") == "true"
    assert "Its second half will be a class" in _class(opened, "c1").locator(".fate-note").text_content()
    _, rows = _saved(opened, "Save classes.csv")
    assert [(row["class"], row["action"], row["into"]) for row in rows[1:]] == [
        ("c1", "split", ""),
        ("c2", "", ""),
        ("c3", "merge", "c2"),
    ]
    split.click()  # once more takes it back
    assert _class(opened, "c1").locator("select").input_value() == ""
    doubts.locator("button.pictures").first.click()
    assert opened.locator("#move").is_hidden()  # parts are moved in the cards of their classes


def test_one_part_is_moved_from_its_enlarged_picture_into_the_review_file(opened):
    part = _class(opened, "c1").locator("li", has_text="hole/000.png")
    part.locator("button").click()
    assert opened.locator("#large .id").text_content().startswith("hole/000.png, confidence")
    opened.locator("#move select").select_option("c2")
    opened.keyboard.press("Escape")
    assert opened.locator("#state").text_content() == "1 part moved"
    _, rows = _saved(opened, "Save classes.csv")
    assert tuple(rows[-1].values()) == ("c1", "", "1", "test/hole/000", "move", "c2", "")
    assert "adtool discover --review classes.csv" in opened.locator("#saved").text_content()


def test_a_search_without_success_says_so(opened):
    opened.locator("#find").fill("nothing like it")
    assert opened.locator("#found").text_content().startswith("No part fits")


def test_the_navigation_fits_a_phone(opened):
    opened.set_viewport_size({"width": 390, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.evaluate("[...document.querySelectorAll('nav a')].every(a => a.getBoundingClientRect().right <= 390)")


def test_a_part_that_limit_and_class_disagree_on_is_explained(opened):
    card = opened.locator("#doubtful .card", has=opened.locator('[title="test/hole/001"]'))
    assert "OK by its score, yet in the class c1" in card.locator(".why").text_content()
