"""Whole steps against a plain restatement: loops over samples, written from the equations."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from common.config.recipe import load_recipe
from common.data.images.config import ImageFacts
from common.distributed.draws import keyed_generator
from papers.cmim.module import CMIM
from tests.training import take_steps

STEPS, BATCH, DIM = 3, 6, 4
FACTS = ImageFacts(channels=1, size=5, num_samples=BATCH)
# A floor above some of the first log deviations, so that it acts.
SMALL = ["method.code_dim=4", "method.encoder_dims=[7]", "method.decoder_dims=[9,8]"]
SMALL += ["method.log_scale_min=0"]


def log_density(z: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for value, centre, width in zip(z, mean, deviation, strict=True):
        total = total - (value - centre) ** 2 / (2 * width**2)
        total = total - torch.log(width * math.sqrt(2 * math.pi))
    return total


def likelihood(x: Tensor, found: Tensor, kind: str, deviation: float) -> Tensor:
    if kind == "gaussian":
        return log_density(x, found, torch.full_like(found, deviation))
    shares = found.sigmoid()
    return (x * shares.log() + (1 - x) * (1 - shares).log()).sum()


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b) / (a @ a).sqrt() / (b @ b).sqrt()


def plain_loss(layers: nn.ModuleList, images: Tensor, noise: Tensor, method) -> Tensor:
    encoder, code, decoder = layers
    hidden = code(encoder(images))
    mean, log_scale = hidden[:, :DIM], hidden[:, DIM:]
    deviation = torch.where(log_scale > method.log_scale_min, log_scale, method.log_scale_min).exp()
    noise = noise if method.sampled else 0 * noise
    first, second = mean + deviation * noise[0], mean + deviation * noise[1]
    others = second if method.contrast == "two-samples" else first
    losses = []
    for i in range(len(images)):
        loss = torch.zeros((), dtype=torch.float64)
        if decoder is not None:
            x, found = images[i].flatten(), decoder(first[i])
            loss = loss - likelihood(x, found, method.likelihood, method.pixel_deviation)
        log_q = log_density(first[i], mean[i], deviation[i])
        unit = torch.ones(DIM, dtype=torch.float64)
        log_p = log_density(first[i], 0 * unit, unit)
        if method.density == "mim":
            loss = loss - method.density_weight * (log_q + log_p) / 2
        elif method.density == "vae":
            loss = loss + method.density_weight * (log_q - log_p)
        if method.contrast != "none":
            e = [(cosine(first[i], other) / method.temperature).exp() for other in others]
            own = e.pop(i)
            negatives = sum(e) / (len(e) if method.contrast == "mean" else 1)
            loss = loss - (own / (own + negatives)).log()
        losses.append(loss)
    return torch.stack(losses).mean()


CASES = {
    "cmim": [],
    "weighted": ["method.density_weight=0.25", "method.temperature=0.5"],
    "gaussian": ["method.likelihood=gaussian", "method.pixel_deviation=0.2"],
    "a-mim": [],
    "vae": [],
    "auto-encoder": [],
    "two-samples": [],
    "sum": [],
}


@pytest.mark.parametrize("case", CASES)
def test_three_steps_are_those_of_the_equations(case: str) -> None:
    known = {"a-mim", "vae", "auto-encoder", "two-samples", "sum"}
    recipe = load_recipe(f"cmim/quick:{case}" if case in known else "cmim", SMALL + CASES[case])
    torch.manual_seed(0)
    module = CMIM(recipe.method, recipe.optimizer, FACTS).double()
    plain = copy.deepcopy(nn.ModuleList([module.backbone, module.code, module.decoder]))
    generator = torch.Generator().manual_seed(1)
    shape = BATCH, 1, 5, 5
    batches = [
        ([torch.rand(shape, generator=generator).double()], torch.zeros(BATCH))
        for _ in range(STEPS)
    ]
    losses = take_steps(module, batches, STEPS)
    optimizer = torch.optim.Adam(plain.parameters(), lr=recipe.optimizer.lr)
    for step, ((images,), _) in enumerate(batches):
        drawn = keyed_generator(int(module.draw_seed), step)
        noise = torch.randn(2, BATCH, DIM, generator=drawn).double()
        loss = plain_loss(plain, images, noise, recipe.method)
        assert losses[step] == pytest.approx(loss.item(), rel=1e-10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    trained = nn.ModuleList([module.backbone, module.code, module.decoder])
    for ours, expected in zip(trained.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-8, atol=1e-11)
