"""Two runs of one seed give the same numbers to the last bit: some batches of every `quick`."""

import json
import sys

import pytest

from common.paper import paper_names
from tests.system import runs
from tests.system.processes import start_command

WORDS = ["trainer.batches=6", "trainer.log_every=1", "tracking.mode=disabled"]
WORDS += ["tracking.plots=false"]


def numbers(folder, paper, hash_seed):
    """Trains in an interpreter of its own; returns metrics.csv and the record's numbers."""
    folder.mkdir()
    command = [sys.executable, "-m", "common.cli.main", "train", paper, *WORDS]
    # Sets of texts have another order under another seed of their hashes.
    process = start_command(folder, command, PYTHONHASHSEED=hash_seed)
    output, _ = process.communicate(timeout=3600)
    assert process.returncode == 0, output
    run_dir = runs.only_run(folder / "runs")
    record = json.loads((run_dir / "result.json").read_text())
    assert record["status"] == "complete" and record["metrics"]
    return (run_dir / "metrics.csv").read_bytes(), record["metrics"], record["references"]


@pytest.mark.parametrize(
    "paper",
    [pytest.param(one, marks=() if one == "mclrec" else pytest.mark.slow) for one in paper_names()],
)
def test_two_runs_of_one_seed_are_equal_to_the_last_bit(paper, tmp_path):
    first = numbers(tmp_path / "first", paper, "1")
    assert numbers(tmp_path / "second", paper, "2") == first
