import copy
from types import SimpleNamespace

import pytest
import torch

from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.sampler import BatchKey
from common.data.series.batches import SeriesBatch
from common.data.series.config import SeriesFacts
from common.data.series.module import SeriesData
from common.errors import ConfigError
from common.training.position import Position
from papers.autotcl.augmenter import gate, harden, view
from papers.autotcl.config import AutoTCLConfig
from papers.autotcl.loss import info_nce, local_info_nce, mask_size, mmd, pool
from papers.autotcl.module import AUGMENTER_VIEW, ENCODER_VIEW, AutoTCL
from tests.samples import SMALL_AUTOTCL as SMALL
from tests.training import quiet_trainer


def make(channels=2, **options):
    torch.manual_seed(0)
    config = AutoTCLConfig(**{**SMALL, **options})
    optimizer = OptimizerConfig(name="adamw", lr=1e-2, weight_decay=0.01)
    return AutoTCL(config, optimizer, SeriesFacts(channels, 24, 8)).double()


def make_batch(size=5, steps=24, channels=2):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(size, steps, channels, generator=generator, dtype=torch.float64)
    informative = (torch.rand(size, steps, generator=generator) < 0.7).double()
    return SeriesBatch(x, informative, BatchKey(torch.arange(size), 0, 0, 0, size))


def weights(part):
    return [p.detach().clone() for p in part.parameters()]


def same(part, before):
    return all(torch.equal(p, old) for p, old in zip(part.parameters(), before, strict=True))


def train(num_batches, *words):
    torch.set_num_threads(1)
    recipe = load_recipe("autotcl/quick", list(words))
    data = SeriesData(recipe.data, recipe.seed)
    torch.manual_seed(recipe.seed)
    module = AutoTCL(recipe.method, recipe.optimizer, data.facts)
    start = copy.deepcopy(module)
    trainer = quiet_trainer(max_epochs=num_batches)
    trainer.fit(module, datamodule=data)
    return start, module


def test_each_update_leaves_the_other_part_where_it_is():
    module, batch = make(), make_batch()
    encoder, augmenter = module.configure_optimizers()
    assert (encoder.param_groups[0]["lr"], augmenter.param_groups[0]["lr"]) == (1e-2, 0.01)
    before = weights(module.encoder), weights(module.augmenter)
    module.update_augmenter(batch.x, augmenter)
    assert same(module.encoder, before[0]) and not same(module.augmenter, before[1])
    assert all(p.requires_grad for p in module.encoder.parameters()) and module.encoder.training
    after = weights(module.augmenter)
    module.update_encoder(batch, encoder)
    assert same(module.augmenter, after) and not same(module.encoder, before[0])


def test_the_augmenters_loss_is_the_equation():
    module, batch = make(mask_weight=0.5), make_batch()
    factors = module.augmenter(batch.x)
    gates = gate(factors.h, module.uniform(factors.h, AUGMENTER_VIEW), 0.05, 0.05)
    v = view(batch.x, factors, harden(gates))
    read = module.encoder.trunk
    expected = mmd(pool(read(batch.x)), pool(read(v))) + 0.5 * mask_size(factors.h)
    torch.testing.assert_close(module.augmenter_loss(batch.x), expected)
    other = make(mmd_features="output", mask_weight=0.0)
    h = [pool(other.encoder(series)) for series in (batch.x, v)]
    torch.testing.assert_close(other.augmenter_loss(batch.x), mmd(*h))
    adversarial = make(objective="adversarial")
    h = [pool(read(series)) for series in (batch.x, v)]
    torch.testing.assert_close(adversarial.augmenter_loss(batch.x), -info_nce(*h))


def test_the_encoders_loss_is_the_equation():
    module, batch = make(), make_batch()
    v = module.make_view(batch)
    h_x, h_v = module.encoder(batch.x), module.encoder(v)
    expected = info_nce(pool(h_x), pool(h_v)) + 0.3 * local_info_nce(h_x[:1], 4)
    loss = module.update_encoder(batch, module.configure_optimizers()[0])
    torch.testing.assert_close(loss, expected.detach())
    every, loss = make(local_series="all"), local_info_nce(h_x, 4)
    torch.testing.assert_close(every.local_loss(h_x), loss)


def test_views_are_drawn_anew_and_are_a_function_of_seed_and_position():
    module, batch = make(), make_batch()
    first, second = (module.learned_view(batch.x, s)[0] for s in (AUGMENTER_VIEW, ENCODER_VIEW))
    assert not torch.equal(first, second)
    assert torch.equal(make().learned_view(batch.x, ENCODER_VIEW)[0], second)
    module.batches_seen += 1
    assert not torch.equal(module.learned_view(batch.x, ENCODER_VIEW)[0], second)


def test_fixed_views():
    batch = make_batch()
    x = batch.x
    jitter = make(view="jitter", jitter=0.5).make_view(batch) - x
    assert 0.4 < float(jitter.std()) < 0.6
    masked = make(view="step-mask", masked_share=0.4).make_view(batch)
    kept = masked[..., 0] == x[..., 0]
    assert (
        torch.equal(kept, masked[..., 1] == x[..., 1]) and 0.4 < float(kept.double().mean()) < 0.8
    )
    true = make(view="true-mask").make_view(batch)
    assert torch.equal(true, torch.where(batch.informative[..., None] == 1, x, 0.0))
    module = make(view="open")
    torch.testing.assert_close(module.make_view(batch), module.augmenter(x).g * x)


def test_a_larger_weight_makes_the_mask_smaller():
    module, batch = make(gate_input="logit", mask_weight=1.0, mask_bias=2.0), make_batch()
    augmenter = module.configure_optimizers()[1]
    before = float(module.mask_scores(batch.x).detach().mean())
    for _ in range(20):
        module.update_augmenter(batch.x, augmenter)
        module.batches_seen += 1
    assert float(module.mask_scores(batch.x).detach().mean()) < before - 0.1


def test_the_average_is_the_mean_of_all_weights_from_the_first_on():
    start, module = train(3)
    assert int(module.batches_seen) == 3
    _, one = train(1)
    _, two = train(2)
    for mean, *seen in zip(
        *(weights(part) for part in (module.average, start.encoder, one.encoder)),
        *(weights(part) for part in (two.encoder, module.encoder)),
        strict=True,
    ):
        torch.testing.assert_close(mean, torch.stack(seen).mean(0), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("ratio", [1, 2])
def test_the_augmenter_learns_in_one_of_so_many_iterations(ratio, monkeypatch):
    due = []
    original = AutoTCL.update_augmenter
    monkeypatch.setattr(
        AutoTCL,
        "update_augmenter",
        lambda self, *given: due.append(int(self.batches_seen)) or original(self, *given),
    )
    train(4, f"method.update_ratio={ratio}")
    assert due == list(range(0, 4, ratio))


def test_fixed_views_train_no_augmenter():
    start, module = train(2, "method.view=jitter")
    assert same(module.augmenter, weights(start.augmenter))
    assert not same(module.encoder, weights(start.encoder))


def test_seeds_differ_and_a_seed_repeats():
    runs = [train(2, *words)[1] for words in ([], [], ["seed=1"])]
    first, again, other = (weights(run.average) for run in runs)
    assert all(map(torch.equal, first, again)) and not all(map(torch.equal, first, other))


@pytest.mark.parametrize("view", ["learned", "jitter"])
def test_the_same_is_logged_with_and_without_an_augmenters_update(view):
    # A value of another iteration would be written again, but not by a run resumed between them.
    module, batch, logged = make(view=view, update_ratio=2), make_batch(), []
    module._trainer = SimpleNamespace(log_every_n_steps=1, training=True, callbacks=[Position()])
    module.log = lambda name, value, **_: logged[-1].add(name)
    module.manual_backward = lambda loss: loss.backward()
    optimizers = module.configure_optimizers()
    module.optimizers = lambda: optimizers
    for _ in range(2):
        logged.append(set())
        module.training_step(batch, 0)
    assert logged[0] == logged[1] >= {"train/loss", "diag/mmd", "diag/view_cosine"}
    assert ("diag/mask_score" in logged[0]) == (view == "learned")


def test_last_steps_are_those_of_embed():
    module, x = make().eval(), make_batch().x
    torch.testing.assert_close(module.embed_last(x), module.embed(x)[:, -1])


def test_series_that_are_shorter_than_their_crops_are_refused():
    message = r"consistency_weight needs 5 steps; training series have 3"
    with pytest.raises(ConfigError, match=message):
        AutoTCL(AutoTCLConfig(**SMALL, consistency_weight=0.1), None, SeriesFacts(1, 3, 8))
    message = r"local_weight=0\.1, method\.segments=4 needs 4 steps; training series have 3"
    with pytest.raises(ConfigError, match=message):
        AutoTCL(AutoTCLConfig(**SMALL, local_weight=0.1), facts=SeriesFacts(2, 3, 8))
    AutoTCL(AutoTCLConfig(**SMALL, local_weight=0.0), facts=SeriesFacts(2, 3, 8))
    with pytest.raises(ConfigError, match="needs 5 steps; training series have 4"):
        load_recipe("autotcl/quick", ["data.length=4", "method.consistency_weight=0.1"])


def test_what_cannot_be_is_refused_before_torch():
    with pytest.raises(ConfigError, match=r"true-mask.*etth1"):
        load_recipe("autotcl/quick", ["data.name=etth1", "method.view=true-mask"])
    with pytest.raises(ConfigError, match="constant"):
        load_recipe("autotcl/quick", ["optimizer.schedule=cosine"])
