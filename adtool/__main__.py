"""Entry point: `adtool` and `python -m adtool`."""

import importlib.util
import os
import sys
import traceback

from adtool.cli import streams, together
from adtool.core import faults
from adtool.core.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_TERMINATED, TerminatedError

LEAST_BYTES, ONE_THREAD_BYTES = 384 << 20, 2 << 30  # of address space


def main() -> None:
    """Run the command line."""
    streams.prepare()
    sys.exit(_run())


def _is_too_small() -> bool:
    """Whether this process may take too little memory to begin with.

    Below some 2 GB no network can be loaded; and numpy's own library ends a process that it can't start its threads in
    with the exit code 1, which is ours for a gate that was not met.
    """
    if importlib.util.find_spec("resource") is None:  # Windows
        return False
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or limit > ONE_THREAD_BYTES:
        return False
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return limit < LEAST_BYTES


def _run() -> int:
    """The exit code, also where the command line itself can't be loaded or shown."""
    try:
        from adtool.cli.app import run

        if _is_too_small():
            raise MemoryError
        code = together.run(run) if together.is_asked_for() else run()
        streams.finish()
    except KeyboardInterrupt:  # while the command line itself is still being imported
        return EXIT_INTERRUPTED
    except TerminatedError:  # while the command said how it ended; never Python's own 1
        return EXIT_TERMINATED
    except Exception as error:  # noqa: BLE001, the last place where one can be said
        known = faults.of_machine(error)
        if known is None:
            traceback.print_exc()
            return EXIT_BUG  # never Python's own 1, which says that a gate was not met
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123, what is held back can't be written
        sys.stderr.write(f"error: {known}\n")
        return known.exit_code
    return code


if __name__ == "__main__":
    main()
