"""torchvision's ResNets without the classifier, with a stem for small images and widths."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torchvision.models import resnet as torchvision_resnet
from torchvision.models.resnet import BasicBlock, Bottleneck

STEM_WIDTH = 64


class ResNet(torchvision_resnet.ResNet):
    """A ResNet that ends in the pooled features; keys are torchvision's, without ``fc``.

    ``(batch, channels, height, width)`` to ``(batch, num_features)``. torchvision's ResNet-50
    has its stride in the 3x3 convolution (v1.5), Kaiming initialisation by fan-out and batch-norm
    gains of 1. The codes of SimCLR, SimSiam and Barlow Twins start each block's last gain at 0.

    Args:
        block: `BasicBlock` or `Bottleneck`.
        layers: Blocks of each of the four stages.
        channels: Channels of the images.
        width: Multiplies every width, the stem's and the features' too.
        stem: "imagenet" (7x7, stride 2, max-pooling), "cifar" (3x3, stride 1, none) or "deep"
            (three 3x3 and max-pooling; the last two stages are dilated in place of their strides,
            so that a cell is 8 pixels: timm's stem_type=deep, output_stride=8).
        planes: Channels of the stem and of the first stage, before ``width``.
        norm: Makes each norm of its channels: batch norm, or `group_norm`.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: list[int],
        channels: int = 3,
        width: int = 1,
        stem: str = "imagenet",
        planes: int = STEM_WIDTH,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        nn.Module.__init__(self)
        self._norm_layer = norm
        self.groups, self.dilation = 1, 1
        # torchvision multiplies only a bottleneck's inner width; here all stages are wider.
        self.base_width = STEM_WIDTH
        self.inplanes = planes * width
        self.conv1: nn.Module
        if stem == "deep":
            stem_layers = deep_stem(channels, self.inplanes, norm)
            self.conv1, self.inplanes = stem_layers, 2 * self.inplanes
        else:
            kernel, stride = (7, 2) if stem == "imagenet" else (3, 1)
            self.conv1 = nn.Conv2d(channels, self.inplanes, kernel, stride, kernel // 2, bias=False)
        self.bn1 = norm(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if stem == "cifar" else nn.MaxPool2d(3, 2, 1)
        for stage, blocks in enumerate(layers):
            wide, step = planes * width * 2**stage, 1 if stage == 0 else 2
            setattr(self, f"layer{stage + 1}", self._make_layer(block, wide, blocks, step))
        if stem == "deep":
            dilate(self.layer3, 1, 2)
            dilate(self.layer4, 2, 4)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.num_features = planes * width * 8 * block.expansion
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


def zero_last_gains(backbone: nn.Module) -> None:
    """Makes each residual block the identity at first: its last batch-norm gain is 0."""
    for block in backbone.modules():
        if isinstance(block, Bottleneck):
            nn.init.zeros_(block.bn3.weight)
        elif isinstance(block, BasicBlock):
            nn.init.zeros_(block.bn2.weight)


def deep_stem(
    channels: int, width: int, norm: Callable[[int], nn.Module] = nn.BatchNorm2d
) -> nn.Sequential:
    """Returns three 3x3 convolutions, the first with stride 2, to ``2 * width`` channels."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, 2, 1, bias=False),
        norm(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, width, 3, 1, 1, bias=False),
        norm(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, 2 * width, 3, 1, 1, bias=False),
    )


def dilate(stage: nn.Module, first: int, others: int) -> None:
    """Takes a stage's stride away and spreads its 3x3 kernels instead, the first one by ``first``.

    torchvision offers this for bottlenecks only.
    """
    dilation = first
    for conv in stage.modules():
        if isinstance(conv, nn.Conv2d):
            conv.stride = (1, 1)
            if conv.kernel_size == (3, 3):
                conv.dilation = conv.padding = (dilation, dilation)
                dilation = others


def group_norm(channels: int) -> nn.GroupNorm:
    """Returns a norm within each sample (arXiv 1803.08494): 32 groups, of two channels at least."""
    return nn.GroupNorm(min(32, channels // 2), channels)


def small_resnet(**options: Any) -> ResNet:
    """A ResNet-10 of 16 to 128 channels, which trains on CPU cores; options as `ResNet`.

    With the stem "cifar" a cell is 8 pixels and sees 49 x 49.
    """
    return ResNet(BasicBlock, [1, 1, 1, 1], planes=16, **options)


def resnet18(**options: Any) -> ResNet:
    """ResNet-18; options as `ResNet`."""
    return ResNet(BasicBlock, [2, 2, 2, 2], **options)


def resnet50(**options: Any) -> ResNet:
    """ResNet-50 (v1.5); options as `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **options)


def small_resnet_gn(**options: Any) -> ResNet:
    """`small_resnet` with group norm; options as `ResNet`."""
    return small_resnet(norm=group_norm, **options)


def resnet18_gn(**options: Any) -> ResNet:
    """ResNet-18 with group norm; options as `ResNet`."""
    return resnet18(norm=group_norm, **options)


def resnet50_gn(**options: Any) -> ResNet:
    """ResNet-50 with group norm; options as `ResNet`."""
    return resnet50(norm=group_norm, **options)
