"""AutoTCL's `quick`: what learns, what does not, and what the mask finds."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from common.config import load_recipe
from common.leaderboard.record import Record
from common.runs import new_run
from common.train import prepare, train

ERROR = "test/clean_mse@24"
# Bars of the recipe's header.
METHOD_BAR, OF_RANDOM_MASK = 0.18, 0.93


def run(reference: str, seed: int, folder: Path) -> Record:
    words = [f"seed={seed}", "tracking.mode=disabled", "tracking.plots=false"]
    recipe = load_recipe(reference, words)
    record = train(prepare(recipe), new_run(recipe, folder), Console(file=io.StringIO()))
    assert record is not None
    return record


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_only_the_true_mask_passes_the_bar_that_shows_training(seed: int, tmp_path: Path) -> None:
    method = run("autotcl/quick", seed, tmp_path)
    assert method.metrics[ERROR] <= METHOD_BAR < method.references["last-value"][ERROR]
    random = run("autotcl/quick:random-mask", seed, tmp_path).metrics[ERROR]
    true = run("autotcl/quick:true-mask", seed, tmp_path).metrics[ERROR]
    assert true <= OF_RANDOM_MASK * random
    for other in (method.metrics[ERROR], method.references["untrained"][ERROR]):
        assert other > OF_RANDOM_MASK * random
    # What quick does not show: that a learned representation beats the raw lags.
    assert method.references["lags"][ERROR] < true


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_gate_that_can_close_finds_quiet_noise(seed: int, tmp_path: Path) -> None:
    found = run("autotcl/quick:quiet-logit", seed, tmp_path)
    assert found.metrics["test/mask_auc"] >= 0.65 > found.references["untrained"]["test/mask_auc"]
    # The mere size of the values does better.
    assert found.metrics["test/magnitude_auc"] > found.metrics["test/mask_auc"]
    published = run("autotcl/quick:quiet", seed, tmp_path)
    assert published.metrics["test/mask_auc"] <= 0.56
