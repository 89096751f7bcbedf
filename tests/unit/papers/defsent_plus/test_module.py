"""DefSent+'s module: rounds, what each starts from, its head, and training by a stock Trainer."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from common.backbones.text_config import EncoderConfig
from common.backbones.text_encoder import TextEncoder
from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.sampler import BatchKey
from common.data.text.batch import TextBatch
from common.data.text.config import Special, TextFacts
from common.errors import ConfigError, DataError, UsageError
from papers.defsent_plus.config import DefSentPlusConfig
from papers.defsent_plus.head import DENSE, take_head
from papers.defsent_plus.module import DefSentPlus
from tests.training import quiet_trainer

ENCODER = EncoderConfig(dim=8, layers=2, heads=2, feed_forward=16, positions=12, token_types=0)
ENTRIES = 3
FACTS = TextFacts(30, Special(0, 3, 1, 2, 3), 8, num_targets=ENTRIES)
OPTIMIZER = OptimizerConfig(name="adamw", lr=0.01, schedule="linear")


def make(**method):
    torch.manual_seed(0)
    return DefSentPlus(DefSentPlusConfig(encoder=ENCODER, **method), OPTIMIZER, FACTS)


def make_batch(seed=1, size=6):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(4, 30, (size, 1, 8), generator=generator)
    mask = torch.arange(8) < torch.randint(4, 9, (size, 1, 1), generator=generator)
    rows = torch.arange(size)
    return TextBatch(ids * mask, mask, rows % ENTRIES, BatchKey(rows, 0, 0, 0, size))


BATCHES = [make_batch(seed) for seed in (1, 2)]


def vectors_of(module, batches=BATCHES):
    """Returns entries as the encoder has them now, one definition at a time."""
    module.eval()
    found = [[] for _ in range(ENTRIES)]
    for batch in batches:
        for ids, mask, entry in zip(batch.ids, batch.mask, batch.targets, strict=True):
            found[entry].append(module.embed(ids, mask).detach()[0])
    module.train()
    return torch.stack([torch.stack(own).mean(0) for own in found])


def fit(module, epochs, watch):
    """Trains, and calls ``watch(module)`` before each update."""
    step = module.training_step

    def noted(batch, batch_idx):
        loss = step(batch, batch_idx)
        watch(module)
        return loss

    module.training_step = noted
    torch.manual_seed(1)  # of dropout
    trainer = quiet_trainer(max_epochs=epochs, log_every_n_steps=1)
    trainer.fit(module, DataLoader(BATCHES, batch_size=None))


def weights(module):
    parts = (module.backbone, module.head)
    return torch.cat([p.detach().flatten() for part in parts for p in part.parameters()]).clone()


@pytest.mark.parametrize("restart", [True, False])
def test_a_round_estimates_entries_by_the_encoder_so_far_and_starts_anew(restart):
    module = make(rounds=2, round_epochs=2, restart=restart)
    first, first_entries, seen = weights(module), vectors_of(module), []
    fit(module, 3, lambda m: seen.append((weights(m), m.entries.clone())))
    torch.testing.assert_close(seen[0][1], first_entries)
    torch.testing.assert_close(seen[3][1], first_entries)
    assert torch.equal(seen[0][0], first)
    # Step 4 is the first of round 2: weights after 4 updates made its entries.
    assert torch.equal(seen[4][0], first) == restart
    assert (seen[4][1] - first_entries).abs().max() > 0.1


def test_entries_of_the_second_round_are_those_of_the_first_ones_encoder():
    one, two = make(), make(rounds=2, round_epochs=1)
    fit(one, 1, lambda m: None)
    fit(two, 2, lambda m: None)
    torch.testing.assert_close(two.entries, vectors_of(one))


def test_each_round_has_a_rate_of_its_own():
    rates = []
    module = make(rounds=2, round_epochs=1, round_lrs=[0.02, 0.004])
    fit(module, 2, lambda m: rates.append(m.trainer.optimizers[0].param_groups[0]["lr"]))
    assert rates == pytest.approx([0.02, 0.01, 0.004, 0.002])
    assert module.trainer.optimizers[0].param_groups[0]["eps"] == 1e-6


def test_entries_and_first_weights_do_not_learn():
    module = make(rounds=2, round_epochs=1)
    start = {name: p.clone() for name, p in module.start.state_dict().items()}
    fit(module, 2, lambda m: None)
    assert not module.entries.requires_grad
    assert all(torch.equal(p, start[name]) for name, p in module.start.state_dict().items())


def test_random_targets_stay():
    module = make(targets="random")
    before = module.entries.clone()
    fit(module, 1, lambda m: None)
    assert torch.equal(module.entries, before) and before.any()


@pytest.mark.parametrize(("first", "expected"), [(1, [True, True]), (2, [False, True])])
def test_an_isotropic_space_begins_with_its_round(first, expected, monkeypatch):
    module = make(rounds=2, round_epochs=1, space="zca", space_from_round=first)
    monkeypatch.setattr("papers.defsent_plus.module.isotropic", lambda x, *_: 0 * x + 7)
    seen = []
    fit(module, 2, lambda m: seen.append(bool((m.entries == 7).all())))
    assert seen[::2] == expected


def test_a_plain_loop_gives_the_definitions_first():
    module = make()
    with pytest.raises(UsageError, match="estimate"):
        module.training_step(BATCHES[0], 0)
    module.estimate(BATCHES)
    torch.testing.assert_close(module.entries, vectors_of(module))
    assert module.training_step(BATCHES[0], 0).requires_grad
    assert int(module.batches_seen) == 1


def test_plain_batches_name_the_entries():
    module, batch = make(), BATCHES[0]
    module.estimate(BATCHES)
    module.eval()
    ids, mask = batch.ids[:, 0], batch.mask[:, 0]
    losses = [
        module.training_step(each, 0)
        for each in (
            batch,
            (ids, mask, batch.targets),
            {"input_ids": ids, "attention_mask": mask, "labels": batch.targets},
        )
    ]
    assert losses[0] == losses[1] == losses[2]
    with pytest.raises(DataError, match="training_step takes"):
        module.training_step((ids, mask), 0)


@pytest.mark.parametrize(("activation", "name"), list(DENSE.items()))
def test_a_checkpoints_layer_becomes_the_head(activation, name, tmp_path):
    library = pytest.importorskip("safetensors.torch")
    raw, further, bare = (tmp_path / each for each in ("raw", "further", "bare"))
    arrays = {f"{name}.weight": torch.randn(8, 8), f"{name}.bias": torch.randn(8)}
    for folder, scale in ((raw, 1), (further, 2), (bare, None)):
        folder.mkdir()
        held = (
            {key: scale * each for key, each in arrays.items()} if scale else {"x": torch.ones(1)}
        )
        library.save_file(held, folder / "model.safetensors")
    x = torch.randn(2, 8)
    y = F.linear(x, *arrays.values())
    for checkpoint, head_checkpoint, scale in ((raw, None, 1), (further, None, 2), (bare, raw, 1)):
        encoder = TextEncoder(30, ENCODER, has_pooler=True)
        named = None if head_checkpoint is None else str(head_checkpoint)
        head = take_head(encoder, str(checkpoint), named, activation)
        wanted = (scale * y).tanh() if activation == "tanh" else F.gelu(scale * y)
        torch.testing.assert_close(head(x), wanted)
        assert encoder.pooler is None
    wide = TextEncoder(30, replace(ENCODER, dim=16))
    for encoder, checkpoint in ((TextEncoder(30, ENCODER), bare), (wide, raw)):
        with pytest.raises(DataError, match=r"model\.safetensors.*method\.head_checkpoint"):
            take_head(encoder, str(checkpoint), None, activation)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["method.rounds=3"], r"trainer\.epochs"),
        (["method.round_lrs=[1e-3]"], r"method\.round_lrs"),
        (["method.space=ica", "method.space_from_round=3"], r"method\.space_from_round"),
        (["optimizer.name=sgd"], r"method\.adam_eps"),
        (["method.head_checkpoint=folder"], r"method\.head_checkpoint"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(words, key):
    with pytest.raises(ConfigError, match=key):
        load_recipe("defsent_plus", words)


def test_data_without_entries_are_refused():
    with pytest.raises(ConfigError, match=r"data\.name"):
        DefSentPlusConfig().check_facts(TextFacts())
