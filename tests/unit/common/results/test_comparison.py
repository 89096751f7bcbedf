"""Arms side by side: which go together, what they are called, and what their differences say."""

import csv
import io
from dataclasses import replace

import pytest

from common.results import comparison
from common.results.comparison import COLUMNS, arms_blocks, rows_as_csv, side_by_side
from common.results.groups import Code
from common.results.pages.document import Heading, Paragraph, Table, plain_words
from common.results.record import TRIED

KNN = "test/knn_top1"


class Present(Code):
    """Code for which every record holds, but for those of one digest."""

    def stale_reason(self, record):
        return "moved" if record.code_digest == "old" else None


@pytest.fixture(autouse=True)
def code(monkeypatch):
    monkeypatch.setattr(comparison, "present_code", lambda records, root: Present())


@pytest.fixture
def arm(make_record):
    """Makes the records of an arm over seeds 0, 1, ... from its values."""

    def make(variant, values, metric=KNN, **changes):
        name = f"ablation/{variant}" if variant else "method"
        return [
            make_record(
                seed=seed,
                variant=variant,
                arm=name,
                run_id=f"{variant}-{changes.get('config_hash', '')}-{seed}",
                **{"metrics": {metric: value}, **changes},
            )
            for seed, value in enumerate(values)
        ]

    return make


def told(arms, metric=KNN):
    """Returns what is said of each arm: its name, and its verdict's word."""
    lines = list(arms.lines(metric))
    return {line.name: line.verdict and line.verdict.status for line in lines}


def test_differences_are_paired_by_seed_and_judged_to_the_first_arm(arm):
    method, same = arm(None, [0.8, 0.7, 0.6]), arm("same", [0.81, 0.69, 0.6])
    worse = arm("worse", [0.7, 0.6, 0.51])
    (found,) = side_by_side([*method, *worse, *same])
    assert told(found) == {
        "swav/cifar10": None,
        "swav/cifar10:worse": "worse",
        "swav/cifar10:same": "undecided",
        "untrained": "worse",
    }
    line = list(found.lines(KNN))[1]
    assert line.sample.mean == pytest.approx(0.60333, abs=1e-4)
    assert line.differences.mean == pytest.approx(-0.096667, abs=1e-5)
    # Unpaired, the spread of 0.1 over seeds would hide the difference.
    low, high = line.interval
    assert -0.15 < low < high < 0


def test_with_another_arm_to_compare_with_the_words_turn_round(arm):
    records = [*arm(None, [0.8, 0.7, 0.6]), *arm("worse", [0.7, 0.6, 0.51])]
    (found,) = side_by_side(records, to="worse")
    assert told(found)["swav/cifar10"] == "better"
    assert found.to_name == "swav/cifar10:worse"
    (first,) = side_by_side(records, to="nobody")
    assert first.to_name == "swav/cifar10"


@pytest.mark.parametrize(
    ("metric", "word"),
    [("test/mae", "better"), ("test/few_mse@96", "better"), ("test/pearson", "worse")],
)
def test_of_errors_less_is_better(metric, word, arm):
    lower = arm("lower", [0.7, 0.6, 0.51], metric, references={})
    (found,) = side_by_side([*arm(None, [0.8, 0.7, 0.6], metric, references={}), *lower])
    assert told(found, metric)["swav/cifar10:lower"] == word


def test_two_seeds_decide_nothing_and_no_common_seed_says_so(arm):
    few = arm("few", [0.1, 0.1])
    (found,) = side_by_side([*arm(None, [0.8, 0.8]), *few])
    assert told(found)["swav/cifar10:few"] == "undecided"
    apart = arm("apart", [0.1, 0.1, 0.1])[2:]
    (found,) = side_by_side([*arm(None, [0.8, 0.8]), *apart])
    assert told(found)["swav/cifar10:apart"] == "no seed in common"
    (found,) = side_by_side([*arm(None, [0.8, 0.8]), *arm("broken", [0.1, None])])
    assert told(found)["swav/cifar10:broken"] == "undefined in a run"


def test_what_learns_nothing_is_as_old_as_the_runs_that_measured_it(arm):
    old = arm("old", [0.7, 0.6, 0.51], code_digest="old")
    (found,) = side_by_side([*old, *arm(None, [0.8, 0.7, 0.6])], to="method")
    assert {line.name: line.stale for line in found.lines(KNN)}["untrained"] == "moved"


def test_other_data_other_protocols_and_pilots_are_not_in_one_table(arm):
    records = [
        *arm(None, [0.8]),
        *arm("data", [0.8], data_hash="0" * 16),
        *arm("protocol", [0.8], protocol="linear"),
        *arm("pilot", [0.8], pilot=True, looked_at="val"),
        *arm("alike", [0.8]),
    ]
    found = side_by_side(records)
    assert [[group.latest.variant for group in arms.groups] for arms in found] == [
        [None, "alike"],
        ["data"],
        ["protocol"],
        ["pilot"],
    ]


def test_arms_of_one_recipe_are_called_by_the_values_that_differ(arm):
    def config(lr):
        parts = dict.fromkeys(("baseline", "data", "evaluation", "method", "trainer"))
        return {**parts, "arm": "method", "seed": 0, "optimizer": {"lr": lr, "name": "sgd"}}

    slow = arm(None, [0.8], config=config(0.1), config_hash="1" * 10)
    fast = arm(None, [0.8], config=config(0.2), config_hash="2" * 10)
    unknown = arm(None, [0.8], config_hash="3" * 10)
    (found,) = side_by_side([*slow, *fast])
    assert found.names == ("swav/cifar10 optimizer.lr=0.1", "swav/cifar10 optimizer.lr=0.2")
    (found,) = side_by_side([*unknown, *arm(None, [0.8], config_hash="4" * 10)])
    assert found.names == ("swav/cifar10 " + "3" * 10, "swav/cifar10 " + "4" * 10)


def test_runs_of_a_trial_are_called_by_the_loss_and_by_what_tells_two_of_it(arm):
    def tried(lr):
        parts = dict.fromkeys(("data", "evaluation", "trainer"))
        method = {"loss": "mine.py:loss", "digest": "0" * 16}
        own = {"baseline": TRIED, "arm": f"baseline/{TRIED}", "optimizer": {"lr": lr}, "seed": 0}
        return {**parts, **own, "method": method}

    first, second = (
        [
            replace(record, run_id=f"{lr}-{record.seed}", arm=f"baseline/{TRIED}", config=tried(lr))
            for record in arm(None, [0.8], config_hash=f"{lr * 10:010.0f}")
        ]
        for lr in (0.1, 0.2)
    )
    (found,) = side_by_side([*first, *arm(None, [0.7])])
    assert found.names == ("mine.py:loss", "swav/cifar10")
    (found,) = side_by_side([*first, *second])
    assert found.names == ("mine.py:loss optimizer.lr=0.1", "mine.py:loss optimizer.lr=0.2")


def test_a_row_that_may_not_hold_says_why(arm):
    (found,) = side_by_side([*arm(None, [0.8] * 3, code_digest="old"), *arm("new", [0.7] * 3)])
    assert [line.stale for line in found.lines(KNN)] == ["moved"] * 3
    text = " ".join(plain_words(b.text) for b in arms_blocks(found) if isinstance(b, Paragraph))
    assert "moved: the code changed since" in text


def test_the_claimed_metric_comes_first_and_what_is_beside_the_point_is_not_shown(arm):
    metrics = {"test/linear_top1": 1.0, "test/effective_rank": 2.0, KNN: 0.5}
    (found,) = side_by_side(arm(None, [0.8], metrics=metrics))
    tables = [block.header[1] for block in arms_blocks(found) if isinstance(block, Table)]
    assert tables == ["linear_top1", "knn_top1"]
    asked = [b for b in arms_blocks(found, ["test/effective_rank"]) if isinstance(b, Table)]
    assert [table.header[1] for table in asked] == ["effective_rank"]


def test_a_run_that_measured_nothing_has_a_heading_alone(arm):
    (found,) = side_by_side(arm(None, [0.8], metrics={}, protocol=""))
    (block,) = arms_blocks(found)
    assert isinstance(block, Heading) and "nothing measured" in plain_words(block.text)


def test_the_csv_holds_every_metric_with_its_interval(arm):
    metrics = [{KNN: 0.5 + seed / 10, "test/other_std": 1.0} for seed in range(3)]
    method = [m for s in range(3) for m in arm(None, [0.0] * 3, metrics=metrics[s])[s : s + 1]]
    found = side_by_side([*method, *arm("worse", [0.2, 0.3, 0.41])])
    rows = list(csv.DictReader(io.StringIO(rows_as_csv(found))))
    assert tuple(rows[0]) == COLUMNS
    by_arm = {(row["arm"], row["metric"]): row for row in rows}
    assert by_arm["swav/cifar10", "test/other_std"]["mean"] == "1.0"
    row = by_arm["swav/cifar10:worse", KNN]
    assert row["compared_with"] == "swav/cifar10" and row["verdict"] == "worse"
    assert float(row["low"]) < float(row["difference"]) < float(row["high"]) < 0
    assert row["pairs"] == "3"
