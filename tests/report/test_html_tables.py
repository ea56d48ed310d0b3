"""The tables that the page saves are those that adtool reads: the page's own code, run outside of a browser."""

import json
import re
import shutil
import subprocess
from importlib import resources

import pytest

from adtool.core import cells

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
    page = resources.files("adtool.report.html").joinpath("assets/page.js").read_text(encoding="utf-8")
    written = "".join(re.findall(r"^  const (?:safe|quoted|cell|csv) = .*\n", page, re.MULTILINE))
    script = f"{written}\nprocess.stdout.write(csv({json.dumps(TEXTS)}, [{json.dumps(TEXTS[::-1])}]));"
    saved = subprocess.run([node, "-e", script], capture_output=True, check=True).stdout.decode()
    assert saved == cells.line(TEXTS) + cells.line(TEXTS[::-1])
