"""STS-B's open part: pairs of sentences and how alike people find them, 0 to 5."""

from collections.abc import Sequence

import torch
from sklearn.feature_extraction.text import HashingVectorizer
from torch import Tensor

from common.data.catalogue.root import require
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.readers.listed import listed_splits
from common.data.targets.regression.samples import RegressionSet
from common.data.text.readers.pairs import COLUMNS, STSB_FILE, read_pairs_table
from common.own_data.csv_lines import read_lines

# Runs of letters within words, hashed: no vocabulary to be learnt or fetched.
BUCKETS, LETTERS = 2048, (2, 4)


def stsb(config: RegressionConfig) -> RegressionSet:
    """Returns ``(num, 2, 2048)``: for each sentence its hashed letter runs, at unit length.

    2,999 / 625 / 625 pairs of news headlines and captions; the parts of the benchmark with terms of
    their own are left out, so nothing is comparable with published numbers.

    Raises:
        DataError: Missing columns, an empty sentence, an unknown split or a score that is no
            number; names file and line.
    """
    path = require(config.root, STSB_FILE, config.name)
    lines = read_lines(path)
    texts, _ = read_pairs_table(path, lines, COLUMNS, "score")
    inputs = torch.stack([hashed(column) for column in texts.columns], 1)
    return RegressionSet(inputs, torch.tensor(texts.targets), listed_splits(path, lines))


def hashed(sentences: Sequence[str]) -> Tensor:
    """Returns ``(num, BUCKETS)`` float32, a function of each sentence alone."""
    hasher = HashingVectorizer(n_features=BUCKETS, analyzer="char_wb", ngram_range=LETTERS)
    return torch.from_numpy(hasher.transform(sentences).toarray()).float()
