import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from common.errors import ConfigError, DataError
from common.losses.pairs import draw_partners
from common.losses.supcon import supcon
from common.methods.config import SupConConfig
from common.methods.simclr import SimCLR
from common.methods.supcon import SupCon
from tests.training import listen, losses_of

FACTS = ImageFacts(channels=1, size=12, num_classes=3, num_samples=24)
LABELS = torch.arange(12) % 3


def make_module(seed=0, **changes):
    torch.manual_seed(seed)
    config = SupConConfig(**{"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8} | changes)
    return SupCon(config, OptimizerConfig(name="adam", lr=0.01), FACTS)


def make_batch(labels=LABELS, num_views=2):
    generator = torch.Generator().manual_seed(0)
    views = [
        torch.rand(12, 1, 12, 12, generator=generator) + labels[:, None, None, None]
        for _ in range(num_views)
    ]
    return ViewBatch(views, labels, None, [])


@pytest.mark.parametrize(
    ("variant", "dims"), [("supcon", [2048, 2048, 2048, 256]), ("simclr", [2048, 2048, 128])]
)
def test_hydras_comparisons_have_its_authors_heads(variant, dims):
    recipe = load_recipe(f"hydra/imagenet:{variant}")
    kind = {"supcon": SupCon, "simclr": SimCLR}[variant]
    module = kind(recipe.method, recipe.optimizer, FACTS)
    linear = [layer for layer in module.projector if isinstance(layer, nn.Linear)]
    assert [linear[0].in_features, *(layer.out_features for layer in linear)] == dims
    norms = [layer for layer in module.projector if hasattr(layer, "running_mean")]
    # Between the layers, and without weights at the end.
    assert [norm.affine for norm in norms] == [True] * (len(dims) - 2) + [False]
    assert module.projector[-1] is norms[-1]
    assert not module.backbone.layer3[1].bn3.weight.any()
    assert recipe.optimizer.warmup_epochs == {"supcon": 12, "simclr": 10}[variant]
    assert recipe.trainer.epochs == {"supcon": 350, "simclr": 100}[variant]


@pytest.mark.parametrize("num_views", [1, 2, 3])
@pytest.mark.parametrize("together", [True, False])
def test_the_step_is_supcon_of_unit_projections_in_one_pass_or_more(num_views, together):
    module = make_module(head_batch_norm=True, views_together=together)
    batch = make_batch(num_views=num_views)
    loss = module.training_step(batch, 0)
    passes = [torch.cat(batch.views)] if together else batch.views
    z = F.normalize(torch.cat([module.project(images) for images in passes]), dim=1)
    expected = supcon(z.unflatten(0, (num_views, 12)), LABELS, 0.1)
    torch.testing.assert_close(loss, expected)
    assert int(module.batches_seen) == 1


def test_arbitrary_pairs_are_drawn_anew_for_each_batch_and_kept_in_the_state():
    module, batch = make_module(seed=5, pairs="arbitrary"), make_batch()
    for step in range(2):
        loss = module.training_step(batch, step)
        z = F.normalize(module.projector(module.backbone(torch.cat(batch.views))), dim=1)
        partners = draw_partners(LABELS, "arbitrary", 3, 5, step)
        expected = supcon(z.unflatten(0, (2, 12)), LABELS, 0.1, partners)
        torch.testing.assert_close(loss, expected)
    twin = make_module(seed=6, pairs="arbitrary")
    twin.load_state_dict(module.state_dict())
    assert torch.equal(twin.training_step(batch, 0), module.training_step(batch, 0))


def test_it_learns_classes_and_not_arbitrary_pairs():
    batches = [make_batch()] * 30
    own = losses_of(make_module(), batches)
    arbitrary = losses_of(make_module(pairs="arbitrary"), batches)
    assert own[-1] < own[0] - 0.5
    assert min(arbitrary[-5:]) > own[-1] + 0.5


def test_images_without_labels_are_refused():
    with pytest.raises(DataError, match="no two classes"):
        SupCon(make_module().method, facts=ImageFacts(num_classes=0))
    with pytest.raises(DataError, match=r"data\.labelled_only"):
        make_module().training_step(make_batch()._replace(labels=LABELS - 1), 0)


@pytest.mark.parametrize(
    ("override", "message"),
    [("data.batch_size=1", "2 or up"), ("method.pairs=distinct", "identical")],
)
def test_recipes_that_cannot_work_are_refused(override, message):
    words = ["baseline=supcon", "method.backbone=small_conv", "data.views=[{size: 12}]"]
    assert load_recipe("swav/quick", words).method.pairs == "identical"
    with pytest.raises(ConfigError, match=message):
        load_recipe("swav/quick", [*words, override])


def test_views_of_two_sizes_are_refused():
    with pytest.raises(ConfigError, match=r"one size, not of \[12, 20\]"):
        load_recipe("swav/quick", ["baseline=supcon", "method.backbone=small_conv"])


def test_a_collapse_is_warned_about():
    module = make_module()
    logged = listen(module)
    torch.nn.init.zeros_(module.projector[-1].weight)
    with pytest.warns(UserWarning, match="embeddings do not differ"):
        module.training_step(make_batch(), 0)
    assert logged["diag/effective_rank"] == 0 and logged["train/loss"] > 3
