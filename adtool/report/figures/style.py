"""How figures look, and how they are written: the same bytes for the same data, whatever matplotlib is set to here."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adtool.core import files
from adtool.core.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN_INCHES = 3.3  # width of a column of a paper
# Okabe and Ito: told apart with any colour vision; and by their dashes in black and white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", ":", "-.")
LINE_WIDTH = 1.4
STYLE = {
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": LINE_WIDTH,
    "legend.frameon": False,
    "legend.fontsize": 7.0,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "adtool",  # names within an SVG are random otherwise
}
DPI = 300
# Without the date and the versions that are written otherwise.
METADATA: dict[str, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


def require() -> None:
    """Refuse to draw without what draws.

    Raises:
        UsageError: it is not installed.
    """
    if find_spec("matplotlib") is None:
        raise UsageError(
            "--figures takes the package matplotlib: pip install 'adtool[figures]', or pip install matplotlib. The "
            "page of --html has the same curves without it."
        )


@contextmanager
def in_style() -> Iterator[None]:
    """Whatever is drawn within looks like this, and not like the settings of whoever draws it."""
    from matplotlib import style

    with style.context(["default", STYLE]):
        yield


def figure(width: float, height: float) -> "Figure":
    """An empty figure of a size in inches, of no window system."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def write(drawn: "Figure", path: Path) -> list[Path]:
    """Write a figure as PNG and as SVG; `path` is without a suffix."""
    written = []
    for kind, metadata in METADATA.items():
        buffer = io.BytesIO()
        drawn.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
        written.append(path.with_name(f"{path.name}.{kind}"))
        files.write_bytes(written[-1], buffer.getvalue())
    return written


def line_of(number: int) -> dict[str, Any]:
    """Colour and dashes of a line by its number."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number % len(DASHES)]}
