"""What `_step.json` says: the fields that others read than the step that wrote them, each spelled here alone.

A note that lacks a field, or holds null there, says nothing of it. What is not named here is kept: whoever writes a
note again does so from its `document`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field

from adtool.core.json_files import JsonForm

DAMAGED = "damaged"  # state of a note that can't be read
OF_IDENTITY = ("command", "settings", "seed", "inputs")

Item = TypeVar("Item")
Text = Annotated[str, BeforeValidator(lambda noted: "" if noted is None else noted)]
Items = Annotated[list[Item], BeforeValidator(lambda noted: [] if noted is None else noted)]
Named = Annotated[dict[str, Item], BeforeValidator(lambda noted: {} if noted is None else noted)]
Part = Annotated[Item, BeforeValidator(lambda noted: {} if noted is None else noted)]


class NotedSettings(JsonForm):
    """The settings that later steps read."""

    detector: Text = ""
    method: Text = ""  # of refine and discover
    backbone: Text = ""
    layers: Items[int] = Field(default_factory=list)
    image_size: int | None = None
    tile: int | None = None
    centre_crop: int | None = None
    padding: Text = ""  # of the network's borders, where they are not zeros
    false_alarms: float | None = None  # of early versions, which noted them here
    classes: int | str | None = None  # the rule that their number is from
    stop: Text = ""  # of a training, what chose its epoch
    precision: Text = ""


class NotedLimit(JsonForm):
    """What the maps of a category are judged by.

    Attributes:
        image_score_rule: how an image score comes about.
        normals: how the normal images beside the maps or the model were scored, `cross-fitted` or `held out`.
        threshold: of earlier versions, which noted the limit here.
        false_alarms: of earlier versions, the share of the normal images that may be above it.
        normal_scores: of earlier versions, image scores of held-out normal images.
    """

    image_score_rule: Text = ""
    normals: Text = ""
    threshold: float | None = None
    false_alarms: float | None = None
    normal_scores: Items[float] = Field(default_factory=list)


class NotedModel(JsonForm):
    """The model that made some maps."""

    model: str
    weights: str


class NotedFigures(JsonForm):
    """How good the given maps and the refined ones are on painted defects, by the name of the measure."""

    given: Named[float | None] = Field(default_factory=dict)
    refined: Named[float | None] = Field(default_factory=dict)


class NotedBlend(JsonForm):
    """How the maps of a category were refined, and with which filter.

    Attributes:
        second_network: whose distances are in the maps beside those of the network that judges images.
    """

    second_network: Text = ""
    taken: Text = ""
    decision: Text = ""
    filter: Text = ""
    filter_weights: Text = ""
    image_scores: Text = ""  # `given` or `refined`
    weight: float | None = None
    scale: dict[str, float] | None = None
    blur_given: float = 0.0
    blur_mixed: float = 0.0
    top: int = 0
    on_painted_defects: NotedFigures | None = None

    @property
    def same_unit(self) -> bool:
        """Whether image scores are in the unit of the maps.

        Not those that refined maps keep from the given ones, nor those of one network beside the maps of two.
        """
        if self.image_scores == "refined":
            return True
        return self.taken in ("", "given") and not self.second_network


class NotedResult(NotedLimit, NotedBlend):
    """The results that later steps read."""

    images: int | None = None
    skipped: Items[str] = Field(default_factory=list)  # ids of the images that were left out
    not_finite: Items[str] = Field(default_factory=list)  # of those, ids to which the detector gave NaN or infinity
    left_out: Items[str] = Field(default_factory=list)  # names of test images that `prep` left out, as unreadable
    made_by: NotedModel | None = None
    # of a model
    learned_from: int | None = None
    held_out: int | None = None
    added: Items[str] = Field(default_factory=list)  # ids of images that a person added; of maps, those of the test
    files: Items[str] = Field(default_factory=list)
    limit: float | None = None  # in force when classes were found
    # of inspect
    rejected: int | None = None
    classes: int | list[dict[str, Any]] | None = None  # discover notes their number
    alike: list[list[str]] | None = None
    drift: dict[str, float] | None = None
    # of run
    speed: dict[str, float] | None = None
    quality: Text = ""
    minutes: float | None = None


class NotedRun(JsonForm):
    """When it ran, and how long."""

    time: Text = ""
    seconds: float | None = None


class StepNote(JsonForm):
    """`_step.json`; an empty one where there is none."""

    format: int | None = Field(None, ge=0)
    state: Text = ""
    command: Text = ""
    settings: Part[NotedSettings] = Field(default_factory=NotedSettings)
    seed: int | None = None
    inputs: Named[str] = Field(default_factory=dict)
    result: Part[NotedResult] = Field(default_factory=NotedResult)
    noted: Part[NotedRun] = Field(default_factory=NotedRun)
    error: Text = ""
    decided: dict[str, Any] | None = None
    categories: dict[str, str | None] | None = None
    data: Text = ""
    maps: Text = ""
    models: Text = ""
    problem: Text = ""  # of a damaged one, what is wrong with it

    @property
    def is_there(self) -> bool:
        """Whether the folder has a note."""
        return bool(self.document) or self.state == DAMAGED

    @property
    def all_settings(self) -> Mapping[str, Any]:
        """The settings as they are noted, those that only their step knows as well."""
        return self.document.get("settings") or {}

    @property
    def whole_result(self) -> Mapping[str, Any]:
        """The result as it is noted, with what only its step knows."""
        return self.document.get("result") or {}

    def identity(self) -> dict[str, Any]:
        """What decided the result, as it is noted; None for what is not."""
        return {name: self.document.get(name) for name in OF_IDENTITY}
