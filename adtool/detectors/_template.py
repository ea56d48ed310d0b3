"""Gaussians: how many spreads a patch lies from the mean of the good parts at its place."""

import torch
from pydantic import Field

from adtool.core.config import Config
from adtool.detection.contract import About, Needs, NormalImages, Scored, SeenImage, StoredModel

ABOUT, PRESETS = About(), dict[str, dict[str, object]]()  # learns in seconds; no `--set preset=NAME`


class Settings(Config):
    """What `--set` takes."""

    least: float = Field(0.05, gt=0, description="Least spread, so that what never changes is not infinitely odd.")


def needs(settings: Settings, backbone: str) -> Needs:
    """The backbone's own layers, of images brought to 256 px."""
    return Needs()


class Model:
    """Mean and spread of the first layer at each place, (2, C, h, w)."""

    def __init__(self, normal: torch.Tensor) -> None:
        self.normal = normal

    def score(self, seen: SeenImage) -> Scored:
        """A map (h, w) of any size with the image's ratio of sides, and the image score: that of its oddest place."""
        away = ((seen.layers[0] - self.normal[0]) / self.normal[1]).square().mean(dim=0).sqrt()
        return Scored(seen.sample, away.numpy(), float(away.max()))

    def tensors(self) -> dict[str, torch.Tensor]:
        """What is stored, and given back to `load`."""
        return {"normal": self.normal}

    def card(self) -> dict[str, object]:
        """What is noted beside it."""
        return {"image_score_rule": "oddest place"}


def fit(normals: NormalImages, settings: Settings) -> Model:
    """Learn from good parts; for the limit adtool holds some out: a tenth or 5, at most a third, and their like."""
    spread, mean = torch.std_mean(torch.stack([one.layers[0] for one in normals.see()]), dim=0, correction=0)
    return Model(torch.stack([mean, spread.clamp_min(settings.least)]))


def load(stored: StoredModel, settings: Settings) -> Model:
    return Model(stored.tensors["normal"])
