"""A run killed with SIGKILL and resumed equals the uninterrupted one to the last bit.

Where it is killed is drawn; ``LIKEWISE_KILL_SEED`` repeats the draw that a failure prints.
"""

import json
import os
import secrets
from itertools import pairwise
from random import Random
from typing import NamedTuple

import pytest
import torch

from common.runs.checkpoints import last_good_checkpoint
from common.tracking.metrics_file import read_metrics
from common.training.position import read_checkpoint
from tests.system import kills, runs
from tests.system.resumed import CASES, evaluates_while_training, words_of


class Whole(NamedTuple):
    """What a run leaves: weights, the metrics file's bytes, the record's numbers."""

    weights: dict
    metrics: bytes
    numbers: dict


def train(case, root, kill):
    return runs.train(*words_of(case), root, kill)


def evidence(run_dir):
    path, problems = last_good_checkpoint(run_dir / "checkpoints")
    assert not problems
    record = json.loads((run_dir / "result.json").read_text())
    numbers = {key: record[key] for key in ("metrics", "references", "batches", "epochs")}
    weights = read_checkpoint(path)["state_dict"]
    return Whole(weights, (run_dir / "metrics.csv").read_bytes(), numbers)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Returns a function of a case: what the whole run leaves, and what a kill is drawn from.

    That is the batches of its checkpoints, and how many calls each of its evaluations makes.
    """
    found = {}

    def get(case):
        if case not in found:
            run_dir, code = train(case, tmp_path_factory.mktemp(case), kills.Nowhere())
            assert code == 0
            saved = (run_dir / "checkpoints" / "saved").read_text().split()
            noted = (run_dir / "checkpoints" / "calls").read_text().splitlines()
            calls = {place: int(number) for place, number in map(str.split, noted)}
            found[case] = evidence(run_dir), sorted({int(batch) for batch in saved}), calls
        return found[case]

    return get


def before_any_checkpoint(draw, whole, saved, calls):
    return kills.AtBatch(draw.randrange(2, saved[0]), torn=draw.randrange(8)), 0


def two_batches_or_more_after_a_checkpoint(draw, whole, saved, calls):
    gaps = [
        (batch, before) for before, after in pairwise(saved) for batch in range(before + 2, after)
    ]
    batch, before = draw.choice(gaps)
    return kills.AtBatch(batch, torn=draw.randrange(8)), before


def while_a_checkpoint_is_written(draw, whole, saved, calls):
    place = draw.randrange(1, len(saved))  # not the first: there is one to go back to
    return kills.InCheckpoint(saved[place], share=draw.random()), saved[place - 1]


def number_of_a_call(draw, calls):
    # Not the last calls: how many there are may differ a little, by what was imported before.
    return draw.randrange(calls * 9 // 10) + 1


def in_the_final_evaluation(draw, whole, saved, calls):
    number = number_of_a_call(draw, calls[kills.FINAL])
    return kills.InEvaluation(number), whole.numbers["batches"]


def in_an_evaluation_while_training(draw, whole, saved, calls):
    place = draw.choice([place for place in calls if place != kills.FINAL])
    kill = kills.InOnlineEvaluation(int(place), number_of_a_call(draw, calls[place]))
    return kill, max((batch for batch in saved if batch < kill.batch), default=0)


def by_another_process(draw, whole, saved, calls):
    batch = draw.randrange(1, whole.numbers["batches"] * 3 // 4)
    return kills.FromOutside(batch, delay_s=draw.random() / 10), None


def assert_hit(run_dir, kill, newest, whole):
    """Checks on the disk that the run died where it should: what is left of it, what is not."""
    assert not (run_dir / "result.json").exists()
    path, problems = last_good_checkpoint(run_dir / "checkpoints")
    assert not problems
    if isinstance(kill, kills.FromOutside):
        assert read_metrics(run_dir / "metrics.csv")[-1].batch >= kill.batch
        return
    assert (read_checkpoint(path)["likewise"]["batches_seen"] if path else 0) == newest
    torn = list((run_dir / "checkpoints").glob(".*.tmp"))
    rows = read_metrics(run_dir / "metrics.csv")
    last = rows[-1].batch
    if isinstance(kill, kills.InCheckpoint):
        (part,) = torn
        assert f"batch-{kill.batch:09d}" in part.name and last == kill.batch
        return
    assert not torn
    assert last == getattr(kill, "batch", whole.numbers["batches"])
    if isinstance(kill, kills.InOnlineEvaluation):
        keys = [row.key for row in rows if row.batch == last]
        assert not [key for key in keys if key.startswith(("val/", "test/"))], "it was over"
    ended_torn = not (run_dir / "metrics.csv").read_bytes().endswith(b"\n")
    assert ended_torn == bool(getattr(kill, "torn", 0))


POINTS = [
    before_any_checkpoint,
    two_batches_or_more_after_a_checkpoint,
    while_a_checkpoint_is_written,
    in_the_final_evaluation,
    by_another_process,
    in_an_evaluation_while_training,
]
# What goes on from there is the same code whatever was trained: three cases each.
OF_NO_CASE = {before_any_checkpoint, while_a_checkpoint_is_written, by_another_process}
# The first batch of the second stage of the cases in `STAGED`.
STAGED = ["simcse", "defsent_plus", "dse", "whitenedcse", "mcl"]
BEGINS = 25
# Ten to twenty seconds each: one with one optimizer, one with two. The last three take a few.
FAST = {(paper, POINTS[1]) for paper in ("swav", "autotcl")}
FAST |= {("mclrec-joint", point) for point in POINTS[3:]}


@pytest.mark.parametrize(
    ("case", "point"),
    [
        pytest.param(
            case,
            point,
            id=f"{case}-{point.__name__}",
            marks=[] if (case, point) in FAST else [pytest.mark.slow],
        )
        for case in CASES
        for point in POINTS
        if (point is not in_an_evaluation_while_training or evaluates_while_training(case))
        and (point not in OF_NO_CASE or case in ("swav", "autotcl", "mclrec-joint"))
    ],
)
def test_killed_and_resumed_equals_uninterrupted(case, point, uninterrupted, tmp_path):
    whole, saved, calls = uninterrupted(case)
    seed = int(os.environ.get("LIKEWISE_KILL_SEED") or secrets.randbelow(10**6))
    kill, newest = point(Random(seed), whole, saved, calls)
    print(f"LIKEWISE_KILL_SEED={seed}: {kill}, to go on from batch {newest}")
    run_dir, code = train(case, tmp_path, kill)
    assert code == -9, "the run ended before it could be killed"
    assert_hit(run_dir, kill, newest, whole)
    runs.resume(run_dir)
    assert_same(run_dir, whole)


@pytest.mark.parametrize(
    "case",
    # All go through the same code: the others are as long again each.
    [pytest.param(case, marks=[] if case == STAGED[0] else pytest.mark.slow) for case in STAGED],
)
@pytest.mark.parametrize("batch", [BEGINS, BEGINS + 1])
def test_a_run_killed_where_a_stage_begins_goes_on_from_between_the_stages(
    batch, case, uninterrupted, tmp_path
):
    whole, saved, _ = uninterrupted(case)
    assert BEGINS - 1 in saved
    run_dir, code = train(case, tmp_path, kills.AtBatch(batch, torn=0))
    assert code == -9
    path, _ = last_good_checkpoint(run_dir / "checkpoints")
    assert read_checkpoint(path)["likewise"]["batches_seen"] == BEGINS - 1
    runs.resume(run_dir)
    assert_same(run_dir, whole)


def assert_same(run_dir, whole):
    resumed = evidence(run_dir)
    assert resumed.weights.keys() == whole.weights.keys()
    for name, value in whole.weights.items():
        assert torch.equal(value, resumed.weights[name]), name
    assert resumed.metrics == whole.metrics
    assert resumed.numbers == whole.numbers


def test_of_two_checkpoints_a_cut_one_leaves_the_other_to_go_on_from(uninterrupted, tmp_path):
    whole, saved, _ = uninterrupted("mclrec-joint")
    run_dir, _ = train("mclrec-joint", tmp_path, kills.AtBatch(saved[1] + 1, torn=0))
    first, newest = sorted((run_dir / "checkpoints").glob("batch-*.ckpt"))
    assert newest.name == f"batch-{saved[1]:09d}.ckpt"
    os.truncate(newest, newest.stat().st_size // 2)
    runs.resume(run_dir)
    log = (run_dir / "log.txt").read_text()
    assert f"warning: {newest}: not a whole checkpoint" in log
    assert f"resuming from {first.name}" in log
    assert_same(run_dir, whole)
