"""Measurements of a run, a reported number and small networks, which tests change to their ends."""

import torch

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
