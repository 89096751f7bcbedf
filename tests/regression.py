"""Samples with numbers as labels, and a module that protocols measure on them."""

import torch
from torch import nn

from common.evaluation.regression_inputs import Samples


def make_parts(num=120, noise=0.1, dim=5):
    """Returns parts of ``num`` samples each, whose labels are linear in the inputs."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(dim, generator=generator)
    parts = {}
    for name in ("train", "val", "test"):
        x = torch.randn(num, dim, generator=generator) * 3 + 1
        y = x @ weight + noise * torch.randn(num, generator=generator) + 40
        parts[name] = Samples(x, y)
    return parts


class Net(nn.Module):
    """Embeds by a linear layer; predicts its first feature, projects to unit length."""

    def __init__(self, dim=5):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(dim, 4)
        self.drop = nn.Dropout(0.5)

    def embed(self, x):
        return self.drop(self.layer(x))

    def predict(self, x):
        return self.embed(x)[:, 0]

    def project(self, x):
        return nn.functional.normalize(self.embed(x), dim=1)
