from types import SimpleNamespace

import numpy as np
import torch

from common.config.schema import OptimizerConfig
from common.optim.build import configure
from papers.hydra.reference import learning_rates


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
