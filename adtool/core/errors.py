"""Errors a user can cause, each with the exit code of its kind (examples/reference.md, "Exit codes")."""

from collections.abc import Mapping

from adtool_runtime.errors import EXIT_BUG as EXIT_BUG
from adtool_runtime.errors import EXIT_DATA as EXIT_DATA
from adtool_runtime.errors import EXIT_PARTIAL as EXIT_PARTIAL
from adtool_runtime.errors import EXIT_USAGE as EXIT_USAGE
from adtool_runtime.errors import AdtoolError as AdtoolError
from adtool_runtime.errors import BadDataError as BadDataError
from adtool_runtime.errors import MissingInputError as MissingInputError
from adtool_runtime.errors import UsageError as UsageError

EXIT_GATE = 1
EXIT_WEIGHTS = 4
EXIT_MACHINE = 6
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class GateError(AdtoolError):
    """A result asked for was not reached."""

    exit_code = EXIT_GATE


class NotFiniteMapError(BadDataError):
    """A map holds NaN or infinite scores: nothing can be said of its image, all can of the others."""


class LockedError(AdtoolError):
    """Another process writes the same folder."""

    exit_code = EXIT_DATA


class MissingWeightsError(AdtoolError):
    """The weights of a backbone were not found."""

    exit_code = EXIT_WEIGHTS


class PartialFailureError(AdtoolError):
    """Some categories failed; the others are written.

    Attributes:
        reasons: the error of each that failed, by its name, where they are known.
    """

    exit_code = EXIT_PARTIAL

    def __init__(self, text: str, reasons: Mapping[str, AdtoolError] | None = None) -> None:
        super().__init__(text)
        self.reasons = dict(reasons or {})


class MachineError(AdtoolError):
    """Disk or memory failed."""

    exit_code = EXIT_MACHINE


class TerminatedError(BaseException):
    """SIGTERM was received; like KeyboardInterrupt, nothing on the way up may swallow it."""
