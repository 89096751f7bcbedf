"""The cross-encoder that DSE learns from: both texts of a pair pass the encoder as one."""

from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.modes import evaluating
from common.backbones.text_encoder import Pooler, TextEncoder, rate_of
from common.data.text.config import Special


class Teacher(nn.Module):
    """An encoder over joined pairs, BERT's pooler, and a linear layer.

    Args:
        encoder: Its own; its pooler is used if it has one.
        outputs: Logits of a pair.
        special: Tokens of the vocabulary.
        longest: Tokens of a joined pair at most.
    """

    def __init__(self, encoder: TextEncoder, outputs: int, special: Special, longest: int) -> None:
        super().__init__()
        self.encoder, self.special, self.longest = encoder, special, longest
        dim = encoder.num_features
        if encoder.pooler is None:
            encoder.pooler = Pooler(dim)
        self.dropout = nn.Dropout(rate_of(encoder.config))
        self.classifier = nn.Linear(dim, outputs)
        nn.init.normal_(self.classifier.weight, std=0.02)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns logits, ``(batch, outputs)``, of pairs ``(batch, 2, tokens)``."""
        joined, inside, types = join_pairs(ids, mask, self.special, self.longest)
        states = self.encoder(joined, inside, types)
        assert self.encoder.pooler is not None  # set in __init__
        return self.classifier(self.dropout(self.encoder.pooler(states[-1][:, 0])))

    @torch.no_grad()
    def tell(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns logits as `forward`, without gradient and without dropout."""
        with evaluating(self):
            logits: Any = self(ids, mask)
        return logits


def join_pairs(
    ids: Tensor, mask: Tensor, special: Special, longest: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns ids, mask and token types of ``[CLS] a [SEP] b [SEP]``, each ``(batch, tokens)``.

    The longer text of a pair that is too long loses its last tokens, of two as long the second.

    Args:
        ids: ``(batch, 2, tokens)``, each text between its first and its last token.
        mask: The same shape, true at tokens.
        special: Tokens of the vocabulary.
        longest: Tokens of a joined pair at most.
    """
    a, b = kept_lengths(mask.sum(2) - 2, longest - 3).unbind(1)
    width = int((a + b).max()) + 3
    place = torch.arange(width, device=ids.device).expand(len(ids), -1)
    a, b = a[:, None], b[:, None]
    of_second = place - a - 1  # 0 at the token between the texts
    first = ids[:, 0].gather(1, place.clamp(max=ids.shape[2] - 1))
    second = ids[:, 1].gather(1, of_second.clamp(min=0, max=ids.shape[2] - 1))
    joined = torch.where(place <= a, first, second)
    closes = (of_second == 0) | (of_second == b + 1)
    inside = of_second <= b + 1
    joined = joined.masked_fill(closes, special.last).masked_fill(~inside, special.pad)
    return joined, inside, ((of_second > 0) & inside).long()


def kept_lengths(lengths: Tensor, places: int) -> Tensor:
    """Returns how many tokens of each text stay, ``(batch, 2)``, of ``lengths`` of that shape.

    The shorter one keeps half of the places if it needs them; the first has the odd place.
    """
    a, b = lengths.unbind(1)
    first = torch.minimum(a, (places - b).clamp(min=(places + 1) // 2))
    return torch.stack([first, torch.minimum(b, places - first)], 1)
