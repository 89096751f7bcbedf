from dataclasses import dataclass, field

import pytest

from common.config import schema
from common.config.schema import OptimizerConfig, Recipe, TrackingConfig, TrainerConfig
from common.evaluation.config import EvaluationConfig
from common.tracking.labels import WITHHELD, run_labels, without_secrets


@dataclass
class Data:
    name: str = "digits"
    batch_size: int = 64


@dataclass
class Method:
    temperature: float = 0.1
    widths: list[int] = field(default_factory=lambda: [1, 2])


class PaperStandIn:
    protocols = ()

    @staticmethod
    def config(baseline):
        return Method

    @staticmethod
    def data_config():
        return Data


@pytest.fixture
def make(monkeypatch):
    """Builds recipes of a paper that is not registered."""
    monkeypatch.setattr(schema, "get_paper", lambda name: PaperStandIn)

    def recipe(command=None, arm="method", seed=0, variant=None, tracking=None, epochs=1):
        made = Recipe(
            "swav",
            "quick",
            variant,
            arm,
            None,
            seed,
            Data(),
            Method(),
            OptimizerConfig(),
            TrainerConfig(epochs=epochs),
            tracking or TrackingConfig(),
            EvaluationConfig(),
        )
        for key, value in (command or {}).items():
            section, _, name = key.partition(".")
            if name:
                setattr(getattr(made, section), name, value)
            made.origins[key] = "command line"
        return made

    return recipe


def test_the_name_tells_what_the_command_changed(make):
    changed = {"optimizer.lr": 0.3, "method.widths": [4, 5], "seed": 2, "tracking.mode": "offline"}
    labels = run_labels(make(changed, seed=2, variant="cpu"))
    assert labels.name == "swav-quick-cpu-s2-widths4_5-lr0.3"


def test_a_chosen_name_is_kept_and_a_long_one_fits(make):
    assert run_labels(make(tracking=TrackingConfig(name="mine"))).name == "mine"
    assert len(run_labels(make(tracking=TrackingConfig(name="x" * 300))).name) == 128


def test_seeds_share_a_group_and_settings_do_not(make):
    group = run_labels(make()).group
    assert run_labels(make(seed=1)).group == group
    assert run_labels(make({"optimizer.lr": 0.3})).group != group
    assert group.startswith("swav/quick/")


def test_arms_are_told_apart_by_group_type_and_tag(make):
    labels = run_labels(make(arm="ablation/no_queue"))
    assert labels.group.startswith("swav/quick/ablation-no_queue/")
    assert labels.job_type == "ablation"
    assert "ablation:no_queue" in labels.tags
    assert run_labels(make(arm="baseline/supervised")).job_type == "baseline"
    assert run_labels(make()).job_type == "pretrain"
    assert run_labels(make(epochs=0)).job_type == "evaluate"


def test_tags_say_what_is_known_and_nothing_else(make):
    assert run_labels(make()).tags == ["swav", "digits"]
    recipe = make(tracking=TrackingConfig(tags=["mine", "swav"]))
    labels = run_labels(recipe, dirty=True, scaled=True)
    assert labels.tags == ["swav", "digits", "scaled", "dirty", "mine"]
    assert run_labels(recipe, dirty=False, scaled=False).tags == ["swav", "digits", "full", "mine"]


def test_secrets_are_withheld_by_name_and_by_value():
    config = {
        "method": {"api_key": "abc", "mask_token": 3, "note": "key is 0123456789"},
        "paths": ["a", "0123456789"],
        "HF_TOKEN": "abc",
        "monkey": "fine",
        "num_tokens": 4,
        "password": None,
    }
    clean = without_secrets(config, {"HF_TOKEN": "0123456789", "HOME": "fine"})
    assert clean == {
        "method": {"api_key": WITHHELD, "mask_token": 3, "note": WITHHELD},
        "paths": ["a", WITHHELD],
        "HF_TOKEN": WITHHELD,
        "monkey": "fine",
        "num_tokens": 4,
        "password": None,
    }
