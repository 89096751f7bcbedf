import torch

from common.evaluation.tokens import gather_texts, pack_tokens

STORE = pack_tokens([[1, 7, 2], [1, 4, 5, 6, 2], [1, 2]], pad=0)


def test_texts_come_back_padded_to_the_longest_of_them():
    ids, mask = STORE.gather(torch.tensor([2, 0]), longest=9)
    assert ids.tolist() == [[1, 2, 0], [1, 7, 2]] and ids.dtype == torch.int64
    assert mask.tolist() == [[True, True, False], [True] * 3]


def test_a_long_text_keeps_its_first_tokens_and_the_one_that_closes_it():
    ids, mask = STORE.gather(torch.tensor([1]), longest=4)
    assert ids.tolist() == [[1, 4, 5, 2]] and bool(mask.all())


def test_texts_of_a_sample_have_one_width():
    ids, mask = gather_texts([STORE, STORE], torch.tensor([0, 1]), longest=9)
    assert ids.shape == mask.shape == (2, 2, 5)
    assert mask.sum(2).tolist() == [[3, 3], [5, 5]]


def test_chunks_hold_each_text_once_the_short_first():
    rows = [row for part, _, _ in STORE.chunks(2, longest=9) for row in part]
    assert rows == [2, 0, 1]
