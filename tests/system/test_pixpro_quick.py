"""`quick` learns on each seed, and the ablations that must fail do fail the same check."""

from pathlib import Path

import pytest

from common.results.record import Record
from tests.system.quick import NEW_SEEDS, run_seed

BAR, ABOVE_UNTRAINED = 38.0, 8.0
KEY = "test/correspondence_top1"


def passes(record: Record) -> bool:
    value, untrained = record.metrics[KEY], record.references["untrained"][KEY]
    return value >= BAR and value >= untrained + ABOVE_UNTRAINED


@pytest.mark.slow
@pytest.mark.parametrize("seed", NEW_SEEDS)
def test_quick_learns(seed: int, tmp_path: Path) -> None:
    record = run_seed("pixpro/quick", seed, tmp_path)
    assert passes(record), (record.metrics, record.references)
    assert record.metrics[KEY] > 5 * record.metrics["test/correspondence_chance"]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["no-propagation", "instance-only"])
def test_what_lacks_propagation_or_pixels_does_not(variant: str, tmp_path: Path) -> None:
    assert not passes(run_seed(f"pixpro/quick:{variant}", 0, tmp_path))
