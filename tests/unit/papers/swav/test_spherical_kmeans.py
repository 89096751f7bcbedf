import numpy as np
import pytest
import torch
import torch.nn.functional as F

from common.distributed.collectives import rank
from papers.swav import spherical_kmeans as module
from papers.swav.spherical_kmeans import nearest, spherical_kmeans
from tests.gloo import run_processes


def make_points(num: int = 60, dim: int = 5, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num, dim, generator=generator, dtype=torch.float64), dim=1)


def by_hand(z: np.ndarray, first: list[int], iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """The loops as they are described, without moving empty clusters."""
    centroids = z[first].copy()
    for _ in range(iterations):
        assigned = (z @ centroids.T).argmax(1)
        for k in range(len(first)):
            if (assigned == k).any():
                mean = z[assigned == k].mean(0)
                centroids[k] = mean / np.linalg.norm(mean)
    return centroids, (z @ centroids.T).argmax(1)


@pytest.mark.parametrize("iterations", [0, 1, 10])
def test_it_is_the_description(iterations):
    z, first = make_points(), torch.tensor([3, 17, 0, 59, 8, 9, 10])
    centroids, assigned = spherical_kmeans(z, first, iterations, move_empty=False)
    expected, ids = by_hand(z.numpy(), first.tolist(), iterations)
    np.testing.assert_allclose(centroids, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(assigned, ids)


def test_blocks_change_nothing(monkeypatch):
    z, first = make_points(), torch.arange(7)
    whole = spherical_kmeans(z, first, 5)
    shapes = []
    plain = torch.Tensor.__matmul__
    monkeypatch.setattr(
        torch.Tensor, "__matmul__", lambda a, b: (shapes.append(a.shape), plain(a, b))[1]
    )
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 7 * 16)
    for a, b in zip(spherical_kmeans(z, first, 5), whole, strict=True):
        torch.testing.assert_close(a, b)
    assert {shape[0] for shape in shapes} == {16, 12}, "a block is 16 points, the last one 12"


def test_an_empty_cluster_goes_to_the_point_farthest_from_its_own_or_stays():
    angles = torch.tensor([0.0, 0.0, 0.1, 0.2, 1.0], dtype=torch.float64)
    z = torch.stack([angles.cos(), angles.sin()], 1)
    first = torch.tensor([0, 1])  # twins: every point is the first one's
    kept, assigned = spherical_kmeans(z, first, 1, move_empty=False)
    torch.testing.assert_close(kept[1], z[1])
    moved, reassigned = spherical_kmeans(z, first, 1)
    torch.testing.assert_close(moved[1], z[4])
    assert reassigned.tolist() == [0, 0, 0, 0, 1]
    assert assigned.tolist() != reassigned.tolist()


def test_several_empty_clusters_get_a_point_each():
    z = make_points(20)
    first = torch.zeros(6, dtype=torch.int64)
    centroids, assigned = spherical_kmeans(z, first, 3)
    assert len(assigned.unique()) == 6
    torch.testing.assert_close(centroids.norm(dim=1), torch.ones(6, dtype=torch.float64))


def test_points_that_cancel_out_leave_the_centroid():
    z = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    centroids, _ = spherical_kmeans(z[1:], torch.tensor([0]), 2)
    torch.testing.assert_close(centroids, z[1:2])


def test_similarities_are_not_halved_under_autocast():
    z = make_points().float()
    expected = nearest(z, z[:9])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = nearest(z, z[:9])
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])


def cluster_on_every_process() -> tuple[int, torch.Tensor, torch.Tensor]:
    return rank(), *spherical_kmeans(make_points(61), torch.arange(7), 10)


@pytest.mark.distributed
def test_processes_share_the_work_and_agree_with_one():
    centroids, assigned = spherical_kmeans(make_points(61), torch.arange(7), 10)
    for _, theirs, ids in run_processes(cluster_on_every_process, size=3):
        torch.testing.assert_close(theirs, centroids, rtol=1e-12, atol=1e-12)
        assert torch.equal(ids, assigned)
