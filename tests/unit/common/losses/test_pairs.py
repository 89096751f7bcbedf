import pytest
import torch

from common.distributed.collectives import rank, world_size
from common.losses.pairs import arbitrary_partners, distinct_partners, draw_partners
from tests.gloo import run_processes

LABELS = torch.tensor([0, 0, 1, 1, 1, 2, 3, 3])


def test_arbitrary_partners_are_the_labels_of_the_batch():
    found = draw_partners(LABELS, "arbitrary", 5, seed=0, batches_seen=3)
    assert sorted(found.tolist()) == LABELS.tolist()
    assert not torch.equal(found, LABELS)
    order = torch.tensor([3, 0, 1, 2, 4, 5, 7, 6])
    assert arbitrary_partners(LABELS, order).tolist() == [1, 0, 0, 1, 1, 2, 3, 3]


def test_identical_partners_are_the_own_class():
    assert torch.equal(draw_partners(LABELS, "identical", 5, 0, 0), LABELS)


def test_distinct_partners_are_every_other_class_and_no_other():
    drawn = torch.stack([draw_partners(LABELS, "distinct", 5, 0, batch) for batch in range(200)])
    for column, own in zip(drawn.T, LABELS.tolist(), strict=True):
        assert set(column.tolist()) == set(range(5)) - {own}
    offset = torch.tensor([1, 4, 1, 2, 3, 4, 1, 2])
    assert distinct_partners(LABELS, offset, 5).tolist() == [1, 4, 2, 3, 4, 1, 4, 0]


@pytest.mark.parametrize("pairs", ["arbitrary", "distinct"])
def test_draws_are_a_function_of_seed_and_position(pairs):
    def draw(seed, batch):
        return draw_partners(LABELS.repeat(8), pairs, 5, seed, batch)

    torch.manual_seed(1)
    first = draw(0, 4)
    torch.manual_seed(2)
    assert torch.equal(first, draw(0, 4))
    assert not torch.equal(first, draw(0, 5)) and not torch.equal(first, draw(1, 4))


def drawn_here():
    own = LABELS.chunk(world_size())[rank()]
    kinds = ("arbitrary", "identical", "distinct")
    return [draw_partners(own, pairs, 5, 0, 7) for pairs in kinds]


@pytest.mark.distributed
def test_two_processes_draw_what_one_would():
    expected = drawn_here()
    for whole, *parts in zip(expected, *run_processes(drawn_here), strict=True):
        assert torch.equal(torch.cat(parts), whole)
