"""The options of every step that can be divided, written once."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, JsonValue, field_validator, model_validator

from adtool.core.config import Config
from adtool.core.errors import UsageError
from adtool.core.shards import shard as shards
from adtool.core.shards.shard import Shard

MOST_WORKERS = 1024
RAY = "ray"
ON_RAY = "; ray or ray:N: so many on a Ray cluster"
LATE: dict[str, JsonValue] = {"shown": "late"}  # in a command's help, after what is its own


class ShardOption(Config):
    """Which part of the images this process does."""

    shard: str | None = Field(
        None,
        description="Do part K of N of the images, while others do the other parts, here or on other machines that see "
        "the same folders.",
        json_schema_extra={**LATE, "metavar": "K/N"},
    )

    @field_validator("shard")
    @classmethod
    def _is_one(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                shards.parse(value)
            except UsageError as error:
                raise ValueError(str(error)) from None
        return value

    @property
    def part(self) -> Shard | None:
        """The shard that is asked for."""
        return None if self.shard is None else shards.parse(self.shard)


class WorkerOptions(Config):
    """How many processes do a step side by side, of one that they do a category at a time."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("workers", "address", "gpus_per_worker"), "who does it, not what"
    )
    workers: str | None = Field(
        None,
        description="So many processes on this machine do the categories side by side, and share its cores and "
        f"GPUs{ON_RAY}.",
        json_schema_extra={**LATE, "metavar": "N"},
    )
    address: str | None = Field(
        None,
        description="With --workers ray: HOST:PORT of the cluster's head, or auto; by default one of this machine "
        "alone is started. For trusted networks only.",
        json_schema_extra={**LATE, "metavar": "HOST:PORT"},
    )
    gpus_per_worker: float | None = Field(
        None,
        gt=0,
        description="With --workers ray: GPUs of a worker, 0.5 for two workers a GPU; by default 1 where there are "
        "some.",
        json_schema_extra=LATE,
    )

    @field_validator("workers")
    @classmethod
    def _are_some(cls, value: str | None) -> str | None:
        if value is None or value == RAY:
            return value
        count = value.removeprefix(f"{RAY}:")
        if not (count.isdecimal() and 1 <= int(count) <= MOST_WORKERS):
            raise ValueError(f"a number of processes is from 1 to {MOST_WORKERS}, or ray, or ray:N")
        return value

    @model_validator(mode="after")
    def _of_ray(self) -> "WorkerOptions":
        on_ray = (self.workers or "").startswith(RAY)
        for option, value in (("--address", self.address), ("--gpus-per-worker", self.gpus_per_worker)):
            if value is not None and not on_ray:
                raise ValueError(f"{option} {value} is of --workers ray: give that, too")
        return self


class ShardOptions(WorkerOptions, ShardOption):
    """Which part of the images this process does, of a step that writes a folder, or how many do it side by side."""

    NOT_IDENTITY: ClassVar[Mapping[str, str]] = {
        **WorkerOptions.NOT_IDENTITY,
        **dict.fromkeys(("shard", "no_wait"), "who does it, not what"),
    }
    shard: str | None = Field(
        None,
        description="Do part K of N of the images, while others do the other parts, here or on other machines that see "
        "the same folders; the last one makes the tables of the whole.",
        json_schema_extra={**LATE, "metavar": "K/N"},
    )
    no_wait: bool = Field(
        False,
        description="With --shard: end with exit code 3 where another shard makes the model, instead of waiting.",
        json_schema_extra=LATE,
    )
    workers: str | None = Field(
        None,
        description="So many processes on this machine do the work side by side, and share its cores and "
        f"GPUs{ON_RAY}.",
        json_schema_extra={**LATE, "metavar": "N"},
    )

    @model_validator(mode="after")
    def _divided_once(self) -> "ShardOptions":
        if self.workers is not None and self.shard is not None:
            raise ValueError("--workers and --shard exclude each other: the workers are shards")
        return self

    @property
    def is_divided(self) -> bool:
        """Whether several processes do the work, this one as one of them or for them."""
        return self.workers is not None or self.shard is not None
