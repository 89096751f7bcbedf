import pytest
import torch

from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.sampler import BatchKey
from common.data.targets.regression.config import RegressionFacts
from common.data.targets.regression.module import RegressionData
from common.data.targets.regression.views import RegressionBatch
from common.distributed.draws import draw_beta
from common.errors import ConfigError
from papers.supremix.config import BETA_OPTIONS, SupReMixConfig
from papers.supremix.encoder import compared_labels, compared_window
from papers.supremix.loss import supremix
from papers.supremix.module import SupReMix
from tests.training import listen, quiet_trainer

TABLE = RegressionFacts((4,), 100, 20.0, 5.0, 30.0)
SMALL = ["data.name=diabetes", "data.shift=0", "method.backbone=mlp", "method.window=50"]


def build(*words):
    """Builds module and data of the quick recipe on a small table, as the pipeline does."""
    recipe = load_recipe("supremix/quick", [*SMALL, "data.batch_size=32", *words])
    data = RegressionData(recipe.data, recipe.seed)
    torch.manual_seed(recipe.seed)
    return SupReMix(recipe.method, recipe.optimizer, data.facts), data


def train(num_batches, *words):
    torch.set_num_threads(1)
    module, data = build(*words)
    trainer = quiet_trainer(max_steps=num_batches)
    trainer.fit(module, datamodule=data)
    return module


def make_batch(size=8, views=2):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(views, size, 4, generator=generator)
    targets = torch.randint(0, 12, (size,), generator=generator).float()
    return RegressionBatch(inputs, targets, BatchKey(torch.arange(size), 0, 0, 0, size))


def standalone(**options):
    torch.manual_seed(0)
    config = SupReMixConfig(backbone="mlp", hidden_dim=16, output_dim=8, **options)
    return SupReMix(config, OptimizerConfig(name="adam", lr=1e-3), TABLE)


def test_a_step_is_the_loss_of_the_views_embeddings():
    module, batch = standalone(), make_batch()
    z = module.project(batch.inputs.flatten(0, 1)).view(2, 8, -1)
    alpha = module.draw_shares(2, 8)
    expected = supremix(z, batch.targets, 0.5, 5.0, alpha, "linear")
    module.train()
    torch.testing.assert_close(module.training_step(batch, 0), expected)
    assert int(module.batches_seen) == 1


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({"mix_neg": False, "mix_pos": False, "weights": "none"}, {}),
        ({"mix_neg": False, "mix_pos": False}, {"weights": "linear"}),
        ({"mix_neg": False}, {"weights": "linear", "window": 5.0}),
        ({"mix_pos": False}, {"weights": "linear", "alpha": True}),
        ({"label_step": 3.0, "mix_neg": False}, {"weights": "linear", "window": 5.0}),
    ],
)
def test_switches_take_their_part_out(options, arguments):
    module, batch = standalone(**options), make_batch()
    z = module.project(batch.inputs.flatten(0, 1)).view(2, 8, -1)
    if "alpha" in arguments:
        arguments = {**arguments, "alpha": module.draw_shares(2, 8)}
    labels = compared_labels(batch.targets, options.get("label_step", 0.0))
    expected = supremix(z, labels, 0.5, **arguments)
    torch.testing.assert_close(module.training_step(batch, 0), expected)


def test_labels_are_rounded_to_multiples():
    labels = torch.tensor([0.2, 0.3, 0.9, 7.4])
    torch.testing.assert_close(compared_labels(labels, 0.5), torch.tensor([0, 0.5, 1, 7.5]))
    assert compared_labels(labels, 0) is labels


@pytest.mark.parametrize(("window", "step", "inside"), [(1.0, 0.2, 4), (1.1, 0.2, 5), (4, 1, 3)])
def test_the_window_is_strict_in_whole_steps_whatever_floats_say(window, step, inside):
    labels = compared_labels(torch.arange(26) * step, step)
    gap = (labels[:, None] - labels).abs()
    steps = (torch.arange(26)[:, None] - torch.arange(26)).abs()
    assert torch.equal(gap < compared_window(window, step), steps <= inside)
    assert compared_window(window, 0) == window


def test_labels_on_the_window_have_no_mixture_in_a_step():
    # 9 and 14 steps of .2 differ by less than 1.0 in float32.
    batch = make_batch()._replace(targets=torch.tensor([5.0, 9, 14, 20, 5, 9, 14, 20]) * 0.2)
    gap = float(batch.targets[2] - batch.targets[1])
    options = {"label_step": 0.2, "mix_neg": False}
    step = standalone(**options, window=1.0).training_step(batch, 0)
    none = standalone(**options, mix_pos=False).training_step(batch, 0)
    assert gap < 1.0 and torch.equal(step, none)


def test_steps_that_leave_no_pair_within_the_window_or_one_label_are_refused():
    wide = ["method.label_step=50"]
    with pytest.raises(ConfigError, match=r"window=50.*label_step=50.*method\.mix_pos"):
        build(*wide)
    build(*wide, "method.mix_pos=false")
    with pytest.raises(ConfigError, match=r"label_step=900.*25.*346"):
        build("method.label_step=900", "method.mix_pos=false")


def test_shares_are_a_function_of_seed_and_position():
    first, again = standalone(), standalone()
    assert torch.equal(first.draw_shares(2, 4), again.draw_shares(2, 4))
    again.batches_seen += 1
    assert not torch.equal(first.draw_shares(2, 4), again.draw_shares(2, 4))
    torch.manual_seed(5)
    other = SupReMix(first.method, first.optimizer, TABLE)
    assert not torch.equal(first.draw_shares(2, 4), other.draw_shares(2, 4))


@pytest.mark.parametrize(("first", "second"), [*BETA_OPTIONS, (0.3, 0.4)])
def test_draws_have_the_moments_of_beta(first, second):
    draws = draw_beta(first, second, (200, 200), torch.Generator().manual_seed(0))
    beta = torch.distributions.Beta(first, second)
    assert abs(draws.mean() - beta.mean) < 0.005
    assert abs(draws.var() - beta.variance) < 0.005
    assert draws.min() >= 0 and draws.max() <= 1


def test_two_steps_move_the_weights_and_seeds_differ():
    started, _ = build()
    trained, again, other = train(2), train(2), train(2, "seed=1")
    assert int(trained.batches_seen) == 2
    weights = [module.head[0].weight for module in (started, trained, again, other)]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[1], weights[2])
    assert not torch.equal(weights[1], weights[3])
    assert all(parameter.isfinite().all() for parameter in trained.parameters())


def test_the_state_is_complete_from_the_start():
    assert set(train(1).state_dict()) == set(build()[0].state_dict())


def test_what_is_logged_says_how_pairs_look():
    module = standalone()
    logged = listen(module)
    module.training_step(make_batch(), 0)
    assert {"train/loss", "diag/positive_similarity", "diag/effective_rank"} <= set(logged)
    assert 0 < logged["diag/positive_similarity"] < 1


def test_a_window_wider_than_any_batch_is_refused_before_training():
    with pytest.raises(ConfigError, match=r"method\.window=400"):
        build("method.window=400")
    assert build("method.window=400", "method.mix_pos=false")


def test_one_view_needs_labels_that_can_be_equal():
    with pytest.raises(ConfigError, match=r"data\.num_views"):
        load_recipe("supremix/quick", ["data.num_views=1"])
    with pytest.raises(ConfigError, match=r"data\.views"):
        load_recipe("supremix/agedb", ["data.views=[{count: 1, size: 64}]", "method.label_step=0"])
    load_recipe("supremix/quick", ["data.num_views=1", "method.label_step=1"])


def test_a_table_is_refused_by_a_image_backbone():
    with pytest.raises(ConfigError, match=r"small_grid.*10"):
        build("method.backbone=small_grid")


def test_beta_is_a_pair():
    with pytest.raises(ConfigError, match=r"method\.beta"):
        load_recipe("supremix/quick", ["method.beta=[2]"])
