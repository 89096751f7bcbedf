import pytest
import torch
import torch.nn.functional as F

from papers.autotcl.backbone import CausalAverage, DilatedEncoder, causal_convolution


def make(channels=3, seed=0, **options):
    torch.manual_seed(seed)
    return DilatedEncoder(channels, **options).double()


def written_out(encoder, x):
    """Every layer with its full kernel and zeros at both ends; the causal ones one by one."""
    h = encoder.inputs(x).transpose(1, 2)
    for i, block in enumerate(encoder.blocks):
        d, first, second = 2**i, block.conv1, block.conv2
        inner = F.conv1d(F.gelu(h), first.weight, first.bias, padding=d, dilation=d)
        inner = F.conv1d(F.gelu(inner), second.weight, second.bias, padding=d, dilation=d)
        h = inner + block.shortcut(h)
    parts = [conv(F.pad(h, (conv.kernel_size[0] - 1, 0))) for conv in encoder.average.convs]
    return torch.stack(parts).mean(0).transpose(1, 2)


# The last shape has dilations longer than the series, and causal kernels, too.
SHAPES = [(2, (1, 2), 12), (3, (1, 2, 4, 32), 40), (5, (1, 16, 64), 20)]


@pytest.mark.parametrize(("depth", "lengths", "steps"), SHAPES)
def test_it_is_the_network_written_out_in_value_and_gradient(depth, lengths, steps):
    encoder = make(hidden_dim=5, depth=depth, output_dim=6, lengths=lengths)
    x = torch.randn(2, steps, 3, dtype=torch.float64, requires_grad=True)
    ours, expected = encoder(x), written_out(encoder, x)
    torch.testing.assert_close(ours, expected)
    # Of all weights: an outer tap that reads padding alone has a gradient of zeros, not none.
    inputs = [x, *encoder.parameters()]
    for got, want in zip(
        torch.autograd.grad(ours.square().sum(), inputs),
        torch.autograd.grad(expected.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize(("depth", "lengths", "steps"), [*SHAPES, (10, (1, 8, 128), 201)])
def test_the_last_step_alone_is_the_whole_ways_last_step(depth, lengths, steps):
    encoder = make(hidden_dim=5, depth=depth, output_dim=6, lengths=lengths)
    x = torch.randn(3, steps, 3, dtype=torch.float64)
    torch.testing.assert_close(encoder.last(x), encoder(x)[:, -1])
    trunk_only = make(hidden_dim=5, depth=depth, output_dim=6, lengths=())
    torch.testing.assert_close(trunk_only.last(x), trunk_only.trunk(x)[:, -1])


def test_the_last_step_skips_what_nothing_reads():
    # 12 steps, dilations 1 to 32: from 16 on only the last four steps are read.
    encoder = make(hidden_dim=5, depth=5, output_dim=6, lengths=(1, 4))
    widths = []
    for block in encoder.blocks:
        block.register_forward_hook(lambda _m, given, _o: widths.append(given[0].shape[2]))
    encoder.last(torch.randn(1, 12, 3, dtype=torch.float64))
    assert widths == [12, 12, 12, 12, 4, 4]


def test_the_default_is_the_papers_size():
    with torch.device("meta"):
        encoder = DilatedEncoder(8)
    assert sum(p.numel() for p in encoder.parameters()) == 26_752_256
    assert len(encoder.blocks) == 11 and encoder.num_features == 320


@pytest.mark.parametrize("length", [1, 3, 16, 50])
@pytest.mark.parametrize("steps", [1, 7, 33])
def test_causal_convolution_sees_the_past_alone(length, steps):
    torch.manual_seed(0)
    x = torch.randn(2, 3, steps, dtype=torch.float64)
    weight = torch.randn(4, 3, length, dtype=torch.float64)
    expected = torch.zeros(2, 4, steps, dtype=torch.float64)
    for t in range(steps):
        for back in range(min(t + 1, length)):
            expected[:, :, t] += x[:, :, t - back] @ weight[:, :, length - 1 - back].T
    torch.testing.assert_close(causal_convolution(x, weight), expected)


def test_single_precision_is_within_rounding_and_autocast_is_widened():
    torch.manual_seed(0)
    average = CausalAverage(8, 8, (1, 32, 64))
    x = torch.randn(2, 8, 90)
    exact = average.double()(x.double())
    torch.testing.assert_close(average.float()(x).double(), exact, rtol=0, atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        assert average(x).dtype == torch.float32


def test_steps_left_out_are_zero_after_the_linear_layer():
    encoder = make(hidden_dim=5, depth=1, output_dim=6, lengths=(1, 2))
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    keep = torch.ones(2, 9, dtype=torch.bool)
    keep[:, 4] = False
    other = x.clone()
    other[:, 4] = 7.0
    torch.testing.assert_close(encoder(other, keep), encoder(x, keep))
    assert not torch.allclose(encoder(other), encoder(x))
    assert torch.equal(encoder(x, torch.ones_like(keep)), encoder(x))


def test_dropout_is_on_the_trunk_in_training_only():
    encoder = make(hidden_dim=5, depth=1, output_dim=400, lengths=(), dropout=0.5)
    x = torch.randn(1, 9, 3, dtype=torch.float64)
    assert 0.4 < float((encoder.trunk(x) == 0).double().mean()) < 0.6
    assert not (encoder.eval().trunk(x) == 0).any()
