"""What a backbone sees in images, and what that came out of."""

from dataclasses import dataclass, field

from torch import Tensor

from adtool.nn import families


@dataclass(frozen=True)
class Features:
    """What a backbone sees in a batch.

    Attributes:
        maps: one (B, C, h, w) tensor per layer.
        whole: one (B, C) tensor per layer: the class token of a transformer, else the mean of the map.
        first: one (B, n, C) tensor per layer: the class token and registers of a transformer, else nothing.
    """

    maps: list[Tensor]
    whole: list[Tensor]
    first: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True)
class FeatureSource:
    """What features came out of: of two images of one size, those of the same source can be compared.

    Attributes:
        name: of the network.
        weights_id: of its weights.
        layers: their indices, shallow to deep.
        replicates: whether its borders were padded with what is beside them instead of zeros.
    """

    name: str
    weights_id: str
    layers: tuple[int, ...]
    replicates: bool = False

    @property
    def padding(self) -> str:
        """What its convolutions see beyond the border, in the word of patchcore's setting."""
        return families.REPLICATE if self.replicates else families.ZEROS
