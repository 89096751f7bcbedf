"""MCLRec's `quick` learns on each seed, and what must fail fails."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from common.config import load_recipe
from common.leaderboard.record import Record
from common.runs import new_run
from common.train import prepare, train

# Above co-occurrence counts (.357 and .169 on these data), five times popularity.
HR_BAR, NDCG_BAR = 0.42, 0.19


def run(seed: int, folder: Path, *words: str) -> Record:
    settings = [f"seed={seed}", "tracking.mode=disabled", "trainer.accelerator=cpu", *words]
    recipe = load_recipe("mclrec/quick", settings)
    record = train(prepare(recipe), new_run(recipe, folder), Console(file=io.StringIO()))
    assert record is not None
    return record


def passes(metrics: dict[str, float]) -> bool:
    return metrics["test/hr@20"] >= HR_BAR and metrics["test/ndcg@20"] >= NDCG_BAR


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_quick_learns_and_learning_free_encoders_fail(seed: int, tmp_path: Path) -> None:
    record = run(seed, tmp_path)
    assert passes(record.metrics), record.metrics
    assert set(record.references) == {"untrained", "popularity"}
    for metrics in record.references.values():
        assert metrics["test/ndcg@20"] < NDCG_BAR / 5


@pytest.mark.slow
def test_a_contrast_that_drowns_the_recommendation_loss_fails(tmp_path: Path) -> None:
    # Raw dot products at this learning rate need a small weight: with .3 nothing is learned.
    record = run(0, tmp_path, "method.augmented_weight=0.3")
    assert not passes(record.metrics), record.metrics
