"""The tables that the page saves are those that adtool reads: the page's own code, run outside of a browser."""

import json
import re
import shutil
import subprocess
from importlib import resources

import pytest

from adtool.report.html import page
from adtool_runtime import cells

TEXTS = (
    "plain",
    "=1+1",
    "-5",
    "-5e3",
    "+x",
    "@a",
    "'=kept",
    "''-a",
    "a,b",
    'say "x"',
    '-x,"y"',
    "",
    " ",
    "-",
    "\ttab",
    "1;2",
)


def test_the_page_escapes_cells_as_our_tables_do():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    code = resources.files("adtool.report.html").joinpath("assets/tables.js").read_text(encoding="utf-8")
    written = "".join(re.findall(r"^const (?:safe|quoted|cell|csv) = .*\n", code, re.MULTILINE))
    script = f"{written}\nprocess.stdout.write(csv({json.dumps(TEXTS)}, [{json.dumps(TEXTS[::-1])}]));"
    saved = subprocess.run([node, "-e", script], capture_output=True, check=True).stdout.decode()
    assert saved == cells.line(TEXTS) + cells.line(TEXTS[::-1])


def test_every_script_is_part_of_the_page_and_none_is_long():
    scripts = {path.name: path for path in resources.files("adtool.report.html").joinpath("assets").iterdir()}
    found = {name.removesuffix(".js"): path for name, path in scripts.items() if name.endswith(".js")}
    assert set(found) == set(page.SCRIPTS)
    assert max(len(path.read_text(encoding="utf-8").splitlines()) for path in found.values()) <= 150
