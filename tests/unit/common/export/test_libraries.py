import pytest
import torch

from common.backbones.build import build_backbone
from common.errors import UsageError
from common.export.backbone import Network, best_fit, fit_to
from common.methods.config import BackboneConfig
from common.registry import BACKBONES


def make(name, channels=3, width=1, stem="imagenet", size=32):
    torch.manual_seed(0)
    backbone = BACKBONES.get(name)(channels=channels, width=width, stem=stem)
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return Network(backbone.eval(), name, channels, width, stem, size)


NETWORKS = [
    ("resnet18", 3, 1, "imagenet"),
    ("resnet18", 1, 1, "imagenet"),
    ("resnet18", 3, 1, "cifar"),
    ("resnet18", 3, 1, "deep"),
    ("vit_tiny", 1, 1, "cifar"),
    ("vit_tiny", 3, 2, "imagenet"),
]


@pytest.mark.parametrize("library", ["torchvision", "timm", "state-dict"])
@pytest.mark.parametrize(("name", "channels", "width", "stem"), NETWORKS)
def test_the_library_s_network_computes_the_same(library, name, channels, width, stem):
    if library == "timm":
        pytest.importorskip("timm")
    network = make(name, channels, width, stem)
    if (library, stem) == ("torchvision", "deep"):
        with pytest.raises(UsageError, match="deep stem"):
            fit_to(network, library)
        return
    fitted, images = fit_to(network, library), torch.rand(2, channels, 32, 32)
    with torch.no_grad():
        found, expected = fitted.build(fitted.state)(images), network.backbone(images)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_resnet_of_our_own_is_written_under_our_names():
    network = make("small_resnet")
    fitted, library = best_fit(network)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(fitted.build(fitted.state)(images), network.backbone(images))
    assert library == "state-dict"
    for library in ("torchvision", "timm", "detectron2"):
        with pytest.raises(UsageError, match=f"--to {library}.*small_resnet"):
            fit_to(network, library)


def test_a_library_s_own_network_goes_back_to_it():
    config = BackboneConfig(backbone="torchvision:efficientnet_b0")
    backbone = build_backbone(config, 3).eval()
    network = Network(backbone, config.backbone, 3, 1, "imagenet", 32)
    fitted, library = best_fit(network)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(fitted.build(fitted.state)(images), backbone(images))
    assert library == "torchvision"
    with pytest.raises(UsageError, match=r"--to timm.*efficientnet_b0"):
        fit_to(network, "timm")


@pytest.mark.parametrize("library", ["torchvision", "timm", "detectron2"])
@pytest.mark.parametrize("network", [("small_conv", 3), ("resnet18", 3, 2)])
def test_what_no_library_has_is_refused(library, network):
    with pytest.raises(UsageError, match=rf"--to {library}.*{network[0]}.*state-dict"):
        fit_to(make(*network), library)


def test_the_names_for_timm_s_transformers_are_its_own():
    state = fit_to(make("vit_tiny"), "timm").state
    block = [name for name in state if name.startswith("blocks.11.")]
    assert {name.removeprefix("blocks.11.") for name in block} == {
        f"{layer}.{kind}"
        for layer in ("norm1", "norm2", "attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
        for kind in ("weight", "bias")
    }
    others = {"cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"}
    assert {name for name in state if "blocks." not in name} == others | {
        "norm.weight",
        "norm.bias",
    }
