"""The networks of a run of `discover`, by name: loaded once for all categories that are seen with them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from adtool.discover.free import features, spots
from adtool.discover.ncd import trunk
from adtool.discover.ncd.trunk import Frozen
from adtool.nn import backbone
from adtool.nn.backbone import Backbone
from adtool.nn.options import EngineChoice


@dataclass(frozen=True)
class Networks:
    """The network of a name.

    Attributes:
        plain: for the training-free method, with the borders that are asked for.
        close: the same, for spots.
        grouped: the same, for Anomaly Clustering.
        frozen: for the trained one.
    """

    plain: Callable[[str, bool], Backbone]
    close: Callable[[str, bool], Backbone]
    grouped: Callable[[str, bool], Backbone]
    frozen: Callable[[str], Frozen]

    @classmethod
    def of(cls, layers: tuple[int, ...], chosen: EngineChoice) -> "Networks":
        """Those with some layers, or with their own; nothing is loaded yet."""

        def plain(name: str, replicates: bool) -> Backbone:  # noqa: FBT001, cached by place
            return backbone.load(name, chosen, layers=layers or features.layers(name), replicates=replicates)

        def close(name: str, replicates: bool) -> Backbone:  # noqa: FBT001, cached by place
            return backbone.load(name, chosen, layers=layers or spots.layers(name), replicates=replicates)

        def grouped(name: str, replicates: bool) -> Backbone:  # noqa: FBT001, cached by place
            return backbone.load(name, chosen, layers=layers or None, replicates=replicates)

        def frozen(name: str) -> Frozen:
            return trunk.load(name, chosen, layers=layers)

        return cls(cache(plain), cache(close), cache(grouped), cache(frozen))
