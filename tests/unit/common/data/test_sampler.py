import pytest
import torch

from common.data.sampler import EpochBatchSampler
from common.errors import ConfigError


def rows(sampler):
    return [key.rows.tolist() for key in sampler]


def test_order_depends_on_seed_and_epoch_alone():
    one, two = EpochBatchSampler(20, 4, seed=3), EpochBatchSampler(20, 4, seed=3)
    one.set_epoch(2)
    two.set_epoch(1)
    two.set_epoch(2)
    assert rows(one) == rows(two)
    two.set_epoch(3)
    assert rows(one) != rows(two)
    assert rows(EpochBatchSampler(20, 4, seed=4)) != rows(EpochBatchSampler(20, 4, seed=3))


def test_every_sample_once_an_epoch():
    sampler = EpochBatchSampler(10, 4, seed=0, drop_last=False)
    assert len(sampler) == 3
    assert sorted(row for batch in rows(sampler) for row in batch) == list(range(10))
    assert len(rows(EpochBatchSampler(10, 4, seed=0))) == 2


def test_seek_enters_an_epoch_where_it_was_left():
    sampler = EpochBatchSampler(20, 4, seed=1)
    sampler.set_epoch(1)
    whole = rows(sampler)
    resumed = EpochBatchSampler(20, 4, seed=1)
    resumed.seek(5 + 2)
    assert rows(resumed) == whole[2:]
    assert len(resumed) == 5
    resumed.set_epoch(1)
    assert rows(resumed) == whole[2:], "Lightning sets the same epoch again after a resume"
    resumed.set_epoch(2)
    assert len(list(resumed)) == 5


def test_ranks_share_the_global_batch():
    whole = list(EpochBatchSampler(24, 8, seed=5))
    parts = [list(EpochBatchSampler(24, 8, seed=5, rank=r, world_size=2)) for r in (0, 1)]
    for key, left, right in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat([left.rows, right.rows]), key.rows)
        assert (left.offset, right.offset, left.global_size) == (0, 4, 8)


def test_a_batch_that_processes_cannot_share_is_refused():
    with pytest.raises(ConfigError, match=r"4 is the global batch .* 3 processes; use 3 or 6$"):
        EpochBatchSampler(12, 4, seed=0, world_size=3)


def test_a_last_batch_that_cannot_be_shared_is_left_out():
    assert len(EpochBatchSampler(11, 4, seed=0, world_size=2, drop_last=False)) == 2
    assert len(EpochBatchSampler(10, 4, seed=0, world_size=2, drop_last=False)) == 3
