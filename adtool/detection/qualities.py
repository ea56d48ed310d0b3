"""What `--quality` sets of a detector: defaults only, so that whatever is asked for by itself wins.

A detector's module may say `QUALITIES = {"fast": (Usual(...), ...), "best": (...)}`: of several the first counts whose
backbone is the one that is asked for, or may be taken because its weights are here. Where it says nothing of a quality,
that is as good as its settings are by default.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from adtool.core import config
from adtool.core.config import Config
from adtool.detection.options import DetectorOptions, Quality
from adtool.nn import weights
from adtool.nn.options import DEFAULT_BACKBONE

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class Usual:
    """Defaults of a quality.

    Attributes:
        settings: of the detector, by name.
        backbone: that they are for, and which is taken unless another is asked for; empty for any.
        image_size: side of the network's input; None for what the detector wants.
        second: another backbone that the settings ask for, without whose weights they can't be had.
    """

    settings: Mapping[str, object] = field(default_factory=dict)
    backbone: str = ""
    image_size: int | None = None
    second: str = ""

    def words(self) -> list[str]:
        """As they are typed."""
        found = [f"{name}={_text(value)}" for name, value in self.settings.items()]
        found += [f"--backbone {self.backbone}"] if self.backbone else []
        return found + ([f"--image-size {self.image_size}"] if self.image_size else [])


Qualities = Mapping[Quality, Sequence[Usual]]
AS_IT_IS = Usual()


def usual(detector: object, options: DetectorOptions) -> Usual:
    """The defaults that the quality which is asked for has with this backbone, on this machine."""
    return next((one for one in _declared(detector, options.quality) if _fits(one, options)), AS_IT_IS)


def backbone(detector: object, options: DetectorOptions) -> str:
    """The backbone that is asked for, or that of the quality."""
    return options.backbone or usual(detector, options).backbone or DEFAULT_BACKBONE


def image_size(detector: object, options: DetectorOptions) -> int | None:
    """The side of the input that is asked for, or that of the quality; None for what the detector wants."""
    return options.image_size or usual(detector, options).image_size


def say(name: str, detector: object, settings: Config, options: DetectorOptions) -> None:
    """What a quality sets, and what of it does not count since something else was asked for.

    Args:
        name: of the detector.
        detector: its module.
        settings: what its settings have become.
        options: all that was asked for.
    """
    quality, declared = f"--quality {options.quality}", _declared(detector, options.quality)
    found = usual(detector, options)
    if not declared:
        if options.quality != DetectorOptions.model_fields["quality"].default:
            log.info("%s: %s has nothing of its own for it, and does as by default.", quality, name)
        return
    if found != declared[0] and declared[0].backbone:
        wanted, why_not = _lacking(declared[0], options)
        log.info("%s would have %s; %s.", quality, wanted, why_not)
    asked = config.pairs(options.settings)
    if config.PRESET in asked and found.settings:
        log.info("%s would have %s; preset=%s was given, which is whole.", quality, ", ".join(found.words()),
                 asked[config.PRESET])  # fmt: skip
        return
    for setting, value in found.settings.items():
        if (given := getattr(settings, setting)) != value:
            log.info("%s would have %s=%s; %s=%s was given.", quality, setting, _text(value), setting, _text(given))
    if found.image_size and options.image_size not in (None, found.image_size):
        log.info("%s would have --image-size %d; %d was given.", quality, found.image_size, options.image_size)
    in_force = {one: value for one, value in found.settings.items() if one not in asked}
    if words := Usual(in_force, found.backbone, None if options.image_size else found.image_size).words():
        log.info("%s of %s: %s.", quality, name, ", ".join(words))


def _declared(detector: object, quality: Quality) -> Sequence[Usual]:
    declared: Qualities = getattr(detector, "QUALITIES", {})  # those of other packages need not have any
    return declared.get(quality, ())


def _fits(one: Usual, options: DetectorOptions) -> bool:
    if one.second and weights.find_local(weights.ALIASES.get(one.second, one.second)) is None:
        return False
    if not one.backbone:
        return True
    known = weights.ALIASES.get(one.backbone, one.backbone)
    if options.backbone:
        return weights.ALIASES.get(options.backbone, options.backbone) == known
    if options.weights is not None:
        return known == DEFAULT_BACKBONE
    return weights.find_local(known) is not None


def _lacking(one: Usual, options: DetectorOptions) -> tuple[str, str]:
    """What of defaults that do not count can't be had, and why."""
    if one.second and _fits(replace(one, second=""), options):
        return ", ".join(one.words()), f"the {_not_here(one.second)}"
    wanted = f"--backbone {one.backbone}"
    if options.backbone:
        return wanted, f"{options.backbone} was given"
    if options.weights:
        return wanted, f"--weights was given, without a backbone, and is of {DEFAULT_BACKBONE}"
    return wanted, f"its {_not_here(one.backbone, says=False)}"


def _not_here(name: str, *, says: bool = True) -> str:
    alias = weights.INSTALLABLE.get(weights.ALIASES.get(name, name))
    way = f" (adtool weights install {alias})" if alias else ""
    return f"weights{f' of {name}' if says else ''} are not on this machine{way}"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
