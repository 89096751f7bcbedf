"""What AutoTCL and TS2Vec share: the mean of the encoder's weights, position and draws."""

import pytest
import torch

from papers.autotcl.averaging import AveragedEncoder, update_mean
from papers.autotcl.backbone import DilatedEncoder


class Method(AveragedEncoder):
    """An encoder and its mean, without a loss."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = DilatedEncoder(2, 3, 1, 4, (), 0.0)
        self.start_mean()


@pytest.fixture
def method() -> Method:
    torch.manual_seed(0)
    return Method().double().eval()


def test_equal_weights_whatever_the_count():
    average, online = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    values = [3.0, -1.0, 4.0, 6.0]
    torch.nn.init.constant_(average.weight, values[0])
    for count, value in enumerate(values[1:], 1):
        torch.nn.init.constant_(online.weight, value)
        update_mean(average, online, count)
    assert average.weight.item() == pytest.approx(3.0)


def test_the_first_weights_are_in_the_mean_and_batches_count(method: Method):
    (first, *_), x = method.encoder.parameters(), torch.randn(2, 6, 2).double()
    start = first.detach().clone()
    for change in (3.0, 3.0):
        with torch.no_grad():
            first.add_(change)
        method.count_in_mean()
    mean = next(method.average.parameters())
    torch.testing.assert_close(mean, start + (0 + 3 + 6) / 3)
    assert int(method.batches_seen) == 2 and not mean.requires_grad
    assert not torch.equal(method.embed(x), method.encoder(x))


def test_the_mean_is_what_is_evaluated_and_exported(method: Method):
    x = torch.randn(3, 8, 2).double()
    assert method.backbone is method.average
    assert torch.equal(method.embed(x), method.average(x))
    torch.testing.assert_close(method.embed_last(x), method.embed(x)[:, -1])


def test_draws_follow_seed_position_and_stream(method: Method):
    def drawn(stream: int) -> list[float]:
        return torch.rand(3, generator=method.draws(stream)).tolist()

    here = drawn(0)
    assert drawn(0) == here and drawn(1) != here
    method.batches_seen += 1
    assert drawn(0) != here
    method.batches_seen -= 1
    assert drawn(0) == here
    method.draw_seed += 1
    assert drawn(0) != here


def test_position_seed_and_mean_are_in_a_checkpoint(method: Method):
    names = set(method.state_dict())
    assert {"batches_seen", "draw_seed"} <= names
    assert any(name.startswith("average.") for name in names)
    assert not method.automatic_optimization
