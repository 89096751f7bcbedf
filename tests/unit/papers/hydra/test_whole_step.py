"""Three whole steps with the published settings against a plain restatement of hydra's.

Gate, contrast, optimizer, rates and momentum are written down here once more, from the equations;
only the layers of encoder, projector and predictor are the module's own, copied.
"""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.config.recipe import load_recipe
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from papers.hydra.gate import PairGate
from papers.hydra.module import SimLAP
from papers.hydra.momentum import Hydra
from tests.lars import lars_step
from tests.training import take_steps

SMALL = {
    "backbone": "resnet18",
    "stem": "imagenet",
    "hidden_dim": 16,
    "output_dim": 8,
    "gate_embedding_dim": 6,
    "gate_hidden_dim": 10,
}
FACTS = ImageFacts(channels=3, size=16, num_classes=5, num_samples=12)
LABELS = torch.arange(12) % 5
STEPS, EPOCH = 3, 4  # steps taken, batches an epoch


def make(reference: str, kind: type) -> SimLAP | Hydra:
    words = [f"method.{key}={value}" for key, value in SMALL.items()]
    recipe = load_recipe(reference, words)
    torch.manual_seed(0)
    return kind(recipe.method, recipe.optimizer, FACTS).double()


def make_batches() -> list[ViewBatch]:
    generator = torch.Generator().manual_seed(1)
    draw = lambda: torch.randn(12, 3, 16, 16, generator=generator, dtype=torch.float64)  # noqa: E731
    return [ViewBatch([draw(), draw()], LABELS, None, []) for _ in range(STEPS)]


class Gate(nn.Module):
    """BasicGate: ReLU before batch norm, twice, on the mean of two classes."""

    def __init__(self, gate: PairGate) -> None:
        super().__init__()
        parts = copy.deepcopy(gate)
        self.classes = parts.embedding
        relu = nn.ReLU()
        self.mlp = nn.Sequential(relu, parts.norm1, parts.linear1, relu, parts.norm2, parts.linear2)

    def forward(self, y: Tensor, y2: Tensor) -> Tensor:
        return self.mlp((self.classes(y) + self.classes(y2)) / 2).sigmoid()


def contrast(gate: Gate, q: Tensor, k: Tensor, y: Tensor, y2: Tensor, scale: Tensor) -> Tensor:
    """One direction: its own call of the gate, and the naive (batch, keys, dim) array."""
    g = gate(y, y2)
    logits = scale * F.cosine_similarity((q * g)[:, None], k[None] * g[:, None], dim=2)
    own, partners = y[:, None] == y[None], y2[:, None] == y[None]
    third = (logits.exp() * ~(own | partners)).sum(1, keepdim=True)
    return ((logits.exp() + third).log() - logits)[partners].mean()


def instance(q: Tensor, k: Tensor, temperature: float) -> Tensor:
    logits = F.normalize(q) @ F.normalize(k).T / temperature
    return F.cross_entropy(logits, torch.arange(len(q)))


def rate(step: int, peak: float, warmup: int) -> float:
    """MoCo v3's at fractional epochs, within the warm-up."""
    assert step < warmup * EPOCH
    return peak * step / EPOCH / warmup


def assert_equal_networks(module: nn.Module, plain: nn.Module) -> None:
    mine, theirs = module.state_dict().values(), plain.state_dict().values()
    for ours, expected in zip(mine, theirs, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


def test_simlap() -> None:
    module = make("hydra/imagenet", SimLAP)
    gate = Gate(module.gate)
    encoder = nn.Sequential(copy.deepcopy(module.backbone), copy.deepcopy(module.projector))
    buffers: dict[nn.Parameter, Tensor] = {}
    batches, expected = make_batches(), []
    y2 = []  # drawn by the module: a function of seed and position
    losses = take_steps(module, batches, EPOCH, watch=lambda m: y2.append(m.partners(LABELS)))
    scale = torch.tensor(math.log(10.0)).double().exp()  # the module keeps its log in float32
    for step, (batch, partners) in enumerate(zip(batches, y2, strict=True)):
        z1, z2 = (encoder(view) for view in batch.views)  # batch norm sees one view at a time
        loss = contrast(gate, z1, z2, LABELS, partners, scale)
        loss = (loss + contrast(gate, z2, z1, LABELS, partners, scale)) / 2
        trained = [*encoder.parameters(), *gate.parameters()]
        for weight, slope in zip(trained, torch.autograd.grad(loss, trained), strict=True):
            weight.grad = slope
        lars_step(trained, buffers, rate(step, 0.2, 40), 1e-4)
        expected.append(loss.item())
    assert losses == pytest.approx(expected, rel=1e-10)
    assert_equal_networks(nn.Sequential(module.backbone, module.projector), encoder)
    gates = module.gate
    assert_equal_networks(nn.ModuleList([gates.norm1, gates.linear1, gates.norm2]), gate.mlp[1:5])
    assert_equal_networks(gates.embedding, gate.classes)


@pytest.mark.parametrize("older", [False, True])
def test_momentum_hydra(older: bool) -> None:
    module = make("hydra/imagenet-momentum" + (":older-builder" if older else ""), Hydra)
    gate = Gate(module.gate)
    encoder = nn.Sequential(copy.deepcopy(module.backbone), copy.deepcopy(module.projector))
    predictor, keys = copy.deepcopy(module.predictor), copy.deepcopy(encoder)
    log_scale = nn.Parameter(torch.tensor(math.log(20.0 if older else 1.0)).double())
    trained = [*encoder.parameters(), *predictor.parameters(), *gate.parameters()]
    trained += [log_scale] * older
    buffers: dict[nn.Parameter, Tensor] = {}
    batches, expected = make_batches(), []
    y2 = []
    losses = take_steps(module, batches, EPOCH, watch=lambda m: y2.append(m.partners(LABELS)))
    for step, (batch, partners) in enumerate(zip(batches, y2, strict=True)):
        momentum = 1 - 0.01 * (1 + math.cos(math.pi * step / (EPOCH * 100))) / 2
        q = [predictor(encoder(view)) for view in batch.views]
        with torch.no_grad():
            for average, online in zip(keys.parameters(), encoder.parameters(), strict=True):
                average.copy_(momentum * average + (1 - momentum) * online)
            k = [keys(view) for view in batch.views]
        loss = (instance(q[0], k[1], 1.0) + instance(q[1], k[0], 1.0)) / 2
        if older:  # the filter is trained first
            q = [view.detach() for view in q]
        pairs = [
            contrast(gate, q[a], k[b], LABELS, partners, log_scale.exp())
            for a, b in ((0, 1), (1, 0))
        ]
        loss = (loss + sum(pairs) / 2) / 2
        for weight, slope in zip(trained, torch.autograd.grad(loss, trained), strict=True):
            weight.grad = slope
        lars_step(trained, buffers, rate(step, 9.6, 10), 1e-6)
        expected.append(loss.item())
    assert losses == pytest.approx(expected, rel=1e-10)
    assert_equal_networks(nn.Sequential(module.backbone, module.projector), encoder)
    assert_equal_networks(module.predictor, predictor)
    assert_equal_networks(nn.ModuleList([module.gate.norm1, module.gate.norm2]), gate.mlp[1::3])
    torch.testing.assert_close(module.contrast.log_scale.detach(), log_scale.detach())
