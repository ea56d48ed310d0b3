"""What sees the images of each category: the detector of its maps where it rebuilds images, else a backbone."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from adtool.core import files
from adtool.core.errors import AdtoolError, MissingInputError, UsageError
from adtool.core.layout import ModelFolder
from adtool.core.map_source import MapSource
from adtool.detection import origin
from adtool.detection.contract import load_plugin
from adtool.detection.scoring import OpenedModel
from adtool.nn import backbone, families, weights
from adtool.nn.backbone import Backbone
from adtool.nn.options import DEFAULT_BACKBONE, EngineChoice
from adtool.refine.feature_store import RECONSTRUCTION, Extractor
from adtool.refine.map_detectors import MapDetectors
from adtool.refine.model import Filter
from adtool.refine.rebuilders import GivenReconstructions, RebuildingDetector

MOST_LAYERS = 4  # that are matched, of those the maps were made from

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class AskedBackbone:
    """What is asked for of the backbone, as far as anything is; whoever asks wants that network to see."""

    name: str = ""
    layers: tuple[int, ...] = ()
    image_size: int | None = None


def choose(
    asked_for: AskedBackbone,
    sources: Mapping[str, MapSource],
    groups: Sequence[tuple[str, ...]],
    detectors: MapDetectors,
) -> dict[str, Extractor]:
    """What sees each category.

    Args:
        asked_for: by whoever refines.
        sources: the maps of each category.
        groups: categories that share a filter, and so must be seen in the same way.
        detectors: that made the maps; backbones run on the same engine.
    """
    eyes = _given(asked_for, sources, groups, detectors.engine)
    if asked_for == AskedBackbone():
        eyes |= _rebuilding({name: one for name, one in sources.items() if name not in eyes}, groups, detectors)
    known: dict[ExtractorSettings, Extractor] = {}
    for group in groups:
        if any(name not in eyes for name in group):
            asked = _seeing(asked_for, {name: sources[name] for name in group})
            if asked not in known:
                known[asked] = _plain(asked, detectors.engine)
            eyes |= dict.fromkeys(group, known[asked])
    return eyes


def _given(
    asked_for: AskedBackbone,
    sources: Mapping[str, MapSource],
    groups: Sequence[tuple[str, ...]],
    engine: EngineChoice,
) -> dict[str, Extractor]:
    """A backbone with the reconstructions that came with maps, for the groups whose categories all have some."""
    eyes: dict[str, Extractor] = {}
    for group in groups:
        rebuilt = {name: _beside(sources[name]) for name in group}
        with_some = [name for name in group if rebuilt[name] is not None]
        if len(with_some) < len(group):
            if with_some:
                lacking = next(name for name in group if rebuilt[name] is None)
                log.warning(
                    "Normal images serve as templates instead of reconstructions, which %s does not have. For those "
                    "that have some add --category, or --set joint=false.", lacking,
                )  # fmt: skip
            continue
        plain = _plain(_seeing(asked_for, {name: sources[name] for name in group}), engine)
        eyes |= {name: replace(plain, rebuilder=rebuilt[name]) for name in group}
    return eyes


def _beside(source: MapSource) -> GivenReconstructions | None:
    """The reconstructions that came with the maps of a category, if any did.

    Raises:
        MissingInputError: one of them is gone.
    """
    name, category = source.category.name, source.category
    folder = source.maps.reconstructions(name)
    if not folder.is_dir():
        return None
    there = {one.image: folder / f"{one.id}.png" for one in (*category.train, *source.samples)}
    found = {image: path for image, path in there.items() if path.exists()}
    learned = [(one.id, found[one.image]) for one in category.train if one.image in found]
    lacking = [one for one in source.samples if one.image not in found]
    if lacking or not learned:
        what = f"of {lacking[0].id}" if lacking else "of any normal image"
        raise MissingInputError(
            f"{folder} has no reconstruction {what}. Run `adtool convert --from ... --reconstructions` again."
        )
    tested = files.fingerprint((one.id, found[one.image]) for one in source.samples)
    return GivenReconstructions(folder, found, files.fingerprint(learned), tested)


def _rebuilding(
    sources: Mapping[str, MapSource], groups: Sequence[tuple[str, ...]], detectors: MapDetectors
) -> dict[str, Extractor]:
    """Detectors that rebuild images, for the groups whose categories were all mapped by the same one."""
    eyes: dict[str, Extractor] = {}
    known: dict[str, Extractor] = {}
    for group in groups:
        if any(name not in sources for name in group):
            continue
        made_with = [_of_detector(sources[name].note.all_settings) for name in group]
        if any(one != made_with[0] for one in made_with) or not _rebuilds(made_with[0]):
            continue
        try:
            eyes |= {name: _detector(sources[name], detectors, known) for name in group}
        except AdtoolError as error:
            log.warning("Normal images serve as templates instead of reconstructions: %s", error)
    return eyes


def _of_detector(made_with: Mapping[str, object]) -> dict[str, object]:
    """The settings of maps that are their detector's."""
    return {name: value for name, value in made_with.items() if name not in origin.OF_MAPS}


def _rebuilds(made_with: Mapping[str, object]) -> bool:
    """Whether maps came from a detector that yields reconstructions."""
    try:
        return load_plugin(str(made_with.get("detector") or "")).ABOUT.templates == RECONSTRUCTION
    except AdtoolError:  # other people's maps, or a plug-in that is gone
        return False


def _detector(given: MapSource, detectors: MapDetectors, known: dict[str, Extractor]) -> Extractor:
    """The detector of a category; `known` are those opened before, by folder.

    Raises:
        AdtoolError: its model is not there any more, or can't be opened.
    """
    found = detectors.origin(given)
    if found.model is None:
        raise MissingInputError(f"{given.category.name}: {found.reason}.")
    place = found.model.path.as_posix()
    if place not in known:
        # Models of the same kind share a backbone, which is most of their memory.
        frames = [eye.detector.frame for eye in known.values() if eye.detector and eye.detector.asked == found.asked]
        frame = frames[0] if frames else detectors.open(found.model).frame
        if frame.crop and (frame.image_size - frame.crop) % (2 * frame.backbone.multiple):
            raise UsageError(
                f"{found.model.path} sees the middle {frame.crop} of {frame.image_size} px, and what is beside it is "
                f"no multiple of {frame.backbone.multiple} px."
            )
        which = RebuildingDetector(found.model, frame, found.asked, origin.weights_id(found.model))
        known[place] = Extractor(frame.backbone, frame.image_size, frame.batch_size, which)
    return known[place]


@dataclass(frozen=True)
class ExtractorSettings:
    """A backbone as it is asked for.

    Attributes:
        name: of the network.
        layers: to match; none for its own.
        image_size: side of its input, in pixels.
        replicates: whether its borders are padded with what is beside them.
    """

    name: str
    layers: tuple[int, ...]
    image_size: int
    replicates: bool

    def __str__(self) -> str:
        layers = ",".join(map(str, self.layers)) or "its own"
        borders = ", padding=replicate" if self.replicates else ""
        return f"backbone {self.name}, layers {layers}, image size {self.image_size}{borders}"


def _seeing(asked_for: AskedBackbone, sources: Mapping[str, MapSource]) -> ExtractorSettings:
    """How categories that share a filter are seen: as their maps were made, where nothing else is asked for.

    Raises:
        UsageError: their maps were made in different ways.
    """
    named = {name: source for name, source in sources.items() if source.note.settings.backbone} or sources
    asked = {name: _as_mapped(asked_for, source) for name, source in named.items()}  # others' maps name none
    first = next(iter(asked))
    for name, one in asked.items():
        if one != asked[first]:
            raise UsageError(
                f"One filter can't see {first} ({asked[first]}) and {name} ({one}) as their maps were made. Add "
                "--set joint=false for a filter of each, or give --backbone, --image-size and --set layers=."
            )
    return asked[first]


def _as_mapped(asked_for: AskedBackbone, source: MapSource) -> ExtractorSettings:
    """The backbone of the maps where they name one, at their size."""
    made_with = source.note.settings
    theirs = made_with.backbone or DEFAULT_BACKBONE
    name = asked_for.name or theirs
    own = weights.canonical(name) == weights.canonical(theirs)
    layers = asked_for.layers
    if not layers and own:
        layers = _spread(made_with.layers)
    of_maps = made_with.image_size if own else None
    size = asked_for.image_size or of_maps or families.USUAL[families.family(name)].image_size
    replicates = not asked_for.name and families.replicates(name, made_with.padding)
    return ExtractorSettings(name, layers, int(size), replicates)


def _plain(asked: ExtractorSettings, chosen: EngineChoice) -> Extractor:
    # In full precision everywhere: which matches are kept, and in which order, hangs on the last digits.
    exact, layers = backbone.exact(chosen), asked.layers or None
    network = backbone.load(asked.name, exact, layers=layers, replicates=asked.replicates)
    return Extractor(network, asked.image_size, chosen.batch_size)


def of_filter(made: Filter, model: OpenedModel, folder: ModelFolder, network: Callable[[], Backbone]) -> Extractor:
    """What sees images as those were seen that a filter learned from.

    Args:
        made: the filter.
        model: of the detector.
        folder: of that model.
        network: the filter's backbone with its layers; loaded only where the detector rebuilds nothing.
    """
    frame = model.frame
    if made.learned_with != RECONSTRUCTION:
        return Extractor(network(), made.image_size, frame.batch_size)
    which = origin.weights_id(folder)
    rebuilder = RebuildingDetector(folder, frame, {}, which)
    return Extractor(frame.backbone, frame.image_size, frame.batch_size, rebuilder)


def _spread(layers: Sequence[int]) -> tuple[int, ...]:
    """At most four of the layers, evenly."""
    if len(layers) <= MOST_LAYERS:
        return tuple(layers)
    return tuple(layers[round(i * (len(layers) - 1) / (MOST_LAYERS - 1))] for i in range(MOST_LAYERS))
