"""Errors that a user can cause, each with the exit code of its kind; adtool's own are kinds of these."""

EXIT_USAGE = 2
EXIT_DATA = 3
EXIT_PARTIAL = 5
EXIT_BUG = 70


class AdtoolError(Exception):
    """One or two lines for the user: what, where, what to do."""

    exit_code = EXIT_BUG


class UsageError(AdtoolError):
    """Wrong options or settings."""

    exit_code = EXIT_USAGE


class MissingInputError(AdtoolError):
    """A file or folder that must be there is not."""

    exit_code = EXIT_DATA


class BadDataError(AdtoolError):
    """A file is there, but cannot be used."""

    exit_code = EXIT_DATA
