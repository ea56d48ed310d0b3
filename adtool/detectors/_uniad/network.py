"""The transformer of UniAD: no place sees itself or those near it, and each decoder layer has queries of its own."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class UniadSizes:
    """Of the network.

    Attributes:
        channels: of the features.
        rows, columns: of their grid.
        width: channels within.
        hidden: of the layers' own networks.
        depth: layers of the encoder, and of the decoder.
        neighbours: side of the square around a place that it does not see; 0 if it sees all.
        heads: of attention.
        dropout: while it trains.
    """

    channels: int
    rows: int
    columns: int
    width: int
    hidden: int
    depth: int
    neighbours: int
    heads: int
    dropout: float


def hidden_places(rows: int, columns: int, neighbours: int) -> Tensor:
    """(P, P): which places each does not see, those within a square of that side around it; none for 0."""
    row, column = torch.arange(rows), torch.arange(columns)
    places = torch.stack(torch.meshgrid(row, column, indexing="ij"), dim=-1).flatten(0, 1)  # (P, 2)
    apart = (places.unsqueeze(1) - places.unsqueeze(0)).abs().amax(dim=2)
    return apart < (neighbours + 1) // 2


def jittered(features: Tensor, scale: float) -> Tensor:
    """Features with noise, as strong as the mean size of a place's features times a factor, over their channels.

    Drawn from torch's global state.

    Args:
        features: (B, P, C).
        scale: the factor.
    """
    size = torch.linalg.vector_norm(features, dim=2, keepdim=True) / features.shape[2]
    return features + torch.randn_like(features) * size * scale


class Attention(nn.Module):
    """Attention whose queries and keys carry positions, added to what asks and normed."""

    def __init__(self, sizes: UniadSizes) -> None:
        super().__init__()
        self.dropout = sizes.dropout
        self.mix = nn.MultiheadAttention(sizes.width, sizes.heads, dropout=sizes.dropout, batch_first=True)
        self.norm = nn.LayerNorm(sizes.width)

    def forward(self, tokens: Tensor, seen: Tensor, position: Tensor, unseen: Tensor) -> Tensor:
        """(B, P, C) that asks and (B, P, C) that is seen, (P, C), (P, P) -> (B, P, C)."""
        found = self.mix(tokens + position, seen + position, seen, attn_mask=unseen, need_weights=False)[0]
        return self.norm(tokens + F.dropout(found, self.dropout, self.training))


class Mlp(nn.Module):
    """Two linear layers, added and normed; (B, P, C) -> (B, P, C)."""

    def __init__(self, sizes: UniadSizes) -> None:
        super().__init__()
        self.dropout = sizes.dropout
        self.fc1 = nn.Linear(sizes.width, sizes.hidden)
        self.fc2 = nn.Linear(sizes.hidden, sizes.width)
        self.norm = nn.LayerNorm(sizes.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Change each place for itself."""
        inner = F.dropout(F.relu(self.fc1(tokens)), self.dropout, self.training)
        return self.norm(tokens + F.dropout(self.fc2(inner), self.dropout, self.training))


class EncoderLayer(nn.Module):
    """Places look at places that are not near."""

    def __init__(self, sizes: UniadSizes) -> None:
        super().__init__()
        self.own = Attention(sizes)
        self.mlp = Mlp(sizes)

    def forward(self, tokens: Tensor, position: Tensor, unseen: Tensor) -> Tensor:
        """One layer."""
        return self.mlp(self.own(tokens, tokens, position, unseen))


class DecoderLayer(nn.Module):
    """Learned queries look at what was encoded, and then at what the layer before made."""

    def __init__(self, sizes: UniadSizes) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(sizes.rows * sizes.columns, sizes.width))
        self.encoded = Attention(sizes)
        self.before = Attention(sizes)
        self.mlp = Mlp(sizes)

    def forward(self, memory: Tensor, before: Tensor, position: Tensor, unseen: Tensor) -> Tensor:
        """One layer."""
        tokens = self.queries.expand(len(memory), -1, -1)
        tokens = self.encoded(tokens, memory, position, unseen)
        return self.mlp(self.before(tokens, before, position, unseen))


class UnifiedRebuilder(nn.Module):
    """Features on a grid, rebuilt without a way to copy them.

    Its first weights are drawn from torch's global state: make it within `seeding.drawn_from`.
    """

    unseen: Tensor

    def __init__(self, sizes: UniadSizes) -> None:
        super().__init__()
        self.sizes = sizes
        width = sizes.width
        self.enter = nn.Linear(sizes.channels, width)
        self.row = nn.Parameter(torch.rand(sizes.rows, width // 2))
        self.column = nn.Parameter(torch.rand(sizes.columns, width - width // 2))
        self.encoder = nn.ModuleList(EncoderLayer(sizes) for _ in range(sizes.depth))
        self.decoder = nn.ModuleList(DecoderLayer(sizes) for _ in range(sizes.depth))
        self.last = nn.LayerNorm(width)
        self.leave = nn.Linear(width, sizes.channels)
        unseen = hidden_places(sizes.rows, sizes.columns, sizes.neighbours)
        self.register_buffer("unseen", unseen, persistent=False)
        for name, one in self.named_parameters():
            if one.dim() > 1 and not name.endswith(("row", "column", "queries")):
                nn.init.xavier_uniform_(one)

    def forward(self, features: Tensor, jitter: float = 0.0) -> Tensor:
        """Rebuild.

        Args:
            features: (B, C, h, w).
            jitter: of `jittered`; 0 for none.

        Returns:
            (B, C, h, w).
        """
        tokens = features.flatten(2).transpose(1, 2)  # (B, P, C)
        encoded, position = self.enter(jittered(tokens, jitter) if jitter else tokens), self.position()
        for layer in self.encoder:
            encoded = layer(encoded, position, self.unseen)
        out = encoded
        for layer in self.decoder:
            out = layer(encoded, out, position, self.unseen)
        return self.leave(self.last(out)).transpose(1, 2).reshape(features.shape)

    def position(self) -> Tensor:
        """(P, width): what is learned of each column and each row."""
        rows, columns = self.sizes.rows, self.sizes.columns
        across = self.column.unsqueeze(0).expand(rows, -1, -1)
        down = self.row.unsqueeze(1).expand(-1, columns, -1)
        return torch.cat([across, down], dim=2).flatten(0, 1)
