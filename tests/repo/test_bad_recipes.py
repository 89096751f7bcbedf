"""Wrong keys, types, values and words end with exit code 2 and a message, whatever the paper."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Seconds. Nothing is timed: it ends a hang.
HANG = 3600


@pytest.mark.parametrize("draws", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_no_key_of_any_paper_takes_what_it_cannot_and_torch_stays_out(draws: int) -> None:
    command = [sys.executable, "-m", "tests.repo.bad_recipes", str(draws)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG)
    assert result.returncode == 0, result.stderr[-6000:]
