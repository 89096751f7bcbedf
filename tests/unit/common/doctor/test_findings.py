"""Findings from a look: each threshold is crossed by its own figure, and by no other."""

import math
from dataclasses import replace
from itertools import combinations

import pytest
import torch

from common.config.recipe import load_recipe
from common.doctor.findings import findings_in, keys_of
from common.doctor.look import Encoded, Looked, Moved
from common.doctor.measures import Contrast, Spread
from common.errors import LikewiseError
from common.evaluation.frozen import require_finite
from tests.samples import RECORD

FINE = Encoded(
    loss=3.0,
    chance=5.5,
    contrast=Contrast(255, 1.5, 0.4),
    embedding=Spread(0.3, 30, 6),
    projection=Spread(0.9, 20, 5),
    noise=0.4,
    gap=0.1,
)
HEALTHY = Looked(
    recipe=load_recipe("amcl/quick:simclr"),
    curves={"train/lr": [(10, 0.1), (20, 0.2), (60, 0.15), (100, 0.0)]},
    record=None,
    position=100,
    stopped="",
    failed="",
    trained=FINE,
    untrained=replace(FINE, loss=5.5, noise=0.8),
    kept=0.5,
    parts={"backbone.0": Moved(0.4, False, True), "key_encoder.0": Moved(0.3, False, False)},
    repeated={"images": 0.0},
    alike={"labels": 0.1},
    labels_count=False,
    stale=0.1,
)


def trained(**fields):
    return {"trained": replace(FINE, **fields)}


def begun(**fields):
    return {"untrained": replace(HEALTHY.untrained, **fields)}


NAMES = ("test/knn_top1", "test/tpa_20", "test/tpa_100")
RISING = [(10, 0.1), (60, 0.2), (100, 0.2)]
STILL = {**HEALTHY.parts, "key_encoder.0": Moved(0.0, True, False)}
CASES = [
    ("rate-too-high", {"stopped": "train/loss is nan at batch 3: lower optimizer.lr"}),
    ("rate-too-high", {"parts": {"backbone.0": Moved(238.0, False, True)}}),
    ("rate-too-low", {"parts": {"backbone.0": Moved(1e-4, False, True)}, "kept": 0.9999}),
    (
        "rate-too-low",
        {
            "parts": {
                "encoder.0": Moved(1e-6, False, True),
                "augmenter.0": Moved(0.8, False, True),
            },
            "kept": 0.9999,
        },
    ),
    ("warmup-too-long", {"curves": {"train/lr": RISING}}),
    ("frozen", {"parts": STILL}),
    ("stale-keys", {"stale": 0.8}),
    ("stale-keys", {"parts": {**HEALTHY.parts, "key_encoder.0": Moved(0.4, False, False, True)}}),
    ("temperature-too-low", begun(contrast=Contrast(255, 3000.0, 0.01))),
    ("temperature-too-high", trained(contrast=Contrast(255, 0.1, 0.8))),
    ("views-too-alike", begun(noise=0.0)),
    ("views-too-different", begun(noise=0.97) | trained(noise=0.95, loss=5.4)),
    ("duplicates", {"repeated": {"images": 0.9}}),
    ("false-negatives", {"alike": {"labels": 0.5}}),
    ("false-negatives", {"alike": {"texts": 0.1}}),
    ("constant-collapse", trained(embedding=Spread(1e-5, 20, 6))),
    ("dimensional-collapse", trained(projection=Spread(0.9, 4, 1.2))),
    ("modality-gap", trained(gap=0.8)),
    (
        "nothing-learnt",
        {
            "record": replace(
                RECORD,
                batches=100,
                metrics={"test/knn_top1": 0.5, "test/tpa_20": 0.6, "test/tpa_100": 0.4},
                references={
                    "untrained": dict.fromkeys(NAMES, 0.5),
                    "raw": dict.fromkeys(NAMES, 1.0),
                },
            )
        },
    ),
    ("chance-level", trained(loss=5.49, contrast=Contrast(255, 1.0, 0.99), noise=0.8)),
]


@pytest.mark.parametrize("stopped", ["", "stopped by SIGINT after 14 batches", "a.jpg: unreadable"])
def test_nothing_is_found_in_a_healthy_run(stopped):
    assert findings_in(replace(HEALTHY, stopped=stopped)) == []


def test_an_end_by_a_number_that_is_none_is_a_rate_that_is_too_high():
    with pytest.raises(LikewiseError) as ended:
        require_finite(torch.tensor([math.nan]))
    (found,) = findings_in(replace(HEALTHY, stopped=str(ended.value)))
    assert found.name == "rate-too-high"


@pytest.mark.parametrize(("name", "change"), CASES)
def test_each_fault_is_found_by_its_figure_alone(name, change):
    found = findings_in(replace(HEALTHY, **change))
    assert [one.name for one in found] == [name]
    assert all(one.figure and one.advice for one in found)


def merged(one, other):
    """Returns two changes of `HEALTHY` in one."""
    both = {**one, **other}
    for name in both.keys() & {"trained", "untrained"}:
        start, fields = getattr(HEALTHY, name), {}
        for change in (one, other):
            now = vars(change.get(name, start))
            fields |= {key: value for key, value in now.items() if value != vars(start)[key]}
        both[name] = replace(start, **fields)
    return both


def test_no_two_findings_advise_one_key():
    for (_, one), (_, other) in combinations(CASES, 2):
        found = findings_in(replace(HEALTHY, **merged(one, other)))
        keys = [key for row in found for key in keys_of(row.advice)]
        assert len(keys) == len(set(keys)), found


def test_scores_that_do_not_differ_are_not_the_temperature_s_fault():
    found = findings_in(replace(HEALTHY, **trained(contrast=Contrast(255, 0.0, 1.0))))
    assert "temperature-too-high" not in [one.name for one in found]


def test_a_cause_is_advised_and_what_it_leads_to_is_not():
    low = {"parts": {"backbone.0": Moved(1e-4, False, True)}, "kept": 0.9999}
    at_chance = trained(loss=5.49, contrast=Contrast(255, 1.0, 0.99), noise=0.8)
    found = findings_in(replace(HEALTHY, **low, **at_chance))
    assert [one.name for one in found] == ["rate-too-low", "chance-level"]
    assert found[1].advice == "what stands above"


def test_a_loss_of_chance_advises_nothing_where_its_cause_is_found():
    flat = trained(loss=5.49, contrast=Contrast(255, 0.01, 1.0), noise=0.8)
    found = findings_in(replace(HEALTHY, kept=0.5, **flat))
    assert [one.name for one in found] == ["temperature-too-high", "chance-level"]
    assert found[1].advice == "what stands above"


@pytest.mark.parametrize(("far", "factor"), [(9e-3, 10), (1e-4, 100), (1.9e-7, 1e5)])
def test_the_further_weights_are_from_moving_the_higher_a_rate_is_advised(far, factor):
    parts = {"backbone.0": Moved(far, False, True)}
    (found,) = findings_in(replace(HEALTHY, parts=parts, kept=0.9999))
    assert found.advice == f"optimizer.lr={HEALTHY.recipe.optimizer.lr * factor:.2g}"


@pytest.mark.parametrize(
    ("momentum", "copied", "advice"),
    [
        (0.0, True, "method.momentum=0.99"),
        (0.0, False, "method.momentum=0.99"),
        (0.9, False, "method.momentum=0.99 or method.queue_length=1024"),
        (0.999, False, "method.queue_length=1024"),
    ],
)
def test_a_shorter_queue_is_advised_where_momentum_is_not_the_cause(momentum, copied, advice):
    words = [f"method.momentum={momentum}", "method.queue_length=4096"]
    recipe = load_recipe("amcl/quick:on-moco", words)
    parts = {**HEALTHY.parts, "key_encoder.0": Moved(0.4, False, False, copied)}
    (found,) = findings_in(replace(HEALTHY, recipe=recipe, stale=0.8, parts=parts))
    assert (found.name, found.advice) == ("stale-keys", advice)


def test_views_whose_loss_is_below_chance_are_not_too_different():
    assert findings_in(replace(HEALTHY, **begun(noise=1.08), **trained(noise=1.06))) == []


def test_a_loss_of_chance_is_none_where_views_have_come_nearer():
    at_chance = trained(loss=5.49, contrast=Contrast(255, 1.0, 0.99), noise=0.5)
    assert findings_in(replace(HEALTHY, **at_chance)) == []


def test_vectors_that_come_nearer_have_not_collapsed_while_much_of_their_spread_is_left():
    near = {"projection": Spread(0.03, 16, 6)}
    begun = {"projection": Spread(0.07, 45, 4)}
    found = replace(HEALTHY, trained=replace(FINE, **near), untrained=replace(FINE, **begun))
    assert findings_in(found) == []


@pytest.mark.parametrize(("loss", "names"), [(3.0, []), (6.0, ["temperature-too-low"])])
def test_scores_may_end_sharp_where_the_loss_has_learnt(loss, names):
    sharp = trained(contrast=Contrast(64, 34.6, 0.02), loss=loss)
    assert [one.name for one in findings_in(replace(HEALTHY, **sharp))] == names


def test_a_class_is_no_false_negative_of_a_loss_that_uses_labels():
    assert findings_in(replace(HEALTHY, alike={"labels": 0.5}, labels_count=True)) == []
