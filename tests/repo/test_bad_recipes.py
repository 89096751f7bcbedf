"""Drawn wrong keys, types and words end with exit code 2 and a message, whatever the paper."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.paper import paper_names

ROOT = Path(__file__).resolve().parents[2]
# Seconds. Nothing is timed: it ends a hang.
HANG = 900


@pytest.mark.parametrize("paper", paper_names())
def test_drawn_words_are_refused_without_torch(paper: str) -> None:
    command = [sys.executable, "-m", "tests.repo.bad_recipes", paper]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG)
    assert result.returncode == 0, result.stderr[-2000:]
