"""What `papers sweep` says of its trials."""

import io

import pytest
from rich.console import Console

from common.cli.campaigns import _run_guided, show_trials, sweep_command
from common.errors import LikewiseError, UsageError
from common.results import comparison
from common.results.groups import Code
from common.runs.sweep import draw_trials, make_sweep, read_space

KNN = "val/knn_top1"


@pytest.fixture(autouse=True)
def code(monkeypatch):
    monkeypatch.setattr(comparison, "present_code", lambda records, root: Code())


@pytest.fixture
def said(make_record):
    """Plays a sweep whose trials score what a function of recipe says; returns what is printed."""

    def play(words, score, references=("swav/quick",), metric=KNN, name=None):
        space = read_space(words)
        sweep = make_sweep(references, space, draw_trials(space, None, seed=0))
        records = [
            make_record(
                **{"recipe": "quick", "variant": recipe.variant, "arm": recipe.arm},
                **{"seed": recipe.seed, "config_hash": recipe.hash(), "run_id": f"r{number}"},
                **{"pilot": True, "looked_at": "val", "metrics": {metric: score(recipe)}},
            )
            for number, recipe in enumerate(sweep.campaign.recipes)
            if score(recipe) is not None
        ]
        console = Console(file=io.StringIO(), width=200)
        show_trials(sweep, records, name, console)
        return console.file.getvalue()

    return play


def test_the_best_trial_comes_first_with_the_words_that_use_it(said):
    words = ["optimizer.lr=0.1,0.2,0.3", "trainer.epochs=2"]
    text = said(words, lambda recipe: 1 - abs(recipe.optimizer.lr - 0.2))
    lines = text.splitlines()
    assert "3 of 3 trials" in text
    row = next(place for place, line in enumerate(lines) if line.startswith(KNN))
    assert lines[row + 1].split() == ["1.0000", "1", "0.2"]
    assert "optimizer:\n  lr: 0.2" in text
    assert lines[-1] == "next:  papers train swav/quick trainer.epochs=2 optimizer.lr=0.2"
    assert "was tried" not in text


def test_a_recipe_may_be_named_in_short(said):
    text = said(["optimizer.lr=0.1,0.2"], lambda recipe: recipe.optimizer.lr, ("swav",))
    assert "swav by val/knn_top1: 2 of 2 trials" in text
    assert text.rstrip().endswith("papers train swav optimizer.lr=0.2")


def test_of_an_error_the_smallest_is_best_and_an_end_of_the_list_is_named(said):
    text = said(["optimizer.lr=0.1,0.2,0.3"], lambda recipe: recipe.optimizer.lr, metric="val/mae")
    assert "optimizer.lr=0.1 is the smallest that was tried" in text
    assert text.rstrip().endswith("papers train swav/quick optimizer.lr=0.1")


def test_seeds_are_averaged_and_a_trial_without_all_of_them_is_not_chosen(said):
    def score(recipe):
        if recipe.optimizer.lr == 0.3:
            return 0.9 if recipe.seed == 10 else None
        return recipe.optimizer.lr + (0.1 if recipe.seed == 10 else 0.2)

    text = said(["optimizer.lr=0.1,0.2,0.3", "seed=10,11"], score)
    assert "2 of 3 trials" in text and "0.3500 ± 0.0707  2 " in text
    assert text.rstrip().endswith("papers train swav/quick optimizer.lr=0.2")


def test_each_recipe_has_a_table_and_a_best_of_its_own(said):
    def score(recipe):
        return recipe.optimizer.lr * (1 if recipe.variant else -1)

    text = said(["optimizer.lr=0.1,0.2"], score, ("swav/quick", "swav/quick:two-crops"))
    assert "papers train swav/quick optimizer.lr=0.1" in text
    assert "papers train swav/quick:two-crops optimizer.lr=0.2" in text


def test_trials_that_are_equally_good_are_not_told_apart(said):
    text = said(["optimizer.lr=0.1,0.2,0.3"], lambda recipe: 0.5)
    assert "3 trials share the best value" in text and "was tried" not in text


@pytest.fixture
def guided(make_record, capsys):
    """Plays a guided sweep whose trials score the learning rate; a rate above 0.25 fails."""

    class Listed:
        told = []  # noqa: RUF012 (one guide a test)

        def __init__(self):
            self.left = iter([0.1, 0.3, 0.2, 0.05])
            self.told.clear()

        def ask(self):
            return {"optimizer.lr": next(self.left)}

        def tell(self, score):
            self.told.append(score)

    def play(count, budget=99, metric=KNN, asked=None):
        def run(sweep, show):
            (recipe,) = sweep.campaign.recipes
            rate = recipe.optimizer.lr
            if len(Listed.told) < budget:
                if rate > 0.25:
                    raise LikewiseError("train/loss is nan")
                own = {"recipe": "quick", "seed": recipe.seed, "config_hash": recipe.hash()}
                pilot = {"pilot": True, "looked_at": "val", "metrics": {metric: rate}}
                show([make_record(**own, **pilot, run_id=f"r{rate}")])

        try:
            space = read_space(["optimizer.lr=0..1"])
            _run_guided(Listed(), "swav/quick", space, count, asked, run)
        finally:
            play.said = capsys.readouterr().out
        return list(Listed.told)

    return play


def test_a_guide_is_told_scores_and_failures_and_the_end_shows_all_trials(guided):
    with pytest.raises(LikewiseError, match="1 of 4 trials failed"):
        guided(4)
    assert "3 of 4 trials" in guided.said
    assert "papers train swav/quick optimizer.lr=0.2" in guided.said


def test_a_guide_is_told_that_less_of_an_error_is_more(guided):
    assert guided(1, metric="val/mae") == [-0.1]


@pytest.mark.parametrize(
    ("metric", "asked", "message"),
    [
        (KNN, "foo", "foo: no run has it"),
        ("val/alignment", "alignment", "alignment: does not say how good an encoder is"),
    ],
)
def test_a_guided_sweep_ends_after_a_trial_that_the_metric_cannot_judge(
    guided, metric, asked, message
):
    with pytest.raises(UsageError, match=f"--metric {message}"):
        guided(4, metric=metric, asked=asked)
    assert "trial 2 of 4" not in guided.said


def test_a_guided_sweep_ends_with_its_budget(guided):
    assert guided(4, budget=1) == [0.1]
    assert "1 of 2 trials" in guided.said


def test_a_metric_of_another_split_is_told_before_any_trial(monkeypatch):
    monkeypatch.setattr("common.cli.campaigns.make_sweep", None)
    with pytest.raises(UsageError, match=r"^--metric test/knn_top1: .*hold-out"):
        sweep_command(["swav/quick", "optimizer.lr=0.1,0.2"], metric="test/knn_top1")


def test_what_a_sweep_of_wandb_does_not_know_is_refused(tmp_path):
    words = ["swav/quick", "optimizer.lr=0.1,0.2"]
    with pytest.raises(UsageError, match=r"^--trials, --seed: decides nothing"):
        sweep_command(words, metric=KNN, wandb=tmp_path / "a.yaml", trials=3, seed=2)
    assert not [*tmp_path.iterdir()]


def test_a_metric_that_no_trial_has_is_told(said):
    with pytest.raises(UsageError, match="val/knn_top1"):
        said(["optimizer.lr=0.1,0.2"], lambda recipe: 0.5, name="val/map")


def test_a_metric_that_a_trial_lacks_is_told_after_the_first(make_record, monkeypatch):
    def run(campaign, runs, results, deadline, console, show, check):
        check(make_record(metrics={"val/knn_top1": 0.5}))

    monkeypatch.setattr("common.runs.campaign.run_campaign", run)
    words = ["swav/quick", "optimizer.lr=0.1,0.2"]
    with pytest.raises(UsageError, match="--metric foo: no run has it; known: val/knn_top1"):
        sweep_command(words, metric="foo")
    sweep_command(words, metric="knn_top1")
