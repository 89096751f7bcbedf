import numpy as np
import pytest
import torch
import torch.nn.functional as F

from papers.meow.kmeans import (
    _draw_donors,
    _split_into_empty,
    _starting_points,
    assign,
    kmeans,
)


def cone(num=300, dim=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num, dim, generator=generator) + 1, dim=1)


def plain_kmeans(x, clusters, seed, iterations, restarts):
    best = None
    for restart in range(restarts):
        centroids = x[torch.from_numpy(_starting_points(len(x), seed + 1 + restart * 15486557))]
        centroids = centroids[:clusters].clone()
        for _ in range(iterations):
            scores = x @ centroids.T
            assigned = scores.argmax(1)
            objective = scores.max(1).values.sum()
            sizes = torch.bincount(assigned, minlength=clusters)
            for k in range(clusters):
                members = x[assigned == k]
                centroids[k] = members.mean(0) if len(members) else 0
            if (sizes == 0).any():
                _split_into_empty(centroids, sizes.double().numpy(), len(x))
        if best is None or objective > best[0]:
            best = objective, centroids
    return best[1]


@pytest.mark.parametrize("clusters", [5, 40])
def test_batched_restarts_equal_one_restart_at_a_time(clusters):
    x = cone()
    expected = plain_kmeans(x, clusters, 0, 20, 5)
    torch.testing.assert_close(kmeans(x, clusters, 0), expected, rtol=0, atol=1e-5)


def test_starting_points_are_those_of_the_library():
    # rand_perm of 10 with seed 1 as faiss 1.15.1 gives it.
    assert _starting_points(10, 1).tolist() == [5, 6, 1, 2, 0, 8, 9, 3, 7, 4]


def test_centroids_are_means_and_not_unit_length():
    x = cone()
    centroids = kmeans(x, 4, 0, num_iterations=200)
    assigned, _ = assign(x, centroids.unsqueeze(0))
    for k in range(4):
        torch.testing.assert_close(centroids[k], x[assigned[0] == k].mean(0))
    assert (centroids.norm(dim=1) < 0.999).all()


def test_no_cluster_stays_empty_where_points_coincide():
    x = F.normalize(torch.eye(4).repeat(10, 1) + 0.01 * torch.randn(40, 4), dim=1)
    centroids = kmeans(x, 12, 0)
    assert torch.isfinite(centroids).all() and (centroids.norm(dim=1) > 0).all()


def test_splitting_halves_a_cluster():
    centroids = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    sizes = np.array([10.0, 0.0])
    _split_into_empty(centroids, sizes, 10)
    assert sizes.tolist() == [5, 5]
    step = 1 / 1024
    assert centroids[1].tolist() == [1 + step, 1 - step]
    assert centroids[0].tolist() == [1 - step, 1 + step]


def donors_one_draw_at_a_time(sizes, num_points):
    draws, found = np.random.RandomState(1234), []
    for empty in np.flatnonzero(sizes == 0):
        donor = 0
        while draws.randint(0, 2**32, dtype=np.uint32) / (2**32 - 1) >= (sizes[donor] - 1) / (
            num_points - len(sizes)
        ):
            donor = (donor + 1) % len(sizes)
        sizes[empty] = sizes[donor] // 2
        sizes[donor] -= sizes[empty]
        found.append((empty, donor))
    return found


def test_donors_are_those_of_one_draw_at_a_time():
    generator = np.random.default_rng(0)
    points = generator.choice(60, size=900, p=generator.dirichlet(np.full(60, 0.2)))
    sizes = np.bincount(points, minlength=60).astype(float)
    assert (sizes == 0).sum() > 9
    ours, plain = sizes.copy(), sizes.copy()
    assert list(_draw_donors(ours, 900)) == donors_one_draw_at_a_time(plain, 900)
    assert ours.tolist() == plain.tolist() and ours.min() > 0


def test_neither_gradient_nor_global_draws():
    x = cone().requires_grad_()
    before = torch.random.get_rng_state()
    assert not kmeans(x, 3, 0).requires_grad
    assert torch.equal(before, torch.random.get_rng_state())
