import gzip

import pytest
import torch

from common.data.targets.regression.config import RegressionConfig
from common.data.text.readers.pairs import STSB_FILE
from common.data.text.readers.stsb import hashed, stsb
from common.errors import DataError

LINES = [
    "split,genre,sentence1,sentence2,score",
    "train,images,A red boat.,A boat is red.,4.0",
    'train,images,"A cat, sleeping.",Two dogs run.,0.2',
    "dev,images,A man sings.,A man is singing.,4.8",
    "test,images,Rain falls.,It rains.,3.6",
]


def write(tmp_path, lines):
    path = tmp_path / STSB_FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return RegressionConfig(name="stsb", root=str(tmp_path))


def test_pairs_are_two_unit_vectors_and_alike_sentences_lie_near(tmp_path):
    found = stsb(write(tmp_path, LINES))
    assert found.inputs.shape == (4, 2, 2048) and found.splits.tolist() == [[0, 0, 1, 2]]
    assert found.targets.tolist() == [4.0, 0.2, 4.8, 3.6]
    torch.testing.assert_close(found.inputs.norm(dim=2), torch.ones(4, 2))
    cosine = found.inputs.prod(1).sum(1)
    assert cosine[0] > 0.5 > 0.3 > cosine[1]


def test_a_sentence_is_the_same_wherever_it_stands():
    assert torch.equal(hashed(["a b", "c"])[1], hashed(["c"])[0])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train,images,A.,B.,high", "line 3.*'score'.*high"),
        ("train,images,A.,B.,nan", "line 3.*'score'.*nan"),
        ("train,images,,B.,1.0", "line 3"),
        ("later,images,A.,B.,1.0", 'line 3.*"later"'),
    ],
)
def test_broken_lines_are_named(tmp_path, line, message):
    with pytest.raises(DataError, match=message):
        stsb(write(tmp_path, [*LINES[:2], line, *LINES[3:]]))


def test_a_missing_column_is_named(tmp_path):
    lines = [LINES[0].replace("sentence2", "sentence_2"), *LINES[1:]]
    with pytest.raises(DataError, match=r"'sentence2'.*'sentence_2'"):
        stsb(write(tmp_path, lines))
