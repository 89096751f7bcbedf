"""Training as tests do it: step by step, alone or as DDP would, and by a silent Trainer."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import torch
from lightning import LightningModule, Trainer
from torch import Tensor, nn

from common.data.images.batch import ImageBatch, ViewBatch
from common.data.images.config import ImageConfig
from common.data.images.views import make_view_batch
from common.data.sampler import EpochBatchSampler
from common.distributed.collectives import all_reduce_sum, rank, world_size
from common.optim.build import build_optimizer
from common.training.position import Position


def quiet_trainer(**options: Any) -> Trainer:
    """Returns a Trainer on the CPU that neither writes nor prints."""
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


def listen(module: LightningModule, every: int = 1) -> dict[str, float]:
    """Returns what ``module`` will have logged, were metrics written every ``every`` steps."""
    logged: dict[str, float] = {}
    module.log = lambda name, value, **_: logged.update({name: float(value)})
    module._trainer = module._trainer or SimpleNamespace()
    vars(module._trainer).update(
        training=True, loggers=[], log_every_n_steps=every, callbacks=[Position()]
    )
    return logged


def assert_same_step(module: nn.Module, loss: Tensor, twin: nn.Module, expected: Tensor) -> None:
    """Asserts equal losses, gradients and running statistics of two copies of one module.

    Args:
        module: One copy, in float64.
        loss: Its own loss.
        twin: The other copy.
        expected: The loss of ``twin``, restated by the test.
    """
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    loss.backward()
    expected.backward()
    for (name, own), other in zip(module.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-9, atol=1e-9, msg=name)
    for (name, own), other in zip(module.named_buffers(), twin.buffers(), strict=True):
        if "running" in name:  # what evaluation reads
            torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-12, msg=name)


def losses_of(module: LightningModule, batches: Iterable[Any]) -> list[float]:
    """Takes a step on each batch and returns the losses."""
    optimizer = build_optimizer(module.parameters(), module.optimizer)
    found = []
    for step, batch in enumerate(batches):
        loss = module.training_step(batch, step)
        optimizer.zero_grad()
        loss.backward()
        module.optimizer_step(0, step, optimizer, None)
        found.append(float(loss.detach()))
    return found


def take_steps(
    module: LightningModule,
    batches: Iterable[Any],
    per_epoch: int,
    epochs: int = 100,
    watch: Callable[[Any], object] = lambda module: None,
) -> list[float]:
    """Takes a step on each batch with the optimizer and the rates of the module's own recipe.

    Args:
        module: Its ``optimizer`` section is used.
        batches: One after the other from the start of the training.
        per_epoch: Batches that an epoch of the training has.
        epochs: How long the training is.
        watch: Is given the module before each step.

    Returns:
        The losses.
    """
    module._trainer = SimpleNamespace(
        log_every_n_steps=0,
        max_epochs=epochs,
        num_training_batches=per_epoch,
        accumulate_grad_batches=1,
        estimated_stepping_batches=epochs * per_epoch,
    )
    module.log = lambda *_, **__: None
    made: Any = module.configure_optimizers()
    module.on_train_start()
    optimizer, losses = made["optimizer"], []
    for step, batch in enumerate(batches):
        watch(module)
        loss = module.training_step(batch, step)
        optimizer.zero_grad()
        loss.backward()
        module.optimizer_step(0, step, optimizer, None)
        made["lr_scheduler"]["scheduler"].step()
        losses.append(float(loss.detach()))
    return losses


def view_batches(
    images: Tensor, config: ImageConfig, seed: int, labels: Tensor | None = None
) -> list[ViewBatch]:
    """Returns this process's share of an epoch, with views in float64."""
    labels = torch.zeros(len(images)) if labels is None else labels
    batches = []
    for key in EpochBatchSampler(len(images), config.batch_size, seed, rank(), world_size()):
        plain = ImageBatch(images[key.rows].double(), labels[key.rows], key)
        made = make_view_batch(plain, config, seed)
        batches.append(made._replace(views=[view.double() for view in made.views]))
    return batches


def train_as_ddp(module: LightningModule, batches: Iterable[Any]) -> dict[str, Tensor]:
    """Takes a step on each batch and returns losses, gradients and state.

    Losses and gradients are averaged over the processes, as DDP averages gradients: after the
    backward pass, before the module's hook.
    """
    listen(module, every=0)
    optimizer, found = build_optimizer(module.parameters(), module.optimizer), {}
    for step, batch in enumerate(batches):
        optimizer.zero_grad()
        loss = module.training_step(batch, step)
        loss.backward()
        found[f"loss{step}"] = all_reduce_sum(loss) / world_size()
        for p in module.parameters():
            if p.grad is not None:
                p.grad = all_reduce_sum(p.grad) / world_size()
        module.on_after_backward()
        for name, p in module.named_parameters():
            if p.grad is not None:
                found[f"{step}.grad.{name}"] = p.grad.clone()
        module.optimizer_step(0, step, optimizer, None)
    return found | {f"state.{name}": value for name, value in module.state_dict().items()}
