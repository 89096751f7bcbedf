"""What the stored values of the losses do not show: other segments, kernels and lengths."""

import pytest
import torch
import torch.nn.functional as F

from papers.autotcl.loss import (
    consistency,
    hierarchical,
    instance_contrast,
    local_info_nce,
    mask_size,
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
