"""Whether new images look like the good parts that were learned from, whatever was decided on them.

A change of the light or the camera makes maps and decisions mean less, and shows in the images themselves.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adtool.core.arrays import Bytes
from adtool.core.dataset.types import Sample
from adtool.core.words import counted, subject
from adtool.detection import looks
from adtool.detection.looks import Look, UsualLooks

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Watch:
    """Looks at images while they are at hand.

    Attributes:
        usual: what the good parts look like; None where that was not noted.
        seen: looks by id.
    """

    usual: UsualLooks | None
    seen: dict[str, Look] = field(default_factory=dict)

    def see(self, one: Sample, picture: Bytes) -> None:
        """Look at an image."""
        if self.usual is not None:
            self.seen[one.id] = looks.look(picture)

    def changes(self, files: Mapping[str, str]) -> list[dict[str, Any]]:
        """What has changed, as it is noted and told.

        Args:
            files: what the table calls an image, by its id.
        """
        if self.usual is None:
            return []
        ids = sorted(self.seen)
        return [
            {
                "how": one.how,
                "images": len(one.pictures),
                "looked_at": len(ids),
                "learned": self.usual.learned,
                "example": files[ids[one.pictures[0]]],
            }
            for one in self.usual.changes([self.seen[name] for name in ids])
        ]


def say(changes: Sequence[Mapping[str, Any]]) -> None:
    """Warn of what has changed."""
    if changes:
        listed = ", ".join(f"{one['images']} {one['how']} (for instance {one['example']})" for one in changes)
        log.warning(
            "Of %s, these are beyond all %s learned from: %s. Has the light or the camera "
            "changed? Then good parts are called NOK, or defects OK. If it shall stay so, learn such images as well.",
            counted(changes[0]["looked_at"], "image"),
            subject(changes[0]["learned"], "good part", "that was", "that were"),
            listed,
        )  # fmt: skip
