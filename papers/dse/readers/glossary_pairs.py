"""Pairs of generated sentences that share some of five meanings, with the share as the score."""

from dataclasses import replace

from common.data.text.config import TextConfig
from common.data.text.readers.glossary import glossary
from common.data.text.sets import TextSet

# Training pairs are drawn as tested ones are, from another seed.
TRAIN_SEED = 1_000_000


def glossary_pairs(config: TextConfig) -> TextSet:
    """Generates as many training pairs as the glossary has definitions; tested pairs are its own.

    Scores are 0, .2 and so on to 1.
    """
    own = glossary(config)
    count = config.glossary_entries * config.definitions
    drawn = replace(config, data_seed=TRAIN_SEED + config.data_seed, num_pairs=count)
    train = glossary(drawn).graded["test"]
    return TextSet(train, graded=own.graded, vocabulary=own.vocabulary)
