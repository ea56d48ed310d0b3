"""Settings that name pictures by a URL: they name the mirror of it before a step sees them."""

from pathlib import Path
from typing import TypeVar

from adtool.core import urls
from adtool.core.config import READS, Config
from adtool.core.errors import UsageError

Settings = TypeVar("Settings", bound=Config)


def fetched(config: Settings, *, anew: bool = True) -> Settings:
    """Settings whose pictures lie on this machine.

    Args:
        config: the settings.
        anew: whether what was fetched before is compared with what is there now; not by those that work beside others.

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
        changed[name] = local(value, anew=anew)
    return config.model_copy(update=changed) if changed else config


def local(path: Path, *, anew: bool = True) -> Path:
    """A path of this machine for one that may be meant as a URL; the rest as of `fetched`."""
    if not urls.is_url(path):
        return path
    from adtool.core.remote import mirrors  # late: it is of no use to most

    url = urls.url_of(path)
    return urls.content_of(url) if not anew and urls.is_whole(url) else mirrors.mirrored(url)


def by_url(config: Config) -> dict[str, str]:
    """The settings that name a mirror, by its URL: for workers, which may be on another machine."""
    paths = {name: getattr(config, name) for name in type(config).model_fields}
    return {name: url for name, path in paths.items() if isinstance(path, Path) and (url := urls.shown(path))}


def named(path: Path) -> str:
    """A path as a person named it: the URL that it is a mirror of."""
    return urls.shown(path) or str(path)
