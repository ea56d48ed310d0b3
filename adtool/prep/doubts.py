"""What `adtool check` would say of what is being prepared: said now, and kept where it can't be seen later."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from adtool.core.checks import data_rules as rules
from adtool.core.checks.findings import Finding, Findings
from adtool.core.dataset import data_checks
from adtool.core.dataset.types import Category, Dataset
from adtool.core.masks import mask_checks
from adtool.core.masks.mask_checks import Masked

NOT_IN_MASKS = (rules.MASK_SOFT, rules.MASK_LEVELS, rules.MASK_TURN)  # once they are written, upright, as 0 and 255

log = logging.getLogger("adtool")


def of_source(
    found: Mapping[str, Sequence[Finding]],
    unreadable: Mapping[str, Sequence[str]],
    masked: Mapping[str, Sequence[Masked]],
) -> list[Finding]:
    """What was wrong in the source and can't be seen in what was made of it, so that its card keeps it.

    Args:
        found: when the source was read, by category.
        unreadable: images that were left out, and why.
        masked: the masks, as they were read.
    """
    kept = Findings([replace(one, where=name) for name, several in found.items() for one in several])
    for name, problems in unreadable.items():
        kept.add(rules.IMAGE_UNREADABLE, name, map(data_checks.reason, problems))
    for name, looks in masked.items():
        of_masks = Findings()
        mask_checks.check(name, looks, lambda _: False, of_masks)
        kept.found += [one for one in of_masks.found if one.rule in NOT_IN_MASKS]
    return kept.found


def say(data: Dataset, masked: Mapping[str, Sequence[Masked]], *, said: Collection[str] = ()) -> None:
    """Warn of what `adtool check` would find in a data set that was just prepared, a line each.

    Args:
        data: the data set.
        masked: its masks, as they were read in the source.
        said: codes of what was said already.
    """
    found = Findings()
    for category in data.categories.values():
        _check(category, data, masked.get(category.name, ()), found)
    data.pictures.say_range()
    for one in found.in_order:
        if one.rule.code not in said:
            log.warning("%s", one.sentence())


def _check(category: Category, data: Dataset, masked: Sequence[Masked], found: Findings) -> None:
    data_checks.check(category, data, found)
    data_checks.check_deep(category, data, found)
    mask_checks.check(category.name, masked, category.normal_kinds.__contains__, found)
