from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from lightning import Callback

from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageConfig, ImageFacts, ViewConfig
from common.data.images.module import ImageData
from common.data.sampler import BatchKey
from common.errors import ConfigError, DataError
from papers.swav.config import DeepClusterConfig
from papers.swav.deepcluster import UNKNOWN, DeepClusterV2, cluster_prediction
from tests.training import quiet_trainer

SMALL = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8}
FACTS = ImageFacts(num_samples=40)


def make_module(**changes) -> DeepClusterV2:
    torch.manual_seed(0)
    config = DeepClusterConfig(**{**SMALL, "num_prototypes": [6, 5, 4], **changes})
    module = DeepClusterV2(config, OptimizerConfig(lr=0.1), FACTS)
    module.log = lambda *_, **__: None
    module._trainer = SimpleNamespace(log_every_n_steps=0)
    return module


def make_batch(step: int, epoch: int = 0, batch: int = 10) -> ViewBatch:
    generator = torch.Generator().manual_seed(100 * epoch + step)
    views = [torch.rand(batch, 3, size, size, generator=generator) for size in (12, 12, 8)]
    rows = torch.arange(step * batch, (step + 1) * batch)
    return ViewBatch(views, torch.zeros(batch), BatchKey(rows, epoch, step, 0, batch), [])


def fill(module: DeepClusterV2, batches: list[ViewBatch]) -> None:
    module._trainer.train_dataloader = batches
    module._trainer.strategy = SimpleNamespace(batch_to_device=lambda batch, _: batch)
    module.on_train_start()


def test_a_batch_without_the_numbers_of_its_images_is_refused():
    module = make_module()
    plain = make_batch(0).views, torch.zeros(10)
    with pytest.raises(DataError, match="number"):
        module.training_step(plain, 0)
    with pytest.raises(DataError, match="number"):
        fill(module, [plain])
    assert not module.memory.any()


def test_the_loss_averages_views_images_and_clusterings():
    generator = torch.Generator().manual_seed(0)
    scores = [torch.randn(3, 4, k, generator=generator, dtype=torch.float64) for k in (6, 5)]
    targets = torch.tensor([[0, 5, 2, 2], [4, 0, 1, UNKNOWN]])
    expected = 0.0
    for own, target in zip(scores, targets, strict=True):
        log_p = (own / 0.1).log_softmax(2)
        known = [row for row in range(4) if target[row] != UNKNOWN]
        terms = [-log_p[view, row, target[row]] for view in range(3) for row in known]
        expected += torch.stack(terms).mean() / 2
    torch.testing.assert_close(cluster_prediction(scores, targets, 0.1), expected)
    nothing = cluster_prediction(scores, torch.full((2, 4), UNKNOWN), 0.1)
    assert float(nothing) == 0


def test_the_memory_is_filled_before_training_and_clustered_at_each_epochs_start():
    module = make_module()
    fill(module, [make_batch(step) for step in range(4)])
    assert module.memory.any(dim=2).all()
    torch.testing.assert_close(module.memory.norm(dim=2), torch.ones(2, 40))
    assert (module.targets == UNKNOWN).all() and not module.prototypes.any()
    seen = []
    for epoch in range(2):
        for step in range(4):
            module.training_step(make_batch(step, epoch), step)
            seen.append((module.prototypes.clone(), module.targets.clone()))
    for first, later in ((0, 1), (0, 3), (4, 7)):  # fixed within an epoch
        assert all(torch.equal(a, b) for a, b in zip(seen[first], seen[later], strict=True))
    assert not torch.equal(seen[3][0], seen[4][0])
    assert int(module.batches_seen) == 8


def test_prototypes_and_targets_are_those_of_each_clusterings_own_crop():
    module = make_module()
    fill(module, [make_batch(step) for step in range(4)])
    module.cluster(epoch=0)
    for head, (k, centroids) in enumerate(zip([6, 5, 4], module.centroids(), strict=True)):
        z, targets = module.memory[head % 2], module.targets[head]
        assert torch.equal(targets, (z @ centroids.T).argmax(1))
        assert int(targets.max()) == k - 1, "an empty cluster was left"
        torch.testing.assert_close(centroids.norm(dim=1), torch.ones(k))


def test_a_step_is_the_loss_on_fixed_prototypes_and_remembers_its_embeddings():
    module, batch = make_module(), make_batch(2)
    fill(module, [make_batch(step) for step in range(4)])
    module.cluster(epoch=0)
    twin = make_module()
    twin.load_state_dict(module.state_dict())
    loss = module.training_step(batch, 2)
    z = twin.project(batch.views)
    scores = [F.linear(z, centroids) for centroids in twin.centroids()]
    torch.testing.assert_close(loss, cluster_prediction(scores, twin.targets[:, 20:30], 0.1))
    loss.backward()
    torch.testing.assert_close(module.memory[:, 20:30], z[:2].detach())
    assert torch.equal(module.memory[:, :20], twin.memory[:, :20])


def test_images_that_were_never_seen_have_no_target():
    module = make_module(num_prototypes=[6])
    fill(module, [make_batch(step) for step in range(3)])  # the last batch was dropped
    module.cluster(epoch=0)
    assert (module.targets[0, 30:] == UNKNOWN).all() and (module.targets[0, :30] >= 0).all()
    assert float(module.training_step(make_batch(3), 3).detach()) == 0
    module.cluster(epoch=1)
    assert (module.targets >= 0).all()


def test_too_many_prototypes_are_refused():
    with pytest.raises(ConfigError, match=r"num_prototypes=41.*40"):
        make_module(num_prototypes=[41]).method.check_facts(FACTS)
    module = make_module(num_prototypes=[31])
    fill(module, [make_batch(step) for step in range(3)])
    with pytest.raises(ConfigError, match=r"num_prototypes=31.*30"):
        module.cluster(epoch=0)


class StopAfter(Callback):
    def __init__(self, batches: int, path: str) -> None:
        self.batches, self.path = batches, path

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        if int(module.batches_seen) == self.batches:
            trainer.save_checkpoint(self.path)


class Seek(Callback):
    """What the pipeline's `Position` does."""

    def on_load_checkpoint(self, trainer, module, checkpoint) -> None:
        trainer.datamodule.seek(int(checkpoint["state_dict"]["batches_seen"]))


def train(callback: Callback, resume_from: str | None = None) -> DeepClusterV2:
    views = [ViewConfig(count=2, size=12), ViewConfig(count=1, size=8)]
    data = ImageData(ImageConfig(batch_size=256, holdout=0.7, views=views), seed=0)
    data.load()
    torch.manual_seed(0)
    config = DeepClusterConfig(**SMALL, num_prototypes=[12, 9])
    module = DeepClusterV2(config, OptimizerConfig(lr=0.1), data.facts)
    trainer = quiet_trainer(max_epochs=2, callbacks=[callback])
    trainer.fit(module, datamodule=data, ckpt_path=resume_from)
    return module


@pytest.mark.parametrize("batches", [6, 4])
def test_resumed_at_an_epochs_end_or_within_one_it_ends_with_the_same_bits(tmp_path, batches):
    path = str(tmp_path / "checkpoint.ckpt")  # six batches an epoch
    whole = train(StopAfter(batches, path))
    resumed = train(Seek(), path)
    assert int(resumed.batches_seen) == 12
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
