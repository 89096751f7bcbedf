"""Every loss: under autocast it is computed in float32, and in parts it is that of the whole."""

import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.barlow import barlow_twins
from common.losses.clip import clip_loss
from common.losses.consistency import negative_cosine
from common.losses.infonce import nt_xent, queue_info_nce
from common.losses.null_image import merged_null_loss
from common.losses.spread import alignment, cross_uniformity, uniformity
from common.losses.supcon import supcon
from papers.amcl import loss as amcl
from papers.amcl.temperature import TemperatureNetwork
from papers.autotcl import loss as autotcl
from papers.clip_rocket import loss as clip_rocket
from papers.cmim import loss as cmim
from papers.contrastive_gap.loss import Weights, gap_loss
from papers.defsent_plus.loss import entry_logits
from papers.dse.loss import dse_loss
from papers.hard_contrastive.loss import contrast_hardest, simple_loss
from papers.hydra import loss as hydra
from papers.mcl.loss import contrast_within
from papers.mclrec import loss as mclrec
from papers.meow import loss as meow
from papers.meow.soft import SoftWeights
from papers.mochi.loss import draw, mixed_contrast
from papers.owdfa_cpl import loss as cpl
from papers.owdfa_cpl.voting import vote
from papers.pixpro import loss as pixpro
from papers.pixpro.layers import PixelPropagation
from papers.sepclr import loss as sepclr
from papers.simcse import loss as simcse
from papers.sirl.loss import triplet_terms
from papers.supremix.baselines import rank_n_contrast
from papers.supremix.loss import supremix
from papers.swav.loss import assign
from papers.whitenedcse.loss import multi_positive
from papers.whitenedcse.whitening import group_whitening

LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 2, 1])
PARTNERS = LABELS.roll(1)
TARGETS = torch.tensor([True, False] * 4)
SCALE = torch.tensor(100.0).log()
PAIR, VIEWS, HEADS, MAPS = [(8, 6)] * 2, [(2, 8, 6)], [(8, 2, 6)] * 2, [(2, 6, 3, 4)] * 2
RULE = amcl.Rule(low=1e-5, high=1e-5)  # terms beyond half precision


def seeded(make: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


PHI = seeded(lambda: TemperatureNetwork(6, 5))
PHI_OF_CHANNELS = seeded(lambda: TemperatureNetwork(8, 5))
SOFT = seeded(lambda: SoftWeights(6, 5))
SHARES = seeded(lambda: torch.rand(16, 16))
PROPAGATION = seeded(lambda: PixelPropagation(6, 0))
DRAWS = draw(8, 3, 4, 2, torch.Generator().manual_seed(0))


def clustered(anchor: Tensor, other: Tensor) -> list[Tensor]:
    found = meow.cluster(other, [3, 4], 0.4)
    assigned = torch.stack([clustering.assigned for clustering in found])
    contrast = meow.weighted_infonce(anchor, other, 0.4, assigned)
    return [contrast, meow.prototype_loss(anchor, found)]


def in_pairs(a: Tensor, b: Tensor) -> list[Tensor]:
    pairs = mclrec.pair_scores(64 * a, 64 * b)
    return [pairs.scores, mclrec.contrast(pairs), mclrec.row_regulariser(pairs)]


# What is called, and the shapes of its inputs.
CASES: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
    "barlow twins": (lambda a, b: barlow_twins(a, b, 0.005), PAIR),
    "clip": (lambda u, v: clip_loss(u, v, SCALE), PAIR),
    "null image": (lambda u, v: merged_null_loss(u, v, TARGETS, u[0], SCALE), PAIR),
    "negative cosine": (negative_cosine, PAIR),
    "nt-xent": (lambda a, b: nt_xent(a, b, 0.1), PAIR),
    "queue": (lambda q, k: queue_info_nce(q, k, k.roll(1, 0), 0.1), PAIR),
    "supcon": (lambda z: supcon(z, LABELS, 0.1), VIEWS),
    "spread": (lambda a, b: [alignment(a, b), uniformity(a), cross_uniformity(a, b)], PAIR),
    "amcl, views": (lambda a, b: amcl.contrast_views(a, b, PHI, RULE), HEADS),
    "amcl, queue": (lambda a, b: amcl.contrast_queue(a, b, b.swapaxes(0, 1), PHI, RULE), HEADS),
    "amcl, nothing pushes": (lambda p, z: amcl.attract(p, z, z, p, PHI, RULE), HEADS),
    "amcl, channels": (lambda a, b: amcl.decorrelate(a, b, PHI_OF_CHANNELS, amcl.Rule()), HEADS),
    "amcl, network": (lambda u: PHI(u.float()), PAIR[:1]),
    "autotcl": (lambda a, b: [autotcl.info_nce(a, b), autotcl.mmd(a, b)], PAIR),
    "autotcl, segments": (lambda z: autotcl.local_info_nce(z, 4), [(4, 16, 6)]),
    "ts2vec": (autotcl.hierarchical, [(4, 16, 6)] * 2),
    "cl2l": (
        lambda z, h: clip_rocket.cl2l(
            clip_rocket.Sides(*z), clip_rocket.Sides(h, h.flip(1)), SCALE, SCALE, 0.1, "avg"
        ),
        VIEWS * 2,
    ),
    "barlip": (lambda a, b: clip_rocket.redundancy(a, b, 0.005, 1.0, 1.0), PAIR),
    "siamlip": (
        lambda p, v: clip_rocket.siamlip(*(clip_rocket.Sides(x, x) for x in (p, v))),
        VIEWS * 2,
    ),
    "swalip": (lambda h, k: clip_rocket.swalip(clip_rocket.Sides(h, k), SCALE, 0.05, 3), VIEWS * 2),
    "swalip v1": (
        lambda p, q: clip_rocket.swalip_v1(
            clip_rocket.Sides(p, q), clip_rocket.Sides(*torch.eye(8, 6).expand(2, 8, 6)), 0.1
        ),
        PAIR,
    ),
    "cmim": (lambda a, b: [cmim.code_contrast(a, b, 0.1), cmim.log_bernoulli(a > 0, b)], PAIR),
    "cmim, densities": (lambda z, m: [cmim.log_normal(z, m, 0 * m), cmim.log_prior(z)], PAIR),
    "cua": (lambda u, v: gap_loss(u, v, SCALE, Weights()), PAIR),
    "defsent+": (entry_logits, PAIR),
    "dse": (lambda x, t: dse_loss("regression", x[:, :1], LABELS.float(), t[:, :1], 0.5), PAIR),
    "hard contrastive": (lambda q, k: contrast_hardest(q, k, k.roll(1, 0), 3, simple_loss), PAIR),
    "hydra": (
        lambda q, k, g: hydra.pair_contrast(
            q, k, g.float().sigmoid(), LABELS, PARTNERS, LABELS, 1e4
        ),
        PAIR + PAIR[:1],
    ),
    "mcl": (lambda a, b: contrast_within(a, b, LABELS, 0.1), PAIR),
    "mclrec": (in_pairs, PAIR),
    "meow": (clustered, PAIR),
    "adameow": (lambda a, b: [SOFT(a, b), SOFT.loss(a, b, 0.9)], PAIR),
    "mochi": (lambda q, k: mixed_contrast(q, k, F.normalize(k.float()), 3, DRAWS, 0.1), PAIR),
    "cpl": (
        lambda x: [
            cpl.margin_cross_entropy(x, LABELS, 0.2),
            cpl.pair_consistency(x, PARTNERS),
            cpl.mean_entropy(x),
        ],
        PAIR[:1],
    ),
    "cpl, votes": (lambda g, p: vote(g, p, 4), [(8, 6), (8, 3, 6)]),
    "pixpro": (
        lambda q, k: [
            pixpro.pixel_consistency(
                pixpro.unit(q), pixpro.unit(k), torch.eye(12).bool().expand(2, 12, 12)
            ),
            pixpro.pixel_contrast(
                pixpro.unit(q), pixpro.unit(k), torch.eye(12).bool().expand(2, 12, 12), 0.3
            ),
        ],
        MAPS,
    ),
    "pixpro, propagation": (PROPAGATION, MAPS[:1]),
    "sepclr": (lambda c, s: sepclr.step_losses(c, s, TARGETS, 0.5), VIEWS * 2),
    "sepclr, attributes": (
        lambda c, s: sepclr.known_attribute_losses(
            c, s, LABELS[:, None].expand(8, 6), TARGETS, 0.5
        ),
        [(2, 8, 6), (8, 6)],
    ),
    "simcse": (lambda a, b: simcse.contrast(a, b[None], 0.05), PAIR),
    "sirl": (lambda a, b: triplet_terms(a, b, a.roll(1, 0), 1.0), PAIR),
    "supremix": (
        lambda z: supremix(z, LABELS.float(), 0.5, 2.5, SHARES, "linear"),
        VIEWS,
    ),
    "rank-n-contrast": (lambda h: rank_n_contrast(h, LABELS.float(), 2.0), VIEWS),
    "swav": (lambda scores: assign(scores / 4, 0.01, 3), PAIR[:1]),
    "whitenedcse": (lambda z: multi_positive(z, 0.05), [(3, 8, 6)]),
    "whitening": (lambda x: group_whitening(x, torch.arange(6), 2), [(16, 6)]),
}


def floats(found: Any) -> list[Tensor]:
    """Returns the tensors of numbers in what a loss gives."""
    if isinstance(found, Tensor):
        return [found] if found.is_floating_point() else []
    return (
        [part for item in found for part in floats(item)] if isinstance(found, list | tuple) else []
    )


@pytest.mark.parametrize("name", CASES)
def test_halves_give_what_the_widened_give(name: str) -> None:
    function, shapes = CASES[name]
    generator = torch.Generator().manual_seed(1)
    halves = [torch.randn(shape, generator=generator).bfloat16() for shape in shapes]
    wide = floats(function(*(x.float() for x in halves)))
    with torch.autocast("cpu", torch.bfloat16):
        found = [floats(function(*halves)), floats(function(*(x.float() for x in halves)))]
    assert wide and all(part.isfinite().all() for part in wide)
    for parts in found:
        torch.testing.assert_close(parts, wide)  # of one type, too


# How many rows, or numbers, a loss takes at a time.
PARTS = ("CHUNK_ROWS", "CHUNK_NUMBERS", "ROWS_AT_A_TIME", "CHUNK")
IN_PARTS = (
    *("barlow twins", "clip", "nt-xent", "queue", "supcon", "spread", "amcl, views", "amcl, queue"),
    *("hard contrastive", "meow", "adameow", "mochi", "supremix"),
)


@pytest.mark.parametrize("name", IN_PARTS)
def test_parts_give_what_the_whole_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, shapes = CASES[name]
    generator = torch.Generator().manual_seed(1)
    inputs = [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]

    def found() -> list[Tensor]:
        values = floats(function(*inputs))
        total = sum(value.sum() for value in values) + 0 * sum(x.sum() for x in inputs)
        return [*values, *torch.autograd.grad(total, inputs)]

    whole = found()
    for module in list(sys.modules.values()):
        for part in PARTS:
            if getattr(module, "__name__", "").startswith(("common.", "papers.")):
                if hasattr(module, part):
                    monkeypatch.setattr(module, part, 3)
    for mine, expected in zip(found(), whole, strict=True):
        close = 1e-5 * float(expected.detach().abs().max())
        torch.testing.assert_close(mine, expected, rtol=1e-5, atol=close)
