"""How far long work is: a bar on a terminal, a line every few seconds elsewhere."""

import logging
import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

LINE_EVERY_S = 5.0
FEWEST, SOONEST_S = 3, 2.0  # items and seconds after the first item, below which an estimate means nothing

log = logging.getLogger("adtool")


class Clock:
    """Reckons the time that is left; the first item does not count, as it waits for what is set up once."""

    def __init__(self, total: int | None) -> None:
        self.total, self.count = total, 0
        self._first_count = 0
        self._first: float | None = None

    def advance(self, count: int) -> None:
        """So many more items are done."""
        self.count += count
        if self._first is None:
            self._first, self._first_count = time.monotonic(), self.count

    @property
    def rate(self) -> float | None:
        """Items a second, None as long as that means nothing."""
        if self._first is None:
            return None
        seconds, done = time.monotonic() - self._first, self.count - self._first_count
        return done / seconds if done >= FEWEST and seconds >= SOONEST_S else None

    @property
    def left_s(self) -> float | None:
        """Seconds to go, None where they can't be told."""
        rate = self.rate
        return (self.total - self.count) / rate if rate and self.total is not None else None


class _Left(ProgressColumn):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def render(self, task: Task) -> Text:
        left = self.clock.left_s
        return Text("-:--:--" if left is None else str(timedelta(seconds=max(0, round(left)))), style="cyan")


class TerminalBar:
    """A bar that is gone when the work is done."""

    def __init__(self, console: Console, label: str, total: int | None) -> None:
        self.clock = Clock(total)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), _Left(self.clock))
        self.bars = Progress(*columns, console=console, transient=True)
        self.task = self.bars.add_task(label, total=total)
        self.bars.start()

    def advance(self, count: int) -> None:
        """So many more items are done."""
        self.clock.advance(count)
        self.bars.advance(self.task, count)

    def close(self) -> None:
        """The work ended."""
        self.bars.stop()


class LogBar:
    """A line every few seconds, for pipes and batch jobs."""

    def __init__(self, label: str, total: int | None) -> None:
        self.label, self.clock = label, Clock(total)
        self.last = time.monotonic()

    def advance(self, count: int) -> None:
        """So many more items are done."""
        self.clock.advance(count)
        now = time.monotonic()
        if now - self.last >= LINE_EVERY_S:
            self.last = now
            rate, left = self.clock.rate, self.clock.left_s
            speed = f", {rate:.1f}/s" if rate else ""
            to_go = f", {left:.0f} s left" if left is not None else ""
            log.info("%s: %d/%s%s%s", self.label, self.clock.count, self.clock.total or "?", speed, to_go)

    def close(self) -> None:
        """The work ended."""
