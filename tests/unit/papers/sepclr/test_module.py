"""SepCLR's module, its recipe's refusals, its sets and its protocol."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from common.config.recipe import load_recipe
from common.data.images.config import ImageConfig, ImageFacts, ViewConfig
from common.data.images.module import ImageData
from common.data.images.sets import Split, check_set
from common.errors import ConfigError, DataError
from common.evaluation.vectors import FeatureSet
from papers.sepclr.config import SeparationConfig, SepCLRConfig
from papers.sepclr.module import SepCLR
from papers.sepclr.readers.digit_bars import bar_masks, digit_bars
from papers.sepclr.readers.overlay import cifar10_mnist, overlaid
from papers.sepclr.separation import evaluate_separation
from tests.training import assert_same_step, listen

SMALL = {"backbone": "mlp", "common_dim": 3, "salient_dim": 2, "hidden_dim": 8, "target_from": 4}
SEPARATION = {"names": ["digit", "bar"], "sizes": [2, 2], "common": "digit", "salient": "bar"}


def make_module(**changes) -> SepCLR:
    torch.manual_seed(0)
    return SepCLR(SepCLRConfig(**SMALL | changes), facts=ImageFacts(1, 6, 8))


def make_batch(labels=(0, 1, 2, 3, 4, 5, 6, 7)):
    generator = torch.Generator().manual_seed(1)
    views = [torch.rand(len(labels), 1, 6, 6, generator=generator) for _ in range(2)]
    return views, torch.tensor(labels)


def test_the_embedding_is_both_codes_side_by_side():
    module, (views, _) = make_module().eval(), make_batch()
    common, salient = module.codes(views[0])
    embedding = module(views[0])
    assert torch.equal(embedding[:, module.parts["common"]], common)
    assert torch.equal(embedding[:, module.parts["salient"]], salient)


def test_classes_beyond_the_set_do_not_matter():
    views, labels = make_batch()
    same = make_module().training_step((views, labels), 0)
    assert same == make_module().training_step((views, (labels >= 4) * 7), 0)
    assert same != make_module().training_step((views, labels.flip(0)), 0)


def test_parts_are_logged_and_the_loss_is_their_weighted_sum():
    module, batch = make_module(), make_batch()
    logged = listen(module)
    loss = module.training_step(batch, 0).item()
    expected = logged["train/common_align"] + 2 * logged["train/common_uniform"]
    expected += 1000 * (logged["train/salient_align"] + 2 * logged["train/salient_uniform"])
    expected += 1000 * logged["train/null"] + 10 * logged["train/joint_entropy"]
    assert loss == pytest.approx(expected, rel=1e-5)


def plain_loss(module: SepCLR, views, labels) -> torch.Tensor:
    """The README's equations 1 to 9, one view through each encoder after the other, tau 0.5."""
    target = labels >= module.method.target_from
    c, s, loss = [], [], 0
    for view in views:
        head = module.projector(module.code(module.backbone(view)))
        c.append(F.normalize(head))
        s.append(module.salient_projector(module.salient_code(module.salient_backbone(view))))
    for a, b in zip(c, s, strict=True):
        masked = b * target[:, None]
        pull = ((a[:, None] - a) ** 2).sum(2) + ((masked[:, None] - masked) ** 2).sum(2)
        loss = loss + (-_pairs(a)).exp().mean().log()
        loss = loss + 1000 * (-_pairs(masked)).exp().mean().log()
        loss = loss + 1000 * (b[~target] ** 2).sum(1).mean() / 2
        loss = loss + 10 * (-pull).exp().mean(1).log().mean() / 2
    loss = loss + ((c[0] - c[1]) ** 2).sum(1).mean()
    return loss + 1000 * ((s[0] - s[1])[target] ** 2).sum(1).mean()


def _pairs(rows: torch.Tensor) -> torch.Tensor:
    """Squared distances of all pairs; the slope of a root is not finite between equal rows."""
    first, second = torch.triu_indices(len(rows), len(rows), 1)
    return ((rows[first] - rows[second]) ** 2).sum(1)


@pytest.mark.parametrize("backbone", ["mlp", "small_conv"])
def test_a_whole_step_is_that_of_the_equations(backbone):
    module, (views, labels) = make_module(backbone=backbone).double(), make_batch()
    views = [view.double() for view in views]
    twin = deepcopy(module)
    loss, expected = module.training_step((views, labels), 0), plain_loss(twin, views, labels)
    assert_same_step(module, loss, twin, expected)


def test_recipes_and_data_without_a_target_are_refused():
    method = SepCLRConfig(target_from=3)
    with pytest.raises(ConfigError, match="target_from"):
        method.check_facts(ImageFacts(num_classes=3))
    with pytest.raises(ConfigError, match="labelled_only"):
        method.check_facts(ImageFacts(num_unlabelled=2))
    for words in (["data.views=[{count: 3}]"], ["evaluation.separation.common=bars"]):
        with pytest.raises(ConfigError):
            load_recipe("sepclr/quick", words)


def test_digit_bars_are_what_the_docstring_says_and_the_same_each_time():
    made, again = digit_bars(), digit_bars()
    check_set("digit-bars", made)
    assert {name: len(part) for name, part in made.items()} == {"train": 2594, "test": 1000}
    for name, part in made.items():
        assert part.shape == (1, 16, 16) and torch.equal(part.images, again[name].images)
        target = part.labels >= 40
        assert target.double().mean() == 0.5 and not (part.labels[~target] % 4).any()
        # The only pixels above a digit's strength are those of a bar.
        assert (part.images.flatten(1).amax(1) > 128).eq(target)[target].double().mean() > 0.8
        assert int(part.images[~target].max()) <= 128
    assert not set(made["train"].groups.tolist()) & set(made["test"].groups.tolist())


def test_bars_lie_where_their_names_say():
    masks = bar_masks(torch.arange(4), torch.zeros(4))
    horizontal, vertical, falling, rising = masks
    assert horizontal.any(0).all() and torch.equal(horizontal, vertical.T)
    assert falling.diagonal().all() and rising.flip(1).diagonal().all()
    assert not torch.equal(bar_masks(torch.tensor([0]), torch.tensor([3])), masks[:1])


def test_the_overlay_set_is_half_of_both():
    objects = Split(torch.full((8, 3, 32, 32), 200, dtype=torch.uint8), torch.arange(8))
    symbols = Split(torch.full((9, 1, 28, 28), 100, dtype=torch.uint8), torch.arange(9))
    made = overlaid({"train": objects, "test": objects}, {"train": symbols, "test": symbols})
    images, labels = made["train"].images, made["train"].labels
    assert labels.tolist() == [0, 10, 20, 30, 144, 155, 166, 177]
    assert (images[:4] == 100).all() and (images[4:, :, 2:30, 2:30] == 150).all()
    assert (images[4:, :, 0] == 100).all()


def test_a_missing_mnist_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("papers.sepclr.readers.overlay.cifar10", lambda root: {})
    with pytest.raises(DataError, match="MNIST"):
        cifar10_mnist(str(tmp_path))


def test_separation_is_high_where_each_code_knows_its_own_factor():
    labels = torch.arange(400) % 4 + 4
    digit, bar = (labels - 4) // 2, labels % 2
    noise = torch.randn(400, 1, generator=torch.Generator().manual_seed(0))
    x = torch.cat([torch.stack([digit, bar], 1).float(), noise], 1)
    # The background would be in the way: its rows say nothing.
    x, y = torch.cat([x, torch.zeros_like(x)]), torch.cat([labels, torch.zeros(400).long()])
    settings = SeparationConfig(**SEPARATION, from_label=4)

    def measure(**parts):
        module = SimpleNamespace(parts=parts)
        inputs = SimpleNamespace(module=module, features=FeatureSet(x, y, x, y))
        return evaluate_separation(inputs, settings, 0)

    good = measure(common=slice(0, 1), salient=slice(1, 2))
    assert good["common_top1"] == good["salient_top1"] == 100
    assert good["separation"] > 80
    assert measure(common=slice(1, 2), salient=slice(0, 1))["separation"] < -80
    assert evaluate_separation(SimpleNamespace(module=None), settings, 0) == {}


def test_views_of_another_size_than_the_perceptrons_are_refused_by_their_sizes():
    config = ImageConfig(name="digit-bars", views=[ViewConfig(count=2, size=12)])
    data = ImageData(config, 0)
    assert data.facts.size == 16
    module = SepCLR(SepCLRConfig(**SMALL | {"target_from": 40}), facts=data.facts)
    with pytest.raises(DataError, match="16 x 16"):
        module(torch.rand(2, 1, 12, 12))
