"""Errors a user can cause, each with the exit code of its kind (examples/reference.md, "Exit codes")."""

EXIT_GATE = 1
EXIT_USAGE = 2
EXIT_DATA = 3
EXIT_WEIGHTS = 4
EXIT_PARTIAL = 5
EXIT_MACHINE = 6
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class AdtoolError(Exception):
    """One or two lines for the user: what, where, what to do."""

    exit_code = EXIT_BUG


class GateError(AdtoolError):
    """A result asked for was not reached."""

    exit_code = EXIT_GATE


class UsageError(AdtoolError):
    """Wrong options or settings."""

    exit_code = EXIT_USAGE


class MissingInputError(AdtoolError):
    """A file or folder that must be there is not."""

    exit_code = EXIT_DATA


class BadDataError(AdtoolError):
    """A file is there, but cannot be used."""

    exit_code = EXIT_DATA


class NotFiniteMapError(BadDataError):
    """A map holds NaN or infinite scores: nothing can be said of its image, all can of the others."""


class LockedError(AdtoolError):
    """Another process writes the same folder."""

    exit_code = EXIT_DATA


class MissingWeightsError(AdtoolError):
    """The weights of a backbone were not found."""

    exit_code = EXIT_WEIGHTS


class PartialFailureError(AdtoolError):
    """Some categories failed; the others are written."""

    exit_code = EXIT_PARTIAL


class MachineError(AdtoolError):
    """Disk or memory failed."""

    exit_code = EXIT_MACHINE


class TerminatedError(BaseException):
    """SIGTERM was received; like KeyboardInterrupt, nothing on the way up may swallow it."""
