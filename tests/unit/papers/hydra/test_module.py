from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from common.errors import ConfigError
from common.losses.pairs import draw_partners
from papers.hydra.config import HydraConfig, SimLAPConfig
from papers.hydra.gate import class_gates
from papers.hydra.loss import gate_entropy, instance_contrast, pair_contrast
from papers.hydra.module import SimLAP
from papers.hydra.momentum import Hydra
from tests.samples import SMALL_HYDRA as SMALL
from tests.training import losses_of

FACTS = ImageFacts(channels=1, size=12, num_classes=4, num_samples=48)
LABELS = torch.arange(12) % 4


def make_simlap(seed=0, **changes) -> SimLAP:
    torch.manual_seed(seed)
    config = SimLAPConfig(**SMALL | changes)
    return SimLAP(config, OptimizerConfig(name="adam", lr=0.01), FACTS)


def make_hydra(seed=0, **changes) -> Hydra:
    torch.manual_seed(seed)
    return Hydra(HydraConfig(**SMALL | changes), OptimizerConfig(name="adam", lr=0.01), FACTS)


def make_batch(labels=LABELS, views=2):
    generator = torch.Generator().manual_seed(0)
    # A bright quadrant shows the class.
    images = torch.zeros(12, 1, 12, 12)
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = divmod(label, 2)
        image[:, 6 * row : 6 * row + 6, 6 * column : 6 * column + 6] = 1
    made = [images + 0.1 * torch.randn(images.shape, generator=generator) for _ in range(views)]
    return ViewBatch(made, labels, None, [])


def expected_simlap(module: SimLAP, batch, position=0):
    """The step from its parts, on a module that has not stepped."""
    config = module.method
    views = len(batch.views)
    passes = [torch.cat(batch.views)] if config.views_together else batch.views
    h = torch.cat([module.backbone(images) for images in passes])
    z = torch.cat([module.projector(part) for part in h.chunk(len(passes))]).chunk(views)
    partners = draw_partners(LABELS, config.pairs, 4, int(module.pair_seed), position)
    gate = None if module.gate is None else module.gate(LABELS, partners)
    settings = 1 / config.temperature, config.form, config.reduction, config.whole_space

    if config.contrast == "pooled":
        gates = None if gate is None else gate.repeat(views, 1)
        y, y2 = LABELS.repeat(views), partners.repeat(views)
        loss = pair_contrast(torch.cat(z), torch.cat(z), gates, y, y2, y, *settings)
    else:
        pairs = [(0, 1), (1, 0)][: 1 + config.symmetric]
        loss = sum(
            pair_contrast(z[a], z[b], gate, LABELS, partners, LABELS, *settings) for a, b in pairs
        ) / len(pairs)
    if module.classifier is not None:
        loss = loss + F.cross_entropy(module.classifier(h), LABELS.repeat(views))
    return loss


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pairs": "identical", "gate": "open"},
        {"pairs": "distinct", "gate": "shared"},
        {"form": "B", "reduction": "macro", "whole_space": 0.5, "symmetric": False},
        {"contrast": "pooled", "online_head": True, "gate_fusion": "product"},
        {"projector_norm": "batch", "projector_layers": 1},
        {"views_together": False},
    ],
)
def test_the_step_is_its_parts(changes):
    batch = make_batch()
    loss = make_simlap(**changes).training_step(batch, 0)
    torch.testing.assert_close(loss, expected_simlap(make_simlap(**changes), batch))


@pytest.mark.parametrize("views", [1, 3])
def test_pooled_takes_any_number_of_views_and_the_anchor_is_among_its_keys(views):
    changes = {"contrast": "pooled", "pairs": "identical", "gate": "open"}
    batch = make_batch(views=views)
    loss = make_simlap(**changes).training_step(batch, 0)
    torch.testing.assert_close(loss, expected_simlap(make_simlap(**changes), batch))


def test_pairs_are_drawn_anew_for_each_batch_and_are_a_function_of_the_seed():
    batch, module = make_batch(), make_simlap(seed=7)
    assert int(module.pair_seed) == 7
    module.training_step(batch, 0)
    assert int(module.batches_seen) == 1
    assert torch.equal(module.partners(LABELS), draw_partners(LABELS, "arbitrary", 4, 7, 1))
    assert not torch.equal(module.partners(LABELS), draw_partners(LABELS, "arbitrary", 4, 7, 0))


@pytest.mark.parametrize("make", [make_simlap, make_hydra])
def test_everything_that_the_algorithm_remembers_is_in_the_state(make):
    module, batch = make(), make_batch()
    for step in range(2):
        module.training_step(batch, step)
    twin = make(seed=9)
    twin.load_state_dict(module.state_dict())
    assert torch.equal(module.training_step(batch, 2), twin.training_step(batch, 2))


def train(module, steps=60):
    return sum(losses_of(module, [make_batch()] * steps)[-10:]) / 10


def test_gates_of_pairs_make_arbitrary_pairs_learnable():
    with_gates, without = train(make_simlap()), train(make_simlap(gate="open"))
    assert with_gates < without - 0.3


def test_the_online_head_learns_and_does_not_train_the_encoder():
    module, plain = make_simlap(online_head=True), make_simlap()
    batch = make_batch()
    module.training_step(batch, 0).backward()
    plain.training_step(batch, 0).backward()
    for name, parameter in plain.named_parameters():
        grad = dict(module.named_parameters())[name].grad
        torch.testing.assert_close(grad, parameter.grad, msg=name)
    train(module)
    scores = module.eval().classify(batch.views[0])
    assert (scores.argmax(1) == LABELS).float().mean() > 0.9
    with pytest.raises(ValueError, match="online_head=false"):
        plain.classify(batch.views[0])


@pytest.mark.parametrize("entropy_of", ["classes", "pairs"])
@pytest.mark.parametrize("gradient", [True, False])
def test_the_entropy_term_is_logged_loss_and_sends_a_gradient_if_asked(entropy_of, gradient):
    changes = {"entropy_of": entropy_of, "entropy_gradient": gradient}
    batch, plain = make_batch(), make_simlap()
    module = make_simlap(entropy_weight=0.5, **changes)
    losses = [m.training_step(batch, 0) for m in (module, plain)]
    partners = draw_partners(LABELS, "arbitrary", 4, 0, 0)
    twin = make_simlap()
    for _ in range(2):  # once a direction
        pairs = twin.gate(LABELS, partners)
    gates = pairs if entropy_of == "pairs" else class_gates(twin.gate, 4)
    torch.testing.assert_close(losses[0] - losses[1], 0.5 * gate_entropy(gates))
    gradients = [
        torch.autograd.grad(loss, m.gate.linear2.weight)[0]
        for loss, m in zip(losses, (module, plain), strict=True)
    ]
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-7) != gradient


def test_scale_and_whole_space_are_parameters_if_learned():
    names = dict(make_simlap(learn_scale=True, learn_whole_space=True).named_parameters())
    assert {"contrast.log_scale", "contrast.whole_space"} <= set(names)
    fixed = make_simlap()
    assert "contrast.log_scale" not in dict(fixed.named_parameters())
    assert "contrast.log_scale" in fixed.state_dict()
    module = make_simlap(learn_scale=True, learn_whole_space=True)
    module.training_step(make_batch(), 0).backward()
    assert module.contrast.log_scale.grad != 0 and module.contrast.whole_space.grad != 0


@pytest.mark.parametrize(
    ("make", "changes", "calls"),
    [
        (make_simlap, {}, 2),
        (make_simlap, {"symmetric": False}, 1),
        (make_simlap, {"contrast": "pooled"}, 1),
        (make_hydra, {}, 2),
    ],
)
def test_each_direction_moves_the_running_statistics_of_the_filter(make, changes, calls):
    module = make(**changes)
    module.training_step(make_batch(), 0)
    assert int(module.gate.norm1.num_batches_tracked) == calls
    partners = draw_partners(LABELS, "arbitrary", 4, 0, 0)
    e = torch.relu((module.gate.embedding(LABELS) + module.gate.embedding(partners)) / 2)
    expected = (1 - 0.9**calls) * e.mean(0)
    torch.testing.assert_close(module.gate.norm1.running_mean, expected.detach())


def test_the_scale_may_start_beside_the_temperature():
    assert make_hydra().contrast.log_scale.exp().item() == pytest.approx(5)
    module = make_hydra(learn_scale=True, initial_scale=20.0, disparate_weight=0.0)
    assert module.contrast.log_scale.exp().item() == pytest.approx(20)
    # The instance term keeps its own.
    loss, plain = (m.training_step(make_batch(), 0) for m in (module, make_hydra()))
    assert loss != plain
    twin = make_hydra(disparate_weight=0.0)
    torch.testing.assert_close(loss, twin.training_step(make_batch(), 0))


def test_pairs_train_the_filter_alone_for_the_epochs_asked_for():
    module, plain = make_hydra(filter_epochs=1), make_hydra()
    module._trainer = SimpleNamespace(num_training_batches=1, log_every_n_steps=0)
    instance = make_hydra(disparate_weight=0.0)
    for m in (module, plain, instance):
        m.training_step(make_batch(), 0).backward()
    # With beta 1 the instance term has half the weight.
    expected = instance.projector[0].weight.grad / 2
    torch.testing.assert_close(module.projector[0].weight.grad, expected)
    filtered = [m.gate.linear2.weight.grad for m in (module, plain)]
    torch.testing.assert_close(*filtered)
    module.zero_grad()
    module.training_step(make_batch(), 1).backward()
    assert not torch.allclose(module.projector[0].weight.grad, expected, rtol=0.01)


def test_epochs_of_the_filter_need_a_trainer():
    with pytest.raises(ConfigError, match="filter_epochs=1"):
        make_hydra(filter_epochs=1).training_step(make_batch(), 0)


def test_the_projector_ends_in_a_layer_norm_and_its_layers_have_no_bias():
    with torch.device("meta"):
        simlap, hydra = SimLAP(), Hydra()
    for module, hidden in ((simlap, 2048), (hydra, 4096)):
        linear = [layer for layer in module.projector if isinstance(layer, nn.Linear)]
        assert [layer.out_features for layer in linear] == [hidden, hidden, 256]
        assert all(layer.bias is None for layer in linear)
        assert isinstance(module.projector[-1], nn.LayerNorm)
        assert module.gate.embedding.weight.shape == (10, 512)
    assert isinstance(hydra.predictor[-1], nn.Linear)
    # MoCo v3's last batch norm has no weights.
    assert make_simlap(projector_norm="batch").projector[-1].weight is None


@pytest.mark.parametrize("separate", [True, False])
def test_momentum_hydra_is_its_parts(separate):
    module, batch = make_hydra(separate_predictor=separate, disparate_weight=3.0), make_batch()
    loss = module.training_step(batch, 0)
    twin = make_hydra(separate_predictor=separate, disparate_weight=3.0)
    z = [twin.projector(twin.backbone(view)) for view in batch.views]
    keys = [twin.momentum_projector(twin.momentum_backbone(view)) for view in batch.views]
    partners = draw_partners(LABELS, "arbitrary", 4, 0, 0)
    gate = twin.gate(LABELS, partners)
    predict = twin.pair_predictor if separate else twin.predictor
    pairs = [(0, 1), (1, 0)]
    instance = sum(instance_contrast(twin.predictor(z[a]), keys[b], 0.2) for a, b in pairs) / 2
    disparate = sum(
        pair_contrast(predict(z[a]), keys[b], gate, LABELS, partners, LABELS, 5.0) for a, b in pairs
    )
    torch.testing.assert_close(loss, (instance + 3 * disparate / 2) / 4)
    loss.backward()
    assert all(p.grad is None for n, p in module.named_parameters() if n.startswith("momentum"))


def test_the_momentum_encoder_follows_the_parameters_and_keeps_its_statistics():
    module = make_hydra()
    train(module, steps=2)
    before = module.momentum_backbone.layers[0].weight.clone()
    statistics = module.momentum_backbone.layers[1].running_mean.clone()
    module.follow(0.75)
    online = module.backbone.layers[0].weight
    expected = 0.75 * before + 0.25 * online
    torch.testing.assert_close(module.momentum_backbone.layers[0].weight, expected)
    assert torch.equal(module.momentum_backbone.layers[1].running_mean, statistics)


def test_either_encoder_can_be_evaluated():
    x = make_batch().views[0]
    for name, evaluated in (("backbone", "base"), ("momentum_backbone", "momentum")):
        module = make_hydra(evaluated=evaluated)
        train(module, steps=3)
        module.eval()
        assert torch.equal(module.embed(x), getattr(module, name)(x))
        assert not torch.equal(module.backbone(x), module.momentum_backbone(x))


def test_it_stays_in_single_precision_under_autocast():
    for module in (make_simlap(), make_hydra()):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = module.training_step(make_batch(), 0)
        assert loss.dtype == torch.float32 and torch.isfinite(loss)


@pytest.mark.parametrize("make", [make_simlap, make_hydra])
def test_residual_blocks_may_start_as_the_identity(make):
    usual, zeroed = (make(backbone="resnet18", zero_init_residual=zero) for zero in (False, True))
    assert (usual.backbone.layer3[1].bn2.weight == 1).all()
    blocks = [
        block for stage in (1, 2, 3, 4) for block in getattr(zeroed.backbone, f"layer{stage}")
    ]
    assert len(blocks) == 8 and not any(block.bn2.weight.any() for block in blocks)
    assert (zeroed.backbone.layer3[1].bn1.weight == 1).all()
    x = torch.rand(2, 64, 4, 4)
    torch.testing.assert_close(zeroed.backbone.layer1(x), x)
