"""Groups and their batches: what holds beyond the stored values."""

import torch

from common.data.images.sets import check_set
from common.data.sampler import EpochBatchSampler
from papers.mcl.grouping import combine, find_clusters, grouped_order, kept_share, one_pass
from papers.mcl.readers.coloured_digits import coloured_digits


def identity(count: int) -> torch.Tensor:
    return torch.arange(count)


def test_images_share_a_group_only_if_they_shared_all_clusters():
    first, second = torch.arange(12) % 3, torch.arange(12) // 6
    groups = combine(combine(torch.zeros(12).long(), first, 3), second, 3)
    same = groups[:, None] == groups
    assert torch.equal(same, (first[:, None] == first) & (second[:, None] == second))


def test_groups_take_turns_and_small_ones_are_left_out():
    groups = torch.tensor([0] * 7 + [4] * 2 + [9] * 3)
    batches = one_pass(groups, 3, identity)
    assert [batch.tolist() for batch in batches] == [[5, 4, 3], [11, 10, 9], [2, 1, 0]]
    assert kept_share(groups, 3) == 9 / 12


def test_an_epoch_has_its_length_whatever_the_groups_leave_out():
    groups = torch.tensor([0] * 10 + [1] * 3)
    order = grouped_order(groups, 4, 6, torch.Generator().manual_seed(0))
    assert len(order) == 24 and not groups[order].any()
    first, second = order[:8].tolist(), order[8:16].tolist()
    assert len(set(first)) == 8 and first != second
    again = grouped_order(groups, 4, 6, torch.Generator().manual_seed(0))
    assert torch.equal(order, again)


def test_clusters_are_of_directions_and_the_same_each_time():
    generator = torch.Generator().manual_seed(0)
    centres, kind = torch.eye(3), torch.arange(60) % 3
    lengths = torch.rand(60, 1, generator=generator) + 0.1
    features = (centres[kind] + 0.01 * torch.randn(60, 3, generator=generator)) * lengths
    found = find_clusters(features, 3, 2, seed=1)
    assert torch.equal(found[:, None] == found, kind[:, None] == kind)
    assert torch.equal(found, find_clusters(features, 3, 2, seed=1))


def test_coloured_digits_are_what_the_docstring_says_and_the_same_each_time():
    made, again = coloured_digits(), coloured_digits()
    check_set("coloured-digits", made)
    assert {name: len(part) for name, part in made.items()} == {"train": 2594, "test": 1000}
    for name, part in made.items():
        assert part.shape == (3, 8, 8) and torch.equal(part.images, again[name].images)
        # Ink is white, so that the darkest pixel of a channel tells its colour nearly.
        octant = ((part.images.flatten(2).amin(2) > 127) * torch.tensor([4, 2, 1])).sum(1)
        assert (octant == part.labels % 8).double().mean() > 0.99
    assert not set(made["train"].groups.tolist()) & set(made["test"].groups.tolist())


def test_a_global_batch_is_of_one_group_and_processes_share_it():
    groups = torch.arange(48) % 3

    def batches(process: int, processes: int) -> list[list[int]]:
        sampler = EpochBatchSampler(48, 8, 3, process, processes)
        sampler.order = lambda generator: grouped_order(groups, 8, 6, generator)
        return [key.rows.tolist() for key in sampler]

    whole = batches(0, 1)
    assert len(whole) == 6
    assert all(len(set(groups[rows].tolist())) == 1 for rows in whole)
    parts = zip(batches(0, 2), batches(1, 2), strict=True)
    assert [first + second for first, second in parts] == whole
