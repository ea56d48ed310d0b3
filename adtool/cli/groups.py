"""Command groups whose commands are plug-ins, such as `adtool prep NAME`."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

from adtool.cli.options import settings
from adtool.core import plugins
from adtool.core.config import Config
from adtool.core.errors import UsageError

LIST = "list"


class ListingGroup(TyperGroup):
    """A group whose command `list` is meant where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401, click's context has no public type
        """What was typed; `list` before options alone."""
        is_own = bool(args) and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_own else [LIST, *args])


def group(name: str, of: str, text: str) -> TyperGroup:
    """A group with one command for each plug-in of `of`; a plug-in has `Config` and `run(config, ...)`."""

    class PluginGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, click's context has no public type here
            return plugins.names(of)

        def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ANN401
            if cmd_name not in plugins.names(of):
                return None
            return TyperCommand(name=cmd_name, help=plugins.about(of, cmd_name))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
            self.commands = dict.fromkeys(plugins.names(of), TyperCommand(name=""))  # for "did you mean"
            found_name, found, rest = super().resolve_command(ctx, args)
            if found is not None and found_name is not None:
                plugin = plugins.load(of, found_name)
                if not (isinstance(plugin.Config, type) and issubclass(plugin.Config, Config)):
                    raise UsageError(
                        f"`Config` of the plug-in '{found_name}' is no class of {Config.__module__}.Config."
                    )
                found = settings(plugin.Config, name=f"{name} {found_name}")(plugin.run)
            return found_name, found, rest

    return PluginGroup(name=name, help=text, no_args_is_help=True, rich_markup_mode=None)
