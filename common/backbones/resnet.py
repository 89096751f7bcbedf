"""torchvision's ResNets without the classifier, with a stem for small pictures and widths."""

from typing import Any

from torch import Tensor, nn
from torchvision.models import resnet as torchvision_resnet
from torchvision.models.resnet import BasicBlock, Bottleneck

STEM_WIDTH = 64


class ResNet(torchvision_resnet.ResNet):
    """A ResNet that ends in the pooled features; keys are torchvision's, without ``fc``.

    ``(batch, channels, height, width)`` to ``(batch, num_features)``. torchvision's ResNet-50
    has its stride in the 3x3 convolution (v1.5), Kaiming initialisation by fan-out and batch-norm
    gains of 1, which is what the papers here use.

    Args:
        block: `BasicBlock` or `Bottleneck`.
        layers: Blocks of each of the four stages.
        channels: Of the pictures.
        width: Multiplies every width, the stem's and the features' too.
        stem: "imagenet" (7x7, stride 2, max-pooling) or "cifar" (3x3, stride 1, none).
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: list[int],
        channels: int = 3,
        width: int = 1,
        stem: str = "imagenet",
    ) -> None:
        nn.Module.__init__(self)
        self._norm_layer = nn.BatchNorm2d
        self.groups, self.dilation = 1, 1
        # torchvision multiplies only a bottleneck's inner width; here all stages are wider.
        self.base_width = STEM_WIDTH
        self.inplanes = STEM_WIDTH * width
        kernel, stride = (7, 2) if stem == "imagenet" else (3, 1)
        self.conv1 = nn.Conv2d(channels, self.inplanes, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()
        for stage, blocks in enumerate(layers):
            planes, step = STEM_WIDTH * width * 2**stage, 1 if stage == 0 else 2
            setattr(self, f"layer{stage + 1}", self._make_layer(block, planes, blocks, step))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.num_features = STEM_WIDTH * width * 8 * block.expansion
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def feature_map(self, x: Tensor) -> Tensor:
        """Returns the last stage before pooling, ``(batch, num_features, height, width)``."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def forward(self, x: Tensor) -> Tensor:
        """Returns the pooled features, ``(batch, num_features)``."""
        return self.avgpool(self.feature_map(x)).flatten(1)


def resnet18(**options: Any) -> ResNet:
    """ResNet-18; options as `ResNet`."""
    return ResNet(BasicBlock, [2, 2, 2, 2], **options)


def resnet50(**options: Any) -> ResNet:
    """ResNet-50 (v1.5); options as `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **options)
