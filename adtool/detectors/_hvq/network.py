"""The transformer of HVQ-Trans: what its decoder sees has passed through codebooks, level by level."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adtool.detectors._hvq.codebook import Codebooks

DROPOUT = 0.1  # the authors' code
HEADS = 8


@dataclass(frozen=True)
class RebuilderSizes:
    """Of the network.

    Attributes:
        channels: of the features.
        rows, columns: of their grid.
        width: of the encoder; the decoder's is twice that.
        hidden: of the layers' own networks.
        depth: layers of the encoder, and of the decoder.
        codes: of each codebook.
        categories: each with its codebooks and its last layer.
    """

    channels: int
    rows: int
    columns: int
    width: int
    hidden: int
    depth: int
    codes: int
    categories: int


class Layer(nn.Module):
    """A transformer's layer, norms last, with positions added to queries and keys.

    Args:
        width: channels.
        hidden: of its own network.
        crosses: whether it also looks at a memory.
    """

    def __init__(self, width: int, hidden: int, *, crosses: bool) -> None:
        super().__init__()
        heads = HEADS if width % HEADS == 0 else 1
        self.own = nn.MultiheadAttention(width, heads, dropout=DROPOUT, batch_first=True)
        self.other = nn.MultiheadAttention(width, heads, dropout=DROPOUT, batch_first=True) if crosses else None
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if crosses else 2))

    def forward(self, tokens: Tensor, position: Tensor, memory: Tensor | None = None) -> Tensor:
        """(B, P, C) tokens, (P, C) positions and (B, P, C) memory -> (B, P, C)."""
        placed = tokens + position
        tokens = self.norms[0](tokens + self._drop(self.own(placed, placed, tokens, need_weights=False)[0]))
        if self.other is not None and memory is not None:
            seen = self.other(tokens + position, memory + position, memory, need_weights=False)[0]
            tokens = self.norms[1](tokens + self._drop(seen))
        hidden = self._drop(F.relu(self.fc1(tokens)))
        return self.norms[-1](tokens + self._drop(self.fc2(hidden)))

    def _drop(self, values: Tensor) -> Tensor:
        return F.dropout(values, DROPOUT, self.training)


@dataclass(frozen=True)
class Rebuilt:
    """What comes out.

    Attributes:
        features: (B, C, h, w).
        commitment: scalar, summed over levels and averaged over images.
        transport: (B, h, w) of the lowest level's codebook; zeros in training.
    """

    features: Tensor
    commitment: Tensor
    transport: Tensor


class QuantisedRebuilder(nn.Module):
    """Features on a grid, rebuilt out of codes of their category.

    Its first weights are drawn from torch's global state: make it within `seeding.drawn_from`.
    """

    def __init__(self, sizes: RebuilderSizes) -> None:
        super().__init__()
        self.sizes = sizes
        width = sizes.width
        self.enter = nn.Linear(sizes.channels, width)
        self.row = nn.Parameter(torch.rand(sizes.rows, width // 2))
        self.column = nn.Parameter(torch.rand(sizes.columns, width - width // 2))
        self.encoder = nn.ModuleList(Layer(width, sizes.hidden, crosses=False) for _ in range(sizes.depth))
        self.decoder = nn.ModuleList(Layer(2 * width, sizes.hidden, crosses=True) for _ in range(sizes.depth))
        self.last = nn.LayerNorm(2 * width)
        self.leave = nn.ModuleList(nn.Linear(2 * width, sizes.channels) for _ in range(sizes.categories))
        self.top = Codebooks(sizes.categories, sizes.codes, width)
        # Level by level downwards, from the encoder's last but one output to what it was given.
        self.lower = nn.ModuleList(Codebooks(sizes.categories, sizes.codes, 2 * width) for _ in range(sizes.depth))

    def forward(self, features: Tensor, labels: Sequence[int]) -> Rebuilt:
        """Rebuild.

        Args:
            features: (B, C, h, w).
            labels: the category of each image, which chooses its codebooks.
        """
        tokens = self.enter(features.flatten(2).transpose(1, 2))  # (B, P, width)
        position = self.position()
        levels = [tokens]
        for layer in self.encoder:
            levels.append(layer(levels[-1], position))
        top = self.top(levels[-1], labels)
        lower = [
            books(torch.cat([level, top.tokens], dim=2), labels)  # (B, P, 2 * width)
            for books, level in zip(self.lower, levels[-2::-1], strict=True)
        ]
        memory = [each.tokens for each in lower]
        commitment = torch.stack([each.commitment for each in (top, *lower)]).sum()
        out, twice = memory[0], torch.cat([position, position], dim=1)
        for layer, one in zip(self.decoder, memory, strict=True):
            out = layer(out, twice, one)
        out = self.last(out)
        rebuilt = torch.stack([self.leave[label](one) for one, label in zip(out, labels, strict=True)])
        grid = (self.sizes.rows, self.sizes.columns)
        transport = lower[-1].transport.unflatten(1, grid)
        return Rebuilt(rebuilt.transpose(1, 2).reshape(features.shape), commitment, transport)

    def position(self) -> Tensor:
        """(P, width): what is learned of each column and each row."""
        rows, columns = self.sizes.rows, self.sizes.columns
        across = self.column.unsqueeze(0).expand(rows, -1, -1)
        down = self.row.unsqueeze(1).expand(-1, columns, -1)
        return torch.cat([across, down], dim=2).flatten(0, 1)
