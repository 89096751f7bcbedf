"""MCLRec's `quick` learns on each seed, and what must fail fails; a resumed run is exact."""

import io
from pathlib import Path

import pytest
import torch
from rich.console import Console

from common.checkpoints.io import read_checkpoint
from common.config import load_recipe
from common.leaderboard.record import Record
from common.runs import RunFolder, new_run
from common.train import prepare, train

# Above co-occurrence counts (.357 and .169 on these data), five times popularity.
HR_BAR, NDCG_BAR = 0.42, 0.19
SMALL = ["data.num_users=60", "data.batch_size=32", "trainer.epochs=3", "trainer.batches=30"]
OFTEN = ["trainer.checkpoint_every_batches=4", "evaluation.every_batches=6", "trainer.log_every=1"]


def run(
    reference: str, seed: int, folder: Path, words: list[str] | None = None
) -> tuple[Record, RunFolder]:
    words = [f"seed={seed}", "tracking.mode=disabled", "trainer.accelerator=cpu", *(words or [])]
    recipe = load_recipe(reference, words)
    target = new_run(recipe, folder)
    record = train(prepare(recipe), target, Console(file=io.StringIO()))
    assert record is not None
    return record, target


def passes(metrics: dict[str, float]) -> bool:
    return metrics["test/hr@20"] >= HR_BAR and metrics["test/ndcg@20"] >= NDCG_BAR


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_quick_learns_and_learning_free_encoders_fail(seed: int, tmp_path: Path) -> None:
    record, _ = run("mclrec/quick", seed, tmp_path)
    assert passes(record.metrics), record.metrics
    assert set(record.references) == {"untrained", "popularity"}
    for metrics in record.references.values():
        assert metrics["test/ndcg@20"] < NDCG_BAR / 5


@pytest.mark.slow
def test_a_contrast_that_drowns_the_recommendation_loss_fails(tmp_path: Path) -> None:
    # Raw dot products at this learning rate need a small weight: with .3 nothing is learned.
    record, _ = run("mclrec/quick", 0, tmp_path, ["method.augmented_weight=0.3"])
    assert not passes(record.metrics), record.metrics


@pytest.mark.parametrize("variant", ["", ":joint"])
def test_a_run_stopped_in_mid_epoch_and_resumed_is_the_same_to_the_bit(
    variant: str, tmp_path: Path
) -> None:
    reference = f"mclrec/quick{variant}"
    whole, kept = run(reference, 5, tmp_path / "whole", SMALL + OFTEN)
    # Epochs have 8 batches: go on from the fourth of the second, as after a kill.
    _, stopped = run(reference, 5, tmp_path / "part", [*SMALL, *OFTEN, "trainer.batches=13"])
    (checkpoint,) = stopped.checkpoints.glob("batch-*12.ckpt")
    stopped.record.unlink()
    words = ["seed=5", "tracking.mode=disabled", "trainer.accelerator=cpu", *SMALL, *OFTEN]
    recipe = load_recipe(reference, words)
    resumed = train(prepare(recipe), stopped, Console(file=io.StringIO()), resume_from=checkpoint)
    assert resumed is not None and resumed.metrics == whole.metrics
    names = [max(folder.checkpoints.glob("batch-*.ckpt")) for folder in (kept, stopped)]
    ends = [read_checkpoint(name)["state_dict"] for name in names]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    tables = [(folder.path / "metrics.csv").read_text() for folder in (kept, stopped)]
    assert tables[0] == tables[1]
