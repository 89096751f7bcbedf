"""Adam as the first published BERT code has it, and its schedule."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from common.config.schema import OptimizerConfig
from common.errors import ConfigError
from common.optim.build import parameter_groups, training_length, with_schedule
from common.training.stages import Stage, first_epochs, freeze
from papers.dse.config import DSEConfig

# The published constants.
EPS, MAX_NORM, CLIP_EPS = 1e-6, 1.0, 1e-6


class BertAdam(Optimizer):
    """Adam without bias correction, with decoupled decay, each tensor's gradient clipped alone.

    Args:
        parameters: Tensors or groups, which may have a decay of their own.
        lr: Learning rate; a schedule scales it.
        betas: Betas of both means.
        weight_decay: Is added to the step, not to the gradient.
        eps: Is added to the root of the second mean.
        max_norm: A gradient's norm at most, for each tensor.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.01,
        eps: float = EPS,
        max_norm: float = MAX_NORM,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "weight_decay": weight_decay,
            "eps": eps,
            "max_norm": max_norm,
        }
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Takes one step; returns what ``closure`` returns, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)
        return loss

    def _move(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[weight], group["betas"]
        if not state:
            state["mean"], state["square"] = torch.zeros_like(weight), torch.zeros_like(weight)
        share = (group["max_norm"] / (gradient.norm() + CLIP_EPS)).clamp(max=1)
        clipped = gradient * share
        state["mean"].mul_(beta1).add_(clipped, alpha=1 - beta1)
        state["square"].mul_(beta2).addcmul_(clipped, clipped, value=1 - beta2)
        step = state["mean"] / (state["square"].sqrt() + group["eps"])
        weight.sub_(step + group["weight_decay"] * weight, alpha=group["lr"])


def multiplier(update: int, total: int, warmup: float) -> float:
    """Returns the share of the highest rate at an update.

    Args:
        update: From 0.
        total: The length of the schedule, in what the reading counts.
        warmup: Share of it in which the rate rises.
    """
    progress = update / total
    if progress < warmup:
        return progress / warmup
    return max((progress - 1) / (warmup - 1), 0.0)


def configure_bert_adam(
    module: LightningModule, stages: Sequence[Stage], config: OptimizerConfig, method: DSEConfig
) -> dict[str, Any]:
    """Returns what ``configure_optimizers`` returns: the schedule runs through in each stage.

    Args:
        module: Attached to a Trainer; all its parameters are given to the optimizer.
        stages: All of the training.
        config: The learning rate is that of the last stage.
        method: Tells what the length of the last stage's schedule counts, and its warm-up.

    Raises:
        ConfigError: A training without end, or one that leaves nothing for its last stage.
    """
    freeze(module, stages, ())
    groups = parameter_groups(module.parameters(), config.weight_decay, exclude_1d=True)
    betas = config.beta1, config.beta2
    optimizer = BertAdam(groups, config.lr, betas, config.weight_decay)
    steps, epochs = training_length(module.trainer)
    batches = module.trainer.accumulate_grad_batches
    counted = batches if method.schedule_total == "batches" else 1
    firsts = first_epochs(stages)
    if epochs <= firsts[-1]:
        raise ConfigError(
            f"trainer.epochs: {epochs} leave none for stage {stages[-1].name!r}; the stages before "
            f"it have {firsts[-1]}"
        )
    ends = [steps * epoch for epoch in (*firsts, epochs)]

    def share(update: int) -> float:
        number = sum(begins <= update for begins in ends[1:-1])
        total = max(ends[number + 1] - ends[number], 1)
        total *= counted if number == len(stages) - 1 else 1
        rate = stages[number].rates.lr / config.lr
        return rate * multiplier(update - ends[number], total, method.warmup)

    return with_schedule(optimizer, LambdaLR(optimizer, share))
