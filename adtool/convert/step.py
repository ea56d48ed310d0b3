"""convert: maps and crops to and from what other tools exchange.

Reads  maps/ or classes/ and the data set (--to), or another tool's tree and the data set (--from)
Writes converted/<format>/<category>/ in that tool's layout with <category>.json beside it, or a maps folder

<category>.json holds what the tree itself can't: the range of the scores before they became 8-bit, the image scores.
It stands beside the category, since other tools take everything inside for a kind of defect.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from adtool.convert import reconstructions, trees
from adtool.convert.config import ConvertConfig
from adtool.core import arrays, files, layout, plugins, progress
from adtool.core.config import identity_defaults
from adtool.core.dataset.dataset_folder import read_dataset
from adtool.core.dataset.types import Category, Dataset
from adtool.core.errors import AdtoolError, BadDataError, MissingInputError, UsageError
from adtool.core.external_maps import COMMAND as WRITE_MAPS
from adtool.core.external_maps import write_category
from adtool.core.layout import MapsFolder
from adtool.core.limits import decisions, evidence, limit_file
from adtool.core.limits.limit_file import Limit
from adtool.core.steps import notes, step_run, whole_folder, workspace_paths
from adtool.core.steps.note_form import StepNote
from adtool.core.steps.step_run import Identity, Outcome, StepRun
from adtool.core.steps.whole_folder import WholeFolder
from adtool.core.words import counted, subject

COMMAND = "convert"
GROUP = "convert.formats"
OUT = Path("converted")

log = logging.getLogger("adtool")


def run(config: ConvertConfig, *, force: bool = False) -> Outcome:
    """Write a folder of ours in another tool's format, or read another tool's maps."""
    if config.to is not None:
        return _export(config, config.to, plugins.load(GROUP, config.to), force=force)
    return _import(config, str(config.from_), plugins.load(GROUP, str(config.from_)), force=force)


def _export(config: ConvertConfig, name: str, written_as: ModuleType, *, force: bool) -> Outcome:
    source, out = config.source or Path(written_as.SOURCE), config.out or OUT / name
    done = notes.done_categories(source)
    wanted = list(dict.fromkeys(config.category)) or done
    lacking = [category for category in wanted if category not in done]
    if lacking or not wanted:
        raise MissingInputError(
            f"Nothing finished at {source / lacking[0] if lacking else source}. Run `adtool "
            f"{'discover' if written_as.SOURCE == layout.CLASSES else 'maps'}` first, or name the folder to convert."
        )
    data = read_dataset(step_run.noted_data(source, config.data))
    categories = data.select(wanted)
    for one in categories:
        step_run.check_same_data(notes.read_note(source / one.name), one.fingerprint(), source / one.name, data.path)
    inputs = {one.name: _fingerprint(source / one.name) for one in categories}
    identity = Identity(COMMAND, config.identity(), 0, inputs, identity_defaults(ConvertConfig))
    outcome = StepRun(COMMAND, out).outcome  # refuses a folder that is not ours
    asked = WholeFolder(
        out,
        identity,
        workspace_paths.in_note({"data": data.path}, out),
        missing=lambda note: _missing(out, note),
        goes_on=False,
    )
    with whole_folder.writing(asked, force=force) as work:
        if work.is_done:
            outcome.skipped = wanted
            return outcome
        counts: dict[str, int] = {}
        for one in categories:
            written = written_as.write(source, one, out)
            files.write_json(out / f"{one.name}.json", {"format": name, **written.card})
            outcome.rows.append({"category": one.name, "files": written.files, "folder": (out / one.name).as_posix()})
            outcome.notes += written.notes
            outcome.done.append(one.name)
            counts[one.name] = _count(out / one.name)
        work.more["files"] = counts
    return outcome


def _count(folder: Path) -> int:
    """Files of a category that was written."""
    return sum(path.is_file() and not path.name.startswith(".") for path in folder.rglob("*"))


def _missing(out: Path, note: StepNote) -> list[Path]:
    """The folders that hold fewer files than were written, once for each file that they lack."""
    counts = note.document.get("files")
    noted = counts.items() if isinstance(counts, dict) else ()
    return [out / name for name, count in noted for _ in range(count - _count(out / name))]


def _fingerprint(folder: Path) -> str:
    """Hash of a category's files but for the note, which holds times."""
    found = ((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    return files.fingerprint((name, path) for name, path in found if name != layout.STEP_FILE)


def _import(config: ConvertConfig, name: str, read_as: ModuleType, *, force: bool) -> Outcome:
    if not hasattr(read_as, "read"):
        raise UsageError(f"'{name}' can be written, but not read.")
    source, out = config.source or Path(), config.out or Path(layout.MAPS)
    if not source.is_dir():
        raise MissingInputError(f"No folder at {source}.")
    if config.reconstructions is not None:
        reconstructions.require(config.reconstructions)
    data = read_dataset(step_run.noted_data(source, config.data))
    outcome = StepRun(WRITE_MAPS, out).outcome  # refuses a folder that is not ours before anything is read
    present = _present(source, data, config, outcome)
    for one in present:
        try:
            is_only, root = len(data.categories) == 1, config.reconstructions
            found = _found(source, one, name, read_as, is_only=is_only)
            rebuilt = None if root is None else reconstructions.find(root, one, is_only=is_only)
            _import_one(found, _card(source, one, name), one, read_as, outcome, data=data, force=force)
            if rebuilt is not None:
                with StepRun(WRITE_MAPS, out) as work:
                    work.lock()
                    outcome.notes.append(reconstructions.write(rebuilt, one, MapsFolder(out)))
        except AdtoolError as error:
            outcome.failed[one.name] = error
            if len(present) > 1:  # of the only one it is said at the end
                log.error("%s: %s", one.name, error)
        else:
            outcome.notes += _remarks(one, found, read_as)
            outcome.done.append(one.name)
    return outcome


def _found(source: Path, category: Category, name: str, read_as: ModuleType, *, is_only: bool) -> trees.MatchedFiles:
    """The files of a category, or the error with the formats that would find some."""
    try:
        return trees.find(source, category, read_as.SUFFIXES, is_only=is_only)
    except MissingInputError as error:
        others = ((other, plugins.load(GROUP, other)) for other in plugins.names(GROUP) if other != name)
        fitting = [
            f"--from {other}"
            for other, one in others
            if hasattr(one, "read") and trees.fits(source, category, one.SUFFIXES, is_only=is_only)
        ]
        raise MissingInputError(
            f"{error} Files of {' or '.join(fitting)} are there." if fitting else str(error)
        ) from None


def _present(source: Path, data: Dataset, config: ConvertConfig, outcome: Outcome) -> list[Category]:
    """The categories asked for, else those that the tree has."""
    chosen = data.select(config.category)
    if config.category or len(data.categories) == 1:
        return chosen
    there = [one for one in chosen if (source / one.name).is_dir()]
    if not there:
        listed = ", ".join(sorted(data.categories))
        raise MissingInputError(f"{source} has none of the categories of {data.path}: {listed}. Give the right --data.")
    if len(there) < len(chosen):
        count = len(chosen) - len(there)
        have = "has" if count == 1 else "have"
        outcome.notes.append(f"{counted(count, 'category')} of {data.path} {have} no folder in {source}.")
    return there


def _import_one(  # noqa: PLR0913, the two sides of a conversion
    found: trees.MatchedFiles,
    card: Mapping[str, Any],
    category: Category,
    read_as: ModuleType,
    outcome: Outcome,
    *,
    data: Dataset,
    force: bool,
) -> None:
    ids, paths, out = list(found.files), list(found.files.values()), outcome.out
    scores = [read_as.read(path, card) for path in progress.track(paths, f"reading {category.name}", len(paths))]
    image_scores = _image_scores(card, ids)
    write_category(out, category.name, ids, scores, image_scores=image_scores, data=data.path, force=force)
    if image_scores is not None and isinstance(card.get("result"), dict) and card["result"]:
        with StepRun(WRITE_MAPS, out) as work:
            work.amend(category.name, card["result"])  # what the image scores are judged by
            if not limit_file.is_there(out / category.name):  # one that was chosen since stays
                _write_decisions(MapsFolder(out), category.name, card)
                _write_limit(out / category.name, card)
    origin = "as noted beside the tree" if image_scores else arrays.IMAGE_SCORE_RULE
    outcome.rows.append({"category": category.name, "maps": len(ids), "image scores": origin})


def _write_decisions(folder: MapsFolder, category: str, card: Mapping[str, Any]) -> None:
    """The decisions that were noted beside the tree, if all are there."""
    known, rows = card.get("decisions"), folder.image_rows(category)
    if isinstance(known, dict) and all(known.get(row["id"]) in (layout.OK, layout.NOT_OK) for row in rows):
        decided = [{**row, "decision": str(known[row["id"]])} for row in rows]
        if decided != rows:
            files.write_csv(folder.images(category), layout.IMAGES_COLUMNS, decided)


def _write_limit(folder: Path, card: Mapping[str, Any]) -> None:
    """The limit that was noted beside the tree, with what it was made from."""
    if trees.LIMIT not in card:
        return
    try:
        limit, known = Limit.of(card[trees.LIMIT]), evidence.of_json(card.get(trees.EVIDENCE))
    except ValueError as error:
        raise BadDataError(
            f"The {folder.name}.json beside the tree is damaged ({error}). Write the tree again with `adtool convert`."
        ) from None
    evidence.write(folder, known)
    decisions.apply(folder, limit)


def _card(source: Path, category: Category, name: str) -> dict[str, Any]:
    """What `adtool convert --to` noted beside the tree; nothing beside a tree that others made."""
    card = files.read_json(source / f"{category.name}.json")
    return card if isinstance(card, dict) and card.get("format") == name else {}


def _image_scores(card: Mapping[str, Any], ids: list[str]) -> list[float] | None:
    """The image scores that were noted beside the tree, if all are there."""
    known = card.get("image_scores")
    if not isinstance(known, dict) or any(one not in known for one in ids):
        return None
    return [float(known[one]) for one in ids]


def _remarks(category: Category, found: trees.MatchedFiles, read_as: ModuleType) -> list[str]:
    """What the user should know of a tree that was read."""
    lossy = [path for path in found.files.values() if path.suffix.lower() in getattr(read_as, "LOSSY", ())]
    remarks = []
    if found.missing:
        lacking = subject(len(found.missing), "test image", "has", "have")
        remarks.append(f"{lacking} no map, for instance {found.missing[0].id}")
    if found.strangers:
        strangers = subject(len(found.strangers), "file", "is", "are")
        remarks.append(f"{strangers} of no test image, for instance {found.strangers[0]}")
    if lossy:
        are = subject(len(lossy), "map", "is a JPEG file", "are JPEG files")
        remarks.append(f"{are} ({lossy[0].name}), with ripples around every edge")
    return [f"{category.name}: {text}." for text in remarks]
