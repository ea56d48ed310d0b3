"""stdout and stderr that nobody may read, from the start (`>&-`) or later (`| head`): the work goes on all the same."""

import contextlib
import io
import os
import sys
from typing import Any, TextIO

STDIN, STDOUT, STDERR = 0, 1, 2


class _Spare(io.FileIO):
    """A pipe that takes everything once its reader has gone."""

    def write(self, data: Any) -> int:  # noqa: ANN401, any buffer
        """Write, or drop what nobody reads."""
        try:
            return int(super().write(data) or 0)
        except BrokenPipeError:
            return memoryview(data).nbytes


def prepare() -> None:
    """Open what is closed, so that no file of ours takes its place, and let nothing fail at a reader that has gone."""
    for number in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    sys.stdout = _spare(sys.stdout, STDOUT)
    sys.stderr = _spare(sys.stderr, STDERR)


def _spare(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:  # it was closed when Python began
        return open(number, "w", encoding="utf-8", closefd=False)
    if stream.isatty() or not isinstance(stream, io.TextIOWrapper):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Spare(number, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
    )


def finish() -> None:
    """Write what is still held back.

    Raises:
        OSError: it can't be written, for another reason than that nobody reads it.
    """
    sys.stdout.flush()
    with contextlib.suppress(OSError):  # there is nowhere left to say it
        sys.stderr.flush()
