import dataclasses

import pytest

from common.results.record import Record

TEMPLATE = Record(
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


@pytest.fixture
def make_record():
    """A valid record with changes; each seed gets a run id of its own."""

    def make(**changes):
        seed = changes.get("seed", TEMPLATE.seed)
        return dataclasses.replace(TEMPLATE, **{"run_id": f"260101-000000-{seed:04x}", **changes})

    return make
