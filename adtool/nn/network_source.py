"""A network that is made when it is first needed: what is asked of it before is remembered beside its graph.

Making one takes seconds (timm is imported, weights are read). A step that only sees that it is done needs a few facts
of it, and so does a run of a convolutional network whose graph is there.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from adtool.core import files, json_files
from adtool.core.json_files import JsonForm
from adtool.nn.families import Family
from adtool.nn.networks import LayerInfo, Network

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

log = logging.getLogger("adtool")


@dataclass(frozen=True)
class NetworkFacts:
    """What is known of a network without its weights.

    Attributes:
        family: whether its layers are stages or blocks.
        layers: those that were chosen, shallow to deep.
        multiple: height and width of its input are multiples of it.
        prefix: tokens that are no patches, which come first.
        replicates: whether its borders are padded with what is beside them instead of zeros.
        norm: whether a transformer's final norm is applied; None for others.
        mean, std: what images are normalised with, per channel, for pixels in [0, 1].
    """

    family: Family
    layers: tuple[LayerInfo, ...]
    multiple: int
    prefix: int
    replicates: bool
    norm: bool | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, net: Network) -> "NetworkFacts":
        """Those of a network that is there."""
        config = getattr(net.model, "pretrained_cfg", None) or {}
        mean, std = tuple(config.get("mean") or IMAGENET_MEAN), tuple(config.get("std") or IMAGENET_STD)
        norm = getattr(net, "norm", None)
        return cls(net.family, net.layers, net.multiple, net.prefix, net.replicates, norm, mean, std)


class LayerForm(JsonForm):
    """A layer in a file."""

    index: int
    name: str
    stride: int
    channels: int


class FactsForm(JsonForm):
    """Facts in a file."""

    family: str
    layers: list[LayerForm]
    multiple: int
    prefix: int
    replicates: bool
    norm: bool | None
    mean: list[float]
    std: list[float]


class NetworkSource:
    """Gives a network, and what is known of it before.

    Args:
        make: the network; called once, when it is needed.
        facts: of it; without, it is made now.
    """

    def __init__(self, make: Callable[[], Network], facts: NetworkFacts | None = None) -> None:
        self._make = make
        self.facts = facts or NetworkFacts.of(self.net)

    @cached_property
    def net(self) -> Network:
        """The network, which is not trained."""
        made = self._make()
        made.requires_grad_(requires_grad=False)
        return made


def remembered(place: Path, make: Callable[[], Network]) -> NetworkSource:
    """A network whose facts may lie in a file; if they do not, it is made now, and they are put there."""
    known = _read(place)
    source = NetworkSource(make, known)
    if known is None:
        try:
            files.write_json(place, json_files.numbered({**asdict(source.facts), "family": source.facts.family.value}))
        except OSError as error:  # a full or read-only disk costs a later run seconds, not this one its work
            log.debug("%s can't be written (%s).", place, error)
    return source


def file_name(name: str, *what: object) -> str:
    """Of the facts of a network that is asked for in so many words."""
    return f"{name}-{hashlib.sha256(repr(what).encode()).hexdigest()[:16]}.json"


def _read(place: Path) -> NetworkFacts | None:
    """The facts in a file; None if it is not there, or can't be read."""
    try:
        found = FactsForm.of(files.read_json(place))
        layers = tuple(LayerInfo(one.index, one.name, one.stride, one.channels) for one in found.layers)
        return NetworkFacts(
            Family(found.family), layers, found.multiple, found.prefix, found.replicates, found.norm,
            tuple(found.mean), tuple(found.std),
        )  # fmt: skip
    except (ValueError, OSError):
        return None
