"""A detector with its settings, in the frame that the options and its wishes make."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from adtool.core.config import Config, defaults, former, identity_defaults
from adtool.core.errors import UsageError
from adtool.detection import qualities
from adtool.detection.contract import Detector, load_plugin, noted
from adtool.detection.frame import Frame, Needs
from adtool.detection.options import DetectorOptions
from adtool.nn import backbone
from adtool.nn.backbone import Backbone
from adtool.nn.options import EngineChoice

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class ChosenDetector:
    """A detector with its settings, and the frame it runs in.

    Attributes:
        name: on the command line.
        detector: its module.
        settings: its own.
        frame: what it runs in.
        options: others that decide what it makes, as they are noted.
        held_out: share of the normal images that is not learned from; None for what suits the detector.
    """

    name: str
    detector: Detector
    settings: Config
    frame: Frame
    options: Mapping[str, object] = field(default_factory=dict)
    held_out: float | None = None

    def identity(self) -> dict[str, object]:
        """Whatever changes a map."""
        return {"detector": self.name, **self.frame.noted(), **self.options, **noted(self.settings)}

    def defaults(self) -> dict[str, object]:
        """What the settings were before there was a choice."""
        return identity_defaults(DetectorOptions) | defaults(type(self.settings)) | former(type(self.settings))


def prepare(name: str, settings: Config, options: DetectorOptions) -> ChosenDetector:
    """A detector with the backbone that it and the options ask for.

    Raises:
        UsageError: no such detector, backbone, layer, engine or device; or tiles that they can't see.
        MissingWeightsError: weights were found nowhere.
    """
    detector = load_plugin(name)
    if options.tiling and not detector.ABOUT.tiles:
        raise UsageError(f"{name} can't see images in tiles (--tile). patchcore can: --detector patchcore.")
    seen_by = qualities.backbone(detector, options)
    needs = detector.needs(settings, seen_by)
    loaded = network(seen_by, needs, options.engine_choice)
    side = qualities.image_size(detector, options) or needs.image_size
    own = 0 if options.image_size else needs.centre_crop  # of the size that it goes with
    crop = own if options.centre_crop is None else options.centre_crop
    frame = Frame(loaded, side, options.batch_size, options.seed, needs, options.tiling, crop)
    frame = with_second(frame, options.engine_choice)
    if frame.crop:
        log.info("The middle %d of %d px is seen; beyond it maps have the nearest value inside.", frame.crop, side)
    others = {name: value for name, value in options.identity().items() if name in DetectorOptions.model_fields}
    return ChosenDetector(name, detector, settings, frame, others, options.held_out)


def with_second(frame: Frame, chosen: EngineChoice) -> Frame:
    """The frame with the second network that the detector wants, if it wants one.

    Raises:
        UsageError: no such network, or the same again.
        MissingWeightsError: its weights were found nowhere.
    """
    if frame.needs.beside is None:
        return frame
    name, needs = frame.needs.beside
    second = network(name, needs, chosen)
    if second.name == frame.backbone.name:
        raise UsageError(f"--set beside={name}: that is the backbone itself. Give another, or leave it out.")
    return replace(frame, beside=Frame(second, needs.image_size, frame.batch_size, frame.seed, needs, frame.tiling))


def network(name: str, needs: Needs, chosen: EngineChoice) -> Backbone:
    """The backbone of a name, as a detector wants it."""
    return backbone.load(name, chosen, layers=needs.layers, **needs.variant)
