"""Lightning's Trainer as a recipe wants it, without what we do ourselves."""

import os
from pathlib import Path

import torch
from lightning import Callback, LightningModule, Trainer

from common.checkpoints.io import AtomicCheckpointIO
from common.config import Recipe
from common.launch import num_processes, strategy_of


def make_trainer(
    recipe: Recipe, module: LightningModule, callbacks: list[Callback], folder: Path
) -> Trainer:
    """Makes the Trainer; the form and the compilation of the module's backbone are set here, too.

    Args:
        recipe: Whose ``trainer:`` section is passed on.
        module: What will be trained.
        callbacks: In their order; logging, checkpoints and evaluation are among them.
        folder: The run's.
    """
    settings = recipe.trainer
    backbone = getattr(module, "backbone", None)
    if settings.channels_last and backbone is not None:
        backbone.to(memory_format=torch.channels_last)
    if settings.compile and backbone is not None:
        backbone.compile()
    if num_processes(recipe) > 1:
        # Lightning sets a number of its own, the cores' share, where the environment has none.
        os.environ["OMP_NUM_THREADS"] = str(torch.get_num_threads())
    return Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.nodes,
        strategy=strategy_of(recipe),
        precision=settings.precision,  # type: ignore[arg-type]
        max_epochs=max(settings.epochs, 1),
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=recipe.optimizer.clip_norm,
        deterministic="warn" if settings.deterministic else None,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        logger=False,
        # Modules read it to compute costly diagnostics where `MetricsLog` writes them.
        log_every_n_steps=settings.log_every,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
