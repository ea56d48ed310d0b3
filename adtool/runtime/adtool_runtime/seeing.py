"""How a network sees a picture: brought to the size of its input, or the middle of it, or in tiles, and normalised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from adtool_runtime import images, tiles
from adtool_runtime.engines import LAYER, PIXELS, SEEN
from adtool_runtime.errors import BadDataError
from adtool_runtime.forms import InputForm, TilesForm
from adtool_runtime.images import NO_MARGINS, Bytes, Floats, Margins


@dataclass(frozen=True)
class SeenPixels:
    """A picture as it goes into a graph.

    Attributes:
        inputs: of the graph, by name: (1, 3, h, w) normalised pixels; of tiles (1, C, h, w) features of each layer.
        size: (height, width) of the map that is made of it.
        margins: pixels of the map above and below, left and right of it, of which the network sees nothing.
        area: of the picture in inputs of the network: more than one where it is seen in tiles.
        shrunk: pixels of the map for one of the network's input, along a side.
    """

    inputs: dict[str, Floats]
    size: tuple[int, int]
    margins: Margins = NO_MARGINS
    area: float = 1.0
    shrunk: float = 1.0


Runs = Callable[[Mapping[str, str], Mapping[str, Floats]], Mapping[str, Floats]]  # a graph, by its file in each format


def seen(name: str, image: Bytes, how: InputForm, where: str, runs: Runs) -> SeenPixels:
    """A picture as a network sees it.

    Args:
        name: of the graph's input.
        image: (H, W, 3) uint8, RGB.
        how: the network's input.
        where: the picture lies, for messages.
        runs: the graph that sees tiles.

    Raises:
        BadDataError: its sides have another ratio than the graph was made for.
    """
    if how.tiles is not None:
        return _in_tiles(name, image, how, how.tiles, where, runs)
    size = (image.shape[0], image.shape[1])
    if how.crop:
        return _middle(name, image, how)
    height, width = images.fit(size, how.image_size, how.multiple, keep_aspect=how.keep_aspect)
    if how.height and (height, width) != (how.height, how.width):
        raise BadDataError(
            f"{where} has {size[1]} x {size[0]} px, which would be seen at {width} x {height}. This export keeps the "
            f"ratio of sides, and its graph is for pictures that are seen at {how.width} x {how.height}: give pictures "
            "of that ratio."
        )
    pixels = images.prepare(image, height, width, how.mean, how.std)
    return SeenPixels({name: pixels[None]}, (height, width))


def _in_tiles(name: str, image: Bytes, how: InputForm, form: TilesForm, where: str, runs: Runs) -> SeenPixels:
    size = (image.shape[0], image.shape[1])
    wanted = (how.height, how.width)
    scale = form.input_px / form.tile
    if (found := tiles.brought_to(size, scale, how.multiple)) != wanted:
        at = [round(one / scale) for one in wanted]
        raise BadDataError(
            f"{where} has {size[1]} x {size[0]} px, which in tiles of {form.tile} px would be seen at {found[1]} x "
            f"{found[0]}. The graph of this export is for pictures of about {at[1]} x {at[0]} px, which are seen at "
            f"{how.width} x {how.height}: give pictures of that size, or export with pictures of this one."
        )
    cut = tiles.cut(size, tile=form.tile, input_px=form.input_px, overlap=form.overlap, multiple=how.multiple)
    whole, mosaic = images.resize(image, *cut.size), tiles.Mosaic(cut)
    for number in range(len(cut.tiles)):
        pixels = images.normalised(whole[cut.pixels(number)], how.mean, how.std)
        layers = runs(form.graphs, {PIXELS: pixels[None]})
        mosaic.put(number, [layers[LAYER.format(one)][0] for one in range(form.layers)])
    shown = cut.map_size(mosaic.stride)
    inputs = {SEEN.format(name, one): layer[None] for one, layer in enumerate(mosaic.layers)}
    return SeenPixels(inputs, shown, area=max(1.0, cut.inputs), shrunk=max(shown) / max(cut.size))


def _middle(name: str, image: Bytes, how: InputForm) -> SeenPixels:
    whole = images.around_middle(
        (image.shape[0], image.shape[1]), how.image_size, how.crop, keep_aspect=how.keep_aspect
    )
    rows, columns = images.middle(whole, how.crop)
    margins = ((rows.start, whole[0] - rows.stop), (columns.start, whole[1] - columns.stop))
    pixels = images.normalised(images.resize(image, *whole)[rows, columns], how.mean, how.std)
    return SeenPixels({name: np.ascontiguousarray(pixels)[None]}, (how.crop, how.crop), margins)
