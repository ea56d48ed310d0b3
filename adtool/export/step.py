"""export: what was learned of a category, as a graph and data that run without torch.

Reads  maps/<category>/ (its note and its limit), the model that made them, and some images of its data set
Writes export/<category>/: the graph, adtool.json, five pictures with what is expected of them, README.md, the runtime
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adtool.core import files, layout, model_cards
from adtool.core.arrays import Floats
from adtool.core.config import identity_defaults
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Sample
from adtool.core.errors import MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.core.limits import evidence, limit_file
from adtool.core.steps import notes, step_run
from adtool.core.steps.note_form import StepNote
from adtool.core.steps.step_run import Identity, Outcome, StepRun, Work
from adtool.core.words import counted
from adtool.detection import origin, store
from adtool.detection.contract import CrossFitting, Exportable, compares
from adtool.detection.scoring import OpenedModel
from adtool.export import comparing, describing, graphs, readme, sizes, wheel
from adtool.export.comparing import Comparison, Expected
from adtool.export.config import ExportConfig
from adtool.nn.options import EngineChoice
from adtool_runtime import manifest as manifests
from adtool_runtime.manifest import MANIFEST, ONNX, OPENVINO, Manifest

COMMAND, MAPS = "export", "maps"
CHECK, EXPECTED = "check", "expected.json"  # folder of the pictures that go with it, and what is expected of them
WITH_IT, MORE = 5, 50  # pictures that go with it, and that are compared besides
FILES = {OPENVINO: ("model.xml", "model.bin"), ONNX: ("model.onnx",)}

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Source:
    """What is exported of one category.

    Attributes:
        category: its name.
        maps: folder of its maps.
        note: of them.
        model: that made them.
    """

    category: str
    maps: Path
    note: StepNote
    model: ModelFolder

    def identity(self, config: ExportConfig) -> Identity:
        """Whatever decides the export; the limit is data in it, and none of that."""
        made = {name: part for name, part in self.note.identity().items() if name != "inputs"}
        settings = {**config.identity(), "maps": made, "model": origin.weights_id(self.model)}
        return Identity(COMMAND, settings, self.note.seed or 0, dict(self.note.inputs), identity_defaults(ExportConfig))


def run(config: ExportConfig, *, force: bool = False) -> Outcome:
    """Export every category; one that fails does not stop the others.

    Raises:
        UsageError: what writes the format is not installed.
        MissingInputError: there are no finished maps, or their model is gone.
    """
    if config.format != OPENVINO:
        graphs.require_onnx()
    sources = {name: _source(config, name) for name in _categories(config)}
    with StepRun(COMMAND, config.out, force=force, missing=_missing) as work:
        todo = set(work.plan({name: one.identity(config) for name, one in sources.items()}, {"maps": config.maps}))
        for name, one in sources.items():
            if name in todo:
                with work.category(name, keep_going=len(sources) > 1) as out:
                    found = _export(config, one, out)
                    work.outcome.notes += [f"{name}: {each}." for each in found]
            else:
                _say_other_limit(config, one)
            if name not in work.outcome.failed:
                work.outcome.rows.append(_row(config.out / name))
    return work.outcome


def _categories(config: ExportConfig) -> list[str]:
    there = notes.done_categories(config.maps)
    if not there:
        raise MissingInputError(f"No finished maps at {config.maps}. Run `adtool maps` first.")
    for name in config.category:
        if name not in there:
            raise MissingInputError(f"No finished maps of the category '{name}': {config.maps} has {', '.join(there)}.")
    return list(dict.fromkeys(config.category)) or there


def _source(config: ExportConfig, category: str) -> Source:
    folder = config.maps / category
    note = notes.require_done(folder, "adtool maps")
    name = note.settings.detector
    if note.command != MAPS or not name:
        raise MissingInputError(
            f"{folder} was not made by a detector of adtool (but by `adtool {note.command}`). Give --maps maps, the "
            "folder of the detector's own maps."
        )
    if compares(name):
        raise MissingInputError(
            f"{folder} was made with {name}, which compares images with each other and keeps no model, so there is "
            "nothing to export. Take a detector that learns from normal images: `adtool maps --detector patchcore`."
        )
    models = config.models or step_run.noted_path(config.maps, "models") or Path(layout.MODELS)
    found = origin.of_maps(config.maps, category, models)
    if found.model is None:
        raise MissingInputError(f"The detector of {folder} can't be exported: {found.reason}. Give --models.")
    return Source(category, config.maps, note, found.model)


def _missing(folder: Path) -> list[Path]:
    """What an export lacks, by its own manifest."""
    path = folder / MANIFEST
    if not path.is_file():
        return [path]
    names = (files.read_json(path) or {}).get("files", {})
    return [folder / name for name in names if not (folder / name).is_file()]


def _export(config: ExportConfig, source: Source, work: Work) -> list[Comparison]:
    """Write an export, compare it, and only then call it finished."""
    folder, opened = work.folder, store.open_model(source.model, _engine(config))
    model = _exportable(opened, source)
    samples, expected = _expected(config, source, opened)
    for one in (MANIFEST, EXPECTED):
        (folder / one).unlink(missing_ok=True)
    formats = (OPENVINO, ONNX) if config.format == "both" else (config.format,)
    inputs = sizes.of_inputs(opened.frame, samples)
    graph = graphs.GridGraph(opened.frame, model, source.category, inputs)
    for one in formats:
        (graphs.write_openvino if one == OPENVINO else graphs.write_onnx)(graph, folder / FILES[one][0])
    written = [name for one in formats for name in FILES[one]]
    rule, standard = describing.rule(source.model, model)
    if standard is not None:
        _save(folder / rule.standard, standard)
        written.append(rule.standard)
    written += _pictures(folder, samples[:WITH_IT], expected)
    evidence.write(folder, evidence.read(source.maps / source.category))
    wheel.write(folder)
    written.append(wheel.name())
    described = describing.manifest(source, opened.frame, inputs, rule, {one: FILES[one][0] for one in formats})
    noted: dict[str, Any] = {name: _noted(folder / name) for name in written}
    _write(folder, {**described, "files": noted})
    found = comparing.with_every_engine(folder, samples, expected)
    comparing.require_same(found)
    names = [name for name in written if name.startswith(f"{CHECK}/") and not name.endswith((".npy", ".json"))]
    unread = manifests.read(folder)
    files.write_text(folder / "README.md", readme.text(unread, names, found))
    _write(folder, {**described, "files": noted, "checked": comparing.as_noted(found, len(samples))})
    work.result |= {"normals": source.note.result.normals, "compared": [str(one) for one in found]}
    return found


def _engine(config: ExportConfig) -> EngineChoice:
    """What gives adtool's own answers: on the CPU, where the export runs and its graph is traced."""
    if config.device not in ("auto", "cpu"):
        raise UsageError(f"--device {config.device}: an export is made on the CPU. Leave it out.")
    return EngineChoice(config.weights, config.engine, "cpu")


def _exportable(opened: OpenedModel, source: Source) -> Exportable:
    """The model, if a graph can be made of it.

    Raises:
        UsageError: it can't.
    """
    model, frame = opened.model, opened.frame
    why = ""
    if not isinstance(model, Exportable):
        why = f"{source.note.settings.detector} can't be exported: it has no `grid` and `map_rule`"
    elif frame.tiling is not None:
        why = "models that see pictures in tiles can't be exported yet. Make maps without --tile"
    if why or not isinstance(model, Exportable):
        raise UsageError(f"{source.maps / source.category}: {why}.")
    return model


def _expected(config: ExportConfig, source: Source, opened: OpenedModel) -> tuple[list[Sample], dict[str, Expected]]:
    """The pictures that are compared, those that go with the export first, and what adtool says of them.

    Raises:
        MissingInputError: the data set is not there, or none of its pictures can be read.
        BadDataError: it is another one.
    """
    data = dataset_folder.read_dataset(step_run.noted_data(config.maps, config.data), is_quiet=True)
    category = data.category(source.category)
    step_run.check_same_data(source.note, category.fingerprint(), source.maps / source.category, data.path)
    chosen = comparing.spread(category.test, WITH_IT + MORE)
    # What a detector knows by heart has a score of nothing but rounding, unless distances are taken exactly.
    most = WITH_IT + MORE if isinstance(opened.model, CrossFitting) else WITH_IT
    chosen += comparing.spread(category.train, max(0, most - len(chosen)))
    samples = dataset_folder.with_reading(chosen, model_cards.reading_of(source.model))
    expected = {one.sample.id: Expected(one.scores, one.image_score) for one in opened.score(samples)}
    read = [one for one in samples if one.id in expected]
    if not read:
        raise MissingInputError(f"None of the images of {source.category} in {data.path} can be read to compare with.")
    with_it = comparing.spread(read, WITH_IT)
    return [*with_it, *(one for one in read if one not in with_it)], expected


def _pictures(folder: Path, samples: list[Sample], expected: Mapping[str, Expected]) -> list[str]:
    """Write the pictures that go with the export, their maps and image scores; the names of the files."""
    names, noted = [], []
    for number, one in enumerate(samples, 1):
        picture, scores = f"{CHECK}/{number}{one.image.suffix.lower()}", f"{CHECK}/{number}.npy"
        said = expected[one.id]
        files.write_bytes(folder / picture, one.image.read_bytes())
        _save(folder / scores, said.scores)
        noted.append({"picture": picture, "id": one.id, "image_score": said.image_score, "map": scores})
        names += [picture, scores]
    files.write_json(folder / CHECK / EXPECTED, noted)
    return [*names, f"{CHECK}/{EXPECTED}"]


def _save(path: Path, values: Floats) -> None:
    files.write_with(path, lambda part: np.save(part, values, allow_pickle=False))


def _noted(path: Path) -> dict[str, object]:
    return {"sha256": manifests.sha256(path), "bytes": path.stat().st_size}


def _write(folder: Path, values: Mapping[str, object]) -> None:
    files.write_json(folder / MANIFEST, Manifest.model_validate(values).model_dump(mode="json"))


def _say_other_limit(config: ExportConfig, source: Source) -> None:
    """An export keeps its limit; where its maps have another by now, that is said."""
    own, theirs = manifests.read(config.out / source.category).limit.value, _limit(source)
    if own != theirs and theirs is not None:
        log.warning(
            "%s has the limit %s, the maps have %s by now: `adtool decide --export %s --at %s` takes it over.",
            config.out / source.category, own, theirs, config.out / source.category, theirs,
        )  # fmt: skip


def _limit(source: Source) -> float | None:
    return limit_file.read(source.maps / source.category).value


def _row(folder: Path) -> dict[str, object]:
    found = manifests.read(folder)
    size = sum(one.bytes for one in found.files.values()) / 2**20
    largest = max((one["largest_difference"] for one in found.checked.engines), default=0.0) if found.checked else 0.0
    return {
        "category": found.category,
        "graph": ", ".join(found.graphs.values()),
        "MB": round(size, 1),
        "compared": counted(found.checked.pictures if found.checked else 0, "picture"),
        "largest difference": f"{largest:.1e}",
    }
