"""STS-B's open part: pairs of sentences and how alike people find them, 0 to 5."""

import torch
from sklearn.feature_extraction.text import HashingVectorizer
from torch import Tensor

from common.data.catalogue.root import require
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.samples import TEST, TRAIN, VAL, RegressionSet
from common.errors import DataError
from common.own_data.csv_lines import place_of, read_lines, read_numbers

STSB_FILE = "text_sts/stsb_open_subset.csv.gz"
ROLES = {"train": TRAIN, "dev": VAL, "test": TEST}
SENTENCES = ("sentence1", "sentence2")
MEND = "take the line out"
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
    header = lines[0][1]
    places = [place_of(path, header, name) for name in ("split", *SENTENCES)]
    roles, pairs = [], []
    for number, cells in lines[1:]:
        split, *sentences = (cells[place] for place in places)
        if split not in ROLES:
            raise DataError(f"{path}, line {number}: split {split!r} is not train, dev or test")
        if not all(sentences):
            raise DataError(f"{path}, line {number}: an empty sentence; take the line out")
        roles.append(ROLES[split])
        pairs.append(sentences)
    scores = torch.tensor(read_numbers(path, lines, "score", MEND), dtype=torch.float64)
    inputs = torch.stack([hashed([pair[side] for pair in pairs]) for side in (0, 1)], 1)
    return RegressionSet(inputs, scores, torch.tensor([roles], dtype=torch.int8))


def hashed(sentences: list[str]) -> Tensor:
    """Returns ``(num, BUCKETS)`` float32, a function of each sentence alone."""
    hasher = HashingVectorizer(n_features=BUCKETS, analyzer="char_wb", ngram_range=LETTERS)
    return torch.from_numpy(hasher.transform(sentences).toarray()).float()
