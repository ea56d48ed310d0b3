"""A shard: which of N parts of a step's images a process does, by the ids of the images alone."""

import os
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from adtool.core.errors import UsageError

TYPED = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
NAMED = re.compile(r"([0-9]+)-of-([0-9]+)")


class HasId(Protocol):
    """Whatever has an id."""

    @property
    def id(self) -> str:
        """Of an image."""


Item = TypeVar("Item", bound=HasId)


@dataclass(frozen=True, order=True)
class Shard:
    """Number `number` of `count`, from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        """As it is typed."""
        return f"{self.number}/{self.count}"

    @property
    def name(self) -> str:
        """As it stands in the names of its files: `2-of-4`."""
        return f"{self.number}-of-{self.count}"

    def holds(self, image_id: str) -> bool:
        """Whether an image is of this shard."""
        return zlib.crc32(os.fsencode(image_id)) % self.count == self.number - 1

    def of(self, items: Iterable[Item]) -> list[Item]:
        """Those of some images, in their order."""
        return [one for one in items if self.holds(one.id)]

    @property
    def all(self) -> Sequence["Shard"]:
        """This one and its fellows."""
        return [Shard(number, self.count) for number in range(1, self.count + 1)]


def parse(text: str) -> Shard:
    """What was typed: `2/4`.

    Raises:
        UsageError: no such shard.
    """
    found = TYPED.fullmatch(text.strip())
    number, count = (int(part) for part in found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise UsageError(f"'{text}' is no shard: K/N is part K of N, K from 1 to N, for instance 1/4 to 4/4")
    return Shard(number, count)


def named(name: str) -> Shard | None:
    """The shard in the name of a file, such as `2-of-4`; None if there is none."""
    found = NAMED.fullmatch(name)
    return Shard(int(found[1]), int(found[2])) if found else None
