"""New projectors for a published model, as the paper's code gives it."""

from typing import Any

import torch
from torch import nn

from common.errors import ConfigError


def renew_projectors(towers: Any, dim: int) -> None:
    """Replaces both projectors of open_clip's ``towers.model`` by random ones of ``dim`` numbers.

    They are drawn as `torch.nn.Linear` draws its own.

    Raises:
        ConfigError: A model that keeps its projectors elsewhere.
    """
    model = towers.model
    for part, name in ((model.visual, "proj"), (model, "text_projection")):
        old = getattr(part, name, None)
        if not isinstance(old, nn.Parameter):
            raise ConfigError(
                "method.new_projectors: method.open_clip names a model whose projectors are not "
                "known here; take a ViT"
            )
        new, most = torch.empty(len(old), dim), len(old) ** -0.5
        setattr(part, name, nn.Parameter(nn.init.uniform_(new, -most, most)))
