import pytest
import torch
import torch.distributed as dist
from torch import nn

from common.distributed.batch_norm import GlobalBatchNorm, convert_batch_norm
from common.distributed.collectives import rank, world_size
from tests.gloo import run_processes


def make_net() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 5)
    )
    net.append(nn.BatchNorm1d(5, momentum=None))
    return net.double()


def make_images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 3 + torch.randn(8, 3, 5, 5, generator=generator, dtype=torch.float64)


def train(net: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    for _ in range(2):
        net.zero_grad()
        y = net(x)
        y.pow(3).mean().backward()
    gradients = {f"grad.{name}": p.grad for name, p in net.named_parameters()}
    buffers = {name: b for name, b in net.named_buffers()}
    return {"y": y.detach(), **gradients, **buffers}


def train_own_share() -> dict[str, torch.Tensor]:
    net = convert_batch_norm(make_net())
    nn.parallel.DistributedDataParallel(net)  # must not refuse it, as it does SyncBatchNorm
    return train(net, make_images().chunk(world_size())[rank()])


@pytest.mark.distributed
def test_two_processes_have_the_statistics_of_the_whole_batch():
    whole = train(make_net(), make_images())
    first, second = run_processes(train_own_share)
    torch.testing.assert_close(torch.cat([first["y"], second["y"]]), whole["y"], rtol=0, atol=1e-10)
    for name, value in whole.items():
        if name.startswith("grad."):
            average = (first[name] + second[name]) / 2
            torch.testing.assert_close(average, value, rtol=1e-9, atol=1e-10)
        elif name != "y":
            torch.testing.assert_close(first[name], value, rtol=1e-10, atol=1e-10)


def pass_through_unequal_shares() -> dict[str, torch.Tensor]:
    counts = torch.zeros(2)

    def counted(collective, index):
        def call(*args, **options):
            counts[index] += 1
            return collective(*args, **options)

        return call

    dist.all_gather, dist.all_reduce = counted(dist.all_gather, 0), counted(dist.all_reduce, 1)
    x = make_images().split([5, 3])[rank()].requires_grad_()
    y = convert_batch_norm(nn.BatchNorm2d(3).double())(x)
    y.pow(3).sum().backward()
    return {"y": y.detach(), "gradient": x.grad, "collectives": counts}


@pytest.mark.distributed
def test_shares_may_differ_in_size_and_a_pass_is_one_gather_and_one_sum():
    x = make_images().requires_grad_()
    y = nn.BatchNorm2d(3).double()(x)
    y.pow(3).sum().backward()
    parts = run_processes(pass_through_unequal_shares)
    for name, whole in (("y", y.detach()), ("gradient", x.grad)):
        found = torch.cat([part[name] for part in parts])
        torch.testing.assert_close(found, whole, rtol=1e-9, atol=1e-10)
    assert parts[0]["collectives"].tolist() == [1, 1]


def test_converted_on_one_process_is_the_same_to_the_bit():
    net, converted = make_net(), convert_batch_norm(make_net())
    assert sum(isinstance(m, GlobalBatchNorm) for m in converted.modules()) == 2
    assert list(net.state_dict()) == list(converted.state_dict())
    a, b = train(net, make_images()), train(converted, make_images())
    assert all(torch.equal(a[name], b[name]) for name in a)
    with torch.no_grad():
        assert torch.equal(net.eval()(make_images()), converted.eval()(make_images()))


def test_the_pass_used_on_cuda_accepts_it():
    norm, plain = GlobalBatchNorm(3), nn.BatchNorm2d(3)
    x = torch.rand(4, 3, 2, 2)
    assert torch.equal(nn.SyncBatchNorm.forward(norm, x), plain(x))
    assert torch.equal(norm.running_var, plain.running_var)


def test_conversion_keeps_parameters_and_options():
    norm = nn.BatchNorm1d(3, eps=1e-3, momentum=0.2, affine=False)
    new = convert_batch_norm(norm.eval())
    assert (new.eps, new.momentum, new.affine, new.training) == (1e-3, 0.2, False, False)
    trained = nn.Sequential(nn.BatchNorm2d(2))
    weight = trained[0].weight
    assert convert_batch_norm(trained)[0].weight is weight
    assert convert_batch_norm(trained) is trained


class WithActivation(nn.BatchNorm2d):
    """As timm's norms are: more than a norm."""

    def forward(self, x):
        return super().forward(x).relu()


def test_a_norm_that_does_more_stays_what_it_is():
    net = convert_batch_norm(nn.Sequential(WithActivation(3), nn.BatchNorm2d(3)))
    assert [type(part) for part in net] == [WithActivation, GlobalBatchNorm]
