"""What `_step.json` looks like: the fields that others read than the step that wrote them."""

from typing import Any

from pydantic import Field

from adtool.core.json_files import JsonForm

Numbers = dict[str, float | None]


class NotedSettings(JsonForm):
    """The settings that later steps read."""

    detector: str | None = None
    backbone: str | None = None
    image_size: int | None = None
    false_alarms: float | None = None


class NotedResult(JsonForm):
    """The results that later steps read."""

    images: int | None = None
    image_score_rule: str | None = None
    image_scores: str | None = None
    made_by: dict[str, str] | None = None
    threshold: float | None = None
    false_alarms: float | None = None
    normal_scores: list[float] | None = None
    # of refine
    taken: str | None = None
    decision: str | None = None
    filter: str | None = None
    filter_weights: str | None = None
    weight: float | None = None
    scale: dict[str, float] | None = None
    on_painted_defects: dict[str, Numbers] | None = None
    # of inspect
    rejected: int | None = None
    classes: int | list[dict[str, Any]] | None = None  # discover notes their number
    alike: list[list[str]] | None = None
    drift: dict[str, float] | None = None
    # of run
    speed: dict[str, float] | None = None


class NotedRun(JsonForm):
    """Where and when it ran."""

    seconds: float | None = None


class StepNote(JsonForm):
    """`_step.json`."""

    format: int | None = Field(None, ge=0)
    state: str | None = None
    command: str | None = None
    settings: NotedSettings | None = None
    seed: int | None = None
    inputs: dict[str, str] | None = None
    result: NotedResult | None = None
    noted: NotedRun | None = None
    error: str | None = None
    decided: dict[str, Any] | None = None
    categories: dict[str, str | None] | None = None
    data: str | None = None
    maps: str | None = None
    models: str | None = None
