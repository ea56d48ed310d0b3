"""Pictures of the report's page and of its atlas: `page_pictures.py WORKSPACE FOLDER`.

The workspace holds report/report.html (`adtool report --html`). Needs playwright and a browser (chromium). The pictures
beside this file are of the generated data set, as `adtool demo` makes it.
"""

import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright import sync_api as playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 900, 760  # of what is shown of each part of the page, in pixels
COLOURS = 128
PARTS = {"page.png": "#decision", "atlas.png": '#atlas article.class[data-class="c2"]'}


def photograph(page: playwright.Page, part: str, out: Path) -> None:
    """The page from the beginning of a part on, as a small PNG."""
    page.locator(part).first.evaluate("one => one.scrollIntoView()")  # what is never looked at is not drawn
    page.wait_for_function("[...document.images].every(one => one.complete)")
    page.screenshot(path=out)
    with Image.open(out) as taken:
        small = taken.convert("RGB").quantize(COLOURS)
    small.save(out, optimize=True)


def main(workspace: Path, folder: Path) -> None:
    """Open the page and photograph its parts."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("There is no browser here (chromium).")
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # whom chromium gives no sandbox
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox"] if root else [])
        page = opened.new_page(viewport={"width": WIDTH, "height": HEIGHT}, offline=True)
        page.goto((workspace / "report" / "report.html").resolve().as_uri())
        page.wait_for_load_state("load")
        for name, part in PARTS.items():
            photograph(page, part, folder / name)
        opened.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
