"""A training step of MEOW on a graph of PyTorch Geometric's, as its own reader makes it."""

from typing import Any

import torch
from torch import Tensor

from common.data.graphs.module import GraphData
from papers.meow.config import MEOWConfig
from papers.meow.module import MEOW
from tests.training import listen, losses_of


def read_whole(data: Any, metapath: str, **changes: Any) -> GraphData:
    """Returns the data module of ``data``, a HeteroData, over one meta-path."""
    return GraphData.from_hetero_data(data, metapaths=[metapath], top_k=[10], **changes)


def step_on(data: GraphData, method: MEOWConfig) -> tuple[float, Tensor]:
    """Returns the loss of the first batch, and how far the step moved the target's projection."""
    torch.manual_seed(0)
    module = MEOW(method, None, data.facts)
    listen(module, every=0)
    (weight, *_) = module.encoder.projections["0"].parameters()
    before = weight.detach().clone()
    (loss,) = losses_of(module, [next(iter(data.train_dataloader()))])
    return loss, weight.detach() - before
