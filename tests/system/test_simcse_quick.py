"""SimCSE's `quick` learns on each seed; without negatives the same check fails."""

from pathlib import Path

import pytest

from tests.system.quick import run_seed

# Spearman's correlation x 100, chosen on seeds 10, 11 and 12: above the start of the contrast (the
# first stage alone), and above the untrained encoder. On those seeds it is 29, 26 and 26 above the
# start, and without negatives 7, 8 and 6.
ABOVE_START, ABOVE_UNTRAINED = 17.0, 18.0
KEY = "test/spearman"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_quick_learns_and_no_negatives_fails_its_bars(seed: int, tmp_path: Path) -> None:
    record = run_seed("simcse/quick", seed, tmp_path)
    start = run_seed("simcse/quick:masked-words", seed, tmp_path).metrics[KEY]
    without = run_seed("simcse/quick:no-negatives", seed, tmp_path).metrics[KEY]
    learnt, untrained = record.metrics[KEY], record.references["untrained"][KEY]
    assert learnt >= start + ABOVE_START, (learnt, start)
    assert learnt >= untrained + ABOVE_UNTRAINED, (learnt, untrained)
    assert without < start + ABOVE_START, (without, start)
