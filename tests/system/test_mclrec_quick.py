"""MCLRec's `quick` learns on each seed, and what must fail fails."""

from pathlib import Path

import pytest

from tests.system.quick import NEW_SEEDS, run_seed

# Above co-occurrence counts (.357 and .169 on these data), five times popularity.
HR_BAR, NDCG_BAR = 0.42, 0.19
CPU = "trainer.accelerator=cpu"


def passes(metrics: dict[str, float]) -> bool:
    return metrics["test/hr@20"] >= HR_BAR and metrics["test/ndcg@20"] >= NDCG_BAR


@pytest.mark.slow
@pytest.mark.parametrize("seed", NEW_SEEDS)
def test_quick_learns_and_learning_free_encoders_fail(seed: int, tmp_path: Path) -> None:
    record = run_seed("mclrec/quick", seed, tmp_path, CPU)
    assert passes(record.metrics), record.metrics
    assert set(record.references) == {"untrained", "popularity"}
    for metrics in record.references.values():
        assert metrics["test/ndcg@20"] < NDCG_BAR / 5


@pytest.mark.slow
def test_a_contrast_that_drowns_the_recommendation_loss_fails(tmp_path: Path) -> None:
    # Raw dot products at this learning rate need a small weight: with .3 nothing is learned.
    record = run_seed("mclrec/quick", 0, tmp_path, CPU, "method.augmented_weight=0.3")
    assert not passes(record.metrics), record.metrics
