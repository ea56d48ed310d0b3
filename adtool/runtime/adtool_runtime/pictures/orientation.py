"""Turning a picture as its orientation tag says."""

import numpy as np

from adtool_runtime.pictures.picture_file import Values


def turned(values: Values, orientation: int) -> Values:
    """A picture, (H, W, ...), turned as its orientation tag says."""
    return _TURNS[orientation](values) if orientation in _TURNS else values


_TURNS = {
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x, 1),
}
