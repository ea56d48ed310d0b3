"""What `adtool check` would say of the pictures and masks that are being prepared."""

import logging
from collections.abc import Mapping, Sequence

from adtool.core import mask_checks, masks
from adtool.core.findings import Findings
from adtool.core.mask_checks import Masked
from adtool.core.sample import Dataset

SHOWN = 3  # examples named in a message

log = logging.getLogger("adtool")


def say_doubts(data: Dataset, masked: Mapping[str, tuple[Sequence[Masked], frozenset[str]]]) -> None:
    """What `adtool check` would say of the pictures' files and of the masks, a line each.

    Args:
        data: the data set.
        masked: the masks of each category, as they were read, and its normal kinds.
    """
    found = Findings()
    for name, (looks, normal) in masked.items():
        mask_checks.check(name, looks, normal.__contains__, found)
    data.pictures.say()
    soft = (mask_checks.MASK_SOFT, mask_checks.MASK_LEVELS)  # of no interest where the data set has a rule of its own
    shown = [one for one in found.in_order if data.mask_rule == masks.AUTO or one.rule not in soft]
    for one in shown:
        more = " ..." if len(one.cases) > SHOWN else ""
        log.warning("%s: %s: %s%s -> %s", one.where, one.title, ", ".join(one.cases[:SHOWN]), more, one.rule.do)
