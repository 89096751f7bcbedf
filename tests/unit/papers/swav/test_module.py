from types import SimpleNamespace

import pytest
import torch
from torch import nn

from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from common.errors import ConfigError
from papers.swav.config import SwAVConfig
from papers.swav.loss import assign, swapped_prediction
from papers.swav.module import SwAV, prototype_usage
from tests.training import listen


def make_config(**changes) -> SwAVConfig:
    small = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8, "num_prototypes": 6}
    return SwAVConfig(**{**small, "freeze_batches": 0, "queue_from_epoch": 0, **changes})


def make_module(**changes) -> SwAV:
    torch.manual_seed(0)
    module = SwAV(make_config(**changes), OptimizerConfig(lr=0.1))
    module.log = lambda *_, **__: None
    module._trainer = SimpleNamespace(num_training_batches=4, log_every_n_steps=0)
    return module


def make_batch(batch: int = 6, sizes: tuple[int, ...] = (12, 12, 8, 8), seed: int = 0) -> ViewBatch:
    generator = torch.Generator().manual_seed(seed)
    views = [torch.rand(batch, 3, size, size, generator=generator) for size in sizes]
    return ViewBatch(views, torch.zeros(batch, dtype=torch.int64), None, [])


def test_the_step_is_the_loss_on_unit_embeddings_and_unit_prototypes():
    module, batch = make_module(), make_batch()
    loss = module.training_step(batch, 0)
    twin = make_module()
    z = nn.functional.normalize(
        twin.head(
            torch.cat(
                [
                    twin.backbone(torch.cat(batch.views[:2])),
                    twin.backbone(torch.cat(batch.views[2:])),
                ]
            )
        ),
        dim=1,
    )
    scores = (z @ nn.functional.normalize(twin.prototypes.weight, dim=1).T).view(4, 6, 6)
    codes = torch.stack([assign(scores[v], 0.05, 3) for v in (0, 1)])
    torch.testing.assert_close(loss, swapped_prediction(scores, codes, [0, 1], 0.1))
    torch.testing.assert_close(module.prototypes.weight.norm(dim=1), torch.ones(6))
    assert int(module.batches_seen) == 1


def test_prototypes_are_frozen_for_whole_batches_then_move():
    module = make_module(freeze_batches=2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    moved = []
    for step in range(4):
        optimizer.zero_grad()
        module.training_step(make_batch(seed=step), step).backward()
        module.on_after_backward()
        before = module.prototypes.weight.detach().clone()
        optimizer.step()
        moved.append(not torch.equal(before, module.prototypes.weight))
    assert moved == [False, False, True, True]


def test_the_queue_starts_at_its_epoch_and_counts_once_full():
    module = make_module(queue_length=12, queue_from_epoch=1)
    reads = []
    plain_score = module.score
    module.score = lambda z: (reads.append(z.shape), plain_score(z))[1]
    for step in range(9):
        reads.clear()
        module.training_step(make_batch(seed=step), step)
        # Four batches an epoch: kept from batch 4 on, two batches fill it, used from batch 6 on.
        assert bool(module.queue[:, 0].any()) == (step >= 4)
        assert reads.count((12, 8)) == (2 if step >= 6 else 0)


def test_everything_that_the_algorithm_remembers_is_in_the_state():
    module = make_module(queue_length=12)
    for step in range(3):
        module.training_step(make_batch(seed=step), step)
    twin = make_module(queue_length=12)
    twin.load_state_dict(module.state_dict())
    assert int(twin.batches_seen) == 3
    assert torch.equal(module.training_step(make_batch(), 3), twin.training_step(make_batch(), 3))


def test_accumulation_changes_neither_codes_nor_freeze_nor_queue():
    # Two batches a step: each has codes of its own, and counts for freeze and queue.
    module = make_module(freeze_batches=1, queue_length=12)
    alone, weight = make_module(freeze_batches=1, queue_length=12), module.prototypes.weight
    gradients = []
    for step in (0, 1):
        batch = make_batch(seed=step)
        loss = module.training_step(batch, step)
        torch.testing.assert_close(loss, alone.training_step(batch, step))
        (loss / 2).backward()
        module.on_after_backward()
        gradients.append(None if weight.grad is None else weight.grad.clone())
    # The first batch was frozen: the step moves the prototypes by the second one's share alone.
    assert gradients[0] is None and gradients[1].any()
    assert int(module.batches_seen) == 2
    assert module.queue[:, -1].any(), "two batches of 6 fill a queue of 12"


@pytest.mark.parametrize("crops", [[0], [1, 0], [3], [0, 2, 3], [0, 1, 2, 3]])
def test_any_views_can_be_assignment_crops(crops):
    module, batch = make_module(assignment_crops=crops, queue_length=12), make_batch()
    twin = make_module()
    loss = module.training_step(batch, 0)
    nn.functional.normalize(twin.prototypes.weight.data, dim=1, out=twin.prototypes.weight.data)
    scores = twin.score(twin.project(batch.views))
    expected = [
        -(assign(scores[i], 0.05, 3) * (scores[v] / 0.1).log_softmax(1)).sum(1).mean()
        for i in crops
        for v in range(4)
        if v != i
    ]
    torch.testing.assert_close(loss, torch.stack(expected).mean())
    assert module.queue.shape == (len(crops), 12, 8)


def test_hard_codes_are_the_largest_entries_of_the_soft_ones():
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)).tanh()
    soft, hard = (assign(scores, 0.05, 3, hard=flag) for flag in (False, True))
    assert torch.equal(hard, nn.functional.one_hot(soft.argmax(1), 6).float())


def test_a_pass_of_the_backbone_for_each_size_and_one_of_the_head():
    module = make_module()
    passes = {"backbone": [], "head": []}
    for name, shapes in passes.items():
        getattr(module, name).register_forward_hook(
            lambda _, inputs, __, shapes=shapes: shapes.append(tuple(inputs[0].shape))
        )
    module.training_step(make_batch(), 0)
    assert passes == {"backbone": [(12, 3, 12, 12), (12, 3, 8, 8)], "head": [(24, 64)]}


@pytest.mark.parametrize("queue_length", [0, 12])
def test_a_step_under_autocast_has_the_codes_of_its_scores_in_single_precision(queue_length):
    module = make_module(queue_length=queue_length)
    for step in range(2):  # fills the queue
        module.training_step(make_batch(seed=step), step)
    queues = module.queue.clone()
    seen, plain = [], module.codes
    module.codes = lambda scores, queue: seen.append((scores, plain(scores, queue))) or seen[-1][1]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = module.backbone(make_batch().views[0])
        module.training_step(make_batch(seed=2), 2)
    assert half.dtype == torch.bfloat16, "autocast would change nothing here"
    for (scores, codes), queue in zip(seen, queues, strict=True):
        assert (scores.dtype, codes.dtype) == (torch.float32, torch.float32)
        earlier = module.prototypes(queue).double() if queue_length else None
        expected = assign(scores.double(), 0.05, 3, earlier)
        torch.testing.assert_close(codes.double(), expected, rtol=1e-4, atol=1e-6)


def test_diagnostics_come_where_metrics_are_written_and_warn_of_a_collapse():
    module = make_module()
    logged = listen(module, every=2)
    module.training_step(make_batch(), 0)
    assert logged == {}
    nn.init.zeros_(module.head[-1].weight)
    with pytest.warns(UserWarning, match="every image has the same prototype"):
        module.training_step(make_batch(), 1)
    assert logged["diag/prototypes_used"] == 1
    assert logged["diag/loss_over_ln_k"] >= 1
    assert logged["diag/effective_rank"] == 0


def test_head_options():
    assert not [m for m in make_module(head_batch_norm=False).head if isinstance(m, nn.BatchNorm1d)]
    assert len(make_module(hidden_dim=0).head) == 1
    for options in ({"assignment": "hard"}, {"equipartition": False}, {"assignment_crops": [2]}):
        assert torch.isfinite(make_module(**options).training_step(make_batch(), 0))


def test_more_prototypes_than_images_is_refused_and_nearly_so_warned_about():
    with pytest.raises(ConfigError, match=r"num_prototypes=6.*5 training"):
        make_config().check_facts(ImageFacts(num_samples=5))
    with pytest.warns(UserWarning, match="a queue of 12"):
        make_config(queue_length=12).check_facts(ImageFacts(num_samples=10))


def test_usage_counts_nearest_prototypes():
    scores = torch.eye(4)[[0, 0, 1, 1]]
    used, entropy = prototype_usage(scores)
    assert int(used) == 2
    assert float(entropy) == pytest.approx(0.5)
