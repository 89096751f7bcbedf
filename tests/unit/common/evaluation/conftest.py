import pytest
import torch
from torch import nn

from common.data.images.config import ImageConfig
from common.data.images.evaluation import EvaluatedImages
from common.data.images.sets import Split
from common.evaluation.features import ImageInputs


class Encoder(nn.Module):
    """A small network with batch norm and dropout."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1)
        )

    def embed(self, images):
        return self.net(images).mean((2, 3))


def striped(num, num_classes, seed):
    """Returns images whose colour tells their class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(num) % num_classes
    colour = torch.rand(num_classes, 3, 1, 1, generator=torch.Generator().manual_seed(9))
    noise = torch.rand(num, 3, 12, 12, generator=generator)
    return Split((0.7 * colour[labels] + 0.3 * noise).mul(255).to(torch.uint8), labels)


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    config = ImageConfig(mean=[0.5] * 3, std=[0.25] * 3)
    pair = (striped(120, 8, 1), striped(80, 8, 2))
    return ImageInputs(Encoder(), *(EvaluatedImages(split, config) for split in pair))
