"""CLIP-rocket's module: projectors, scales, dropout, additions, and what recipes may ask."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils.parametrizations import weight_norm

from common.backbones.text_config import TextTowerConfig
from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.image_text.batch import PairBatch
from common.data.image_text.config import ImageTextFacts
from common.data.sampler import lone_key
from common.errors import ConfigError, DataError
from common.losses.clip import clip_loss
from common.losses.sinkhorn import sinkhorn
from papers.clip_rocket.config import (
    ADDITIONS,
    AgreementConfig,
    BarLIPConfig,
    ClipRocketConfig,
    SwALIPConfig,
)
from papers.clip_rocket.heads import joined
from papers.clip_rocket.module import ClipRocket, embed_views
from tests.training import listen, losses_of, train_as_ddp

FACTS = ImageTextFacts(num_words=40, pad=0, eot=1, unknown=2, context=8)
SMALL = ClipRocketConfig(
    backbone="tiny_conv",
    text=TextTowerConfig(width=8, layers=2, heads=2),
    dim=6,
    projector_dim=10,
    text_dropout=0.0,
    barlip=BarLIPConfig(hidden_dim=10, output_dim=12),
    agreement=AgreementConfig(hidden_dim=10, output_dim=5, momentum=0.9),
    swalip=SwALIPConfig(num_prototypes=7, freeze_batches=2),
)


def make(rate=1e-3, **method):
    torch.manual_seed(0)
    optimizer = OptimizerConfig(name="adamw", lr=rate, exclude_1d=True)
    return ClipRocket(replace(SMALL, **method), optimizer, FACTS)


def make_batch(strong=2, size=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 40, (size, 1 + strong, 8), generator=generator)
    ids[..., -1] = FACTS.eot
    images = torch.randn(size, 1 + strong, 3, 32, 32, generator=generator)
    return PairBatch(images, ids, torch.ones_like(ids).bool(), None, None, lone_key(size))


def of_addition(name, **method):
    alone = name == "swalip-v1"
    smoothing = 0.0 if name == "swalip" else 0.1
    module = make(addition=name, separate_projectors=not alone, label_smoothing=smoothing, **method)
    return module, make_batch(0 if alone else 2)


@pytest.mark.parametrize("addition", ADDITIONS)
def test_every_parameter_takes_part_in_each_step_and_the_loss_falls(addition):
    module, batch = of_addition(addition, separate_heads=True)
    module.training_step(batch, 0).backward()
    unused = [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None]
    assert not unused
    losses = losses_of(module, [batch] * 8)
    assert losses[-1] < losses[0]


def test_strong_views_alone_pass_the_mlp_projectors():
    module = make()
    module.training_step(make_batch(), 0).backward()
    assert module.strong.image[0].weight.grad.any()
    weak = module.towers.image_projector.weight.grad.clone()
    alone = make()
    alone.training_step(make_batch(0), 0).backward()
    assert alone.strong.image[0].weight.grad is None
    assert weak.any()


def test_shared_projectors_are_the_weak_ones_with_the_weak_scale():
    module = make(separate_projectors=False)
    assert module.strong is None and module.scale_of_strong is module.log_scale
    names = {name for name, _ in module.named_parameters()}
    assert not any("strong" in name for name in names)


def test_both_scales_stay_between_1_and_100_after_each_step():
    module = make(rate=20.0)
    losses_of(module, [make_batch()])
    for scale in (module.log_scale, module.strong_log_scale):
        assert float(scale.detach()) in (0.0, pytest.approx(math.log(100)))


def test_the_scales_start_at_their_own_values_and_are_logged():
    module = make()
    logged = listen(module)
    module._trainer.num_training_batches = 5
    module.training_step(make_batch(), 0)
    assert logged["diag/scale"] == pytest.approx(1 / 0.07)
    assert logged["diag/strong_scale"] == pytest.approx(10)
    assert logged["train/added_loss"] == 0


def test_dropout_acts_on_strong_texts_in_training_alone():
    module, batch = make(), make_batch()
    same = batch._replace(ids=batch.ids[:, :1].expand_as(batch.ids))
    texts = embed_views(module.towers, same, 0.5).text
    torch.testing.assert_close(texts[0], embed_views(module.towers, same, 0.0).text[0])
    assert not torch.allclose(texts[0], texts[1]) and not torch.allclose(texts[1], texts[2])
    texts = embed_views(module.eval().towers, same, 0.5).text
    torch.testing.assert_close(texts[0], texts[1])


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_cosines_of_what_is_tested_are_the_mixed_scores(weight):
    module, batch = make(test_weight=weight).eval(), make_batch()
    images, ids, mask = batch.images[:, 0], batch.ids[:, 0], batch.mask[:, 0]
    features = embed_views(module.towers, batch, 0.0)
    weak = [
        module.towers.image_projector(features.image[0]),
        module.towers.text_projector(features.text[0]),
    ]
    strong = module.strong.image(features.image[0]), module.strong.text(features.text[0])
    expected = sum(
        share * F.normalize(u, dim=1) @ F.normalize(v, dim=1).T
        for share, (u, v) in ((weight, weak), (1 - weight, strong))
    )
    u, v = module.project_image(images), module.project_text(ids, mask)
    torch.testing.assert_close(u @ v.T, expected)
    torch.testing.assert_close(u.norm(dim=1), torch.ones(len(u)))
    assert u.shape[1] == (12 if weight == 0.3 else 6)


def test_vectors_of_no_length_stay_zero():
    assert not joined(torch.zeros(2, 3), torch.zeros(2, 3), 0.5).any()


def test_byolips_targets_come_from_towers_that_follow_after_the_step():
    module, batch = of_addition("byolip")
    start = [p.clone() for p in module.average.parameters()]
    losses_of(module, [batch])
    moved = zip(start, module.average.parameters(), module.followed.parameters(), strict=True)
    for before, average, online in moved:
        torch.testing.assert_close(average, 0.9 * before + 0.1 * online)
        assert not average.requires_grad
    norms = [m for m in module.average.modules() if hasattr(m, "running_mean")]
    assert norms and all(int(norm.num_batches_tracked) > 0 for norm in norms)


@pytest.mark.parametrize("momentum", [False, True])
def test_the_older_swalips_prototypes_are_frozen_at_first(momentum):
    swalip = replace(SMALL.swalip, momentum_codes=momentum)
    module, batch = of_addition("swalip-v1", swalip=swalip)
    assert (module.average is not None) == momentum
    found = train_as_ddp(module, [batch] * 4)
    moved = [step for step in range(4) if f"{step}.grad.prototypes.weight" in found]
    assert moved == [2, 3]


@pytest.mark.parametrize("momentum", [False, True])
def test_the_older_swalip_predicts_codes_of_weight_normed_prototypes_by_projectors_of_its_own(
    momentum,
):
    swalip = replace(SMALL.swalip, momentum_codes=momentum)
    module, batch = of_addition("swalip-v1", swalip=swalip, reduction="avg")
    parts = {"own": (module.towers, module.heads, module.prototypes)}
    if momentum:
        parts["telling"] = towers, heads, prototypes = tuple(module.average)
        for weights in (towers.text_projector.weight, prototypes.weight, heads.text[0].weight):
            weights.data += 0.1 * torch.rand(weights.shape)
    images, ids, mask = batch.images[:, 0], batch.ids[:, 0], batch.mask[:, 0]
    z = module.towers.project_image(images), module.towers.project_text(ids, mask)
    scores, layers = {}, {}
    for name, (towers, heads, prototypes) in parts.items():
        layer = layers[name] = weight_norm(torch.nn.Linear(5, 7, bias=False))
        layer.parametrizations.weight.original1.data = prototypes.weight.detach().clone()
        layer.parametrizations.weight.original0.data.fill_(1)
        sides = heads.image(towers.image(images)), heads.text(towers.text(ids, mask))
        scores[name] = [layer(F.normalize(side)) for side in sides]
    image, text = scores["own"]
    told = [sinkhorn(p.detach(), 0.05, 3) for p in scores["telling" if momentum else "own"]]
    terms = [
        -(codes * (p / 0.1).log_softmax(1)).sum(1).mean()
        for codes, p in ((told[1], image), (told[0], text))
    ]
    plain = clip_loss(*z, module.log_scale).total
    expected = plain + swalip.weight * sum(terms) / 2
    loss = module.training_step(batch, 0)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected_gradient = torch.autograd.grad(
        expected, layers["own"].parametrizations.weight.original1
    )
    torch.testing.assert_close(module.prototypes.weight.grad, *expected_gradient)


def test_residual_blocks_start_as_the_identity_unless_weights_are_given():
    gains = make(backbone="resnet18").towers.image.layer1[0].bn2.weight
    plain = make(backbone="resnet18", zero_init_residual=False).towers.image.layer1[0].bn2.weight
    assert not gains.any() and plain.all()


def test_swalip_needs_two_strong_views():
    module, _ = of_addition("swalip")
    with pytest.raises(DataError, match="takes 2"):
        module.training_step(make_batch(1), 0)


@pytest.mark.parametrize(
    "words",
    [
        "data.num_strong=0",
        "data.hard_captions=[invert]",
        "method.addition=swalip",
        "method.addition=swalip data.num_strong=1 method.label_smoothing=0",
        "method.addition=swalip-v1",
        "method.open_clip=ViT-B-32",
        "method.text.name=text_bag method.text_dropout=0.1",
    ],
)
def test_recipes_that_ask_for_what_does_not_fit_are_refused(words):
    with pytest.raises(ConfigError):
        load_recipe("clip_rocket/quick", words.split())
