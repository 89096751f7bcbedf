"""Points lie where a training changes, and within it."""

import pytest

from common.config.recipe import load_recipe
from common.steps.points import STEPS, Counts, late, points_of

LONG = Counts(batches=1200, epochs=60, per_epoch=20)


def test_late_is_the_last_batch_of_an_epoch() -> None:
    point = late(LONG)
    assert point.batch % LONG.per_epoch == LONG.per_epoch - 1
    assert 0.75 < point.batch / LONG.batches < 0.85


@pytest.mark.parametrize(
    "counts", [Counts(100, 100, 1), Counts(30, 1, 30), Counts(7, 2, 5), Counts(40, 10, 4, 2)]
)
def test_the_steps_of_a_late_point_lie_within_the_training(counts: Counts) -> None:
    assert 0 < late(counts).batch <= counts.batches - STEPS * counts.accumulate


def test_updates_are_counted_by_epochs_where_batches_are_accumulated() -> None:
    counts = Counts(batches=50, epochs=10, per_epoch=5, accumulate=2)
    assert counts.place(13) == (13, 7, 2)


def test_swavs_points_are_freeze_and_queue() -> None:
    recipe = load_recipe("swav/quick:small-batch-queue")
    counts = Counts(batches=2430, epochs=15, per_epoch=162)
    places = {point.name: point.batch for point in points_of(recipe, counts)}
    assert places["freeze ends"] == 159 and places["queue begins"] == 323
    # A training that ends before the queue begins has no such point.
    places = {point.name: point.batch for point in points_of(recipe, Counts(200, 2, 162))}
    assert "queue begins" not in places


def test_the_augmenters_rarer_update_is_the_second_step() -> None:
    recipe = load_recipe("autotcl/quick:ratio-4")
    (point,) = (p for p in points_of(recipe, Counts(300, 300, 1)) if p.name == "augmenter")
    assert (point.batch + 1) % 4 == 0 and point.steps >= 2


def test_a_paper_that_lists_none_has_start_and_late() -> None:
    found = points_of(load_recipe("supremix/quick"), LONG)
    assert [point.name for point in found] == ["start", "late"]
