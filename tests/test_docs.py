"""What is written for people leads somewhere: links, files, and the commands of every figure; pictures are current."""

import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {".venv", "node_modules", "data", "demo", "shared"} & set(path.relative_to(ROOT).parts)
)
FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:adtool|tests|examples|\.ci|\.github)/[\w./-]+\.(?:py|sh|md|csv|json|jpg|png|yaml|toml))`")
FIGURE = re.compile(r"(?<![\w.])\d?\.\d{2,3}(?![\w.])|\b\d+ of \d+\b")
MOST_LINES = 270  # of the README: what is longer belongs into the reference, the methods or the record


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def prose(path: Path) -> str:
    """A page without its fenced examples."""
    return FENCED.sub("", path.read_text(encoding="utf-8"))


def anchor(heading: str) -> str:
    """The name that a heading gets on GitHub: small letters, no punctuation, a dash for each space."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@cache
def anchors(path: Path) -> set[str]:
    return {anchor(line.lstrip("#")) for line in prose(path).splitlines() if re.match(r"#{1,6} ", line)}


def dead(path: Path, text: str) -> list[str]:
    """Links of a page that lead nowhere below the repository."""
    found = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, part = target.partition("#")
        to = (path.parent / file).resolve() if file else path
        if not to.exists() or (part and part not in anchors(to)):
            found.append(target)
    return found


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading(path):
    assert dead(path, prose(path)) == []


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "CHANGELOG.md"], ids=name)
def test_every_file_that_is_named_is_there(path):
    missing = [file for file in FILE.findall(prose(path)) if not (ROOT / file).exists()]
    assert missing == []


def test_dead_links_would_be_noticed():
    readme = ROOT / "README.md"
    good = (
        "[a](examples/methods.md) [b](#your-own-pictures) [c](examples/results/README.md#limits) [d](https://e.org/x#y)"
    )
    assert dead(readme, good) == []
    bad = "[a](examples/no.md) [b](#no) ![c](no.png) [d](examples/results/README.md#no)"
    assert dead(readme, bad) == ["examples/no.md", "#no", "no.png", "examples/results/README.md#no"]
    assert anchor(" Qualities: `--quality fast`, `good`") == "qualities---quality-fast-good"
    assert anchor(" Today's maps") == "todays-maps"


def test_the_readme_stays_short_and_its_figures_stand_in_the_record():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= MOST_LINES
    results = readme.partition("## Results\n")[2].partition("\n## ")[0]
    figures = set(FIGURE.findall(results))
    assert figures
    record = set(FIGURE.findall((ROOT / "examples/results/README.md").read_text(encoding="utf-8")))
    assert figures <= record, "take them from examples/results/README.md"


def sections(text: str) -> list[tuple[str, str]]:
    """Headings of a page, each with what stands below it; a part of a section has the section's text before its own."""
    found = []
    above = ""
    for part in re.split(r"^(?=##+ )", text, flags=re.MULTILINE)[1:]:
        heading = part.splitlines()[0]
        if heading.startswith("## "):
            above = part
        found.append((heading, part if heading.startswith("## ") else above + part))
    return found


@pytest.mark.parametrize("page", ["README.md", "tried.md"])
def test_every_table_of_the_record_stands_under_its_command(page):
    text = (ROOT / "examples/results" / page).read_text(encoding="utf-8")
    without = [
        heading
        for heading, below in sections(text)
        if "\n|---" in below
        and not re.search(r"^ {4}\S|^```|outside this repository", below, re.MULTILINE)
        and "`" not in heading
    ]
    assert set(without) <= {"## The sets"}


@pytest.fixture(scope="module")
def architecture():
    """examples/architecture.py as a module."""
    found = importlib.util.spec_from_file_location("architecture", ROOT / "examples" / "architecture.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_picture_of_the_code_is_that_of_its_imports(architecture):
    text = (ROOT / "adtool" / "README.md").read_text(encoding="utf-8")
    assert architecture.renewed(text) == text, "run: python examples/architecture.py"
    way = architecture.way_of_data()
    for arrow in (
        "prep([prep]) --> d_data[(data/)]",
        "d_data[(data/)] --> maps([maps])",
        "maps([maps]) --> d_maps[(maps/ refined/)]",
        "d_maps[(maps/ refined/)] --> discover([discover])",
        "discover([discover]) --> d_classes[(classes/)]",
        "d_classes[(classes/)] --> report([report])",
    ):
        assert f"  {arrow}" in way.splitlines()
    assert "  discover --> nn" in architecture.layers().splitlines()
    assert "discover --> core" not in architecture.layers(), "it follows from discover --> nn --> core"


def test_hooks_before_a_commit_fetch_nothing_and_run_what_make_test_runs():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"repo: (\S+)", text)) == {"local"}
    assert set(re.findall(r"language: (\S+)", text)) == {"system"}
    programs = set(re.findall(r"entry: \.venv/bin/(\w+)", text))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert programs == {"ruff", "mypy", "pytest"}
    assert all(f"$(VENV)/bin/{program}" in makefile for program in programs)
    assert all((ROOT / path).exists() for path in re.findall(r"tests/\S+\.py", text))


def test_the_changes_begin_with_the_next_version_or_this_one():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)[1]
    first = next(line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line[:3] == "## ")
    assert first == "## Unreleased" or first.split()[1] == version


def test_the_form_for_bugs_asks_for_the_machine_and_the_log():
    form = (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.md").read_text(encoding="utf-8")
    assert "adtool doctor" in form
    assert "log" in form.lower()
    assert "--verbose" in form
