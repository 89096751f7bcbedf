"""What the losses must do beyond the stored values: the traps of the method."""

import math

import pytest
import torch

from papers.sepclr.loss import joint, squared_distances, step_losses, uniform

BATCH = 8
TARGET = torch.arange(BATCH) % 2 == 1


def codes(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    make = torch.randn(2, 2, BATCH, 5, generator=generator, dtype=torch.float64)
    common, salient = make.clone().requires_grad_()
    return common, salient


def test_equal_rows_have_distance_zero_and_no_gradient_between_them():
    rows = torch.ones(40, 6, dtype=torch.float32).mul(1.7).requires_grad_()
    distances = squared_distances(rows)
    assert not distances.any()  # a matrix product gives about 1e-7 from 26 rows on
    (gradient,) = torch.autograd.grad(uniform(distances, 0.5), rows)
    assert not gradient.any()


def test_the_joint_term_is_at_most_zero_and_zero_where_nothing_differs():
    common, salient = (code.detach()[0] for code in codes())
    of_common, of_salient = squared_distances(common), squared_distances(salient)
    found = joint(of_common, of_salient, 0.5)
    order = torch.randperm(BATCH)
    assert joint(of_common[order][:, order], of_salient[order][:, order], 0.5) == pytest.approx(
        float(found), rel=1e-12
    )
    assert found < 0 and not joint(torch.zeros(4, 4), torch.zeros(4, 4), 0.5)


def test_the_backgrounds_zeros_bound_the_salient_uniformity():
    common, salient = codes()
    far = step_losses(common, 1e3 * salient, TARGET, 0.5)
    background = BATCH // 2
    share = background * (background - 1) / (BATCH * (BATCH - 1))
    assert float(far.salient_uniform.detach()) == pytest.approx(math.log(share))


def test_salient_codes_of_the_background_learn_from_the_null_term_alone():
    common, salient = codes()
    parts = step_losses(common, salient, TARGET, 0.5)
    for name, part in parts._asdict().items():
        found = torch.autograd.grad(part, salient, retain_graph=True, allow_unused=True)[0]
        touched = set() if found is None else {i for i in range(BATCH) if found[:, i].any()}
        if name in ("common_align", "common_uniform"):
            assert not touched
        else:
            assert touched == set((TARGET == (name != "null")).nonzero()[:, 0].tolist()), name


def test_the_common_code_is_compared_on_the_sphere_and_the_salient_one_is_not():
    common, salient = codes()
    plain, scaled = (
        step_losses(common, salient, TARGET, 0.5),
        step_losses(3 * common, 3 * salient, TARGET, 0.5),
    )
    assert torch.allclose(plain.common_align, scaled.common_align)
    assert torch.allclose(9 * plain.null, scaled.null)


@pytest.mark.parametrize("value", [True, False])
def test_a_batch_of_one_set_alone_has_finite_losses(value):
    common, salient = codes()
    parts = step_losses(common, salient, torch.full((BATCH,), value), 0.5)
    assert all(part.isfinite() for part in parts)
    loss = parts.total(1000, 1000, 10)
    assert all(g.isfinite().all() for g in torch.autograd.grad(loss, [common, salient]))
