"""What a sweep's words ask for, what is drawn, and the recipes that its trials are."""

import math
from collections import Counter

import pytest

from common.config.recipe import load_recipe
from common.config.yaml_io import parse_overrides, read_yaml
from common.errors import ConfigError, UsageError
from common.runs.sweep import Range, draw_trials, kept_words, make_sweep, read_space, wandb_sweep

WORDS = ["optimizer.lr=log:1e-4..1e-1", "method.epsilon=0.03,0.05", "trainer.epochs=2"]


def test_values_ranges_and_words_of_all_trials_are_told_apart():
    space = read_space([*WORDS, "evaluation.protocols=[knn]", "seed=08,11", "data.workers=0..2"])
    assert space.searched == {
        "optimizer.lr": Range(1e-4, 1e-1, log=True),
        "method.epsilon": [0.03, 0.05],
        "data.workers": Range(0, 2, log=False),
    }
    assert space.fixed == {"trainer.epochs": 2, "evaluation.protocols": ["knn"]}
    assert space.seeds == [8, 11] and space.size == math.inf


def test_lists_can_be_values_and_brackets_keep_their_commas():
    space = read_space(["evaluation.protocols=[knn],[knn, linear]", "method.hard=true,false"])
    assert space.searched["evaluation.protocols"] == [["knn"], ["knn", "linear"]]
    assert space.searched["method.hard"] == [True, False]


def test_a_path_is_no_range():
    words = ["optimizer.lr=1e-3,1e-2", "data.path=../photos", "method.backbone=hf:../bert"]
    assert read_space(words).fixed == {"data.path": "../photos", "method.backbone": "hf:../bert"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trainer.epochs=2"], "nothing to search"),
        (["optimizer.lr=2..1"], "goes up"),
        (["optimizer.lr=log:0..1"], "above 0"),
        (["optimizer.lr=a..b"], "two numbers"),
        (["optimizer.lr=1,2", "seed=1,x"], "seed"),
        (["optimizer.lr=1,2", "seed=0..3"], "seed"),
        (["optimizer.lr=1,2", "evaluation.split=test"], "hold-out"),
        (["evaluation.split=val,test"], "hold-out"),
        (["optimizer.lr=[1,2"], "no YAML"),
        (["optimizer.lr=1,2,1"], "a value twice"),
        (["optimizer.lr=1,2", "seed=10,10"], "a value twice"),
        (["optimizer.lr=1,2", "optimizer.lr=3,4"], "given twice"),
        (["optimizer.lr=1,2", "trainer.epochs=1", "trainer.epochs=2"], "given twice"),
    ],
)
def test_what_cannot_be_searched_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        read_space(words)


def test_lists_without_a_number_of_trials_are_a_grid():
    space = read_space(["optimizer.lr=1,2", "method.epsilon=0.1,0.2,0.3"])
    grid = draw_trials(space, None, seed=0)
    assert len(grid) == 6 and grid[1] == {"optimizer.lr": 1, "method.epsilon": 0.2}
    assert draw_trials(space, 99, seed=0) == grid, "there are no more"
    few = draw_trials(space, 4, seed=0)
    assert len({str(trial) for trial in few}) == 4 and all(trial in grid for trial in few)


def test_a_range_needs_a_number_of_trials():
    with pytest.raises(UsageError, match="--trials"):
        draw_trials(read_space(["optimizer.lr=1e-3..1"]), None, seed=0)


def test_the_seed_decides_trial_n_whatever_else_is_asked():
    space = read_space(WORDS)
    ten = draw_trials(space, 10, seed=0)
    assert draw_trials(space, 10, seed=0) == ten
    assert draw_trials(space, 30, seed=0)[:10] == ten
    assert draw_trials(space, 10, seed=1) != ten
    alone = draw_trials(read_space(WORDS[:1]), 10, seed=0)
    assert [one["optimizer.lr"] for one in ten] == [one["optimizer.lr"] for one in alone]


def test_draws_fill_the_range_with_short_numbers():
    drawn = draw_trials(read_space(["a=log:1e-4..1e-1", "b=2..5", "c=0.5..1"]), 300, seed=0)
    rates = [trial["a"] for trial in drawn]
    assert 1e-4 <= min(rates) < 2e-4 and 5e-2 < max(rates) <= 1e-1
    assert 0.4 < sum(rate < 10**-2.5 for rate in rates) / 300 < 0.6, "half lie below the middle"
    counts = Counter(trial["b"] for trial in drawn)
    assert counts.keys() == {2, 3, 4, 5} and min(counts.values()) > 55, "the ends as often"
    assert all(0.5 <= trial["c"] <= 1 and len(repr(trial["c"])) <= 5 for trial in drawn)


def test_trials_are_pilots_on_the_hold_out_and_each_recipe_gets_the_same():
    space = read_space([*WORDS[1:], "seed=10,11"])
    trials = draw_trials(space, None, seed=0)
    sweep = make_sweep(["swav/quick", "swav/quick:two-crops"], space, trials)
    recipes = sweep.campaign.recipes
    told = [(r.method.epsilon, r.seed, r.variant) for r in recipes]
    assert told[:4] == [
        (0.03, 10, None),
        (0.03, 10, "two-crops"),
        (0.03, 11, None),
        (0.03, 11, "two-crops"),
    ]
    assert len(recipes) == 8
    assert {(r.evaluation.looked_at, r.data.holdout, r.trainer.epochs) for r in recipes} == {
        ("val", 0.1, 2)
    }
    assert all(r.evaluation.references == [] for r in recipes)
    assert sweep.chosen[recipes[-1].name, recipes[-1].hash()] == {"method.epsilon": 0.05}


def test_a_seed_that_no_row_has_is_taken_unasked():
    space = read_space(WORDS[1:])
    (first, *_) = make_sweep(["swav/quick"], space, [{"method.epsilon": 0.1}]).campaign.recipes
    assert first.seed == 100


def test_what_was_chosen_is_trained_on_all_data_with_any_seed():
    words = [*WORDS, "data.holdout=0.2", "seed=10,11", "evaluation.references=[untrained]"]
    kept = kept_words(read_space(words), {"optimizer.lr": 0.0123, "method.epsilon": 0.03})
    assert kept == ["trainer.epochs=2", "optimizer.lr=0.0123", "method.epsilon=0.03"]


def test_a_trial_that_a_recipe_refuses_is_told_before_anything_runs(tmp_path, monkeypatch):
    for words in (["optimizer.lr=0.1,-1"], ["optimizer.warmup_epochs=2,3", "trainer.epochs=1"]):
        space = read_space(words)
        with pytest.raises(ConfigError, match=words[0].partition("=")[0]):
            make_sweep(["swav/quick"], space, draw_trials(space, None, seed=0))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    with pytest.raises(UsageError, match="--save"):
        make_sweep(["photos"], space, [])
    empty = read_space(["optimizer.lr=0.1,0.2", "evaluation.protocols=[]"])
    with pytest.raises(UsageError, match="protocols"):
        make_sweep(["swav/photos"], empty, draw_trials(empty, None, seed=0))


FOR_WANDB = [
    "optimizer.lr=log:5e-4..1e-2",
    "data.batch_size=log:64..256",
    "method.epsilon=0.03,0.05",
]


def test_a_sweep_of_wandb_starts_what_papers_takes(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(wandb_sweep("swav/quick", FOR_WANDB, "val/knn_top1"))
    sweep = read_yaml(path)
    program, command = sweep["program"], sweep["command"]
    assert (program, command[:3]) == ("papers", ["${env}", "${program}", "train"])
    assert command[-1] == "${args_no_hyphens}"
    assert sweep["metric"] == {"name": "val/knn_top1", "goal": "maximize"}
    first = [
        f"{key}={one.get('values', [one.get('min')])[0]}"
        for key, one in sweep["parameters"].items()
    ]
    reference, *words = [*command[3:-1], *first]
    recipe = load_recipe(reference, words)
    assert recipe.evaluation.looked_at == "val"
    assert {recipe.origins[key] for key in sweep["parameters"]} == {"command line"}
    values = sweep["parameters"]["data.batch_size"]["values"]  # W&B would draw 64.0
    assert values[0] == 64 and values[-1] == 256 and all(type(one) is int for one in values)


def test_the_macro_means_in_wandb_what_we_take_it_for():
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    arguments = {"args": {"optimizer.lr": {"value": 0.002}, "method.hard": {"value": False}}}
    made = create_sweep_command_args(arguments)["args_no_hyphens"]
    assert parse_overrides(made) == {"optimizer.lr": 0.002, "method.hard": False}
