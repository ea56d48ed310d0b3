"""Settings that name pictures by a URL: they name the mirror of it before a step sees them."""

from pathlib import Path
from typing import TypeVar

from adtool.core import urls
from adtool.core.config import READS, Config
from adtool.core.errors import UsageError

Settings = TypeVar("Settings", bound=Config)


def fetched(config: Settings) -> Settings:
    """Settings whose pictures lie on this machine.

    Raises:
        UsageError: a setting that reads no pictures names a URL, or what reads such a URL is not installed.
        MissingInputError: there is nothing, or it may not be read.
        MachineError: it can't be reached, or the disk has no room for it.
    """
    changed: dict[str, object] = {}
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if not isinstance(value, Path) or not urls.is_url(value):
            continue
        extra = field.json_schema_extra
        option = f"--{name.replace('_', '-')}"
        if not (isinstance(extra, dict) and extra.get(READS)):
            raise UsageError(
                f"{option} {urls.url_of(value)}: only pictures are read from a URL, and results are written to file "
                "systems. Give a folder."
            )
        changed[name] = local(value)
    return config.model_copy(update=changed) if changed else config


def local(path: Path) -> Path:
    """A path of this machine for one that may be meant as a URL; errors as of `fetched`."""
    if not urls.is_url(path):
        return path
    from adtool.core.remote import mirrors  # late: it is of no use to most

    return mirrors.mirrored(urls.url_of(path))


def named(path: Path) -> str:
    """A path as a person named it: the URL that it is a mirror of."""
    return urls.shown(path) or str(path)
