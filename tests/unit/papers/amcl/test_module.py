"""AMCL as a module, over each of its four bases."""

import copy
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from rich.console import Console

from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.errors import ConfigError
from common.runs.folder import new_run
from common.runs.run import prepare_run
from common.runs.run import train as train_run
from papers.amcl.config import BASES, AMCLConfig
from papers.amcl.loss import attract, contrast_queue, contrast_views, decorrelate
from papers.amcl.module import AMCL
from papers.amcl.temperature import NoNetwork
from tests.recipes import list_recipes
from tests.training import listen

BATCH = 6
SMALL = {
    "backbone": "small_conv",
    "num_heads": 2,
    "hidden_dim": 16,
    "output_dim": 8,
    "temperature_hidden_dim": 4,
    "predictor_dim": 4,
    "queue_length": 12,
    "channel_batch": BATCH,
    "temperature_min": 0.1,
}


def make_module(**changes):
    torch.manual_seed(0)
    return AMCL(AMCLConfig(**{**SMALL, **changes}), OptimizerConfig(lr=0.01))


def make_batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    views = [torch.rand(BATCH, 3, 12, 12, generator=generator) for _ in range(2)]
    return ViewBatch(views, torch.zeros(BATCH, dtype=torch.int64), None, [])


def train(module, steps):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
    for step in range(steps):
        optimizer.zero_grad()
        module.training_step(make_batch(step), step).backward()
        optimizer.step()
        module.on_update()
    return optimizer


def expected_loss(module, batch):
    """What the base's equation gives on the module's own networks."""
    phi, rule, (first, second) = module.phi, module.rule, batch.views
    if module.method.base == "simclr":
        return contrast_views(*module.project(torch.cat(batch.views)).chunk(2), phi, rule)
    if module.method.base == "moco":
        k = module.base.key_encoder(second)
        return contrast_queue(module.project(first), k, module.base.queue.clone(), phi, rule)
    z1, z2 = module.project(first), module.project(second)
    if module.method.base == "barlow-twins":
        return decorrelate(z1, z2, phi, rule)
    p1, p2 = (
        torch.stack([f(z[:, c]) for c, f in enumerate(module.base.predictors)], 1) for z in (z1, z2)
    )
    return attract(p1, z1, p2, z2, phi, rule)


@pytest.mark.parametrize("base", BASES)
def test_the_step_is_the_bases_equation(base):
    batch = make_batch()
    expected = expected_loss(make_module(base=base), batch).loss
    module = make_module(base=base)
    torch.testing.assert_close(module.training_step(batch, 0), expected)
    assert int(module.batches_seen) == 1
    assert module.embed(batch.views[0]).shape == (BATCH, 64)
    assert module.project(batch.views[0]).shape == (BATCH, 2, 8)


@pytest.mark.parametrize("base", BASES)
def test_every_head_and_the_temperature_network_learn(base):
    module = make_module(base=base)
    module.training_step(make_batch(), 0).backward()
    networks = [*module.heads, module.phi, module.backbone]
    networks += list(getattr(module.base, "predictors", []))
    for network in networks:
        assert any(p.grad is not None and p.grad.any() for p in network.parameters())
    heads = [head[0].weight for head in module.heads]
    assert not torch.equal(*heads), "heads start from weights of their own"


@pytest.mark.parametrize("base", BASES)
def test_all_that_the_next_step_reads_is_in_the_state(base):
    module = make_module(base=base)
    optimizer = train(module, 3)
    torch.manual_seed(5)
    twin = AMCL(module.method, module.optimizer)
    twin.load_state_dict(module.state_dict())
    again = torch.optim.SGD(twin.parameters(), lr=0.01, momentum=0.9)
    # Loaded tensors are shared, and the momentum is moved in place.
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for own, steps in ((module, optimizer), (twin, again)):
        steps.zero_grad()
        own.training_step(make_batch(3), 3).backward()
        steps.step()
        own.on_update()
    for name, value in module.state_dict().items():
        assert torch.equal(value, twin.state_dict()[name]), name


def test_moco_keeps_unit_keys_of_the_momentum_encoder_for_each_head():
    module, batch = make_module(base="moco", momentum=0.9), make_batch()
    before = module.base.queue.clone()
    module.training_step(batch, 0)
    k = F.normalize(module.base.key_encoder(batch.views[1]), dim=2)
    torch.testing.assert_close(module.base.queue[:, :BATCH], k.transpose(0, 1))
    assert torch.equal(module.base.queue[:, BATCH:], before[:, BATCH:])
    weight = module.base.key_encoder[1][1][0].weight
    old = weight.clone()
    with torch.no_grad():
        module.heads[1][0].weight.add_(1)
    module.on_update()
    torch.testing.assert_close(weight, old + 0.1)


def test_key_encoders_follow_updates_not_batches(monkeypatch):
    module, called = make_module(base="moco"), []
    monkeypatch.setattr(module, "on_update", lambda: called.append("follow"))
    module._trainer = SimpleNamespace(log_every_n_steps=0, fit_loop=None)
    optimizer = SimpleNamespace(step=lambda closure: called.append("step"))
    module.training_step(make_batch(), 0)
    module.optimizer_step(0, 0, optimizer, lambda: None)
    assert called == ["step", "follow"]


def test_a_shared_target_has_one_projector_and_a_predictor_for_each_head():
    module = make_module(base="simsiam", shared_target=True)
    assert len(module.heads) == 1 and len(module.base.predictors) == 2
    p, z = module.base.predict(module.project(make_batch().views[0]))
    assert p.shape == (BATCH, 2, 8) and z.shape == (BATCH, 1, 8)
    assert torch.isfinite(module.training_step(make_batch(), 0))


def test_a_constant_temperature_has_no_network():
    module = make_module(temperature="constant", constant_temperature=0.3)
    assert isinstance(module.phi, NoNetwork)
    z1, z2 = module.project(torch.cat(make_batch().views)).chunk(2)
    taus = module.base.loss((z1, z2), module.phi, module.rule).taus
    torch.testing.assert_close(taus, torch.full_like(taus, 0.3))


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"negative_omega": "paper"}, "negative_dim", None),
        ({"negatives": "log-sum-exp"}, "log_sum_exp", True),
        ({"positive_among_negatives": True}, "with_positive", True),
        ({"top_k": 1}, "top_k", 1),
        ({"beta": 0.5}, "beta", 0.5),
    ],
)
def test_every_switch_changes_the_loss(changes, name, value):
    plain, other = make_module(), make_module(**changes)
    assert getattr(other.rule, name) == value != getattr(plain.rule, name)
    assert plain.training_step(make_batch(), 0) != other.training_step(make_batch(), 0)


def test_other_switches_of_the_network():
    plain = make_module().training_step(make_batch(), 0)
    for changes in ({"normalise_scores": True}, {"temperature_init_scale": 3.0}):
        assert make_module(**changes).training_step(make_batch(), 0) != plain


@pytest.mark.parametrize("base", BASES)
def test_terms_and_temperatures_are_logged_for_each_head(base):
    module = make_module(base=base)
    logged = listen(module, every=2)
    module.training_step(make_batch(), 0)
    assert logged == {}
    loss = module.training_step(make_batch(1), 1)
    assert logged["train/loss"] == pytest.approx(float(loss.detach()), rel=1e-6)
    beta = module.method.beta
    terms = [logged[f"train/{name}"] for name in ("pull", "push")]
    omegas = [logged[f"train/{name}"] for name in ("positive_omega", "negative_omega")]
    assert sum(terms) + beta * (omegas[0] - omegas[1]) == pytest.approx(logged["train/loss"], 1e-4)
    for head in (0, 1):
        low, middle, high = (
            logged[f"diag/tau_positive_head{head}_q{q}"] for q in ("05", "50", "95")
        )
        assert 0.1 <= low <= middle <= high <= 2.0
    assert ("diag/tau_negative_head1_q50" in logged) == (base != "simsiam")


def test_a_collapse_is_warned_about():
    module = make_module()
    listen(module)
    torch.nn.init.zeros_(module.heads[0][-1].weight)
    with pytest.warns(UserWarning, match="embeddings do not differ"):
        module.training_step(make_batch(), 0)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["method.temperature_min=3"], "3.0.*method.temperature_max=2.0"),
        (["method.base=moco", "method.queue_length=100"], "100 cannot hold the 128 keys"),
        (["method.base=barlow-twins"], "512.*data.batch_size=128"),
        (["data.views=[{count: 1, size: 20}]"], "AMCL.*2.*1"),
        (
            ["data.views=[{count: 1, size: 20},{count: 1, size: 12}]"],
            r"AMCL.*SimCLR.*\[12.*20\]",
        ),
        (["method.base=byol"], "method.base=.byol"),
        (["optimizer.clip_norm=0"], "optimizer.clip_norm=.*0"),
    ],
)
def test_recipes_that_cannot_work_are_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe("amcl/quick", overrides)


def test_the_clip_is_on_the_gradient_of_all_parameters_together(tmp_path):
    plain = ["optimizer.lr=1", "optimizer.weight_decay=0", "optimizer.schedule=constant"]
    short = ["trainer.batches=1", "evaluation.protocols=[knn]", "evaluation.references=[]"]
    quiet = ["tracking.mode=disabled", "tracking.plots=false"]
    words = [*plain, *short, *quiet, "optimizer.clip_norm=0.01"]
    ready = prepare_run(load_recipe("amcl/quick", words))
    before = [p.detach().clone() for p in ready.module.parameters()]
    train_run(ready, new_run(ready.recipe, tmp_path), Console(quiet=True))
    moved = [p.detach() - old for p, old in zip(ready.module.parameters(), before, strict=True)]
    # With a rate of 1 the first step is the gradient itself.
    assert torch.cat([x.flatten() for x in moved]).norm().item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("base", BASES)
def test_the_small_arms_differ_from_the_plain_bases_in_the_method_alone(base):
    ours = load_recipe("amcl/cifar10-jpeg" + (f":on-{base}" if base != "simclr" else ""))
    plain = load_recipe(f"amcl/cifar10-jpeg:{base}")
    assert ours.method.base == base and plain.baseline == base
    for section in ("optimizer", "data", "trainer"):
        assert getattr(ours, section) == getattr(plain, section)
    for field in ("backbone", "hidden_dim", "output_dim"):
        assert getattr(ours.method, field) == getattr(plain.method, field)


def test_a_barlow_base_starts_away_from_the_floor():
    for recipe, variants in list_recipes("amcl").items():
        if "on-barlow-twins" in variants:
            method = load_recipe(f"amcl/{recipe}:on-barlow-twins").method
            assert method.temperature_init_scale < 1, recipe
