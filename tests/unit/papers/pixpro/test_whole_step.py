"""Three whole steps with the published settings against a plain restatement of the official code.

Coordinates, mask, propagation, loss, optimizer, rates and momentum are written down here once more,
from the equations; only the layers of backbone and heads are the module's own, copied.
"""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.config.recipe import load_recipe
from common.data.images.batch import ViewBatch
from papers.pixpro.module import PixPro
from tests.lars import lars_step
from tests.training import take_steps

IMAGE, VIEW, STEPS, EPOCH = 80, 64, 3, 4  # sides, steps taken, batches an epoch


def make(reference: str) -> PixPro:
    words = ["backbone=resnet18", "hidden_dim=16", "output_dim=8"]
    recipe = load_recipe(reference, [f"method.{word}" for word in words])
    torch.manual_seed(0)
    return PixPro(recipe.method, recipe.optimizer).double()


def make_batches() -> list[ViewBatch]:
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(STEPS):
        views = [
            torch.randn(6, 3, VIEW, VIEW, generator=generator, dtype=torch.float64) for _ in "12"
        ]
        boxes = []
        for _ in views:
            corner = torch.randint(0, 24, (6, 2), generator=generator)
            size = torch.randint(40, 56, (6, 2), generator=generator)
            flip = torch.randint(0, 2, (6, 1), generator=generator)
            boxes.append(torch.cat([corner, size, flip, torch.zeros(6, 1)], 1).double())
        labels = torch.zeros(6, dtype=torch.int64)
        found.append(ViewBatch(views, labels, None, boxes, torch.full((6, 2), IMAGE)))
    return found


def centres(box: Tensor, side: int) -> tuple[Tensor, float]:
    """Returns the cells' centres ``(side ** 2, 2)`` in the image, and their diagonal."""
    top, left, height, width, flip, _ = box.tolist()
    x0, x1 = left / (IMAGE - 1), (left + width - 1) / (IMAGE - 1)
    y0, y1 = top / (IMAGE - 1), (top + height - 1) / (IMAGE - 1)
    if flip:
        x0, x1 = x1, x0
    w, h = (x1 - x0) / side, (y1 - y0) / side
    cells = [(x0 + (c + 0.5) * w, y0 + (r + 0.5) * h) for r in range(side) for c in range(side)]
    return torch.tensor(cells, dtype=torch.float64), math.hypot(w, h)


def direction(q: Tensor, k: Tensor, boxes: Tensor, key_boxes: Tensor) -> Tensor:
    """Minus twice the mean over images of the mean cosine of corresponding cells."""
    side, total = q.shape[2], 0.0
    for image in range(len(q)):
        mine, diagonal = centres(boxes[image], side)
        theirs, key_diagonal = centres(key_boxes[image], side)
        mask = torch.cdist(mine, theirs) / max(diagonal, key_diagonal) < 0.7
        cosines = F.normalize(q[image].flatten(1), dim=0).T @ F.normalize(
            k[image].flatten(1), dim=0
        )
        total = total + cosines[mask].sum() / (int(mask.sum()) + 1e-6)
    return -2 * total / len(q)


def propagate(x: Tensor, transform: nn.Module) -> Tensor:
    values = F.normalize(transform(x), dim=1).flatten(2)
    u = F.normalize(x, dim=1).flatten(2)
    weights = torch.einsum("nca,ncb->nab", u, u).clamp(min=0) ** 2
    return torch.einsum("nab,ncb->nca", weights, values).view_as(x)


def pooled(x: Tensor) -> Tensor:
    return F.normalize(x.mean((2, 3)), dim=1)


def rate(step: int) -> float:
    """Rises over 5 epochs from a hundredth."""
    return 4.0 / 100 * (99 * step / (5 * EPOCH) + 1)


@pytest.mark.parametrize("variant", ["", ":instance"])
def test_three_steps(variant: str) -> None:
    module = make("pixpro/imagenet" + variant)
    online = nn.ModuleDict({name: copy.deepcopy(getattr(module, name)) for name in names(module)})
    keys = copy.deepcopy(online)
    buffers: dict[nn.Parameter, Tensor] = {}
    batches, expected = make_batches(), []
    losses = take_steps(module, batches, EPOCH)
    for step, batch in enumerate(batches):
        momentum = 1 - 0.01 * (math.cos(math.pi * step / (EPOCH * 100)) + 1) / 2
        maps = [online["backbone"].feature_map(view) for view in batch.views]
        with torch.no_grad():
            for average, weight in zip(keys.parameters(), online.parameters(), strict=True):
                average.copy_(momentum * average + (1 - momentum) * weight)
            key_maps = [keys["backbone"].feature_map(view) for view in batch.views]
            k = [keys["projector"](x) for x in key_maps]
        transform = online["propagation"].transform
        q = [propagate(online["projector"](x), transform) for x in maps]
        b = batch.crops
        loss = direction(q[0], k[1], b[0], b[1]) + direction(q[1], k[0], b[1], b[0])
        if variant:
            predict = nn.Sequential(online["instance_projector"], online["predictor"])
            mine = [pooled(predict(x)) for x in maps]
            with torch.no_grad():
                theirs = [pooled(keys["instance_projector"](x)) for x in key_maps]
            for one, other in ((0, 1), (1, 0)):
                loss = loss - 2 * (mine[one] * theirs[other]).sum(1).mean()
        weights = list(online.parameters())
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = slope
        lars_step(weights, buffers, rate(step), 1e-5, eps=1e-8)
        expected.append(loss.item())
    assert losses == pytest.approx(expected, rel=1e-10)
    for name, plain in online.items():
        for ours, theirs in zip(
            getattr(module, name).state_dict().values(), plain.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def names(module: PixPro) -> list[str]:
    found = ["backbone", "projector", "propagation", "instance_projector", "predictor"]
    return [name for name in found if hasattr(module, name)]
