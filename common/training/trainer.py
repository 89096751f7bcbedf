"""Lightning's Trainer as a recipe wants it, without what we do ourselves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from common.config.schema import Recipe
from common.training.microbatch import Microbatch, check_encoders
from common.training.position import batches_seen


class BatchLimit(Callback):
    """Ends the training after ``trainer.batches`` batches, even within an epoch.

    Args:
        batches: None for whole epochs.
    """

    def __init__(self, batches: int | None) -> None:
        self.batches = batches

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A resumed run may have reached its limit already."""
        self._check(trainer, pl_module)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Looks at the position."""
        self._check(trainer, pl_module)

    def _check(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.batches is not None and batches_seen(pl_module) >= self.batches:
            trainer.should_stop = True


def make_trainer(
    recipe: Recipe,
    module: LightningModule,
    callbacks: list[Callback],
    folder: Path,
    strategy: str = "auto",
    plugins: Sequence[Any] = (),
) -> Trainer:
    """Makes the Trainer; how the module's backbone computes is set here, too.

    Args:
        recipe: Whose ``trainer:`` section is passed on.
        module: What will be trained.
        callbacks: In their order; logging, checkpoints and evaluation are among them.
        folder: The run's.
        strategy: Lightning's, for the number of processes.
        plugins: Lightning's, such as what writes checkpoints.
    """
    settings = recipe.trainer
    backbone = getattr(module, "backbone", None)
    if settings.channels_last and backbone is not None:
        backbone.to(memory_format=torch.channels_last)
    if settings.compile and backbone is not None:
        backbone.compile()
    if settings.microbatch is not None:
        check_encoders(module, settings.microbatch_norm, 1)  # before processes are started
        # First, so that no other callback meets a network that encodes in parts.
        callbacks = [Microbatch(settings.microbatch, settings.microbatch_norm), *callbacks]
    return Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.nodes,
        strategy=strategy,
        precision=settings.precision,  # type: ignore[arg-type]
        max_epochs=max(settings.epochs, 1),
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=recipe.optimizer.clip_norm,
        deterministic="warn" if settings.deterministic else None,
        callbacks=callbacks,
        plugins=list(plugins),
        logger=False,
        # Modules read it to compute costly diagnostics where they are written.
        log_every_n_steps=settings.log_every,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
