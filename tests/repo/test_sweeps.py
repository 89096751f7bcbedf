"""Each sweep can be run as it stands: its command parses and its metric is logged."""

from pathlib import Path

import pytest
import torch

from common.config.recipe import load_recipe, parse_overrides, read_yaml
from common.evaluation.features import FeatureSet
from tests.recipes import PROTOCOLS

SWEEPS = sorted((Path(__file__).resolve().parents[2] / "configs" / "sweeps").glob("*.yaml"))


def words(sweep):
    """Returns what follows ``papers train`` for the first value of each parameter.

    W&B starts the macro's place with one ``name=value`` a parameter.
    """
    first = [f"{k}={v.get('values', [v.get('min')])[0]}" for k, v in sweep["parameters"].items()]
    command = sweep["command"]
    assert command[:3] == ["${env}", "${program}", "train"]
    assert command[-1] == "${args_no_hyphens}"
    return [*command[3:-1], *first]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_command_is_one_that_papers_takes(path):
    sweep = read_yaml(path)
    reference, *overrides = words(sweep)
    assert sweep["program"] == "papers"
    assert set(sweep["parameters"]) < set(parse_overrides(overrides))
    recipe = load_recipe(reference, overrides)
    assert {recipe.origins[key] for key in sweep["parameters"]} == {"command line"}


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_metric_is_a_key_that_the_run_logs(path):
    sweep = read_yaml(path)
    online = parse_overrides(words(sweep)[1:])["evaluation.online"]
    x, y = torch.randn(40, 3), torch.arange(40) % 2
    logged = set()
    for name in online:
        settings = PROTOCOLS[name]()
        logged |= {f"val/{key}" for key in settings.function()(FeatureSet(x, y, x, y), settings, 0)}
    assert sweep["metric"]["name"] in logged


def test_the_macro_means_in_wandb_what_we_take_it_for():
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    arguments = {"args": {"optimizer.lr": {"value": 0.002}, "method.hard": {"value": False}}}
    made = create_sweep_command_args(arguments)["args_no_hyphens"]
    assert parse_overrides(made) == {"optimizer.lr": 0.002, "method.hard": False}
