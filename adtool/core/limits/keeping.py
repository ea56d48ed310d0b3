"""What becomes of a limit when its maps are made or looked at again: one that a person asked for stays."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.limits import choose as choosing
from adtool.core.limits import decisions, evidence, limit_file
from adtool.core.limits.asked import Asked
from adtool.core.limits.evidence import Evidence
from adtool.core.limits.limit_file import Limit

NOTHING = Asked()

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class AskedBefore:
    """What a person asked for on maps that are made again.

    Attributes:
        again: the same, as it is asked of the new maps; nothing where that makes no sense.
        told: the limit that came of it, empty if nobody asked for one.
        set_by: the command that chose it.
        kept: the limit itself, where it came of answers, which are not asked again, and the new maps are the same.
    """

    again: Asked = NOTHING
    told: str = ""
    set_by: str = ""
    kept: Limit | None = None


def asked_before(folder: Path, *, is_same: bool) -> AskedBefore:
    """What was asked for on a category of maps; nothing where its limit can't be read any more.

    Args:
        folder: of the category.
        is_same: whether its maps were made as they will be now, so that their scores compare.
    """
    with suppress(BadDataError):
        found = limit_file.read(folder)
        if found.was_asked:
            if found.made_from.answers:
                return AskedBefore(NOTHING, found.told(), found.set_by, found if is_same else None)
            return AskedBefore(_asked_again(found, is_same=is_same), found.told(), found.set_by)
    return AskedBefore()


def for_new_maps(folder: Path, known: Evidence, asked: Asked, command: str, before: AskedBefore) -> Limit:
    """The limit of maps that are made now.

    Args:
        folder: of their category.
        known: of their scores.
        asked: now.
        command: that makes them.
        before: what was asked for when maps were there already.
    """
    if asked or not before.told:
        return _said(folder, choosing.choose(known, asked, command))
    limit = before.kept or choosing.choose(known, before.again, before.set_by)
    if not (before.again or before.kept) or limit.value is None:
        log.warning(
            "%s: the limit that was asked for before, %s, does not fit the new maps. Choose one with `adtool decide`.",
            folder, before.told,
        )  # fmt: skip
        return _said(folder, choosing.choose(known, Asked(), command))
    log.info("%s: the limit is chosen as it was asked for before, %s.", folder, before.told)
    return limit


def for_done_maps(folder: Path, asked: Asked, command: str) -> Limit:
    """The limit of maps that were made before: what is asked for now, else the one in force.

    Raises:
        MissingInputError: what is asked for can't be had.
        BadDataError: a file is damaged.
    """
    now = limit_file.read(folder)
    if asked:
        return require(choosing.choose(evidence.read(folder), asked, command), folder)
    if now.value is None and not limit_file.is_there(folder):  # someone removed it
        chosen = choosing.choose(evidence.read(folder), Asked(), command)
        return now if chosen.value is None else chosen
    if now.was_asked:
        log.info("%s: keeps the limit that was asked for before: %s.", folder, now.told())
    return now


def bring_in_force(folder: Path, limit: Limit) -> None:
    """Write a limit and its decisions, and say so; the category's folder is locked."""
    if not decisions.is_in_force(folder, limit):
        decisions.apply(folder, limit)
        log.info("%s: decisions made again with the limit %s.", folder, limit.value)


def require(limit: Limit, folder: Path) -> Limit:
    """Refuse a limit that was asked for and can't be had.

    Raises:
        MissingInputError: it has no value.
    """
    if limit.value is None:
        raise MissingInputError(
            f"{folder}: {limit.option or '--answers'} can't be had: {limit.why}. Give the limit itself (--at), or make "
            "the maps again with a detector that learns from normal images (own maps: `normal_scores` of write_maps)."
        )
    return limit


def _said(folder: Path, limit: Limit) -> Limit:
    if limit.value is None:
        log.warning("%s: no limit, so no OK and NOK: %s.", folder, limit.why)
    return limit


def _asked_again(before: Limit, *, is_same: bool) -> Asked:
    """What was asked for, as it is asked of other scores; nothing where that makes no sense."""
    if before.rule == "false_alarms":
        return Asked(false_alarms=before.asked)
    if before.rule == "found":
        return Asked(found=before.asked)
    return Asked(at=before.value) if is_same else Asked()
