"""Batch norm over the global batch, on devices where torch's own refuses to run too."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from common.distributed.collectives import gather_with_grad, world_size


class LocalBatchNorm(_BatchNorm):
    """Batch norm over this process's rows alone, in any number of dimensions."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"batch norm needs (batch, features, ...), got {tuple(input.shape)}")


class GlobalBatchNorm(LocalBatchNorm):
    """Batch norm whose training statistics are those of all processes' rows together.

    On one process and in evaluation this is plain batch norm; on CUDA it is the forward pass of
    torch's ``SyncBatchNorm``; on the CPU, which that refuses, one gather over processes in the
    forward pass and one sum in the backward pass, as there. No subclass of ``SyncBatchNorm``, since
    DistributedDataParallel refuses those on a CPU too.
    Shape: ``(batch, features, ...)``, any trailing dimensions. Parameter and buffer names are
    those of ``nn.BatchNorm*d``.
    """

    # What the forward pass of torch's SyncBatchNorm reads besides a batch norm's own.
    process_group = None
    _check_non_zero_input_channels = nn.SyncBatchNorm._check_non_zero_input_channels

    def forward(self, input: Tensor) -> Tensor:
        """Normalises ``input`` and, in training, moves the running statistics."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        if input.device.type != "cpu":
            return nn.SyncBatchNorm.forward(self, input)  # type: ignore[arg-type]
        x = input if input.dtype == torch.float64 else input.float()
        axes = [axis for axis in range(x.ndim) if axis != 1]
        shape = [1, -1] + [1] * (x.ndim - 2)
        rows = x.numel() // x.shape[1]
        own_mean = x.sum(axes) / max(rows, 1)
        # Squared deviations from the own mean: a difference of raw moments loses digits.
        own_squares = (x - own_mean.view(shape)).square().sum(axes)
        own = torch.stack([torch.full_like(own_mean, rows), own_mean, own_squares])
        counts, means, squares = gather_with_grad(own[None]).unbind(1)
        counts = counts.detach()
        count = counts.sum(0)
        mean = (counts * means).sum(0) / count
        variance = (squares + counts * (means - mean).square()).sum(0) / count
        centred = x - mean.view(shape)
        self._track(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        y = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        weight = self.momentum or 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        self.running_var.lerp_(unbiased_variance.to(self.running_var.dtype), weight)


PLAIN = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(LocalBatchNorm, GlobalBatchNorm),
)


def convert_batch_norm(
    module: nn.Module, kind: type[LocalBatchNorm] = GlobalBatchNorm
) -> nn.Module:
    """Replaces every batch norm in ``module`` by one of ``kind``, keeping its tensors.

    Changes ``module`` in place and returns it (or its replacement, if it is one itself). Other
    classes of batch norms may do more, such as timm's with their activation, and stay.
    """
    if type(module) in PLAIN and type(module) is not kind:
        return _replacement(module, kind)  # type: ignore[arg-type]
    for name, child in module.named_children():
        setattr(module, name, convert_batch_norm(child, kind))
    return module


def _replacement(norm: _BatchNorm, kind: type[LocalBatchNorm]) -> LocalBatchNorm:
    new = kind(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    for store in ("_parameters", "_buffers"):
        getattr(new, store).update(getattr(norm, store))
    new.training = norm.training
    return new
