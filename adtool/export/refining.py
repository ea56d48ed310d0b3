"""What refines the maps of an export: a filter as a part of the graph, or none that was trained."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from torch import Tensor

from adtool.core import arrays
from adtool.core.arrays import Floats
from adtool.core.dataset import dataset_folder, looking
from adtool.core.errors import BadDataError, UsageError
from adtool.core.map_source import MapSource, read_source
from adtool.core.steps import step_run
from adtool.detection.contract import Scored, SeenImage
from adtool.detection.scoring import OpenedModel
from adtool.export.eyes import Eye
from adtool.export.graphs import Extra
from adtool.export.sources import Source
from adtool.nn import backbone
from adtool.nn.options import EngineChoice
from adtool.refine import again, each_category, free_category, refine_category, validation
from adtool.refine.feature_store import RECONSTRUCTION, ImageFeatures
from adtool.refine.model import Filter
from adtool.refine.refine_category import Blend
from adtool_runtime import images
from adtool_runtime.engines import FILTER_PIXELS, ODDS
from adtool_runtime.forms import FilterForm, FreeForm
from adtool_runtime.refining.free import FreeFilter

LEVELS = "levels.npy"


class ExportedRefiner(Protocol):
    """What refines maps, as the maps that are exported were."""

    @property
    def extra(self) -> Extra | None:
        """What it asks of the graph."""

    @property
    def levels(self) -> Floats | None:
        """What the runtime takes of it in a file of its own."""

    def form(self, reading: dict[str, object]) -> FreeForm | FilterForm:
        """What `adtool.json` says of it."""

    def refined(self, seen: SeenImage, given: Scored) -> Scored:
        """The refined map of a picture, as `adtool inspect` makes it."""


@dataclass(frozen=True)
class ExportedFree:
    """Refinement that learns nothing."""

    made: FreeFilter
    keeps: bool  # the image scores of the given maps
    extra: None = None
    levels: None = None

    def form(self, reading: dict[str, object]) -> FreeForm:
        """See `ExportedRefiner`."""
        del reading
        rule, scale = self.made.settings, self.made.scale
        return FreeForm(
            method="free",
            image_score="given" if self.keeps else "refined",
            zero=scale.zero,
            one=scale.one,
            fill=rule.fill,
            contrast=rule.contrast,
            near=rule.near,
            close=rule.close,
            follow=rule.follow,
            smooth=rule.smooth,
        )

    def refined(self, seen: SeenImage, given: Scored) -> Scored:
        """See `ExportedRefiner`."""
        del seen
        scores = self.made.refined(given.scores, arrays.read_image(given.sample.image, given.sample.reading))
        scores = looking.only_inside(scores, given.sample)
        share = looking.share(given.sample)
        anew = given.image_score if self.keeps else free_category.image_score(scores, share)
        return replace(given, scores=scores, image_score=anew)


@dataclass(frozen=True)
class ExportedFilter:
    """A filter that was trained.

    Attributes:
        made: the filter.
        category: of the pictures.
        mix: of its maps and the given ones.
        sees: what it takes of what the detector sees; None where it has a network of its own.
        eye: that network.
        keeps: whether the image scores of the given maps are kept.
    """

    made: Filter
    category: str
    mix: Blend
    sees: Callable[[SeenImage], ImageFeatures] | None
    eye: Eye | None
    keeps: bool

    @property
    def extra(self) -> Extra:
        """See `ExportedRefiner`."""
        return self

    @property
    def levels(self) -> Floats | None:
        """See `ExportedRefiner`."""
        return self.mix.levels

    @property
    def inputs(self) -> list[str]:
        """Names of what the graph takes for it."""
        return [] if self.eye is None else [FILTER_PIXELS]

    @property
    def outputs(self) -> list[str]:
        """Names of what it gives."""
        return [ODDS]

    def example(self) -> tuple[Tensor, ...]:
        """Such inputs."""
        return () if self.eye is None else (self.eye.example(),)

    def of(self, seen: SeenImage, pixels: Sequence[Tensor], grid: Tensor) -> tuple[Tensor, ...]:
        """(h, w) log-odds of being anomalous."""
        del grid
        look = self._features(seen, pixels)
        odds, _ = self.made.followed(
            [one.unsqueeze(0) for one in look.layers],
            self.category,
            [one.unsqueeze(0).unsqueeze(0) for one in look.templates],
        )
        return (odds[0],)

    def _features(self, seen: SeenImage, pixels: Sequence[Tensor]) -> ImageFeatures:
        if self.sees is not None:
            return self.sees(seen)
        assert self.eye is not None
        return ImageFeatures(seen.sample, self.eye.look(seen.sample, pixels[0]).layers, [])

    def form(self, reading: dict[str, object]) -> FilterForm:
        """See `ExportedRefiner`."""
        mixture = self.mix.mixture
        finish = {} if mixture is None else asdict(mixture.finish)
        return FilterForm(
            method="trained",
            image_score="given" if self.keeps else "refined",
            zero=0.0 if mixture is None else mixture.scale.zero,
            one=1.0 if mixture is None else mixture.scale.one,
            weight=0.0 if mixture is None else mixture.weight,
            levels="" if self.levels is None else LEVELS,
            input=None if self.eye is None else self.eye.form(self.made.image_size, reading),
            **finish,
        )

    def refined(self, seen: SeenImage, given: Scored) -> Scored:
        """See `ExportedRefiner`."""
        look = self._of_picture(seen) if self.sees is None else self.sees(seen)
        found = next(validation.of_features(self.made, self.category, [look], 1), None)
        if found is None:
            raise BadDataError(f"The filter makes NaN or infinity of {given.sample.image}, which goes with no export.")
        scores = looking.only_inside(self.mix.of(given.scores, found.probability(*given.scores.shape)), given.sample)
        share = looking.share(given.sample)
        anew = given.image_score if self.keeps else self.mix.image_score(scores, share)
        return replace(given, scores=scores, image_score=anew)

    def _of_picture(self, seen: SeenImage) -> ImageFeatures:
        assert self.eye is not None
        network, (height, width) = self.eye.backbone, self.eye.size
        picture = arrays.read_image(seen.sample.image, seen.sample.reading)
        pixels = images.prepare(picture, height, width, network.mean, network.std)
        return ImageFeatures(seen.sample, [one[0] for one in network.features(pixels[None])], [])


def find(source: Source, opened: OpenedModel, chosen: EngineChoice) -> ExportedRefiner | None:
    """What refines the maps of a category; None where the detector's own were kept.

    Raises:
        MissingInputError: the filter is gone.
        BadDataError: it is damaged, or the maps don't say how they were made.
        UsageError: it can't be exported.
    """
    result = source.note.result
    keeps = result.image_scores == "given"
    if source.note.settings.method == each_category.FREE:
        free = free_category.again(source.note)
        return None if free is None else ExportedFree(free, keeps)
    mix = refine_category.mix_again(result, lambda: _given(source))
    if mix.taken == refine_category.GIVEN:
        return None
    made = again.stored_filter(source.maps, source.category, result)
    made.network.requires_grad_(requires_grad=False)
    sees = again.of_detector(made, opened, source.model, source.category)
    if made.learned_with == RECONSTRUCTION and (sees is None or opened.frame.crop):
        raise UsageError(
            f"{source.folder} was refined by reconstructions that no graph gives. Refine with --backbone, which "
            "compares with normal images, or leave out --with-refine."
        )
    eye = None
    if sees is None:
        own = made.source.name == opened.frame.backbone.name
        network = backbone.again(made.source, backbone.exact(chosen if own else replace(chosen, weights=None)))
        if network.weights_id != made.source.weights_id:
            raise BadDataError(
                f"The filter of {source.folder} was trained with other weights of {network.name}. Give the same "
                "--weights, or run `adtool refine --force`."
            )
        side = images.rounded(made.image_size, network.multiple)
        eye = Eye.of(network, (side, side))
    return ExportedFilter(made, source.category, mix, sees, eye, keeps)


def _given(source: Source) -> MapSource:
    """The maps that were refined."""
    data = dataset_folder.read_dataset(step_run.noted_data(source.given, None))
    return read_source(source.given, data.category(source.category))
