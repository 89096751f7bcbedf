"""What is seen of a module: its views as its step makes them, and parts that are copies."""

import pytest
import torch

from common.config.recipe import load_recipe
from common.doctor.look import encoder_of, parts_of
from common.doctor.watch import watch
from common.runs.run import prepare_run


@pytest.mark.parametrize(("variant", "alike"), [("", False), (":no-dropout", True)])
def test_views_are_those_that_the_step_makes(variant, alike):
    experiment = prepare_run(load_recipe(f"simcse/quick{variant}"))
    found = encoder_of(experiment, watch(experiment, 0, 1))
    assert (found.noise < 1e-6) is alike


def test_a_key_encoder_is_a_copy_until_it_lags_behind():
    experiment = prepare_run(load_recipe("mochi/quick:moco"))
    key = next(experiment.module.key_encoder[0].parameters())
    called = watch(experiment, 0, 1)[0].called
    for copied in (True, False):
        parts = parts_of(experiment, experiment, called)
        assert parts["key_encoder.0"].copied is copied
        assert parts["key_encoder.1"].copied and not parts["backbone.layers"].copied
        assert parts["key_encoder.0"].still
        with torch.no_grad():
            key += 1e-3


def test_a_copy_that_no_step_calls_is_not_still():
    experiment = prepare_run(load_recipe("defsent_plus/quick"))
    parts = parts_of(experiment, experiment, watch(experiment, 0, 1)[0].called)
    assert not parts["start.backbone"].still and parts["backbone.encoder"].still


def test_a_norm_whose_factors_are_fixed_is_not_still():
    experiment = prepare_run(load_recipe("owdfa_cpl/quick"))
    called = watch(experiment, 0, 1)[0].called
    assert "head.part_norm" in called
    assert not parts_of(experiment, experiment, called)["head.part_norm"].still
