"""One of several processes that torchrun started: the first runs the command, the others take part in its trainings."""

from collections.abc import Callable

from adtool.core.torchrun import is_asked_for as is_asked_for


def run(command: Callable[[], int]) -> int:
    """Run the command, or take part in what it trains; the exit code."""
    from adtool.nn import processes  # pulls in torch

    if processes.rank():
        processes.leave(processes.serve())
    code = command()
    if processes.count() > 1 and not code:  # torchrun ends the others of one that failed
        processes.end()
    return code
