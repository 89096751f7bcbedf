"""Rates that fall after given epochs; test_module.py of hard_contrastive trains with them."""

import torch

from common.config.schema import OptimizerConfig
from common.training.rate_drops import rate_stages


def test_the_rate_falls_after_its_epochs_and_never_without_drops() -> None:
    rates = OptimizerConfig(lr=0.5)
    stages = rate_stages(rates, [3, 4], 0.1)
    assert [stage.epochs for stage in stages] == [3, 1, None]
    torch.testing.assert_close(
        torch.tensor([stage.rates.lr for stage in stages]), torch.tensor([0.5, 0.05, 0.005])
    )
    (only,) = rate_stages(rates, [])
    assert only.epochs is None and only.rates == rates
