"""Masked words: the language-model term, and the stage that stands in for a language model."""

from dataclasses import replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.text.config import TextFacts
from common.distributed.collectives import all_reduce_sum, rank, world_size
from common.distributed.draws import keyed_generator
from common.losses.precision import upcast
from common.training.stages import Stage

MASKED_WORDS = "masked-words"

# Half of the words that do not become the mask become a random word.
RANDOM = 0.5
# The label of a token that is not to be told: cross-entropy leaves it out.
IGNORED = -100


class WordDraws(NamedTuple):
    """Random draws for a batch, each ``(batch, tokens)``: what is masked, and by what."""

    masked: Tensor
    replaced: Tensor
    random: Tensor
    words: Tensor


def draw_words(
    shape: tuple[int, int],
    share: float,
    replaced: float,
    num_words: int,
    generator: torch.Generator,
) -> WordDraws:
    """Returns draws for a batch.

    Args:
        shape: ``(batch, tokens)``.
        share: How many tokens are to be told.
        replaced: How many of those become the mask.
        num_words: In the vocabulary.
        generator: On the CPU.
    """
    chances = share, replaced, RANDOM
    masked, becomes_mask, becomes_word = (
        torch.rand(shape, generator=generator) < chance for chance in chances
    )
    words = torch.randint(num_words, shape, generator=generator)
    return WordDraws(masked, becomes_mask, becomes_word, words)


def mask_words(ids: Tensor, draws: WordDraws, mask_id: int) -> tuple[Tensor, Tensor]:
    """Returns the ids with words masked, and labels that hold those words, `IGNORED` elsewhere.

    Args:
        ids: ``(batch, tokens)``.
        draws: ``masked`` is False at special tokens.
        mask_id: Id of the mask.
    """
    labels = torch.where(draws.masked, ids, IGNORED)
    random = torch.where(draws.masked & draws.random, draws.words, ids)
    return torch.where(draws.masked & draws.replaced, mask_id, random), labels


class MaskedWords(nn.Module):
    """Tells masked words from the states of the encoder, by one linear layer.

    Under several processes the words to be told are those of the global batch.

    Args:
        dim: Width of the states.
        facts: Facts of the data: the vocabulary, its special tokens, and how long a text may be.
    """

    special: Tensor
    draw_seed: Tensor

    def __init__(self, dim: int, facts: TextFacts) -> None:
        super().__init__()
        self.head = nn.Linear(dim, facts.num_words)
        # Draws are made for texts of this length: those of a text do not depend on how far its
        # batch is padded.
        self.width, self.mask_id = facts.max_length, facts.special.mask
        no_words = facts.special._replace(unknown=facts.special.mask)
        self.register_buffer("special", torch.tensor(no_words), persistent=False)
        # With the position, the seed of the draws.
        self.register_buffer("draw_seed", torch.randint(2**40, ()))

    def mask(
        self, ids: Tensor, share: float, replaced: float, position: int
    ) -> tuple[Tensor, Tensor]:
        """Returns masked ids and labels of ``ids (batch, tokens)``; draws are of ``position``."""
        batch, tokens = ids.shape
        generator = keyed_generator(int(self.draw_seed), position)
        shape = batch * world_size(), self.width
        drawn = draw_words(shape, share, replaced, self.head.out_features, generator)
        rows = slice(rank() * batch, (rank() + 1) * batch)
        here = WordDraws(*(each[rows, :tokens].to(ids.device) for each in drawn))
        words = ~torch.isin(ids, self.special)
        return mask_words(ids, here._replace(masked=here.masked & words), self.mask_id)

    def tell(
        self,
        backbone: nn.Module,
        ids: Tensor,
        mask: Tensor,
        share: float,
        replaced: float,
        position: int,
    ) -> Tensor:
        """Returns the cross-entropy of masked words, a scalar.

        Args:
            backbone: Gives the states of all layers.
            ids: Ids of tokens, ``(batch, tokens)``.
            mask: The same shape, true at tokens.
            share: How many words are to be told.
            replaced: How many of those become the mask.
            position: The batches seen.
        """
        masked, labels = self.mask(ids, share, replaced, position)
        found: Tensor = self(backbone(masked, mask)[-1], labels)
        return found

    def forward(self, states: Tensor, labels: Tensor) -> Tensor:
        """Returns the mean cross-entropy of the words to be told; 0 where there is none.

        Args:
            states: States of the masked ids, ``(batch, tokens, dim)``.
            labels: From `mask`.
        """
        told = labels != IGNORED
        count = all_reduce_sum(told.sum()).clamp(min=1) / world_size()
        return (
            F.cross_entropy(upcast(self.head(states[told])), labels[told], reduction="sum") / count
        )


def stages_of_contrast(method: Any, optimizer: OptimizerConfig) -> list[Stage]:
    """Returns the contrast, and before it masked words where ``method`` asks for them.

    Args:
        method: Has ``pretrain_epochs``, ``pretrain_lr`` and ``pretrain_warmup_epochs``.
        optimizer: The contrast's; the rate of masked words falls as its does.
    """
    stages = [Stage(name="contrast", rates=optimizer)]
    if method.pretrain_epochs:
        rates = replace(
            optimizer,
            lr=method.pretrain_lr,
            final_lr=optimizer.final_lr * method.pretrain_lr / optimizer.lr,
            warmup_epochs=method.pretrain_warmup_epochs,
        )
        stages.insert(0, Stage(name=MASKED_WORDS, epochs=method.pretrain_epochs, rates=rates))
    return stages
