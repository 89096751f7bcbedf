import math
from types import SimpleNamespace

import numpy as np
import torch

from common.config.schema import OptimizerConfig
from common.optim.build import configure
from papers.hydra.reference import learning_rates, pair_weights


def test_the_rise_starts_at_zero_and_the_peak_stands_once():
    epoch = np.arange(12) / 2
    rates = learning_rates(epoch, 3.0, 2, 6)
    np.testing.assert_allclose(rates[:5], [0, 0.75, 1.5, 2.25, 3.0])
    np.testing.assert_allclose(rates[8], 1.5)
    assert (np.diff(rates[4:]) < 0).all()
    np.testing.assert_allclose(learning_rates(np.array([6.0]), 3.0, 2, 6, final=0.5), 0.5)
    np.testing.assert_allclose(learning_rates(np.array([0.0]), 3.0, 2, 6, start=0.5), 0.5)


def test_the_table_of_a_recipe_has_these_rates():
    config = OptimizerConfig(
        name="sgd", lr=2.0, schedule="cosine", warmup_epochs=2, peak_once=True, final_lr=0.1
    )
    trainer = SimpleNamespace(
        estimated_stepping_batches=40,
        max_epochs=10,
        num_training_batches=4,
        accumulate_grad_batches=1,
    )
    made = configure([torch.nn.Parameter(torch.ones(2))], config, trainer)
    table = made["lr_scheduler"]["scheduler"].table
    np.testing.assert_allclose(
        table, learning_rates(np.arange(40) / 4, 2.0, 2, 10, final=0.1), rtol=1e-12
    )
    assert table[7] == 2.0 * 7 / 8


def test_weights_of_pairs_fall_with_distance_and_sum_to_one():
    distance = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    assert pair_weights(distance, 0).tolist() == [1 / 3] * 3
    sharp = pair_weights(distance, 2)
    expected = torch.tensor([1, 1 / 4, 1 / 16], dtype=torch.float64)
    torch.testing.assert_close(sharp, expected / expected.sum())
    assert math.isclose(float(sharp.sum()), 1)
