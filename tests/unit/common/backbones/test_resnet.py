import pytest
import torch
import torchvision

from common.backbones.resnet import resnet18, resnet50, small_resnet
from common.registry import BACKBONES


def test_weights_of_torchvision_load_and_give_its_features():
    torch.manual_seed(0)
    reference = torchvision.models.resnet18()
    state = {k: v for k, v in reference.state_dict().items() if not k.startswith("fc.")}
    model = resnet18()
    model.load_state_dict(state)
    reference.fc = torch.nn.Identity()
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model.eval()(x), reference.eval()(x))


def test_resnet50_has_the_papers_size():
    model = resnet50()
    assert model.num_features == 2048
    assert sum(p.numel() for p in model.parameters()) == 23_508_032
    assert model.layer2[0].conv2.stride == (2, 2)  # v1.5


def test_widths_multiply_stem_stages_and_features():
    with torch.device("meta"):
        model = resnet50(width=2)
        assert model.conv1.out_channels == 128
        assert model.layer4[0].conv2.out_channels == 1024
        assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 4096)
        # The README of the official repository gives 94, 375 and 586 M.
        for width, millions in ((2, 93.9), (4, 375.4), (5, 586.5)):
            count = sum(p.numel() for p in resnet50(width=width).parameters())
            assert count / 1e6 == pytest.approx(millions, abs=0.1)


def test_the_small_stem_keeps_small_images():
    with torch.device("meta"):
        x = torch.zeros(2, 3, 32, 32)
        assert resnet18(stem="cifar").feature_map(x).shape == (2, 512, 4, 4)
        assert resnet18(stem="imagenet").feature_map(x).shape == (2, 512, 1, 1)


def test_a_cell_of_the_small_one_sees_49_pixels_a_side():
    torch.manual_seed(0)
    model, x = small_resnet(stem="cifar").eval(), torch.randn(1, 3, 128, 128, requires_grad=True)
    maps = model.feature_map(x)
    assert maps.shape == (1, 128, 16, 16) and model.num_features == 128
    maps[0, :, 8, 8].sum().backward()
    seen = x.grad.abs().sum((0, 1)).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [49, 49]


def test_the_deep_stem_dilates_the_last_stages_as_torchvision_does():
    torch.manual_seed(0)
    model = resnet50(stem="deep").eval()
    reference = torchvision.models.resnet50(replace_stride_with_dilation=[False, True, True]).eval()
    reference.conv1, reference.fc = model.conv1, torch.nn.Identity()
    # The stem has 128 channels where torchvision's has 64.
    reference.bn1, reference.layer1 = model.bn1, model.layer1
    for name in ("layer2", "layer3", "layer4"):
        getattr(reference, name).load_state_dict(getattr(model, name).state_dict())
    x = torch.randn(2, 3, 64, 64)
    assert model.feature_map(x).shape == (2, 2048, 8, 8)
    torch.testing.assert_close(model(x), reference(x))
    small = resnet18(stem="deep")
    assert small.feature_map(x[:, :, :32, :32]).shape == (2, 512, 4, 4)
    # timm.create_model("resnet18", stem_type="deep", output_stride=8, num_classes=0).
    assert sum(p.numel() for p in small.parameters()) == 11_324_992


# The MLP takes rows of numbers, and timm's ViT has a stem of its own.
@pytest.mark.parametrize("name", sorted({*BACKBONES.names()} - {"mlp", "vit_small_12_heads"}))
def test_every_backbone_gives_its_number_of_features(name):
    with torch.device("meta"):
        model = BACKBONES.get(name)(channels=1, width=1, stem="cifar")
        assert model(torch.zeros(2, 1, 32, 32)).shape == (2, model.num_features)
