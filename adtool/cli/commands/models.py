"""List the stored models with the maps that need them, and remove some."""

from adtool.cli.groups import ListingGroup
from adtool.cli.options import settings
from adtool.core.steps.step_run import Outcome
from adtool.models.config import ListModelsConfig, RemoveModelsConfig


@settings(ListModelsConfig, "models list")
def list_(config: ListModelsConfig) -> Outcome:
    """Every stored model: whose, of what, when and how large, and which maps of this workspace need it.

    The newest of each detector and category lies in its usual place; earlier ones of other settings are kept.
    """
    from adtool.models import step

    return step.list_(config)


@settings(RemoveModelsConfig, "models remove")
def remove(config: RemoveModelsConfig) -> Outcome:
    """Remove models by name, or with --unused all that no maps of this workspace need.

    What maps still need is only removed with --force.
    """
    from adtool.models import step

    return step.remove(config)


command = ListingGroup(
    name="models",
    help="List the stored models with the maps that need them, and remove some. Without a command: list.",
    rich_markup_mode=None,
    commands={"list": list_, "remove": remove},
)
