"""Each loss against the equation written out in loops."""

import pytest
import torch
import torch.nn.functional as F

from papers.autotcl.loss import (
    consistency,
    hierarchical,
    info_nce,
    instance_contrast,
    local_info_nce,
    mask_size,
    mean_cosine,
    mmd,
    neighbours,
    pool,
    temporal_contrast,
)


def draw(*shape, seed=0):
    return torch.randn(
        *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).requires_grad_()


def test_pooling_is_over_steps():
    z = draw(2, 5, 3)
    assert torch.equal(pool(z), z.max(1).values)
    torch.testing.assert_close(pool(z, "mean"), z.mean(1))
    assert pool(z.half()).dtype == torch.float32


def test_info_nce_is_one_way_without_negatives_in_a_view():
    z1, z2, t = draw(4, 6), draw(4, 6, seed=1), 0.5
    expected = []
    for i in range(4):
        scores = [F.cosine_similarity(z1[i], z2[j], dim=0) / t for j in range(4)]
        expected.append(-scores[i] + torch.stack(scores).logsumexp(0))
    torch.testing.assert_close(info_nce(z1, z2, t), torch.stack(expected).mean())
    torch.testing.assert_close(mean_cosine(z1, z1.detach() * 3), z1.new_ones(()))


@pytest.mark.parametrize(("segments", "steps", "start"), [(4, 12, 0), (5, 19, 3), (16, 32, 0)])
def test_local_info_nce_is_over_neighbouring_segments(segments, steps, start):
    z, length, t = draw(2, steps, 3), steps // segments, 0.7
    expected = []
    for series in z:
        unit = F.normalize(series, dim=1)
        pooled = [
            unit[start + i * length : start + (i + 1) * length].max(0).values
            for i in range(segments)
        ]
        for i in range(segments):
            positive = i + 1 if i + 1 < segments else i - 1
            out = {i - 1, i, i + 1} | ({2} if i == 0 else set())
            out |= {segments - 3} if i == segments - 1 else set()
            negatives = [j for j in range(segments) if j not in out]
            assert len(negatives) == segments - 3
            scores = [pooled[i] @ pooled[j] / t for j in [positive, *negatives]]
            expected.append(torch.stack(scores).logsumexp(0) - scores[0])
    torch.testing.assert_close(local_info_nce(z, segments, start, t), torch.stack(expected).mean())


def test_local_info_nce_is_zero_for_series_shorter_than_the_segments():
    z = draw(2, 7, 3)
    loss = local_info_nce(z, 8)
    assert loss == 0 and not torch.autograd.grad(loss, z)[0].any()


def test_positives_are_never_left_out():
    positive, left_out = neighbours(6, torch.device("cpu"))
    assert positive.tolist() == [1, 2, 3, 4, 5, 4]
    assert not left_out[torch.arange(6), positive].any()
    assert (~left_out).sum(1).tolist() == [4] * 6


def test_mmd_is_the_sum_of_kernels_over_all_pairs():
    z1, z2 = draw(3, 4), draw(3, 4, seed=1)
    points = torch.cat([z1, z2])
    total = sum((a - b).square().sum() for a in points for b in points).detach()
    base = total / (6 * 5)

    def kernel(a, b):
        return sum((-(a - b).square().sum() / (base * 2.0**i)).exp() for i in range(-2, 3))

    expected = sum(
        kernel(z1[i], z1[j]) + kernel(z2[i], z2[j]) - kernel(z1[i], z2[j]) - kernel(z2[i], z1[j])
        for i in range(3)
        for j in range(3)
    )
    ours = mmd(z1, z2)
    torch.testing.assert_close(ours, expected / 9)
    for got, want in zip(
        torch.autograd.grad(ours, (z1, z2)),
        torch.autograd.grad(expected / 9, (z1, z2)),
        strict=True,
    ):
        torch.testing.assert_close(got, want)


def test_kernels_of_the_discrepancy_can_be_chosen():
    z1, z2 = draw(3, 4), draw(3, 4, seed=1)
    points = torch.cat([z1, z2]).detach()
    squared = torch.cdist(points, points).square()
    width = squared.sum() / 30 / 8
    expected = sum((-squared / (width * 3**i)).exp() for i in range(2))
    expected = expected[:3, :3] + expected[3:, 3:] - expected[:3, 3:] - expected[3:, :3]
    torch.testing.assert_close(mmd(z1, z2, 2, 3.0, 8.0).detach(), expected.mean())


def test_mmd_of_equal_points_is_zero_and_finite():
    z = torch.ones(4, 3, requires_grad=True)
    loss = mmd(z, z.detach())
    assert loss == 0 and torch.autograd.grad(loss, z)[0].isfinite().all()


def test_mask_size_sums_channels_before_the_threshold():
    h = torch.full((2, 5, 3), 0.2, dtype=torch.float64)
    torch.testing.assert_close(mask_size(h), h.new_tensor(0.2))
    assert mask_size(h / 2) == 0
    torch.testing.assert_close(mask_size(h, 0.1), h.new_tensor(0.5))


def test_consistency_applies_all_draws_to_all_series():
    h = draw(2, 9, 3).sigmoid()
    first, second = torch.tensor([1, 4]), torch.tensor([6, 5])
    expected = []
    for series in h:
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            gap = (series[a] - series[b]).abs()
            near = (series[a] - series[a - 1]).abs() + (series[a] - series[a + 1]).abs()
            # The second pair is one step apart, which counts as near.
            expected.append(near + (gap if b - a > 1 else 1 - gap))
    torch.testing.assert_close(consistency(h, first, second), torch.stack(expected).mean())


def contrast(groups):
    """Loops over members of each group, which come as pairs of both views."""
    losses = []
    for one, two in groups:
        z = torch.cat([one, two])
        for i in range(len(z)):
            others = torch.stack([z[i] @ z[j] for j in range(len(z)) if j != i])
            losses.append(others.logsumexp(0) - z[i] @ z[(i + len(one)) % len(z)])
    return torch.stack(losses).mean()


def test_contrasts_of_series_and_of_steps():
    z1, z2 = draw(3, 4, 2), draw(3, 4, 2, seed=1)
    by_step = contrast([(z1[:, t], z2[:, t]) for t in range(4)])
    torch.testing.assert_close(instance_contrast(z1, z2), by_step)
    torch.testing.assert_close(temporal_contrast(z1, z2), contrast(zip(z1, z2, strict=True)))


@pytest.mark.parametrize(("alpha", "level"), [(0.5, 0), (0.2, 1), (1.0, 0), (0.0, 0)])
def test_the_hierarchy_halves_and_drops_an_odd_step(alpha, level):
    z1, z2 = draw(3, 7, 2), draw(3, 7, 2, seed=1)
    parts, a, b = [], z1, z2
    for depth, length in enumerate((7, 3, 1)):
        assert a.shape[1] == length
        part = alpha * instance_contrast(a, b)
        if length > 1 and depth >= level:
            part = part + (1 - alpha) * temporal_contrast(a, b)
        parts.append(part)
        even = 2 * (length // 2)
        a, b = (z[:, :even].unflatten(1, (-1, 2)).amax(2) for z in (a, b))
    torch.testing.assert_close(hierarchical(z1, z2, alpha, level), sum(parts) / 3)
