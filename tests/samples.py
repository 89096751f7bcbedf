"""Measurements of a run, a reported number and small networks, which tests change to their ends."""

import torch

from common.results.record import Record
from common.results.reported import Entry, ReportedNumber
from common.runs.record import RunMeasurements
from papers.sirl.config import SIRLConfig
from papers.sirl.data_config import TrajectoryFacts
from papers.sirl.module import SIRL

SMALL_AUTOTCL = {
    "hidden_dim": 6,
    "depth": 2,
    "output_dim": 7,
    "lengths": [1, 2, 4],
    "augmenter_hidden_dim": 6,
    "augmenter_depth": 1,
    "augmenter_dim": 5,
    "augmenter_lengths": [1, 2],
    "segments": 4,
}
SMALL_HYDRA = {
    "backbone": "small_conv",
    "projector_layers": 2,
    "hidden_dim": 16,
    "output_dim": 8,
    "gate_embedding_dim": 6,
    "gate_hidden_dim": 10,
}
KNN = "test/knn_top1"
MEASURED = RunMeasurements(
    metrics={KNN: 0.75},
    references={},
    selection="last",
    batches=6,
    epochs=1,
    wall_s=1.0,
    samples_per_s=1.0,
    wait_share=0.0,
    devices=1,
    parameters=1,
)
RECORD = Record(
    run_id="260101-000000-aaaa",
    paper="swav",
    arm="method",
    recipe="cifar10",
    variant=None,
    seed=0,
    data="cifar10",
    data_hash="d" * 16,
    protocol="knn",
    selection="last",
    metrics={"test/knn_top1": 0.8},
    references={"untrained": {"test/knn_top1": 0.4}},
    epochs=2,
    batches=20,
    scaled=False,
    scaled_reason=None,
    config_hash="c" * 10,
    code_digest="e" * 12,
    commit="f" * 40,
    dirty=False,
    versions={"torch": "2.6"},
    hardware={"cpu": "Some CPU", "cores": 2, "accelerator": None},
    precision="32-true",
    devices=1,
    global_batch=64,
    wall_s=10.0,
    samples_per_s=100.0,
    data_wait_share=0.1,
    parameters=1000,
    finished="2026-01-01T00:00:00Z",
)
ENTRY = Entry(
    paper="swav",
    arm="method",
    recipe="cifar10",
    data="cifar10",
    protocol="knn",
    origin="paper",
    table="Table 1",
    verified=False,
    note="read from a figure",
    metrics={
        KNN: ReportedNumber(value=0.80, margin=0.05, spread=0.02, n=3),
        "test/top5": ReportedNumber(value=0.95, margin=0.05),
    },
)


def sirl() -> tuple[SIRL, tuple[torch.Tensor, ...], tuple[torch.Tensor]]:
    """Returns a small SIRL, a plain batch of answers, and what `forward` takes."""
    module = SIRL(SIRLConfig(hidden_dims=[8], output_dim=3), facts=TrajectoryFacts(5))
    first, second, odd = torch.rand(3, 8, 5)
    return module, (first, second, odd), (first,)
