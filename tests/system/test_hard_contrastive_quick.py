"""`quick` of the hard contrastive loss learns; the plain loss at its temperature fails the bars."""

from pathlib import Path

import pytest

from tests.system.quick import NEW_SEEDS, run_seed

# Chosen on seeds 10, 11 and 12: there linear is 65.0, 63.6 and 64.2 and 20-NN 42.9, 46.6 and 41.2;
# the plain loss has 57.0, 57.1 and 53.1 and 34.5, 35.1 and 34.3, an untrained encoder linear 50.8,
# 49.3 and 51.1. The simple loss was not looked at there.
LINEAR_BAR, KNN_BAR, ABOVE_UNTRAINED = 61.0, 40.0, 8.0
LINEAR, KNN = "test/linear_top1", "test/knn_top1"


@pytest.mark.slow
@pytest.mark.parametrize("seed", NEW_SEEDS)
def test_quick_learns_and_the_losses_over_all_negatives_do_not(seed: int, tmp_path: Path) -> None:
    record = run_seed("hard_contrastive/quick", seed, tmp_path / "method")
    assert record.metrics[LINEAR] >= LINEAR_BAR and record.metrics[KNN] >= KNN_BAR
    assert record.metrics[LINEAR] >= record.references["untrained"][LINEAR] + ABOVE_UNTRAINED
    for variant in ("plain", "simple"):
        ablated = run_seed(f"hard_contrastive/quick:{variant}", seed, tmp_path / variant)
        assert ablated.metrics[LINEAR] < LINEAR_BAR and ablated.metrics[KNN] < KNN_BAR
