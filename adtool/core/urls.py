"""URLs as paths, and folders of the cache as URLs; free of whatever reads them."""

import hashlib
import os
import re
from pathlib import Path, PurePosixPath

from adtool.core.errors import MachineError, MissingInputError

# A drive of Windows has one letter. A `Path` of `s3://bucket/data` is `s3:/bucket/data`.
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/{1,3}(?P<rest>.*)", re.DOTALL | re.IGNORECASE)
LOCAL = ("file", "local")
FILES = "files"  # folder of a mirror that holds what was fetched
URL_FILE = "url"  # beside it: what it mirrors
WHOLE = "whole"  # beside it, once all was fetched
DIGITS = 16


def is_url(path: Path | str) -> bool:
    """Whether a path is meant as a URL."""
    return _URL.fullmatch(str(path)) is not None


def url_of(path: Path | str) -> str:
    """The URL that was meant by a path, without a slash at its end."""
    found = _URL.fullmatch(str(path))
    assert found is not None
    scheme = found["scheme"].lower()
    start = "/" if scheme in LOCAL else ""
    return f"{scheme}://{start}{found['rest'].strip('/')}"


def scheme_of(url: str) -> str:
    """`s3` of `s3://bucket/data`."""
    return url.partition(":")[0]


def local_path(url: str) -> Path:
    """The path that a `file://` URL names."""
    return Path(url.partition("://")[2])


def cache() -> Path:
    """The folder of all mirrors, in the user's cache folder.

    Raises:
        MachineError: the user has none.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "adtool" / "remote"
    except RuntimeError:
        raise MachineError("There is no home folder to keep what is fetched in. Set $XDG_CACHE_HOME.") from None


def mirror_of(url: str) -> Path:
    """The folder of the cache that is for one URL; what was fetched lies below its `FILES`."""
    name = hashlib.sha256(url.encode()).hexdigest()[:DIGITS]
    return cache() / f"{scheme_of(url)}-{name}"


def content_of(url: str) -> Path:
    """What stands for the URL itself: a folder, or a file, of the same name, as names of data sets come from it."""
    return mirror_of(url) / FILES / (PurePosixPath(url.partition("://")[2]).name or scheme_of(url))


def is_whole(url: str) -> bool:
    """Whether all that lay at a URL was fetched to this machine once."""
    return (mirror_of(url) / WHOLE).exists()


def here(url: str, noted_by: Path) -> Path:
    """What was fetched from a URL before; nothing is asked of the network because a file says so.

    Args:
        url: as it was noted.
        noted_by: the folder whose note names it.

    Raises:
        MissingInputError: it was not fetched on this machine, or not wholly.
    """
    if scheme_of(url) in LOCAL:
        return local_path(url)
    if not is_whole(url):
        raise MissingInputError(
            f"{noted_by} was made from {url}, which is not fetched here. Give --data {url} to do so."
        )
    return content_of(url)


def shown(path: Path) -> str | None:
    """The URL that a path of the cache stands for, or that lies below one; None of other paths."""
    try:
        below = Path(os.path.abspath(path)).relative_to(cache())  # noqa: PTH100, links stay as they are written
    except (ValueError, MachineError):
        return None
    if len(below.parts) < 3 or below.parts[1] != FILES:  # noqa: PLR2004, mirror/files/name
        return None
    try:
        url = (cache() / below.parts[0] / URL_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return "/".join([url, *below.parts[3:]])
