from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torchvision.models.resnet import Bottleneck

from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from common.errors import ConfigError, DataError
from common.losses.infonce import nt_xent
from papers.pixpro.config import PixProConfig
from papers.pixpro.geometry import crop_coordinates
from papers.pixpro.loss import pixel_consistency, pixel_contrast, positive_mask, unit
from papers.pixpro.module import PixPro
from tests.training import listen

SIDE = 24
INSTANCE = {"pixel_loss": "none", "instance_weight": 1.0}


def make_module(**changes) -> PixPro:
    torch.manual_seed(0)
    small = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8}
    module = PixPro(PixProConfig(**small | changes), OptimizerConfig(lr=0.1))
    module.log = lambda *_, **__: None
    module._trainer = SimpleNamespace(log_every_n_steps=0, estimated_stepping_batches=10)
    module.on_train_start()
    return module


def make_batch(batch=6, size=16, seed=0, second_size=None) -> ViewBatch:
    generator = torch.Generator().manual_seed(seed)
    sizes = (size, second_size or size)
    views = [torch.rand(batch, 3, side, side, generator=generator) for side in sizes]
    crops = []
    for _ in views:
        box = torch.cat(
            [
                torch.randint(0, 8, (batch, 2), generator=generator),
                torch.randint(8, 16, (batch, 2), generator=generator),
            ],
            1,
        )
        flip = torch.randint(0, 2, (batch, 1), generator=generator)
        crops.append(torch.cat([box, flip, torch.zeros(batch, 1)], 1).float())
    labels = torch.zeros(batch, dtype=torch.int64)
    return ViewBatch(views, labels, None, crops, torch.full((batch, 2), SIDE))


def places_of(batch: ViewBatch) -> list[torch.Tensor]:
    return [crop_coordinates(c[:, :4], batch.sizes, c[:, 4]) for c in batch.crops]


def train(module: PixPro, steps: int) -> None:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        module.training_step(make_batch(seed=step), step).backward()
        optimizer.step()
        module.updates += 1
        module.follow(0.5)


def test_residual_blocks_start_as_the_identity():
    module = PixPro(PixProConfig(hidden_dim=4, output_dim=4))
    blocks = [m for m in module.backbone.modules() if isinstance(m, Bottleneck)]
    assert blocks and all(not block.bn3.weight.any() for block in blocks)
    plain = PixPro(PixProConfig(hidden_dim=4, output_dim=4, zero_init_residual=False))
    assert plain.backbone.layer1[0].bn3.weight.all()


@pytest.mark.parametrize("averaging", ["images", "pairs"])
def test_the_step_compares_each_view_with_the_others_momentum_map(averaging):
    module, batch = make_module(averaging=averaging), make_batch()
    train(module, 1)
    with torch.no_grad():
        q = [
            unit(module.propagation(module.projector(module.backbone.feature_map(view))))
            for view in batch.views
        ]
        networks = module.momentum_networks
        k = [
            unit(networks["projector"](networks["backbone"].feature_map(view)))
            for view in batch.views
        ]
        places, expected = places_of(batch), 0.0
        for one, other in ((0, 1), (1, 0)):
            mask = positive_mask(q[one], k[other], places[one], places[other], 0.7)
            assert mask.any()
            expected += pixel_consistency(q[one], k[other], mask, averaging)
    torch.testing.assert_close(module.training_step(batch, 0), expected)
    assert int(module.batches_seen) == 2


def test_pixcontrast_has_the_contrast_in_both_directions():
    module, batch = make_module(pixel_loss="contrast", propagation=False), make_batch()
    with torch.no_grad():
        q = [unit(module.projector(module.backbone.feature_map(view))) for view in batch.views]
        places, expected = places_of(batch), 0.0
        for one, other in ((0, 1), (1, 0)):
            mask = positive_mask(q[one], q[other], places[one], places[other], 0.7)
            expected += pixel_contrast(q[one], q[other], mask, 0.3)
    torch.testing.assert_close(module.training_step(batch, 0), expected)


def test_the_instance_branch_is_added_with_its_weight():
    alone, batch = make_module(**INSTANCE), make_batch()
    loss = alone.training_step(batch, 0)
    both = make_module(instance_weight=0.5)
    for name in ("backbone", "instance_projector", "predictor"):
        getattr(both, name).load_state_dict(getattr(alone, name).state_dict())
    both.follow(0.0)
    pixel = make_module()
    for name in ("backbone", "projector", "propagation"):
        getattr(pixel, name).load_state_dict(getattr(both, name).state_dict())
    pixel.follow(0.0)
    expected = pixel.training_step(batch, 0) + 0.5 * loss
    torch.testing.assert_close(both.training_step(batch, 0), expected)
    assert not hasattr(alone, "projector")
    assert list(alone.momentum_networks) == ["backbone", "instance_projector"]


def test_the_papers_instance_branch_is_contrast_without_momentum():
    module, batch = make_module(**INSTANCE, instance_loss="contrast"), make_batch()
    z = [
        module.instance_projector(module.backbone.feature_map(view)).mean((2, 3))
        for view in batch.views
    ]
    torch.testing.assert_close(module.training_step(batch, 0), nt_xent(z[0], z[1], 0.1))
    assert len(module.momentum_networks) == 0 and not hasattr(module, "predictor")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"instance_weight": 1.0},
        {"propagation": False},
        INSTANCE,
        {"pixel_loss": "contrast", "propagation": False},
        {**INSTANCE, "instance_loss": "contrast"},
        {"instance_weight": 1.0, "instance_loss": "contrast", "transform_layers": 2},
    ],
)
def test_every_trained_parameter_has_a_gradient_and_no_momentum_one_has(changes):
    # Several processes need it: a parameter without gradient would make them wait for ever.
    module = make_module(**changes)
    module.training_step(make_batch(), 0).backward()
    for name, parameter in module.named_parameters():
        assert (parameter.grad is not None) == (not name.startswith("momentum_networks")), name


def test_views_of_different_sizes_and_without_overlap_can_be_compared():
    module, batch = make_module(), make_batch(second_size=20)
    assert torch.isfinite(module.training_step(batch, 0))
    apart = [torch.tensor([[0.0, left, 8.0, 8.0, 0.0, 0.0]] * 6) for left in (0.0, 16.0)]
    loss = module.training_step(batch._replace(crops=apart), 0)
    loss.backward()
    assert loss == 0 and not module.backbone.layers[0].weight.grad.any()


def test_views_that_do_not_know_their_images_are_refused():
    module, batch = make_module(), make_batch()
    with pytest.raises(DataError, match="sizes"):
        module.training_step(batch._replace(sizes=None), 0)
    with pytest.raises(DataError, match="leaves its image"):
        module.training_step(batch._replace(sizes=torch.full((6, 2), 4)), 0)


def test_the_momentum_networks_follow_the_optimizers_updates():
    module = make_module(momentum=0.9)
    online = module.projector[0].weight
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    average = online.detach().clone()
    for update in range(1, 11):
        optimizer.zero_grad()
        module.training_step(make_batch(seed=update), update).backward()
        module.optimizer_step(0, update, optimizer, None)
        momentum = 1 - 0.1 * (1 + torch.cos(torch.tensor(torch.pi * update / 10))) / 2
        average = momentum * average + (1 - momentum) * online.detach()
        torch.testing.assert_close(module.momentum_networks["projector"][0].weight, average)
    assert int(module.updates) == 10


def test_momentum_batch_norms_keep_statistics_of_their_own():
    module = make_module()
    train(module, 2)
    own = module.momentum_networks["projector"][1]
    assert own.training and int(own.num_batches_tracked) == 4
    assert not torch.equal(own.running_mean, module.projector[1].running_mean)


def test_everything_that_the_algorithm_remembers_is_in_the_state():
    module, twin = make_module(instance_weight=1.0), make_module(instance_weight=1.0)
    train(module, 2)
    twin.load_state_dict(module.state_dict())
    assert int(twin.updates) == 2 and int(twin.batches_seen) == 2
    assert torch.equal(module.training_step(make_batch(), 3), twin.training_step(make_batch(), 3))


def test_the_loss_is_finite_under_autocast():
    module = make_module(instance_weight=1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = module.training_step(make_batch(), 0)
    assert loss.dtype == torch.float32 and torch.isfinite(loss)


def test_diagnostics_come_where_metrics_are_written_and_warn_of_a_collapse():
    module = make_module()
    logged = listen(module, every=2)
    module.training_step(make_batch(), 0)
    assert logged == {}
    nn.init.zeros_(module.momentum_networks["projector"][3].weight)
    with pytest.warns(UserWarning, match="features do not differ"):
        module.training_step(make_batch(), 1)
    names = {"train/loss", "diag/embedding_std", "diag/effective_rank", "diag/images_with_pairs"}
    assert names == set(logged)
    assert logged["diag/effective_rank"] < 1.5 and logged["diag/images_with_pairs"] > 0


def test_views_that_never_meet_are_warned_of():
    module, batch = make_module(), make_batch()
    logged = listen(module)
    apart = [torch.tensor([[0.0, left, 8.0, 8.0, 0.0, 0.0]] * 6) for left in (0.0, 16.0)]
    with pytest.warns(UserWarning, match=r"data\.views"):
        module.training_step(batch._replace(crops=apart), 0)
    assert logged["diag/images_with_pairs"] == 0


def test_grey_images():
    module = PixPro(PixProConfig(backbone="small_conv"), facts=ImageFacts(channels=1))
    assert module.embed(torch.rand(2, 1, 16, 16)).shape == (2, 64)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.views=[{count: 3}]", "compares 2 views of an image, not 3"),
        ("data.views=[{count: 2, rotation: 0.1}]", "rotation must be 0"),
        ("method.pixel_loss=none", "method.instance_weight.*0"),
        ("method.transform_layers=3", "transform_layers"),
        ("method.threshold=0", "threshold"),
        ("evaluation.protocols=[detection]", "head=c4"),
    ],
)
def test_recipes_that_cannot_work_are_refused_before_anything_runs(override, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe("pixpro/quick", [override])


def test_contrast_of_images_needs_others():
    words = ["data.batch_size=1", "method.instance_weight=1", "method.instance_loss=contrast"]
    with pytest.raises(ConfigError, match="negatives are the other images"):
        load_recipe("pixpro/quick", words)


def test_a_backbone_without_cells_is_refused():
    with pytest.raises(ConfigError, match=r"method\.backbone=vit_tiny"):
        PixPro(PixProConfig(backbone="vit_tiny"))
