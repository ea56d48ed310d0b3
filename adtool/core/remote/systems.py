"""Storage elsewhere, by fsspec: what lies below a URL, and its files one by one; errors in words of ours."""

import errno
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from adtool.core import urls
from adtool.core.errors import AdtoolError, BadDataError, MachineError, MissingInputError, UsageError

INSTALL = "pip install '.[cloud]' from adtool's checkout"
KNOWN = "s3://, gs://, hf:// and file://"
# Of a file, what changes with its content; the first that a storage tells. Modification times come last.
MARKS = (
    "ETag",
    "etag",
    "md5Hash",
    "blob_id",
    "sha256",
    "mtime",
    "LastModified",
    "last_modified",
    "modified",
    "created",
)
UNREACHED = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT, errno.EPIPE}
# In names of the libraries' own errors, which share no class.
_NO_NETWORK = ("Connect", "Timeout", "Endpoint", "Offline", "Network", "Resolution", "DNS", "Unreachable")
_NO_RIGHT = ("Credential", "Auth", "Forbidden", "Gated", "AccessDenied", "Token", "Permission")
_NOT_THERE = ("NotFound", "NoSuch")


@dataclass(frozen=True)
class RemoteFile:
    """A file elsewhere: where, its size in bytes, and what changes with its content."""

    path: str
    size: int
    mark: str


class Storage:
    """What lies below one URL.

    Args:
        url: of a folder, or of a file.

    Raises:
        UsageError: no such kind of URL, or what reads it is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            import fsspec

            self._system, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise _unreadable(url, error) from None
        except Exception as error:  # the libraries look for credentials here already
            raise said(url, error) from error

    def files(self) -> dict[str, RemoteFile]:
        """All files by their path below the URL; one alone, under an empty path, where the URL is that of a file.

        Raises:
            MissingInputError: there is nothing, or it may not be read.
            MachineError: it can't be reached.
            BadDataError: a file's name leads out of the folder.
        """
        with _words_of_ours(self.url):
            self._system.invalidate_cache()
            found: Mapping[str, Mapping[str, Any]] = self._system.find(self._root, detail=True)
        root = self._root.rstrip("/")
        below = {
            _below(path, root): RemoteFile(path, int(one.get("size") or 0), _mark(one)) for path, one in found.items()
        }
        below = {name: one for name, one in below.items() if not name.endswith("/")}
        if not below:
            raise MissingInputError(f"There is nothing at {self.url}: no such bucket or folder, or an empty one.")
        for name in below:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name:
                raise BadDataError(f"{self.url} holds a file whose name leads out of it: {name!r}. It is not fetched.")
        return below

    def fetch(self, file: RemoteFile, target: Path) -> None:
        """Write a file's content to a path.

        Raises:
            MissingInputError: it is gone, or may not be read.
            MachineError: it can't be reached, or came only in part.
        """
        with _words_of_ours(self.url):
            self._system.get_file(file.path, str(target))
        if (size := target.stat().st_size) != file.size:
            raise MachineError(f"{file.path} came with {size} of {file.size} bytes. The same command goes on.")


def _below(path: str, root: str) -> str:
    return path.removeprefix(root).lstrip("/") if path != root else ""


def _mark(info: Mapping[str, Any]) -> str:
    return next((str(info[name]) for name in MARKS if info.get(name) is not None), "")


@contextmanager
def _words_of_ours(url: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each storage has its own kinds
        raise said(url, error) from error


def said(url: str, error: Exception) -> Exception:
    """An error of a storage in words of ours; what is no fault of a storage stays as it is."""
    name, text = type(error).__name__, str(error).partition("\n")[0] or type(error).__name__
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, AdtoolError) or number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return error
    if isinstance(error, FileNotFoundError) or any(word in name for word in _NOT_THERE):
        return MissingInputError(f"There is nothing at {url}: no such bucket or folder, or an empty one ({text}).")
    if isinstance(error, PermissionError) or any(word in name for word in _NO_RIGHT):
        return MissingInputError(
            f"{url} may not be read ({text}). Give the storage's own credentials as its tools want them "
            "(AWS_PROFILE or AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, HF_TOKEN)."
        )
    offline = isinstance(error, ConnectionError | TimeoutError | socket.gaierror) or number in UNREACHED
    if offline or any(word in name for word in _NO_NETWORK):
        return MachineError(
            f"{url} can't be reached ({text}). Is there a network? What was fetched is kept; the same command goes on."
        )
    if isinstance(error, ImportError | ValueError):
        return _unreadable(url, error)
    return MachineError(f"{url} can't be read ({name}: {text}). What was fetched is kept; the same command goes on.")


def _unreadable(url: str, error: ImportError | ValueError) -> UsageError:
    scheme = urls.scheme_of(url)
    if isinstance(error, ImportError):
        return UsageError(f"{url}: what reads {scheme}:// is not installed ({error}). {INSTALL}")
    return UsageError(f"{url}: {scheme}:// can't be read ({error}). Give a folder, or a URL of {KNOWN}.")
