"""SASRec, the causal transformer over item sequences (Kang and McAuley 2018), post-LN form.

Sequences are right-padded with item 0, positions count from the front, and a sequence is read
at its last position. The learnable model augmenters map what is read there.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Finite: a view may begin with masked items, whose queries have no key to look at. With minus
# infinity their softmax is 0/0, and 0 x NaN then reaches every later position.
MASK_FILL = -10000.0


def attention_bias(items: Tensor, dtype: torch.dtype) -> Tensor:
    """Returns what is added to the scores, ``(batch, 1, length, length)``: 0 or `MASK_FILL`.

    A key is allowed where it is not later than the query and its item is not 0.

    Args:
        items: Item ids, ``(batch, length)``.
        dtype: Dtype of the result.
    """
    length = items.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=items.device).tril()
    allowed = causal & (items != 0)[:, None, None, :]
    bias = torch.zeros(allowed.shape, dtype=dtype, device=items.device)
    return bias.masked_fill(~allowed, MASK_FILL)


class SelfAttention(nn.Module):
    """Multi-head attention with residual and LayerNorm after it."""

    def __init__(self, dim: int, num_heads: int, dropout: float, eps: float) -> None:
        super().__init__()
        self.num_heads, self.dropout = num_heads, dropout
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim, eps=eps)

    def forward(self, queries: Tensor, keys: Tensor, bias: Tensor) -> Tensor:
        """Returns ``(batch, num_queries, dim)``.

        Args:
            queries: Rows to compute, ``(batch, num_queries, dim)``.
            keys: Rows to look at, ``(batch, length, dim)``.
            bias: Added to the scores, ``(batch, 1, num_queries, length)``.
        """
        query = self._heads(self.query(queries))
        key, value = self._heads(self.key(keys)), self._heads(self.value(keys))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5 + bias
        weights = F.dropout(scores.softmax(dim=-1), self.dropout, self.training)
        mixed = (weights @ value).transpose(1, 2).flatten(2)
        update = F.dropout(self.out(mixed), self.dropout, self.training)
        return self.norm(queries + update)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers with exact GELU, residual and LayerNorm after them."""

    def __init__(self, dim: int, inner_dim: int, dropout: float, eps: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.expand = nn.Linear(dim, inner_dim)
        self.contract = nn.Linear(inner_dim, dim)
        self.norm = nn.LayerNorm(dim, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(..., dim)`` to ``(..., dim)``."""
        update = self.contract(F.gelu(self.expand(x)))
        return self.norm(x + F.dropout(update, self.dropout, self.training))


class Block(nn.Module):
    """One layer: attention, then feed-forward."""

    def __init__(
        self, dim: int, num_heads: int, inner_dim: int, dropout: float, eps: float
    ) -> None:
        super().__init__()
        self.attention = SelfAttention(dim, num_heads, dropout, eps)
        self.feed_forward = FeedForward(dim, inner_dim, dropout, eps)

    def forward(self, queries: Tensor, keys: Tensor, bias: Tensor) -> Tensor:
        """Returns ``(batch, num_queries, dim)``; see `SelfAttention.forward`."""
        return self.feed_forward(self.attention(queries, keys, bias))


class SequenceTransformer(nn.Module):
    """Encodes item sequences; holds the item table that also scores the next item.

    Args:
        num_items: Real items, with ids 1 to ``num_items``. The table has two rows more: row 0
            is padding, the last is a spare (a mask token that MCLRec's code never uses, kept so
            that published weights fit).
        max_length: Longest sequence.
        dim: Width.
        num_layers: Blocks.
        num_heads: Heads; must divide ``dim``.
        inner_dim: Width inside the feed-forward layers.
        dropout: On embeddings, attention weights and both updates of a block.
        init_std: Deviation of the initial weights and embeddings, row 0 included.
        eps: What every LayerNorm adds to the variance.
    """

    def __init__(
        self,
        num_items: int,
        max_length: int,
        dim: int = 64,
        num_layers: int = 2,
        num_heads: int = 2,
        inner_dim: int = 256,
        dropout: float = 0.5,
        init_std: float = 0.02,
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        # padding_idx stops the gradient of looking row 0 up; as a column of the softmax over
        # items the same row is still trained.
        self.item_embedding = nn.Embedding(num_items + 2, dim, padding_idx=0)
        self.position_embedding = nn.Embedding(max_length, dim)
        self.norm = nn.LayerNorm(dim, eps=eps)
        self.blocks = nn.ModuleList(
            Block(dim, num_heads, inner_dim, dropout, eps) for _ in range(num_layers)
        )
        self._init_weights(init_std)

    @torch.no_grad()
    def _init_weights(self, std: float) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                module.weight.normal_(0.0, std)
            if isinstance(module, nn.Linear):
                module.bias.zero_()

    def item_table(self) -> Tensor:
        """Returns the rows that are scored, ``(num_items + 1, dim)``: padding and real items."""
        return self.item_embedding.weight[:-1]

    def forward(self, items: Tensor, lengths: Tensor, num_groups: int = 1) -> Tensor:
        """Returns the last position's hidden state of each sequence, ``(batch, dim)``.

        With several groups the rows are sorted by length and encoded in groups, each trimmed to
        its own longest: the same numbers for less work, since most sequences are short.

        Args:
            items: Item ids, ``(batch, length)``, right-padded with 0.
            lengths: True lengths, ``(batch,)``, at least 1.
            num_groups: Groups of nearly equal size.
        """
        if num_groups <= 1:
            return self._encode(items, lengths)
        lengths, order = lengths.sort(stable=True)
        size = -(-len(order) // num_groups)
        ends = [min(start + size, len(order)) for start in range(0, len(order), size)]
        longest = lengths[torch.tensor(ends, device=lengths.device) - 1].tolist()
        parts = []
        for start, end, width in zip([0, *ends], ends, longest, strict=False):
            rows = order[start:end]
            parts.append(self._encode(items[rows, :width], lengths[start:end]))
        return torch.cat(parts)[order.argsort()]

    def _encode(self, items: Tensor, lengths: Tensor) -> Tensor:
        hidden = self.item_embedding(items) + self.position_embedding.weight[: items.shape[1]]
        hidden = F.dropout(self.norm(hidden), self.dropout, self.training)
        bias = attention_bias(items, hidden.dtype)
        for block in self.blocks[:-1]:
            hidden = block(hidden, hidden, bias)
        # Only the last position leaves the encoder, so the last block computes no other.
        rows, last = torch.arange(len(items), device=items.device), lengths - 1
        query, query_bias = hidden[rows, last], bias[rows, :, last]
        return self.blocks[-1](query[:, None], hidden, query_bias[:, :, None])[:, 0]


class ModelAugmenter(nn.Module):
    """An MLP of widths dim, dim/2, dim/4, dim whose output has unit length.

    Paper section 3.2 speaks of a three-layer MLP; the unit length is the official code's, and is
    left out without ``unit_length``. The initial weights are torch's own, unlike the encoder's.
    """

    def __init__(self, dim: int, unit_length: bool = True) -> None:
        super().__init__()
        self.unit_length = unit_length
        self.dense_1 = nn.Linear(dim, dim // 2)
        self.dense_2 = nn.Linear(dim // 2, dim // 4)
        self.dense_3 = nn.Linear(dim // 4, dim)

    def forward(self, h: Tensor) -> Tensor:
        """Maps h ``(batch, dim)`` to z ``(batch, dim)``."""
        hidden = F.gelu(self.dense_2(F.gelu(self.dense_1(h))))
        z = self.dense_3(hidden)
        return z / z.norm(dim=-1, keepdim=True) if self.unit_length else z
