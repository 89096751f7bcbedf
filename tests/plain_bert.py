"""A post-norm encoder in plain functions, to hold whole steps against."""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def linear(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Returns ``x W^T + b`` of the layer ``name``."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(weights: Mapping[str, Tensor], name: str, x: Tensor, eps: float) -> Tensor:
    """Returns the layer norm ``name`` of ``x``."""
    x = x - x.mean(-1, keepdim=True)
    x = x / (x.square().mean(-1, keepdim=True) + eps).sqrt()
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def encode(
    weights: Mapping[str, Tensor], ids: list[int], types: list[int], heads: int, eps: float
) -> list[Tensor]:
    """Returns the states ``(tokens, dim)`` of one text after the embeddings and each layer."""
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    if "embeddings.token_type_embeddings.weight" in weights:
        x = x + weights["embeddings.token_type_embeddings.weight"][types]
    states = [norm(weights, "embeddings.LayerNorm", x, eps)]
    while f"encoder.layer.{len(states) - 1}.output.dense.weight" in weights:
        x, at = states[-1], f"encoder.layer.{len(states) - 1}"
        q, k, v = (
            linear(weights, f"{at}.attention.self.{name}", x).chunk(heads, 1)
            for name in ("query", "key", "value")
        )
        mixed = [
            (a @ b.T / math.sqrt(a.shape[1])).softmax(1) @ c
            for a, b, c in zip(q, k, v, strict=True)
        ]
        y = linear(weights, f"{at}.attention.output.dense", torch.cat(mixed, 1))
        x = norm(weights, f"{at}.attention.output.LayerNorm", x + y, eps)
        y = linear(
            weights, f"{at}.output.dense", F.gelu(linear(weights, f"{at}.intermediate.dense", x))
        )
        states.append(norm(weights, f"{at}.output.LayerNorm", x + y, eps))
    return states


def under(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Returns the weights of the part ``prefix``, by their names within it."""
    return {
        name.removeprefix(f"{prefix}."): each
        for name, each in weights.items()
        if name.startswith(f"{prefix}.")
    }


def assert_gradients(module: nn.Module, loss: Tensor, leaves: Mapping[str, Tensor]) -> None:
    """Asserts that the gradients in ``module`` are those of ``loss`` by its ``leaves`` alone."""
    found = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    wanted = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)
