"""export: what was learned of a category, as a graph and data that run without torch.

Reads  maps/<category>/ (its note and its limit), the model that made them, some images of its data set; classes/
Writes export/<category>/: the graph, adtool.json, five pictures with what is expected of them, README.md, the runtime
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adtool.core import files
from adtool.core.arrays import Floats
from adtool.core.dataset.types import Sample
from adtool.core.errors import UsageError
from adtool.core.limits import evidence, limit_file
from adtool.core.steps.step_run import Outcome, StepRun, Work
from adtool.core.words import counted
from adtool.detection.frame import Frame
from adtool.export import (
    comparing,
    describing,
    expecting,
    eyes,
    graphs,
    parts,
    precision,
    readme,
    sizes,
    sources,
    wheel,
)
from adtool.export.classes import TENSORS, ExportedClasses
from adtool.export.comparing import Comparison, Expected
from adtool.export.config import COMMAND, UNKNOWN, ExportConfig
from adtool.export.graphs import Graph
from adtool.export.refining import LEVELS
from adtool.export.sizes import Size
from adtool.export.sources import Source
from adtool_runtime import manifest as manifests
from adtool_runtime.forms import Manifest
from adtool_runtime.manifest import MANIFEST, ONNX, OPENVINO

CHECK, EXPECTED = "check", "expected.json"  # folder of the pictures that go with it, and what is expected of them

log = logging.getLogger("adtool")


def run(config: ExportConfig, *, force: bool = False) -> Outcome:
    """Export every category; one that fails does not stop the others.

    Raises:
        UsageError: what writes the format is not installed, or options that go with no classes.
        MissingInputError: there are no finished maps, or their model is gone.
    """
    if not config.with_classes and (config.classes is not None or config.unknown != UNKNOWN):
        raise UsageError("--classes and --unknown are of the classes that go with an export: add --with-classes.")
    if config.format != OPENVINO:
        graphs.require_onnx()
    found = sources.find(config)
    with StepRun(COMMAND, config.out, force=force, missing=_missing) as work:
        identities = {name: one.identity(config, parts.inputs(config, one)) for name, one in found.items()}
        todo = set(work.plan(identities, {"maps": config.maps_folder}))
        for name, one in found.items():
            if name in todo:
                with work.category(name, keep_going=len(found) > 1) as out:
                    compared = _export(config, one, out)
                    work.outcome.notes += [f"{name}: {each}." for each in compared]
            else:
                _say_other_limit(config, one)
            if name not in work.outcome.failed:
                work.outcome.rows.append(_row(config.out / name))
    return work.outcome


def _missing(folder: Path) -> list[Path]:
    """What an export lacks, by its own manifest."""
    path = folder / MANIFEST
    if not path.is_file():
        return [path]
    names = (files.read_json(path) or {}).get("files", {})
    return [folder / name for name in names if not (folder / name).is_file()]


def _export(config: ExportConfig, source: Source, work: Work) -> list[Comparison]:
    """Write an export, compare it, and only then call it finished."""
    folder, of = work.folder, parts.find(config, source)
    opened, model, classes = of.opened, of.model, of.classes
    asked = expecting.answers(config, source, of)
    samples, expected = asked.samples, asked.expected
    for one in (MANIFEST, EXPECTED):
        (folder / one).unlink(missing_ok=True)
    formats = _formats(config)
    inputs = sizes.of_inputs(opened.frame, samples)
    written = _write_graph(
        config, graphs.GridGraph(opened.frame, model, source.category, inputs, of.extras), folder, graphs.MODEL
    )
    written += _write_tiles(config, opened.frame, inputs, folder)
    rule, standard = describing.rule(source.model, model)
    if standard is not None:
        _save(folder / rule.standard, standard)
        written.append(rule.standard)
    if of.refiner is not None and of.refiner.levels is not None:
        _save(folder / LEVELS, of.refiner.levels)
        written.append(LEVELS)
    if classes is not None:
        written += _write_classes(config, classes, folder)
    written += _pictures(folder, samples[: expecting.WITH_IT], expected)
    evidence.write(folder, evidence.read(source.folder))
    wheel.write(folder)
    written.append(wheel.name())
    described = describing.manifest(source, opened.frame, inputs, rule, formats)
    described["precision"] = config.precision
    if of.refiner is not None:
        described["refine"] = of.refiner.form(described["input"]["reading"]).model_dump()
    if classes is not None:
        spot_files = graphs.first_files(graphs.SPOTS_SEEN, formats)
        described["classes"] = classes.form(described["input"]["reading"], spot_files).model_dump()
    noted: dict[str, Any] = {name: _noted(folder / name) for name in written}
    _write(folder, {**described, "files": noted})
    found = comparing.with_every_engine(folder, samples, expected)
    if config.precision == precision.FULL:
        comparing.require_same(found)
    else:
        comparing.say_cost(found, source.category, config.precision)
    names = [name for name in written if name.startswith(f"{CHECK}/") and not name.endswith((".npy", ".json"))]
    unread = manifests.read(folder)
    files.write_text(folder / "README.md", readme.text(unread, names, found))
    _write(folder, {**described, "files": noted, "checked": comparing.as_noted(found, len(samples))})
    work.result |= {"normals": source.note.result.normals, "compared": [str(one) for one in found]}
    return found


def _write_graph(config: ExportConfig, graph: Graph, folder: Path, names: Mapping[str, Sequence[str]]) -> list[str]:
    """Write a graph in each format that is asked for; the names of the files."""
    for one in _formats(config):
        write = graphs.write_openvino if one == OPENVINO else graphs.write_onnx
        write(graph, folder / names[one][0], config.precision)
    return [name for one in _formats(config) for name in names[one]]


def _write_tiles(config: ExportConfig, frame: Frame, inputs: Sequence[Size], folder: Path) -> list[str]:
    """Write what sees tiles, for each network whose pictures are cut; the names of the files."""
    written = []
    for one, size, names in zip(eyes.of_each(frame), inputs, graphs.TILES_SEEN, strict=False):
        graph = graphs.of_tiles(one, size)
        written += _write_graph(config, graph, folder, names) if graph else []
    return written


def _write_classes(config: ExportConfig, classes: ExportedClasses, folder: Path) -> list[str]:
    """Write the vectors of the classes, and the graph that sees spots; the names of the files."""
    files.write_with(folder / TENSORS, lambda part: np.savez(part, allow_pickle=False, **classes.tensors()))
    graph = classes.spot_graph
    return [TENSORS, *(_write_graph(config, graph, folder, graphs.SPOTS_SEEN) if graph else [])]


def _formats(config: ExportConfig) -> tuple[str, ...]:
    return (OPENVINO, ONNX) if config.format == "both" else (config.format,)


def _pictures(folder: Path, samples: list[Sample], expected: Mapping[str, Expected]) -> list[str]:
    """Write the pictures that go with the export, their maps and image scores; the names of the files."""
    names, noted = [], []
    for number, one in enumerate(samples, 1):
        picture, scores = f"{CHECK}/{number}{one.image.suffix.lower()}", f"{CHECK}/{number}.npy"
        said = expected[one.id]
        files.write_bytes(folder / picture, one.image.read_bytes())
        _save(folder / scores, said.scores)
        noted.append(
            {"picture": picture, "id": one.id, "image_score": said.image_score, "class": said.class_name, "map": scores}
        )
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
    return limit_file.read(source.folder).value


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
