"""What `adtool.json` says of an export: how pictures are seen and judged, the limit, and where all of it comes from."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load

from adtool.core import colours, model_cards
from adtool.core.arrays import Floats
from adtool.core.layout import MapsFolder, ModelFolder
from adtool.core.limits import limit_file
from adtool.detection import image_scores, origin
from adtool.detection.contract import Exportable
from adtool.detection.frame import Frame
from adtool.export import eyes, graphs
from adtool.export.eyes import Eye
from adtool.export.sizes import Size
from adtool.nn import catalog
from adtool.nn import device as machine
from adtool_runtime.forms import MapRule
from adtool_runtime.manifest import FORMAT

if TYPE_CHECKING:
    from adtool.export.sources import Source

STANDARD = "standard.npy"


def rule(folder: ModelFolder, model: Exportable) -> tuple[MapRule, Floats | None]:
    """How scores come about, and the standard of good parts as one table: places, then lines; None without.

    Raises:
        UsageError: the model's settings ask for what no graph can do.
    """
    own = model.map_rule()
    stored = load(folder.weights.read_bytes())
    words = model_cards.image_score_rule(folder) or own.words
    if not image_scores.SHAPES.keys() <= stored.keys():
        return own.model_copy(update={"words": words}), None
    table = np.concatenate([stored[name].astype(np.float32) for name in image_scores.SHAPES], axis=1)
    return own.model_copy(update={"words": words, "standard": STANDARD}), table


def manifest(
    source: "Source", frame: Frame, sizes: Sequence[Size], how: MapRule, formats: Sequence[str]
) -> dict[str, Any]:
    """The whole of it but for the files and what was compared.

    Args:
        source: what is exported.
        frame: of the detector.
        sizes: that each of its networks sees, in pixels.
        how: a map and an image score come about.
        formats: of the graphs.
    """
    network = frame.backbone
    reading = model_cards.reading_of(source.model).as_json()
    several = zip(eyes.of_each(frame), sizes, graphs.TILES_SEEN, strict=False)
    inputs = [_input(one, size, reading, graphs.first_files(files, formats)) for one, size, files in several]
    return {
        "format": FORMAT,
        "category": source.category,
        "detector": source.detector,
        "input": inputs[0],
        "beside": inputs[1] if frame.beside else None,
        "rule": how.model_dump(),
        "limit": limit_file.read(source.maps / source.category).model_dump(mode="json"),
        "graphs": graphs.first_files(graphs.MODEL, formats),
        "colours": asdict(colours.of_category(MapsFolder(source.maps), source.category)),
        "lineage": {
            "adtool": machine.version("adtool"),
            "maps": {name: part for name, part in source.note.identity().items() if name != "command"},
            "model": origin.weights_id(source.model),
            "backbone": network.name,
            "backbone_weights": network.weights_id,
            **({"beside": frame.beside.network_noted()} if frame.beside else {}),
        },
        "licences": [
            {"of": "adtool_runtime", "licence": "MIT"},
            *({"of": one.backbone.name, "licence": _licence(one.backbone.name)} for one in eyes.of_each(frame)),
        ],
    }


def _input(frame: Frame, size: Size, reading: dict[str, object], of_tiles: dict[str, str]) -> dict[str, Any]:
    """How a network of the detector sees pictures; `of_tiles` are the files of what sees tiles."""
    keeps, tiles = frame.needs.keep_aspect, eyes.tiles_form(frame, of_tiles)
    height, width = size if (keeps and not frame.crop) or tiles else (0, 0)
    how = {"keep_aspect": keeps, "height": height, "width": width, "crop": frame.crop, "tiles": tiles}
    return Eye.of(frame.backbone, size).form(frame.image_size, reading, **how).model_dump()


def _licence(backbone: str) -> str:
    """Of a backbone's weights, which the graph holds."""
    known = {one.timm: one.licence for one in catalog.entries()}
    return known.get(backbone, "unknown: see where its weights are from")
