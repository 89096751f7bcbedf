"""A batch in parts beside the whole one, on small encoders; each method: tests/system."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from common.backbones.build import as_encoder
from common.backbones.resnet import small_resnet, small_resnet_gn
from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.images.config import ImageFacts
from common.distributed.collectives import gather_with_grad, rank, world_size
from common.errors import ConfigError
from common.methods.config import SimCLRConfig
from common.methods.simclr import SimCLR
from common.training import microbatch
from common.training.microbatch import Microbatch, bytes_of_sample, check_encoders, encoders_of
from tests.gloo import run_processes
from tests.training import quiet_trainer

ROWS, SIZE = 10, 4


class Model(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = as_encoder(backbone)


def perceptron(*between: nn.Module) -> Model:
    torch.manual_seed(1)
    return Model(nn.Sequential(nn.Linear(5, 8), *between, nn.Linear(8, 3))).double()


def inputs(*shape: int) -> Tensor:
    return torch.randn(ROWS, *shape or (5,), generator=torch.Generator().manual_seed(2)).double()


def gradients(model: Model, callback: Microbatch | None, x: Tensor) -> list[Tensor]:
    """Returns the loss, which joins all samples, and the gradients of all parameters."""
    torch.manual_seed(3)
    if callback is not None:
        callback.on_train_batch_start(None, model, None, 0)
    h = model.backbone(x)
    if callback is not None:
        callback.on_exception(None, model, None)
    z = gather_with_grad(h)
    loss = (z @ z.T).logsumexp(1).mean()
    return [loss.detach(), *torch.autograd.grad(loss, list(model.parameters()))]


def assert_equal(found: list[Tensor], expected: list[Tensor]) -> None:
    for own, other in zip(found, expected, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-12)


def test_parts_have_the_gradients_of_the_whole_batch() -> None:
    model = perceptron(nn.ReLU(inplace=True))
    assert_equal(gradients(model, Microbatch(SIZE), inputs()), gradients(model, None, inputs()))


class WithTheGraphKept:
    @staticmethod
    def apply(run, network, share, *given):
        return run(*given)


def test_dropout_draws_the_same_in_both_passes(monkeypatch) -> None:
    model = perceptron(nn.Dropout(0.5))
    found = gradients(model, Microbatch(SIZE), inputs())
    after = torch.rand(1)
    with monkeypatch.context() as patch:
        patch.setattr(microbatch, "_Part", WithTheGraphKept)
        assert_equal(found, gradients(model, Microbatch(SIZE), inputs()))
    assert torch.equal(after, torch.rand(1)), "the backward pass has drawn nothing"
    monkeypatch.setattr(torch, "set_rng_state", lambda state: None)
    with pytest.raises(AssertionError):
        assert_equal(gradients(model, Microbatch(SIZE), inputs()), found)


def test_both_passes_are_cast_alike_and_weights_keep_their_gradients(monkeypatch) -> None:
    model, x = perceptron(nn.Tanh()).float(), inputs().float()

    def gradients_of_step() -> list[Tensor]:
        callback = Microbatch(ROWS, "parts")
        # As in Lightning the backward pass is outside.
        with torch.autocast("cpu", torch.bfloat16):
            callback.on_train_batch_start(None, model, None, 0)
            in_parts = model.backbone(x)
            callback.on_exception(None, model, None)
            whole = model.backbone(x)
        loss = in_parts.float().square().sum() + whole.float().exp().sum()
        return list(torch.autograd.grad(loss, list(model.parameters())))

    found = gradients_of_step()
    monkeypatch.setattr(microbatch, "_Part", WithTheGraphKept)
    for own, other in zip(found, gradients_of_step(), strict=True):
        torch.testing.assert_close(own, other, rtol=2**-7, atol=0)


def test_a_part_that_is_left_out_is_noticed(monkeypatch) -> None:
    model = perceptron()
    joined = microbatch._joined
    monkeypatch.setattr(
        microbatch, "_joined", lambda parts: joined([*parts[:-1], parts[-1].detach()])
    )
    with pytest.raises(AssertionError):
        assert_equal(gradients(model, Microbatch(SIZE), inputs()), gradients(model, None, inputs()))


def test_the_second_pass_has_the_modes_of_the_first() -> None:
    model = perceptron(nn.Dropout(0.5))

    class Evaluated(Microbatch):
        def on_exception(self, trainer, pl_module, exception) -> None:
            super().on_exception(trainer, pl_module, exception)
            model.train()

    model.eval()
    expected = gradients(model, None, inputs())
    assert_equal(gradients(model, Evaluated(SIZE), inputs()), expected)


def test_a_map_passes_in_parts_too_and_only_once_within_a_whole_pass() -> None:
    torch.manual_seed(1)
    model = Model(small_resnet_gn(stem="cifar")).double()
    callback, x = Microbatch(SIZE), inputs(3, 8, 8)
    assert_equal(gradients(model, callback, x), gradients(model, None, x))
    callback.on_train_batch_start(None, model, None, 0)
    sizes = []
    model.backbone.conv1.register_forward_hook(lambda _, given, __: sizes.append(len(given[0])))
    found = model.backbone.feature_map(x)
    callback.on_exception(None, model, None)
    assert sizes == [8, 4, 4, 2], "first a look whether samples meet"
    torch.testing.assert_close(found, model.backbone.feature_map(x), rtol=1e-12, atol=1e-12)


def test_a_copy_made_between_steps_is_whole() -> None:
    model, callback = perceptron(), Microbatch(SIZE)
    gradients(model, callback, inputs())
    assert not {"forward", "feature_map"} & set(vars(deepcopy(model).backbone))


def trained(*callbacks: Microbatch) -> dict[str, Tensor]:
    """Returns the state after three updates of two batches each in a stock Trainer."""
    torch.manual_seed(1)
    backbone = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
    method = SimCLRConfig(hidden_dim=8, output_dim=4)
    module = SimCLR(method, OptimizerConfig(lr=0.5), ImageFacts(3, 2), backbone)
    views = torch.randn(6, 2, ROWS, 3, 2, 2, dtype=torch.float64)
    batches = [([*pair], torch.zeros(ROWS)) for pair in views]
    loader = DataLoader(batches, batch_size=None)
    trainer = quiet_trainer(
        max_epochs=1, accumulate_grad_batches=2, precision="64-true", callbacks=[*callbacks]
    )
    trainer.fit(module, loader)
    assert trainer.global_step == 3
    return module.state_dict()


def test_three_updates_of_a_stock_trainer_with_accumulation() -> None:
    whole, parts = trained(), trained(Microbatch(SIZE))
    assert_equal([*parts.values()], [*whole.values()])


# Batch norm within the encoder.


def normed() -> Model:
    torch.manual_seed(1)
    return Model(small_resnet(stem="cifar")).double()


def of_this_process() -> list[Tensor]:
    own = inputs(3, 8, 8).chunk(world_size())[rank()]
    return gradients(normed(), None, own)


@pytest.mark.distributed
def test_parts_have_statistics_of_their_own_as_processes_without_synchronised_norm() -> None:
    model = normed()
    found = gradients(model, Microbatch(ROWS // 2, "parts"), inputs(3, 8, 8))
    first, second = run_processes(of_this_process)
    assert_equal(found, [(a + b) / 2 for a, b in zip(first, second, strict=True)])


def test_running_statistics_move_once_and_by_a_step_in_all() -> None:
    model, x = normed(), inputs(3, 8, 8)
    before = model.backbone.bn1.running_mean.clone()
    gradients(model, Microbatch(ROWS // 2, "parts"), x)
    means = [model.backbone.conv1(part).mean((0, 2, 3)) for part in x.chunk(2)]
    expected = before
    for mean in means:
        expected = expected.lerp(mean, 0.05)
    torch.testing.assert_close(model.backbone.bn1.running_mean, expected.detach())
    assert model.backbone.bn1.momentum == 0.1
    assert int(model.backbone.bn1.num_batches_tracked) == 2


# Refusals.


def test_batch_norm_within_the_encoder_is_refused_and_in_a_head_it_is_not() -> None:
    facts, small = ImageFacts(3, 8), {"hidden_dim": 8, "output_dim": 4, "stem": "cifar"}
    check_encoders(
        SimCLR(SimCLRConfig(backbone="small_resnet_gn", **small), None, facts), "exact", 1
    )
    module = SimCLR(SimCLRConfig(backbone="small_resnet", **small), None, facts)
    with pytest.raises(ConfigError, match=r"batch norm joins samples.*SimCLR"):
        check_encoders(module, "exact", 1)
    check_encoders(module, "parts", 1)
    with pytest.raises(ConfigError, match=r"method\.sync_batch_norm=false"):
        check_encoders(module, "parts", 2)


def test_a_module_without_an_encoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="no encoder whose samples pass apart"):
        check_encoders(nn.Linear(2, 2), "exact", 1)


class Centred(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x - x.mean(0))


def test_samples_that_meet_without_batch_norm_are_found_before_the_first_step() -> None:
    with pytest.raises(ConfigError, match="samples meet in Centred"):
        gradients(Model(Centred()).double(), Microbatch(SIZE), inputs())


@pytest.mark.parametrize(
    ("reference", "words", "reason"),
    [
        ("meow", [], "nodes of one graph"),
        ("mclrec", [], "scores of all items"),
        ("autotcl", [], "steps of a few long series"),
        ("swav", ["trainer.compile=true"], "not compiled"),
        ("swav", ["trainer.strategy=fsdp"], "not sharded"),
        ("swav", ["trainer.microbatch=auto", "trainer.microbatch_norm=parts"], "write a number"),
        ("swav", ["trainer.microbatch=0"], "at least 1"),
        ("swav", ["trainer.microbatch=many"], "known: auto"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_by_its_reason(reference, words, reason) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_recipe(reference, ["trainer.microbatch=8", *words])


def test_parts_with_batch_norm_change_the_hash() -> None:
    whole = load_recipe("swav").hash()
    words = ["trainer.microbatch=8", "trainer.microbatch_norm=parts"]
    hashes = {
        load_recipe("swav", [*words, *more]).hash() for more in ([], ["trainer.microbatch=4"])
    }
    assert len({whole, *hashes}) == 3


# auto.


def test_auto_fits_the_free_memory_and_a_checkpoint_keeps_what_it_found(monkeypatch) -> None:
    model, x = perceptron(nn.Tanh()), inputs()
    (encoder,) = encoders_of(model)
    each = bytes_of_sample(encoder, [x], {})
    assert each == 8 * 8, "of the hidden layer after tanh; inputs and weights are there anyway"
    state = torch.get_rng_state()
    monkeypatch.setattr(microbatch, "free_memory", lambda device: 2 * 5 * each)
    callback = Microbatch("auto")
    assert_equal(gradients(model, callback, x), gradients(model, None, x))
    assert callback.sizes == {"backbone.forward": 4}
    torch.manual_seed(0)
    torch.set_rng_state(state)
    monkeypatch.setattr(microbatch, "free_memory", lambda device: 10**12)
    resumed = Microbatch("auto")
    resumed.load_state_dict(callback.state_dict())
    gradients(model, resumed, x)
    assert resumed.sizes == callback.sizes
    fresh, passes = Microbatch("auto"), []
    hook = model.backbone[0].register_forward_hook(
        lambda _, given, __: passes.append(len(given[0]))
    )
    gradients(model, fresh, x)
    hook.remove()
    assert passes[-1] == ROWS, "where all fit it passes whole"


def test_free_memory_is_told() -> None:
    assert microbatch.free_memory(torch.device("cpu")) > 10**6
