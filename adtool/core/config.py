"""The base of every step's settings."""

import difflib
from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from adtool.core import names
from adtool.core.errors import UsageError


class Config(BaseModel):
    """Settings of a step: frozen, and an unknown name is an error.

    Attributes:
        NOT_IDENTITY: options that are no part of what decides a result, or not as they stand, each with the reason.
            All others are, so that one that is added, and forgotten here, never makes an old result pass for a new one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)
    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {}

    def identity(self, *, if_changed: bool = False) -> dict[str, object]:
        """The options that decide a result, as they are noted.

        Args:
            if_changed: leave those out that have their default.
        """
        return self.model_dump(mode="json", exclude=set(self.NOT_IDENTITY), exclude_defaults=if_changed)

    @field_validator("category", check_fields=False)
    @classmethod
    def _becomes_a_folder(cls, value: object) -> object:
        """A category that was typed becomes part of paths, as those do that files name."""
        for name in value if isinstance(value, tuple) else (value,):
            if isinstance(name, str) and (problem := names.category_problem(name)):
                raise ValueError(f"'{names.shown(name)}' can't be the name of a category: {problem}")
        return value


Settings = TypeVar("Settings", bound=Config)
Presets = Mapping[str, Mapping[str, object]]  # named values of settings, by `preset=NAME`
PRESET = "preset"
READS = "reads"  # of a setting, in its `json_schema_extra`: a folder of pictures, which may also be a URL
# Of a setting that was added later, in its `json_schema_extra`: how things were done before, if not as by its default.
FORMER = "former"


def defaults(kind: type[Config]) -> dict[str, object]:
    """What each setting is that nobody gave, but for those that must be given."""
    return {name: one.get_default(call_default_factory=True) for name, one in kind.model_fields.items()
            if not one.is_required()}  # fmt: skip


def identity_defaults(kind: type[Config]) -> dict[str, object]:
    """What options that decide a result are where nobody gave them: by these, a note that names fewer is compared."""
    return {name: value for name, value in defaults(kind).items() if name not in kind.NOT_IDENTITY}


def former(kind: type[Config]) -> dict[str, object]:
    """What settings that came later with another default were before there was a choice: their `FORMER`."""
    extras = {name: one.json_schema_extra for name, one in kind.model_fields.items()}
    return {name: extra[FORMER] for name, extra in extras.items() if isinstance(extra, dict) and FORMER in extra}


def parse(kind: type[Settings], values: Mapping[str, object], *, where: str) -> Settings:
    """Build settings from named values.

    Args:
        kind: the settings class.
        values: by field name; text is converted to the field's type.
        where: what the user typed, for the message, e.g. "--set of patchcore".

    Raises:
        UsageError: an unknown name or a value that does not fit, all of them in one message.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        problems = [_problem(kind, detail) for detail in error.errors()]
        raise UsageError(f"{where}: " + "; ".join(problems) + ".") from None


def with_preset(kind: type[Settings], presets: Presets, given: Mapping[str, object], *, owner: str) -> Settings:
    """Settings as `--set` gives them: the defaults, then the values of a preset, then those given.

    Args:
        kind: the settings class.
        presets: there are.
        given: by name, as `pairs` splits them; `preset` names one of the presets.
        owner: whose settings they are, for messages.

    Raises:
        UsageError: no such preset or setting, or a value that does not fit.
    """
    name = preset_of(presets, given, owner=owner)
    values = {key: value for key, value in given.items() if key != PRESET}
    return parse(kind, {**(presets[name] if name else {}), **values}, where=f"--set of {owner}")


def preset_of(presets: Presets, given: Mapping[str, object], *, owner: str, option: str = f"--set {PRESET}=") -> str:
    """The preset that was asked for, empty if none was.

    Args:
        presets: there are.
        given: values by name.
        owner: whose settings they are, for the message.
        option: that it was typed after, for the message.

    Raises:
        UsageError: there is none of that name.
    """
    name = str(given.get(PRESET, ""))
    if PRESET in given and name not in presets:
        close = difflib.get_close_matches(name, presets, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        known = ", ".join(presets) or "none"
        raise UsageError(f"{option}{name}: {owner} has no such preset (there are: {known}{hint}).")
    return name


def _problem(kind: type[Config], detail: Mapping[str, object]) -> str:
    location = detail.get("loc")
    name = ".".join(str(part) for part in location) if isinstance(location, tuple) else str(location)
    if detail.get("type") == "extra_forbidden":
        close = difflib.get_close_matches(name, kind.model_fields, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        return f"there is no setting '{name}' (there are: {', '.join(kind.model_fields)}{hint})"
    message = str(detail.get("msg", "")).removeprefix("Value error, ")
    return f"{name}={detail.get('input')!r}: {message[:1].lower()}{message[1:]}" if name else message


def numbers(name: str, text: str, *, example: str) -> tuple[int, ...]:
    """Split a setting such as `8,16`; empty text gives none.

    Raises:
        UsageError: anything but numbers and commas.
    """
    try:
        return tuple(int(part) for part in text.replace(" ", "").split(",") if part)
    except ValueError:
        raise UsageError(f"--set {name}={text}: expected numbers with commas, for example {example}.") from None


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Split `name=value` texts of `--set`.

    Raises:
        UsageError: a text without '=', or the same name twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise UsageError(f"--set {text}: expected name=value, for example --set epochs=10.")
        if name in found:
            raise UsageError(f"--set {name} is given twice.")
        found[name] = value.strip()
    return found
