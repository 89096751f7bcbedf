"""What is read of a training while its steps run."""

from pathlib import Path
from typing import Any, cast

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer

from common.backbones.modes import evaluating
from common.data.synthetic import source_of
from common.steps.enter_state import named_generator

Values = dict[str, list[float | None]]
Names = dict[str, list[str]]


class Watch(Callback):
    """Notes losses, rates, gradients of each update and the state after the last; then stops.

    ``values`` holds numbers and ``names`` what each stands for, by the last part of a key.

    Args:
        point: Its name opens every key.
        batches: After which to stop.
        save: Where to write a checkpoint then; None: none.
    """

    def __init__(self, point: str, batches: int, save: Path | None = None) -> None:
        self.point, self.batches, self.save = point, batches, save
        self.values: Values = {}
        self.names: Names = {}
        self._losses: list[float | None] = []
        self._rates: list[float | None] = []
        self._updates = 0
        self._handles: list[Any] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Asks each optimizer to tell of its steps, whoever takes them."""
        known = {id(p): name for name, p in pl_module.named_parameters()}
        for number, optimizer in enumerate(trainer.optimizers):
            held = [p for group in optimizer.param_groups for p in group["params"]]
            key = f"optimizer {number}"
            self.names[key] = [known[id(p)] for p in held]
            self._handles.append(optimizer.register_step_post_hook(self._note(key, held)))

    def _note(self, key: str, held: list[Tensor]) -> Any:
        def note(_optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
            # After the step: with automatic optimization the gradients are made within it.
            norms = [None if p.grad is None else float(p.grad.norm()) for p in held]
            self.values[f"{self.point}/update {self._updates}/{key}"] = norms
            self._updates += 1

        return note

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Notes the loss and the rates."""
        self._losses.append(float(outputs["loss"]))
        for optimizer in trainer.optimizers:
            self._rates.extend(float(group["lr"]) for group in optimizer.param_groups)
        if len(self._losses) == self.batches:
            with evaluating(pl_module):
                h = embed(trainer, pl_module, batch)
            self.values[f"{self.point}/embedding"] = [project("embedding", h)]
            if self.save is not None:
                trainer.save_checkpoint(self.save, weights_only=False)
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes the state and lets go of the optimizers."""
        state = pl_module.state_dict()
        self.values[f"{self.point}/losses"] = self._losses
        self.values[f"{self.point}/rates"] = self._rates
        self.values[f"{self.point}/state"] = [project(name, x) for name, x in state.items()]
        self.names["state"] = list(state)
        for handle in self._handles:
            handle.remove()


@torch.no_grad()
def embed(trainer: Trainer, module: Any, batch: Any) -> Tensor:
    """Returns what is evaluated of a batch, ``(rows, dim)``."""
    inputs = source_of(type(trainer.datamodule)).inputs(batch)  # type: ignore[attr-defined]
    return cast(Tensor, module.embed(*inputs))


def project(name: str, tensor: Tensor) -> float:
    """Returns the product of ``tensor`` with a random vector that ``name`` seeds.

    A sum would miss a permutation.
    """
    x = tensor.detach().double().flatten()
    vector = torch.rand(x.shape, generator=named_generator(name), dtype=torch.float64) + 0.5
    return float(x @ vector)
