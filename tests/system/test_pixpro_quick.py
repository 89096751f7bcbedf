"""`quick` learns on each seed, and the ablations that must fail do fail the same check."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from common.config import load_recipe
from common.leaderboard.record import Record
from common.runs import new_run
from common.train import prepare, train

BAR, ABOVE_UNTRAINED = 38.0, 8.0
KEY = "test/correspondence_top1"


def run(reference: str, seed: int, folder: Path) -> Record:
    words = [f"seed={seed}", "tracking.mode=disabled", "tracking.plots=false"]
    recipe = load_recipe(reference, words)
    record = train(prepare(recipe), new_run(recipe, folder), Console(file=io.StringIO()))
    assert record is not None
    return record


def passes(record: Record) -> bool:
    value, untrained = record.metrics[KEY], record.references["untrained"][KEY]
    return value >= BAR and value >= untrained + ABOVE_UNTRAINED


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_quick_learns(seed: int, tmp_path: Path) -> None:
    record = run("pixpro/quick", seed, tmp_path)
    assert passes(record), (record.metrics, record.references)
    assert record.metrics[KEY] > 5 * record.metrics["test/correspondence_chance"]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["no-propagation", "instance-only"])
def test_what_lacks_propagation_or_pixels_does_not(variant: str, tmp_path: Path) -> None:
    assert not passes(run(f"pixpro/quick:{variant}", 0, tmp_path))
