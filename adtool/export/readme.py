"""The README of an export: how to run it, and what was compared."""

from collections.abc import Sequence

from adtool.export import wheel
from adtool.export.comparing import Comparison
from adtool_runtime.engines import MODULES
from adtool_runtime.forms import Manifest

EXTRA_OF = {"openvino": "openvino", "onnx": "onnx"}

TEXT = """# {category}, by {detector}

What `adtool export` wrote of `{category}`. It needs neither torch nor adtool:

    python -m venv line
    line/bin/pip install './{wheel}[{extra}]'
    line/bin/python -m adtool_runtime . pictures/ --csv out.csv

or from Python:

    from adtool_runtime import load

    part = load(".")
    result = part.inspect("{example}")
    print(result.decision, result.score)
    for box in result.boxes:
        print(box.x, box.y, box.width, box.height, box.score)
    for picture, said in part.inspect_many(["a.png", "b.png"]):
        print(picture, said)  # a Result, or the error of a picture that can't be read

* `adtool.json` says how pictures are read, how a score comes about, and the limit: parts above it are NOK. Change the
  limit with `adtool decide --export`, or there; the graph holds none.
* The graph ({graphs}) takes {taken}, and gives a grid of scores.
  These formats have no operator that shrinks a picture of any size as adtool does (OpenCV's area average, rounded to
  8 bits), so the runtime does it, with adtool's own code; the map, enlarged and blurred, and the image score, too.
* `check/` holds {pictures} pictures, with their maps (`.npy`) and image scores (`expected.json`) by adtool.
* All files but adtool.json are compared with their sha256 when it is loaded; none is a pickle.

Compared with adtool before it was finished (weights of the graph: {precision}):

{compared}
"""


def text(manifest: Manifest, pictures: Sequence[str], compared: Sequence[Comparison]) -> str:
    """What it says."""
    first = next(iter(manifest.graphs))
    return TEXT.format(
        category=manifest.category,
        detector=manifest.detector,
        wheel=wheel.name(),
        extra=EXTRA_OF[first],
        example=pictures[0],
        graphs=", ".join(f"{name} for {MODULES[kind]}" for kind, name in manifest.graphs.items()),
        taken=_taken(manifest),
        pictures=len(pictures),
        precision=manifest.precision,
        compared="\n".join(f"* {one}" for one in compared),
    )


def _taken(manifest: Manifest) -> str:
    """What the graph takes, in words."""
    tiles = manifest.input.tiles
    if tiles is None:
        side = manifest.input.crop or manifest.input.image_size
        return f"pictures that the runtime brought to {side} px and normalised"
    names = " and ".join(tiles.graphs.values())
    return f"what {names} sees in each tile of {tiles.tile} px, put together by the runtime"
