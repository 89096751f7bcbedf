"""A run killed with SIGKILL and resumed equals the uninterrupted one to the last bit."""

import json

import pytest
import torch

from common.checkpoints.io import last_good_checkpoint, read_checkpoint
from tests.system import runs

COMMON = ["tracking.mode=disabled", "trainer.threads=1", "trainer.log_every=1"]
PAPERS = {
    "swav": [
        "trainer.batches=60",
        "trainer.checkpoint_every_batches=13",
        "evaluation.online=[knn]",
        "evaluation.every_batches=25",
        "data.holdout=0.1",
        "evaluation.monitor=val/knn_top1",
        "evaluation.select=best",
    ],
    "pixpro": [
        "trainer.batches=40",
        "trainer.checkpoint_every_batches=13",
        "method.instance_weight=1",
        "evaluation.protocols=[correspondence]",
        "evaluation.online=[dense-probe]",
        "evaluation.every_batches=25",
        "evaluation.dense_probe.epochs=1",
        "data.holdout=0.1",
    ],
    # The base with the most state: queues and a momentum encoder.
    "amcl": [
        "method.base=moco",
        "method.queue_length=512",
        "optimizer.lr=0.01",
        "trainer.batches=50",
        "trainer.checkpoint_every_batches=13",
        "evaluation.online=[knn]",
        "evaluation.every_batches=25",
        "data.holdout=0.1",
    ],
    # The form with a momentum encoder, in place of the online head.
    "hydra": [
        "baseline=momentum",
        "method.backbone=small_conv",
        "method.output_dim=32",
        "trainer.batches=50",
        "trainer.checkpoint_every_batches=13",
        "evaluation.protocols=[knn]",
        "evaluation.online=[knn]",
        "evaluation.every_batches=25",
        "data.holdout=0.1",
    ],
    "meow": ["trainer.epochs=12", "trainer.checkpoint_every_epochs=5"],
    # Drawn neighbours, five batches an epoch, so that every kill is inside one.
    "meow-sampled": [
        "data.batch_size=150",
        "method.num_clusters=[3,9]",
        "method.dim=16",
        "trainer.epochs=4",
        "trainer.checkpoint_every_batches=6",
        "evaluation.protocols=[node-probe]",
        "evaluation.references=[untrained]",
        "evaluation.node_probe.probes=2",
    ],
    "supremix": [
        "trainer.batches=120",
        "trainer.checkpoint_every_batches=35",
        "evaluation.online=[label-order]",
        "evaluation.references=[untrained]",
        "evaluation.every_batches=50",
    ],
    "autotcl": [
        "data.batch_size=8",
        "trainer.batches=60",
        "trainer.checkpoint_every_batches=13",
        "method.update_ratio=3",
        "method.consistency_weight=0.1",
        "evaluation.online=[forecasting]",
        "evaluation.references=[]",
        "evaluation.every_batches=25",
    ],
    # With both memories: a rule's and the given labels'.
    "owdfa_cpl": [
        "data.preset=small",
        "data.batch_size=32",
        "method.pseudo_labels=flex",
        "method.pretrain_epochs=1",
        "method.relabel_epochs=1",
        "trainer.epochs=4",
        "trainer.checkpoint_every_batches=13",
        "optimizer.warmup_epochs=1",
        "evaluation.online=[head-clusters]",
        "evaluation.online_split=test",
        "evaluation.monitor=test/all_nmi",
        "evaluation.also_best=true",
    ],
    "mclrec": [
        "trainer.batches=40",
        "trainer.checkpoint_every_batches=15",
        "evaluation.every_batches=20",
    ],
}


def train(case, root):
    return runs.train(case.partition("-")[0], COMMON + PAPERS[case], root)


def train_and_kill(case, root, when):
    return runs.train_and_kill(case.partition("-")[0], COMMON + PAPERS[case], root, when)


def last_batch(run_dir):
    path = run_dir / "metrics.csv"
    lines = path.read_text().splitlines() if path.is_file() else []
    return int(lines[-1].split(",")[0]) if len(lines) > 1 and lines[-1].count(",") == 3 else 0


def before_any_checkpoint(run_dir):
    return last_batch(run_dir) >= 3


def after_a_checkpoint(run_dir):
    return any((run_dir / "checkpoints").glob("batch-*")) and last_batch(run_dir) % 5 == 3


def while_a_checkpoint_is_written(run_dir):
    return any((run_dir / "checkpoints").glob(".*.tmp"))


def in_the_final_evaluation(run_dir):
    names = sorted(path.name for path in (run_dir / "checkpoints").glob("batch-*"))
    return (
        bool(names)
        and last_batch(run_dir) == int(names[-1][6:15])
        and (
            '"epoch_loss' in names or (run_dir / "metrics.csv").read_text().count("epoch_loss") > 0
        )
    )


def evidence(run_dir):
    path, problems = last_good_checkpoint(run_dir / "checkpoints")
    assert not problems
    record = json.loads((run_dir / "result.json").read_text())
    numbers = {key: record[key] for key in ("metrics", "references", "batches", "epochs")}
    return read_checkpoint(path), (run_dir / "metrics.csv").read_bytes(), numbers


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    found = {}

    def get(paper):
        if paper not in found:
            root = tmp_path_factory.mktemp(paper)
            found[paper] = evidence(train(paper, root))
        return found[paper]

    return get


POINTS = [before_any_checkpoint, after_a_checkpoint, while_a_checkpoint_is_written]
# One paper a kind of state: plain, queues and a second encoder, two optimizers, nested updates. The
# other papers take a minute and a half together.
FAST = {(paper, after_a_checkpoint) for paper in ("swav", "amcl", "autotcl", "mclrec")}


@pytest.mark.parametrize(
    ("paper", "point"),
    [
        pytest.param(
            paper,
            point,
            id=f"{paper}-{point.__name__}",
            marks=[] if (paper, point) in FAST else [pytest.mark.slow],
        )
        for paper in PAPERS
        for point in POINTS
    ],
)
def test_killed_and_resumed_equals_uninterrupted(paper, point, uninterrupted, tmp_path):
    weights, metrics, numbers = uninterrupted(paper)
    run_dir = train_and_kill(paper, tmp_path, point)
    assert not (run_dir / "result.json").exists()
    runs.resume(run_dir)
    resumed_weights, resumed_metrics, resumed_numbers = evidence(run_dir)
    for name, value in weights["state_dict"].items():
        assert torch.equal(value, resumed_weights["state_dict"][name]), name
    assert resumed_metrics == metrics
    assert resumed_numbers == numbers


@pytest.mark.slow
@pytest.mark.parametrize("paper", PAPERS)
def test_killed_in_the_final_evaluation(paper, uninterrupted, tmp_path):
    _, metrics, numbers = uninterrupted(paper)
    run_dir = train_and_kill(paper, tmp_path, in_the_final_evaluation)
    runs.resume(run_dir)
    assert evidence(run_dir)[1:] == (metrics, numbers)
