"""What is asked of a limit; with nothing asked, the default."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Rule = Literal["default", "false_alarms", "at", "found", "answers"]
RULES: Mapping[Rule, str] = {"false_alarms": "--false-alarms", "at": "--at", "found": "--found"}  # as they are typed


@dataclass(frozen=True)
class Asked:
    """At most one of these.

    Attributes:
        false_alarms: share of good parts that may be rejected, between 0 and 1.
        at: the limit itself.
        found: share of defects that shall be found, between 0 and 1.
    """

    false_alarms: float | None = None
    at: float | None = None
    found: float | None = None

    @property
    def rule(self) -> Rule:
        """Which of them, `default` if none."""
        return next((name for name in RULES if getattr(self, name) is not None), "default")

    @property
    def number(self) -> float | None:
        """What was asked for."""
        return None if self.rule == "default" else getattr(self, self.rule)

    def __bool__(self) -> bool:
        return self.rule != "default"

    def as_options(self) -> dict[str, float]:
        """What was asked for, by the name of the option."""
        return {} if self.number is None else {self.rule: self.number}

    def typed(self) -> str:
        """The option as it is typed, empty for the default."""
        return f"{RULES[self.rule]} {self.number!r}" if self else ""
