"""Progress of long work: steps say how far they are, the command line decides how to show it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Bar(Protocol):
    """Shows one piece of work."""

    def advance(self, count: int) -> None:
        """`count` more items are done."""

    def close(self) -> None:
        """The work ended, finished or not."""


class Show(Protocol):
    """Opens bars; the command line has one for terminals and one for logs."""

    def __call__(self, label: str, total: int | None) -> Bar:
        """Begin to show work of `total` items."""


class _Silent:
    def advance(self, count: int) -> None:
        pass

    def close(self) -> None:
        pass


def _silent(label: str, total: int | None) -> Bar:
    return _Silent()


_show: ContextVar[Show] = ContextVar("adtool_progress", default=_silent)


@contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Within this context, progress goes to `show`."""
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


@contextmanager
def bar(label: str, total: int | None) -> Iterator[Bar]:
    """A bar for work that is not a plain loop."""
    opened = _show.get()(label, total)
    try:
        yield opened
    finally:
        opened.close()


def track(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items and count them."""
    size = total if total is not None else len(items) if hasattr(items, "__len__") else None  # type: ignore[arg-type]
    with bar(label, size) as opened:
        for item in items:
            yield item
            opened.advance(1)
