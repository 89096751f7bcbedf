"""Each sweep is what `papers sweep` writes, can be run as it stands, and its metric is measured."""

import json
import shlex
from pathlib import Path

import pytest

from common.config.recipe import load_recipe
from common.config.yaml_io import parse_overrides, read_yaml
from common.paper import paper_names
from common.runs.wandb_sweep import wandb_sweep

ROOT = Path(__file__).resolve().parents[2]
SWEEPS = sorted((ROOT / "configs" / "sweeps").glob("*.yaml"))

NO_HOLD_OUT = "owdfa_cpl"  # its known and novel classes are split into training and test alone


def made_by(path):
    """Returns the recipe, the words and the metric of the command in the file's first line."""
    line = path.read_text().splitlines()[0].removeprefix("# Made by: ")
    papers, sweep, reference, *words = shlex.split(line)
    assert [papers, sweep, *words[-4::2]] == ["papers", "sweep", "--metric", "--wandb"]
    return reference, words[:-4], words[-3]


def test_each_paper_with_a_hold_out_has_one_of_its_default_recipe():
    assert [path.stem for path in SWEEPS] == [name for name in paper_names() if name != NO_HOLD_OUT]
    assert all(made_by(path)[0] == f"{path.stem}/quick" for path in SWEEPS)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_it_is_what_the_command_in_its_first_line_writes(path):
    assert path.read_text() == wandb_sweep(*made_by(path))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_command_is_one_that_papers_takes(path):
    sweep = read_yaml(path)
    program, command = sweep["program"], sweep["command"]
    assert (program, command[:3]) == ("papers", ["${env}", "${program}", "train"])
    assert command[-1] == "${args_no_hyphens}"
    first = [
        f"{key}={one.get('values', [one.get('min')])[0]}"
        for key, one in sweep["parameters"].items()
    ]
    reference, *words = [*command[3:-1], *first]
    recipe = load_recipe(reference, words)
    assert recipe.evaluation.looked_at == "val"
    assert {recipe.origins[key] for key in sweep["parameters"]} == {"command line"}


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_metric_is_one_that_a_run_measures(path):
    reference, _, metric = made_by(path)
    protocols = set(load_recipe(reference).evaluation.protocols)
    records = map(json.loads, (one.read_text() for one in ROOT.glob("results/*/*.json")))
    measured = {
        name
        for record in records
        if set(record["protocol"].split("+")) & protocols
        for name in record["metrics"]
    }
    assert metric.replace("val/", "test/") in measured


def test_the_macro_means_in_wandb_what_we_take_it_for():
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    arguments = {"args": {"optimizer.lr": {"value": 0.002}, "method.hard": {"value": False}}}
    made = create_sweep_command_args(arguments)["args_no_hyphens"]
    assert parse_overrides(made) == {"optimizer.lr": 0.002, "method.hard": False}


def test_whole_numbers_are_values_since_wandb_draws_them_with_a_point():
    text = wandb_sweep("swav/quick", ["data.batch_size=log:64..256"], "val/knn_top1")
    values = [int(line[6:]) for line in text.splitlines() if line.startswith("    - ")]
    assert values[0] == 64 and values[-1] == 256 and values == sorted(set(values))
