"""The options by which a limit is asked for, the same in every command that decides."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, JsonValue, model_validator

from adtool.core.config import Config
from adtool.core.limits.asked import RULES, Asked

LATE: dict[str, JsonValue] = {"shown": "late"}  # in a command's help, after what is its own
DECIDED_ANEW = "decisions are made anew from the same maps"


class LimitOptions(Config):
    """How the limit between OK and NOK is chosen; at most one of them, and by default a share of false alarms."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = dict.fromkeys(RULES, DECIDED_ANEW)
    false_alarms: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Reject about this share of good parts, for instance 0.02.",
        json_schema_extra=LATE,
    )
    at: float | None = Field(
        None,
        allow_inf_nan=False,
        description="Reject parts whose image score is above this value.",
        json_schema_extra=LATE,
    )
    found: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Find this share of painted defects, for instance 0.95, with as few false alarms as that allows.",
        json_schema_extra=LATE,
    )

    @model_validator(mode="after")
    def _one_at_most(self) -> "LimitOptions":
        given = [option for name, option in RULES.items() if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} each choose the limit: give one of them")
        return self

    def asked(self) -> Asked:
        """What was asked for."""
        return Asked(self.false_alarms, self.at, self.found)
