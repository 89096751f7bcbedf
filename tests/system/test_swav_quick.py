"""`quick` learns on each seed, and the ablation that must fail does fail the same check."""

from pathlib import Path

import pytest

from tests.system.quick import NEW_SEEDS, run_seed

LINEAR_BAR, KNN_BAR = 85.0, 75.0


def passes(metrics: dict[str, float]) -> bool:
    return metrics["test/linear_top1"] >= LINEAR_BAR and metrics["test/knn_top1"] >= KNN_BAR


@pytest.mark.slow
@pytest.mark.parametrize("seed", NEW_SEEDS)
def test_quick_learns(seed: int, tmp_path: Path) -> None:
    record = run_seed("swav/quick", seed, tmp_path)
    assert passes(record.metrics), record.metrics
    assert not any(passes(metrics) for metrics in record.references.values())
    untrained = record.references["untrained"]
    assert record.metrics["test/linear_top1"] > untrained["test/linear_top1"] + 25


@pytest.mark.slow
def test_without_equal_mass_it_ends_below_the_untrained_encoder(tmp_path: Path) -> None:
    record = run_seed("swav/quick:no-equipartition", 0, tmp_path)
    assert not passes(record.metrics)
    for name, value in record.metrics.items():
        if name in ("test/linear_top1", "test/knn_top1"):
            assert value < record.references["untrained"][name]
