"""check: what is wrong with a data set and with folders of maps, in one pass.

Reads  a data set, maps/, refined/ (or the folders named)
Writes nothing
"""

import logging
import time
from pathlib import Path

from adtool.check import data as data_rules
from adtool.check import maps as map_rules
from adtool.check.config import CheckConfig
from adtool.core import layout
from adtool.core.checks.findings import Findings, counted
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Dataset
from adtool.core.errors import BadDataError, MissingInputError
from adtool.core.steps import step_run

COMMAND = "check"

log = logging.getLogger("adtool")


def run(config: CheckConfig) -> step_run.Outcome:
    """Check the data set, the maps, or both.

    Without --data and --maps: the data set of this workspace, and its maps. With one of them, only that one;
    maps are still compared with the images of the data set that they were made from, if it is there.

    Raises:
        MissingInputError: there is nothing to check.
    """
    started = time.monotonic()
    both = config.data is None and not config.maps
    folders = list(config.maps) or (_own_maps() if both else [])
    absent = [str(folder) for folder in folders if not folder.is_dir()]
    if absent:
        raise MissingInputError(f"No folder at {', '.join(absent)}. --maps wants a folder of maps.")
    twins: list[tuple[Path, Path]] = []
    data = _data(config, folders, twins)
    found = Findings()
    if data is not None and (both or config.data is not None):
        data_rules.check(data, data.select(config.category), twins, found, config.part)
    for folder in folders:
        map_rules.check(folder, data, config.category, found, config.part)
    return _outcome(config, found, data, folders, time.monotonic() - started)


def _own_maps() -> list[Path]:
    return [folder for folder in (Path(layout.MAPS), Path(layout.REFINED)) if folder.is_dir()]


def _data(config: CheckConfig, folders: list[Path], twins: list[tuple[Path, Path]]) -> Dataset | None:
    """The data set: given, else noted by the maps, else data/; maps alone can do without."""
    noted = [step_run.noted_data(folder, None) for folder in folders]
    place = config.data or next(iter(noted), Path(layout.DATA))
    try:
        return read_dataset(place, twins=twins)
    except MissingInputError:
        if config.data is not None or not config.maps:
            raise
        log.warning("No data set at %s: the maps are checked without their images. Give --data.", place)
        return None


def _outcome(
    config: CheckConfig, found: Findings, data: Dataset | None, folders: list[Path], seconds: float
) -> step_run.Outcome:
    outcome = step_run.Outcome(COMMAND, Path())
    errors, warnings = len(found.errors), len(found.found) - len(found.errors)
    outcome.rows = found.rows
    outcome.notes = [finding.text(config.examples) for finding in found.in_order]
    outcome.notes += found.advice
    if config.part is not None:
        outcome.notes.append(
            f"These are the files of shard {config.part}; images with the same pixels are found within a shard only."
        )
    verdict = "nothing to mend" if not found.found else f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    outcome.notes.append(f"Checked in {seconds:.1f} s: {verdict}.")
    outcome.document = {
        "command": COMMAND,
        "data": data.path.as_posix() if data else None,
        "maps": [folder.as_posix() for folder in folders],
        "errors": errors,
        "warnings": warnings,
        "checked": found.rows,
        "advice": found.advice,
        "findings": [finding.as_json(config.examples) for finding in found.in_order],
    }
    if errors:
        outcome.failed[COMMAND] = BadDataError(
            f"{counted(errors, 'finding')} must be mended: those marked error above."
        )
    return outcome
