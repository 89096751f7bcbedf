"""SupReMix's `quick` learns on each seed; plain SupCon fails the same check."""

from pathlib import Path

import pytest

from tests.system.quick import NEW_SEEDS, run_seed

# Steps of 3 degrees; correlation of label distance with distance at the head.
MAE_BAR, ORDER_BAR = 4.0, 0.80
MARGIN = 1.5


def passes(metrics: dict[str, float]) -> bool:
    return metrics["test/mae"] <= MAE_BAR and metrics.get("test/order_head", 0) >= ORDER_BAR


@pytest.mark.slow
@pytest.mark.parametrize("seed", NEW_SEEDS)
def test_quick_learns_and_supcon_fails_its_bars(seed: int, tmp_path: Path) -> None:
    record = run_seed("supremix/quick", seed, tmp_path)
    assert passes(record.metrics), record.metrics
    assert set(record.references) == {"untrained", "raw", "trees"}
    assert not any(passes(metrics) for metrics in record.references.values())
    # Trees on the pixels are as good as the frozen probe: see the paper's page.
    for name in ("untrained", "raw"):
        assert record.references[name]["test/mae"] >= record.metrics["test/mae"] + MARGIN, name
    ablation = run_seed("supremix/quick:supcon", seed, tmp_path)
    assert not passes(ablation.metrics), ablation.metrics
    assert record.metrics["test/order_head"] >= ablation.metrics["test/order_head"] + 0.08


@pytest.mark.slow
def test_training_on_the_labels_is_better_than_the_frozen_probe(tmp_path: Path) -> None:
    # What quick does not show: that contrast beats an end-to-end regressor.
    record = run_seed("supremix/quick:l1", 0, tmp_path)
    assert record.metrics["test/own_mae"] < 3.4
