import pytest
import torch
from torch import nn

from common.errors import ConfigError
from common.evaluation import progress
from common.evaluation.features import ImageInputs
from common.evaluation.finetune import draw_share, evaluate_finetune
from common.evaluation.image_config import CropConfig, FinetuneConfig


def settings(**options):
    shares = {"shares": [25.0], "trunk_lr": [0.1], "head_lr": [0.5]}
    return FinetuneConfig(**{**shares, "epochs": 8, "batch_size": 16, **options})


def test_learns_and_tells_how_many_labels_it_had(inputs):
    with torch.no_grad():
        found = evaluate_finetune(inputs, settings(), 0)
    assert list(found) == [f"finetune_25pct_{name}" for name in NAMES]
    assert found["finetune_25pct_labels"] == 32  # 15 a class: 4 each
    assert found["finetune_25pct_best_top1"] > 40, "chance is 12.5"
    assert found["finetune_25pct_best_top5"] >= found["finetune_25pct_best_top1"]


def test_says_which_labels_it_trains_on(inputs, monkeypatch):
    told = []
    monkeypatch.setattr(progress, "_tell", told.append)
    evaluate_finetune(inputs, settings(epochs=1), 3)
    first = "finetune, 25 %: 32 labels, drawn by seed 3, the same share of each class"
    assert first == told[0].strip()
    monkeypatch.setattr(inputs.train, "listed", lambda file: torch.arange(40))
    found = evaluate_finetune(inputs, settings(epochs=1, lists=["some.txt"]), 3)
    assert found["finetune_25pct_labels"] == 40
    assert told[1].strip() == "finetune, 25 %: 40 labels, listed in some.txt"


NAMES = ("top1", "best_top1", "best_top5", "labels")


def test_is_a_function_of_its_seed_and_leaves_module_and_random_states(inputs):
    inputs.module.train()
    before = {name: array.clone() for name, array in inputs.module.state_dict().items()}
    random = torch.get_rng_state()
    first = evaluate_finetune(inputs, settings(epochs=3), 1)
    torch.rand(3)
    assert evaluate_finetune(inputs, settings(epochs=3), 1) == first
    assert evaluate_finetune(inputs, settings(epochs=3), 2) != first
    torch.set_rng_state(random)
    evaluate_finetune(inputs, settings(epochs=1), 1)
    assert torch.equal(random, torch.get_rng_state())
    after = inputs.module.state_dict()
    assert all(torch.equal(array, after[name]) for name, array in before.items())
    assert inputs.module.training and all(p.grad is None for p in inputs.module.parameters())


class Recorder(torch.optim.SGD):
    """Remembers the rates of each step and the mode the network was in."""

    rates: list

    def step(self):
        type(self).rates.append(tuple(group["lr"] for group in self.param_groups))
        super().step()


def test_both_rates_fall_after_the_milestones(inputs, monkeypatch):
    Recorder.rates = []
    monkeypatch.setattr(torch.optim, "SGD", Recorder)
    chosen = settings(epochs=5, batch_size=64, milestones=[2, 4], trunk_lr=[0.02], head_lr=[5.0])
    evaluate_finetune(inputs, chosen, 0)
    trunk, head = zip(*Recorder.rates, strict=True)
    assert trunk == pytest.approx([0.02, 0.02, 0.004, 0.004, 0.0008])
    assert head == pytest.approx([5.0, 5.0, 1.0, 1.0, 0.2])


def test_a_trunk_without_a_rate_is_the_linear_part_alone(inputs):
    """With rate 0 weights stay, but batch norm goes on measuring: train mode."""
    seen = []

    class Watching(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

        def embed(self, images):
            h = self.net(images)
            seen.append((self.training, self.net[1].running_mean.clone(), self.net[0].weight.sum()))
            return h.mean((2, 3))

    module = Watching()
    watched = ImageInputs(module, inputs.train, inputs.test)
    evaluate_finetune(watched, settings(epochs=1, trunk_lr=[0.0], crop=CropConfig(size=12)), 0)
    training = [entry for entry in seen if entry[0]]
    assert len(training) == 2 and not torch.equal(training[0][1], training[1][1])
    assert all(torch.equal(entry[2], seen[0][2]) for entry in seen)


def test_a_share_is_of_each_class_and_one_at_least():
    labels = torch.tensor([0] * 100 + [1] * 40 + [2])
    rows = draw_share(labels, 0.1, torch.Generator().manual_seed(0))
    assert labels[rows].bincount().tolist() == [10, 4, 1] and len(rows.unique()) == 15
    other = draw_share(labels, 0.1, torch.Generator().manual_seed(1))
    assert set(rows.tolist()) != set(other.tolist())


def test_every_share_needs_its_rates():
    with pytest.raises(ConfigError, match=r"finetune.head_lr.*1.*2"):
        FinetuneConfig(head_lr=[0.2])
    with pytest.raises(ConfigError, match=r"finetune.lists.*1.*2"):
        FinetuneConfig(lists=["1percent.txt"])
