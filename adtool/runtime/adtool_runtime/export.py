"""An export that is loaded: pictures go in, what is said of them comes out."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np

from adtool_runtime import drawing, engines, given, images, judging, manifest, parallel
from adtool_runtime.classes import recognising
from adtool_runtime.drawing import ColourScale
from adtool_runtime.engines import AUTO, BESIDE, CLASS_PIXELS, FILTER_PIXELS, LAYER, PIXELS, SPOTS, Engine, Named
from adtool_runtime.errors import AdtoolError, BadDataError, UsageError
from adtool_runtime.forms import FilterForm, InputForm, Manifest, SpotsForm
from adtool_runtime.given import Given
from adtool_runtime.image_scores import PLACES, Floats, Standard
from adtool_runtime.judging import Result
from adtool_runtime.manifest import AGAIN, picture_reading
from adtool_runtime.refining import refiner
from adtool_runtime.seeing import Runs, seen

Item = TypeVar("Item", bound=Given)
AHEAD = 2  # pictures begun for each thread


class Export:
    """What `load` gives.

    Attributes:
        folder: where it lies.
        manifest: its `adtool.json`.
        limit: the image score above which a part is NOK; None where there is none.
    """

    def __init__(self, folder: Path, manifest: Manifest, engine: str, graph: str) -> None:
        self.folder = folder
        self.manifest = manifest
        self.limit = manifest.limit.value
        self._standard = _standard(folder, manifest)
        self._recogniser = None if manifest.classes is None else recognising.load(folder, manifest.classes)
        self._refiner = refiner.load(folder, manifest.refine)
        self._others = _other_inputs(manifest)
        self._reading = picture_reading(manifest)
        self._engine, self._graph = engine, graph
        self._opened: dict[tuple[bool, str], Engine] = {}
        self._lock = Lock()

    @property
    def engine(self) -> str:
        """Name and version of what runs the graph."""
        return self._running(many=False).name

    def inspect(self, picture: Given) -> Result:
        """Judge one picture, as fast as can be.

        Args:
            picture: a file, or an array: (H, W) grey or (H, W, 3) RGB.

        Raises:
            BadDataError: it is no picture, or can't be read.
            MissingInputError: there is no such file.
        """
        return self._inspect(picture, many=False)

    def inspect_many(
        self, pictures: Iterable[Item], threads: int | None = None
    ) -> Iterator[tuple[Item, Result | AdtoolError]]:
        """Judge many pictures, in their order, as many per second as can be; what goes wrong with one stops no other.

        Args:
            pictures: files or arrays; taken only as far as they are begun.
            threads: that work side by side; by default one for each core.

        Yields:
            Each picture with what is said of it, or the error if it can't be read.

        Raises:
            UsageError: one picture instead of several, or no thread.
        """
        if isinstance(pictures, str | PathLike):
            raise UsageError(f"inspect_many takes several pictures, as [{str(pictures)!r}]; inspect takes one.")
        if threads is not None and threads < 1:
            raise UsageError(f"inspect_many works with at least one thread, not {threads}.")
        self._running(many=True)  # what is wrong with the graph is no picture's fault
        threads = threads or parallel.core_count()

        def judge(picture: Item) -> Result | AdtoolError:
            try:
                return self._inspect(picture, many=True)
            except AdtoolError as error:
                return error

        with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="inspect") as pool:
            begun: deque[tuple[Item, Future[Result | AdtoolError]]] = deque()
            try:
                for picture in pictures:
                    begun.append((picture, pool.submit(judge, picture)))
                    if len(begun) > AHEAD * threads:
                        first, future = begun.popleft()
                        yield first, future.result()
                while begun:
                    first, future = begun.popleft()
                    yield first, future.result()
            finally:
                for _, future in begun:
                    future.cancel()

    def overlay(self, picture: Given, result: Result) -> images.Bytes:
        """The picture beside its map, both with the boxes of what was found; (h, w, 3) uint8, RGB.

        Args:
            picture: that was judged.
            result: what was said of it.

        Raises:
            BadDataError: the picture can't be read.
            MissingInputError: it is gone.
        """
        pixels = given.read(picture, self._reading).pixels
        sure = "" if result.confidence is None else f"{result.confidence:.2f}"
        text = drawing.caption(result.score, result.decision, self.limit, result.class_name, sure)
        return drawing.overlay(pixels, result.map, self._colours(result), result.boxes, text)

    def _colours(self, result: Result) -> ColourScale:
        """One scale for the category; of exports that note none, from nothing to somewhat above the limit."""
        noted = self.manifest.colours
        if noted is not None:
            return ColourScale(noted.low, noted.high)
        return ColourScale(0.0, float(result.map.max()) if self.limit is None else drawing.FULL_HEAT * self.limit)

    def _running(self, *, many: bool, files: Mapping[str, str] | None = None) -> Engine:
        """What runs the graph, or another one of `files`."""
        key, own = (many, min(files.values()) if files else ""), (self.folder, self.manifest, self._engine)
        with self._lock:
            if key not in self._opened:
                self._opened[key] = engines.opened(*own, many=many, graph=self._graph, files=files)
            return self._opened[key]

    def _inspect(self, one: Given, *, many: bool) -> Result:
        picture = given.read(one, self._reading)
        where, how = given.name(one), self.manifest
        size = (picture.pixels.shape[0], picture.pixels.shape[1])

        def runs(files: Mapping[str, str], pixels: Named) -> Named:
            return self._running(many=many, files=files).run(pixels)

        own = seen(PIXELS, picture.pixels, how.input, where, runs)
        inputs = dict(own.inputs)
        for name, other in self._others.items():
            inputs |= seen(name, picture.pixels, other, where, runs).inputs
        found = self._running(many=many).run(inputs)
        look_at = self._reading.look_at
        share = 1.0 if look_at is None else look_at.share(size)
        scores, score = judging.scores_of(found, own, how.rule, self._standard, share)
        scores = scores if look_at is None else look_at.only_inside(scores, size)
        if how.refine is not None and self._refiner is not None:
            scores = self._refiner.refined(scores, picture.pixels, found)
            scores = scores if look_at is None else look_at.only_inside(scores, size)
            score = score if how.refine.image_score == "given" else self._refiner.image_score(scores, share)
        if not (np.isfinite(score) and np.isfinite(scores).all()):
            raise BadDataError(f"The scores of {where} are NaN or infinite, so nothing can be said of it.")
        # Else the limit is in no unit of the map: it is of the given maps, or of one network's where the map is of two.
        same_unit = how.beside is None if how.refine is None else how.refine.image_score != "given"
        remark = given.remark(picture, self._reading)
        said = judging.judged(scores, score, self.limit, size, remark, same_unit=same_unit)
        if how.classes is None or self._recogniser is None:
            return said
        form, layers = how.classes.spots, _layers(found, how.classes.layers)
        close = None if form is None else partial(_close, form, runs)
        name, confidence = self._recogniser.of(picture.pixels, scores, score, layers, close)
        return replace(said, class_name=name, confidence=confidence)


def _close(form: SpotsForm, runs: Runs, turns: Floats) -> list[Floats]:
    """What the network of spots sees in the turns of one."""
    return _layers(runs(form.graphs, {SPOTS: turns}), form.layers)


def _layers(found: Named, count: int) -> list[Floats]:
    return [found[LAYER.format(number)] for number in range(count)]


def _other_inputs(manifest: Manifest) -> dict[str, InputForm]:
    """How networks beside the detector's see the picture, by the name of their input."""
    found = {
        BESIDE: manifest.beside,
        FILTER_PIXELS: manifest.refine.input if isinstance(manifest.refine, FilterForm) else None,
        CLASS_PIXELS: manifest.classes.input if manifest.classes else None,
    }
    return {name: one for name, one in found.items() if one is not None}


def load(folder: str | PathLike[str], engine: str = AUTO, *, graph: str = "", is_checked: bool = True) -> Export:
    """An export, its files compared with their sha256.

    Args:
        folder: `export/<category>`.
        engine: `auto`, `openvino` or `onnx`.
        graph: format of the graph, where there are several; by default the best that the engine reads.
        is_checked: whether the export must have been found to give the answers of adtool, which ends its making.

    Raises:
        MissingInputError: it is not there, or lacks a file.
        BadDataError: it is damaged, changed, not finished, or of a newer adtool.
        UsageError: nothing that can run it is installed.
    """
    path = Path(fspath(folder))
    found = manifest.read(path)
    if is_checked and found.checked is None:
        raise BadDataError(f"{path} was not finished: nobody knows whether it answers as adtool does. {AGAIN}")
    if graph and graph not in found.graphs:
        raise UsageError(f"{path} has no graph of the format '{graph}'. It has: {', '.join(found.graphs)}.")
    manifest.require_whole(path, found)
    if not [pair for pair in engines.usable(found) if engine in (AUTO, pair[0])]:
        engines.opened(path, found, engine, many=False, graph=graph)  # says what is missing
    return Export(path, found, engine, graph)


def _standard(folder: Path, found: Manifest) -> Standard | None:
    """The standard of good parts: mean and spread of each place, and two lines, as rows of one table."""
    name = found.rule.standard
    if not name:
        return None
    try:
        values = np.load(folder / name, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadDataError(f"{folder / name} can't be read ({error}). {AGAIN}") from None
    if values.dtype != np.float32 or values.shape != (2, PLACES * PLACES + 2):
        raise BadDataError(f"{folder / name} holds {values.dtype} of the shape {values.shape}. {AGAIN}")
    return Standard(np.ascontiguousarray(values[:, :-2]), np.ascontiguousarray(values[:, -2:]))
