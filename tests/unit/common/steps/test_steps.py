"""A few stored steps tell whether a change of code moves numbers, and no change at all does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from lightning import Trainer

from common.config.recipe import load_recipe
from common.config.schema import Recipe
from common.data.series.module import SeriesData
from common.evaluation.config import evaluation_schema
from common.evaluation.run_protocols import run_protocols
from common.paper import get_paper
from common.steps.file_format import Steps, differing_numbers, extend
from common.steps.of_setting import describe_data, run_measures, run_steps
from common.training.selection import OnlineEvaluation
from papers.mclrec.module import MCLRec
from papers.swav.module import SwAV
from tests.samples import SMALL_AUTOTCL
from tests.shapes import IMAGES, SESSIONS

Judge = Callable[[OnlineEvaluation, Trainer, float], None]


def swav() -> Recipe:
    settings = ["data.batch_size=16", "method.num_prototypes=8", "method.freeze_batches=4"]
    return load_recipe("swav/quick", [*settings, "method.queue_length=32", "trainer.epochs=8"])


def steps_of_swav() -> Steps:
    return run_steps(swav(), IMAGES, 8 * 18, 8)


def steps_of_mclrec() -> Steps:
    settings = ["data.batch_size=16", "method.dim=8", "method.inner_dim=8"]
    return run_steps(load_recipe("mclrec/quick", settings), SESSIONS, 8 * 26, 8)


@pytest.fixture(scope="module")
def of_swav() -> Steps:
    return steps_of_swav()


@pytest.fixture(scope="module")
def of_mclrec() -> Steps:
    return steps_of_mclrec()


def test_two_runs_are_equal_to_the_last_bit(of_swav: Steps, of_mclrec: Steps) -> None:
    assert differing_numbers(of_swav, steps_of_swav(), tolerance=0.0) == []
    assert differing_numbers(of_mclrec, steps_of_mclrec(), tolerance=0.0) == []


def test_a_loss_that_is_a_ten_thousandth_larger_is_noticed(
    of_swav: Steps, of_mclrec: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, encoder_loss = SwAV.training_step, MCLRec.encoder_loss
    monkeypatch.setattr(SwAV, "training_step", lambda *a: step(*a) * 1.0001)
    monkeypatch.setattr(MCLRec, "encoder_loss", lambda *a: encoder_loss(*a) * 1.0001)
    assert "start/losses 0" in differing_numbers(of_swav, steps_of_swav())
    assert "late/losses 0" in differing_numbers(of_mclrec, steps_of_mclrec())


def test_a_loss_that_is_no_number_is_a_difference_and_no_crash(
    of_swav: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = SwAV.training_step
    monkeypatch.setattr(SwAV, "training_step", lambda *a: step(*a) * torch.nan)
    assert "start/losses 0" in differing_numbers(of_swav, steps_of_swav())


def test_another_end_of_the_schedule_is_noticed(of_swav: Steps) -> None:
    recipe = swav()
    ending = replace(recipe, optimizer=replace(recipe.optimizer, final_lr=1e-7))
    found = differing_numbers(of_swav, run_steps(ending, IMAGES, 8 * 18, 8))
    assert "scheduled/rates 0 49" in found


def test_a_permuted_parameter_is_noticed(of_swav: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    def swap(module: SwAV, *_: object) -> None:
        with torch.no_grad():
            module.prototypes.weight.copy_(module.prototypes.weight.flip(0))

    monkeypatch.setattr(SwAV, "on_train_epoch_end", swap)
    assert "start/state prototypes.weight" in differing_numbers(of_swav, steps_of_swav())


def test_another_order_of_samples_is_noticed(
    of_mclrec: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "common.data.sampler.keyed_generator",
        lambda seed, epoch: torch.Generator().manual_seed(1 + seed + epoch),
    )
    assert "orders" in differing_numbers(of_mclrec, steps_of_mclrec())


def measures_of_mclrec() -> Steps:
    # Its third look is without gain and ends the training before the fourth.
    settings = ["data.batch_size=16", "method.dim=8", "method.inner_dim=8", "seed=1"]
    return run_measures(load_recipe("mclrec/quick", settings), SESSIONS)


@pytest.fixture(scope="module")
def measured() -> Steps:
    return measures_of_mclrec()


def go_on(judge: Judge, online: OnlineEvaluation, trainer: Trainer, value: float) -> None:
    judge(online, trainer, value)
    trainer.should_stop = False


def watch_the_smallest(
    judge: Judge, online: OnlineEvaluation, trainer: Trainer, value: float
) -> None:
    judge(online, trainer, -value)


@pytest.mark.parametrize("judged", [go_on, watch_the_smallest])
def test_another_early_stop_or_selection_is_noticed(
    judged: Callable[..., None], measured: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = OnlineEvaluation._judge
    monkeypatch.setattr(OnlineEvaluation, "_judge", lambda *given: judged(judge, *given))
    found = differing_numbers(measured, measures_of_mclrec())
    assert found and all(name.startswith("training/") for name in found)


def test_measuring_the_last_weights_instead_of_the_best_is_noticed(
    measured: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.training.fit.best_state", lambda *_: None)
    assert "training/measured best val/mrr@10: test/mrr@10: gone" in differing_numbers(
        measured, measures_of_mclrec()
    )


def test_a_new_metric_of_a_protocol_moves_nothing(
    measured: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "common.steps.measuring.run_protocols", lambda *given: {"new": 1.0, **run_protocols(*given)}
    )
    now = measures_of_mclrec()
    assert "protocols/module metrics new" in now.labelled.keys() - measured.labelled.keys()
    assert differing_numbers(measured, now) == []
    assert extend(measured, now).id == measured.id


def test_a_paper_on_long_series_need_not_declare_a_forecast() -> None:
    small = [f"method.{key}={value}" for key, value in SMALL_AUTOTCL.items()]
    recipe = load_recipe("autotcl/quick", [*small, "data.num_steps=600", "data.batch_size=2"])
    kind = evaluation_schema(("mask-agreement", get_paper("autotcl").protocol("mask-agreement")))
    alone = replace(recipe, evaluation=kind(protocols=["mask-agreement"], references=[]))
    data = SeriesData(recipe.data, 0)
    data.load()
    shape = describe_data(data)
    assert shape["kind"] == "long" and run_measures(alone, shape).values
