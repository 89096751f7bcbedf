"""Measurements of a run, and a reported number, that tests change to what they are about."""

from common.leaderboard.reported import Entry, Reference
from common.result import RunMeasurements

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
        KNN: Reference(value=0.80, margin=0.05, spread=0.02, n=3),
        "test/top5": Reference(value=None),
    },
)
