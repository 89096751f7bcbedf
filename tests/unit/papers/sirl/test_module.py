"""SIRL's module and its rivals: what a step compares, and what is refused."""

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.errors import DataError
from papers.sirl.baselines import VAE, MultiPreferences
from papers.sirl.config import MultiPreferencesConfig, SIRLConfig, VAEConfig
from papers.sirl.data_config import TrajectoryFacts
from papers.sirl.loss import triplet_terms
from papers.sirl.module import SIRL
from tests.training import listen, losses_of

FACTS = TrajectoryFacts(5, 3)
SMALL = {"hidden_dims": [8, 8], "output_dim": 3}
ADAM = OptimizerConfig(name="adam", lr=0.01)


def rows(number: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(number, 5, generator=torch.Generator().manual_seed(seed))


def test_a_step_compares_the_odd_one_with_both_and_says_how_many_pull():
    torch.manual_seed(0)
    module = SIRL(SIRLConfig(**SMALL), facts=FACTS)
    first, second, odd = (rows(seed=seed) for seed in range(3))
    logged = listen(module)
    loss = module.training_step((first, second, odd), 0)
    terms = triplet_terms(module(first), module(second), module(odd), 0.1)
    assert torch.allclose(loss, terms.sum(0).mean())
    assert logged["diag/active"] == pytest.approx((terms > 0).double().mean().item())


def test_a_step_trains_on_the_users_own_triples():
    torch.manual_seed(0)
    module = SIRL(SIRLConfig(**SMALL), ADAM, FACTS)
    batch = tuple(rows(32, seed) for seed in range(3))
    losses = losses_of(module, [batch] * 60)
    assert losses[-1] < 0.2 * losses[0]


def test_a_batch_of_unlike_shapes_is_refused():
    module = SIRL(SIRLConfig(**SMALL), facts=FACTS)
    with pytest.raises(DataError, match="odd"):
        module.training_step((rows(6), rows(6), rows(5)), 0)


def test_the_auto_encoder_rebuilds_rows_and_its_noise_is_that_of_the_position():
    torch.manual_seed(0)
    module = VAE(VAEConfig(**SMALL, kl_weight=0.0), ADAM, FACTS)
    logged = listen(module)
    loss = module.training_step(rows(), 0)
    assert logged["diag/error"] == pytest.approx(loss.item())
    another = module.training_step(rows(), 1)
    assert not torch.equal(loss, another)
    module.batches_seen.zero_()
    assert torch.equal(loss, module.training_step(rows(), 0))
    losses = losses_of(module, [rows(64)] * 200)
    assert losses[-1] < 0.6 * losses[0]
    assert module(rows()).shape == (6, 3)


def test_the_divergence_pulls_the_code_to_a_normal_one():
    torch.manual_seed(0)
    module = VAE(VAEConfig(**SMALL, kl_weight=100.0), ADAM, FACTS)
    before = module(rows(64)).square().mean()
    losses_of(module, [rows(64)] * 100)
    assert module(rows(64)).square().mean() < 0.1 * before


def test_each_preference_trains_the_head_of_the_one_who_was_asked():
    torch.manual_seed(0)
    module = MultiPreferences(MultiPreferencesConfig(**SMALL, head_dims=[4]), ADAM, FACTS)
    labels, asked = torch.arange(6) % 2, torch.tensor([0, 2, 2, 0, 0, 2])
    batch = rows(6), rows(6, 1), labels, asked
    module.training_step(batch, 0).backward()
    touched = [
        any(bool(p.grad is not None and p.grad.any()) for p in head.parameters())
        for head in module.heads
    ]
    assert touched == [True, False, True]
    for p in module.parameters():
        p.grad = None
    losses = losses_of(module, [batch] * 100)
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("kind", [VAE, MultiPreferences])
def test_rivals_refuse_what_is_no_batch_of_theirs(kind):
    with pytest.raises(DataError, match="training_step takes"):
        kind(facts=FACTS).training_step((rows(), rows()), 0)
