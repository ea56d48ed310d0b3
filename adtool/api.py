"""For Python: a detector in three lines, and the steps as functions, over the same code and folders as the commands.

import adtool

detector = adtool.Detector.fit("pictures/good")
result = detector.score("pictures/new/0001.png")
print(result.decision, result.score, result.boxes)
"""

import tempfile
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from adtool.core import arrays, files, layout, model_cards
from adtool.core.config import parse
from adtool.core.dataset import dataset_folder
from adtool.core.dataset.types import Category, Sample
from adtool.core.errors import BadDataError, MissingInputError, UsageError
from adtool.core.in_python import in_python
from adtool.core.layout import ModelFolder
from adtool.core.limits import evidence, limit_file
from adtool.core.limits.asked import Asked
from adtool.core.limits.choose import choose
from adtool.core.limits.limit_file import Limit
from adtool.core.pictures.survey import survey
from adtool.core.remote import inputs
from adtool.detection import store
from adtool.detection.contract import load_plugin, settings_of
from adtool.detection.options import DetectorOptions
from adtool.detection.scoring import OpenedModel
from adtool.nn.feature_reader import Picture
from adtool.nn.options import EngineChoice
from adtool_runtime import given, judging
from adtool_runtime.given import Given
from adtool_runtime.judging import Result as Result
from adtool_runtime.pictures.reading import PLAIN

NAME = "parts"  # category of a detector that was made here
WORDS = "api"  # what chose its limit, as it is noted
LIMIT = Path(layout.LIMIT_FILE)

Folder = str | PathLike[str]
Pictures = str | PathLike[str] | Sequence[Given] | npt.NDArray[Any]


class Detector:
    """A detector that has learned one category; make it with `fit` or `load`.

    Attributes:
        limit: the limit between OK and NOK, with how it came about.
    """

    def __init__(self, opened: OpenedModel, folder: ModelFolder, limit: Limit) -> None:
        self._opened, self._folder = opened, folder
        self._reading = model_cards.reading_of(folder)
        self.limit = limit

    @classmethod
    def fit(  # noqa: PLR0913, a public function: each argument is one thing its caller may want
        cls,
        images: Pictures,
        *,
        detector: str = "patchcore",
        backbone: str | None = None,
        image_size: int | None = None,
        settings: Mapping[str, object] | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> "Detector":
        """Learn from pictures of good parts.

        Args:
            images: a folder of them (or a category in MVTec AD layout, whose train/good is taken), files, or arrays:
                (H, W) grey or (H, W, 3) RGB.
            detector: a name of `adtool list detectors`, of one that learns from good parts.
            backbone: a timm name or alias; by default the embedded one.
            image_size: side of the network's input, in pixels; by default what suits the backbone.
            settings: of the detector, as `--set` takes them.
            seed: of everything random.
            device: auto, cpu, cuda or cuda:<n>.

        Raises:
            UsageError: no such detector, setting or backbone.
            MissingInputError: there are no pictures.
            BadDataError: none of them can be read.
        """
        folder = Path(tempfile.mkdtemp(prefix="adtool-"))
        words = tuple(f"{name}={value}" for name, value in (settings or {}).items())
        options = DetectorOptions(
            backbone=backbone, image_size=image_size, settings=words, seed=seed, device=device, models=folder / "models"
        )
        category = _category(images, folder / "pictures")
        chosen = store.prepare(detector, settings_of(detector, load_plugin(detector), words), options)
        opened = store.fit_or_load(chosen, category, options.models, force=False)
        model = store.folder_of(detector, NAME, options.models)
        limit = choose(evidence.of_model(model, NAME), Asked(), WORDS)
        made = cls(opened, model, limit)
        weakref.finalize(made, rmtree, folder, ignore_errors=True)
        return made

    @overload
    def score(self, images: str | PathLike[str]) -> Result: ...  # type: ignore[overload-overlap]
    @overload
    def score(self, images: Sequence[Given]) -> list[Result]: ...
    @overload
    def score(self, images: npt.NDArray[Any]) -> Result | list[Result]: ...

    def score(self, images: Pictures) -> Result | list[Result]:
        """Judge a picture, or several; threads may ask at once, and get their answers one after the other.

        Args:
            images: a file, an array, or several: a list of them, or an array of (N, H, W, 3).

        Returns:
            What is said of it; of several a list, in their order.

        Raises:
            BadDataError: one can't be read.
            MissingInputError: there is no such file.
        """
        batch = isinstance(images, Sequence) and not isinstance(images, str)
        if isinstance(images, np.ndarray):
            batch = images.ndim == _BATCH
        every: list[Given] = list(images) if batch else [images]  # type: ignore[arg-type, list-item]
        found = [self._judged(one, number) for number, one in enumerate(every)]
        return found if batch else found[0]

    def _judged(self, one: Given, number: int) -> Result:
        picture = given.read(one, self._reading)
        place = Path(str(number))
        sample = Sample(self._folder.category, place.name, layout.TEST, layout.UNKNOWN_KIND, place, None, self._reading)
        with _ONE_AT_A_TIME:
            scored = next(iter(self._opened.score([Picture(sample, picture.pixels)])), None)
        if scored is None:
            raise BadDataError(f"The network makes NaN or infinite features of picture {number}.")
        size = (picture.pixels.shape[0], picture.pixels.shape[1])
        remark = given.remark(picture, self._reading)
        return judging.judged(scored.scores, scored.image_score, self.limit.value, size, remark)

    def decide(
        self, *, false_alarms: float | None = None, at: float | None = None, found: float | None = None
    ) -> Limit:
        """Choose another limit, as `adtool decide` does; give one of them.

        Raises:
            UsageError: more or less than one is given.
            MissingInputError: it can't be had.
        """
        if sum(one is not None for one in (false_alarms, at, found)) != 1:
            raise UsageError("Give one of false_alarms, at and found.")
        known = evidence.of_model(self._folder, self._folder.category)
        limit = choose(known, Asked(false_alarms, at, found), WORDS)
        if limit.value is None:
            raise MissingInputError(f"That limit can't be had: {limit.why}.")
        self.limit = limit
        return limit

    def save(self, folder: str | PathLike[str]) -> Path:
        """Write the model and its limit into a folder that is not there yet, or is empty.

        Raises:
            UsageError: there is something.
        """
        path = Path(fspath(folder))
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(f"{path} is not empty. Give a new folder.")
        copytree(self._folder.path, path, dirs_exist_ok=True)
        files.write_json(path / LIMIT, {"format": 1, **self.limit.model_dump(mode="json")})
        return path

    @classmethod
    def load(cls, folder: str | PathLike[str], *, device: str = "auto") -> "Detector":
        """What `save` wrote, or a model of a workspace, models/<detector>/<category>.

        Raises:
            MissingInputError: there is none.
            BadDataError: it is damaged, or of a newer adtool.
        """
        path = Path(fspath(folder))
        model = ModelFolder(path)
        opened = store.open_model(model, EngineChoice(device=device))
        if (path / LIMIT).exists():
            return cls(opened, model, limit_file.read(path))
        return cls(opened, model, choose(evidence.of_model(model, model.category), Asked(), WORDS))


_BATCH = 4  # axes of several pictures in one array
# Of all detectors: a picture takes all cores, and OpenVINO may wait for ever where two threads first run it at once.
_ONE_AT_A_TIME = threading.Lock()


def _category(images: Pictures, folder: Path) -> Category:
    """Good parts as a category to learn; arrays are written as pictures first.

    Raises:
        MissingInputError: there are none.
    """
    if isinstance(images, str | PathLike):
        samples = _of_folder(inputs.local(Path(fspath(images))))
    else:
        every = list(images)
        if not every:
            raise MissingInputError("There are no pictures to learn from.")
        samples = [_sample(number, one, folder) for number, one in enumerate(every)]
    how = survey([one.image for one in samples]).reading
    return Category(NAME, folder, dataset_folder.with_reading(samples, how), (), frozenset((layout.NORMAL_KIND,)))


def _of_folder(path: Path) -> list[Sample]:
    if not path.is_dir():
        raise MissingInputError(f"There is no folder {path} with pictures of good parts.")
    if dataset_folder.is_category(path):
        data = dataset_folder.read_dataset(path)
        found: Iterable[Sample] = next(iter(data.categories.values())).train
    else:
        found = dataset_folder.unlabelled(path, NAME).test
    samples = [Sample(NAME, one.id, layout.TRAIN, layout.NORMAL_KIND, one.image) for one in found]
    if not samples:
        raise MissingInputError(f"There are no pictures of good parts in {path}.")
    return samples


def _sample(number: int, one: Given, folder: Path) -> Sample:
    if not isinstance(one, np.ndarray):
        return Sample(NAME, f"{number:06}", layout.TRAIN, layout.NORMAL_KIND, Path(fspath(one)))
    path = folder / f"{number:06}.png"
    arrays.write_png(path, given.read(one, PLAIN).pixels)
    return Sample(NAME, f"{number:06}", layout.TRAIN, layout.NORMAL_KIND, path)


@in_python
def refine_maps(maps: Folder = "maps", out: Folder = "refined", *, method: str = "free", force: bool = False) -> Path:
    """Clean maps, as `adtool refine` does; the folder that was written.

    Args:
        maps: folder of maps.
        out: folder to write.
        method: `free`, without a training, or `trained`.
        force: make again what was made with other settings.

    Raises:
        AdtoolError: whatever ends the command.
    """
    from adtool.refine import step
    from adtool.refine.config import RefineConfig

    config = parse(RefineConfig, {"maps": Path(maps), "out": Path(out), "method": method}, where="refine_maps")
    step.run(config, force=force).raise_failures()
    return Path(out)


@in_python
def find_classes(maps: Folder | None = None, out: Folder = "classes", *, force: bool = False) -> Path:
    """Find the kinds of defect, as `adtool discover` does; the folder that was written.

    Args:
        maps: folder of maps; by default refined/ if it was made from the present maps/, else maps/.
        out: folder to write.
        force: make again what was made with other settings.

    Raises:
        AdtoolError: whatever ends the command.
    """
    from adtool.discover import step
    from adtool.discover.config import DiscoverConfig

    given_maps = {} if maps is None else {"maps": Path(maps)}
    config = parse(DiscoverConfig, {**given_maps, "out": Path(out)}, where="find_classes")
    step.run(config, force=force).raise_failures()
    return Path(out)


@in_python
def make_report(folders: Sequence[Folder] = (), out: Folder = "report") -> list[dict[str, str]]:
    """Measure every finished folder, as `adtool report` does; the rows of metrics.csv.

    Args:
        folders: to report on; all finished ones of the current folder if none is named.
        out: folder to write.

    Raises:
        AdtoolError: whatever ends the command.
    """
    from adtool.report import step
    from adtool.report.config import ReportConfig

    config = parse(ReportConfig, {"folders": tuple(map(Path, folders)), "out": Path(out)}, where="make_report")
    step.run(config).raise_failures()
    return files.read_csv(Path(out) / "metrics.csv")
