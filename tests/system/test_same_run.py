"""Two runs of one seed give the same numbers to the last bit: `quick` of every paper, whole."""

import json
import sys

import pytest

from common.paper import paper_names
from tests.system import runs
from tests.system.processes import start_command

WORDS = ["trainer.log_every=1", "tracking.mode=disabled", "tracking.plots=false"]
CASES = {
    "mclrec, cut": ("mclrec", "trainer.batches=6"),
    **{name: (name,) for name in paper_names()},
}


def numbers(folder, words, hash_seed):
    """Trains in an interpreter of its own; returns metrics.csv and the record's numbers."""
    folder.mkdir()
    command = [sys.executable, "-m", "common.cli.main", "train", *words, *WORDS]
    # Sets of texts have another order under another seed of their hashes.
    process = start_command(folder, command, PYTHONHASHSEED=hash_seed)
    output, _ = process.communicate(timeout=3600)
    assert process.returncode == 0, output
    run_dir = runs.only_run(folder / "runs")
    record = json.loads((run_dir / "result.json").read_text())
    assert record["status"] == "complete" and record["metrics"]
    return (run_dir / "metrics.csv").read_bytes(), record["metrics"], record["references"]


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow if case in paper_names() else ()) for case in CASES],
)
def test_two_runs_of_one_seed_are_equal_to_the_last_bit(case, tmp_path):
    first = numbers(tmp_path / "first", CASES[case], "1")
    assert numbers(tmp_path / "second", CASES[case], "2") == first
