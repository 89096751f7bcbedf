"""A campaign as jobs of submitit's local executor: processes, as SLURM would start them."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

WORDS = [
    "trainer.threads=1",
    "tracking.mode=disabled",
    "tracking.plots=false",
    "evaluation.protocols=[knn]",
    "evaluation.references=[]",
]
HANG = 600  # seconds; a loaded machine takes minutes to import


def wait_for(condition):
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end, [
            path.read_text() for path in Path("runs/jobs").rglob("*.out")
        ]
        time.sleep(0.1)


@pytest.mark.slow
def test_jobs_complete_a_campaign_and_one_that_is_preempted_resumes(papers):
    pytest.importorskip("submitit")
    arms = ["swav/quick trainer.batches=200", "swav/quick trainer.batches=3"]
    Path("c.yaml").write_text(json.dumps({"arms": arms, "seeds": [0], "overrides": WORDS}))
    given = ("campaign", "c.yaml", "--on", "local", "--results", "results")
    code, out, err = papers(*given)
    assert code == 0 and out.count(": job ") == 2 and "0 of 2 runs are complete" in out, err
    (job,) = [
        path.name.partition("_")[0]
        for path in Path("runs/jobs").rglob("*_submitted.pkl")
        if "batches=200" in (path.parent / "run.yaml").read_text()
    ]

    def log():
        (path,) = Path("runs/jobs").rglob(f"{job}_0_log.out")
        return path.read_text()

    wait_for(lambda: len([*Path("runs").glob("swav/*/*/checkpoints/batch-*40.ckpt")]))
    task = subprocess.run(["pgrep", "-P", job], capture_output=True, text=True).stdout
    os.kill(int(task), signal.SIGUSR2)
    wait_for(lambda: len(list(Path("runs").glob("swav/*/*/result.json"))) == 2)
    assert f"Requeued job {job}" in log() and "resuming from batch-" in log()
    assert len(list(Path("runs").glob("swav/*/*/config.yaml"))) == 2, "no run was begun anew"

    code, out, err = papers(*given)
    assert code == 0 and out.count(": complete, ") == 2 and "knn_top1" in out, err
    assert len(list(Path("results").rglob("*.json"))) == 2
