import sys
from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
import torchvision

from common.backbones.build import build_backbone
from common.backbones.foreign import timm_backbone
from common.config.recipe import load_recipe
from common.errors import ConfigError, DataError
from common.methods.config import BackboneConfig
from papers.pixpro.config import PixProConfig
from papers.pixpro.module import PixPro
from papers.swav.module import SwAV

NAME = "torchvision:resnet18"


def make(name=NAME, channels=3, **options):
    torch.manual_seed(0)
    return build_backbone(BackboneConfig(backbone=name, **options), channels)


def test_a_network_of_torchvision_gives_its_features_and_their_map():
    backbone = make().eval()
    reference = torchvision.models.resnet18()
    reference.load_state_dict(backbone.model.state_dict(), strict=False)
    reference.fc = torch.nn.Identity()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        found, expected = backbone(images), reference.eval()(images)
        stage = backbone.feature_map(images)
    assert backbone.num_features == 512 and torch.equal(found, expected)
    torch.testing.assert_close(stage.mean((2, 3)), expected)


@pytest.mark.parametrize(
    ("name", "num_features", "has_map"),
    [
        ("shufflenet_v2_x0_5", 1024, False),
        ("efficientnet_b0", 1280, True),
        ("convnext_tiny", 768, True),
    ],
)
def test_what_a_network_gives_is_measured(name, num_features, has_map):
    backbone = make(f"torchvision:{name}")
    assert backbone.num_features == num_features and backbone.training
    assert hasattr(backbone, "feature_map") is has_map


@pytest.mark.parametrize("name", ["squeezenet1_1", "googlenet"])
@pytest.mark.filterwarnings("ignore:The default weight initialization")
def test_networks_without_one_vector_for_an_image_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        make(f"torchvision:{name}")


def test_grey_images_get_a_first_convolution_of_their_own():
    assert make(channels=1).eval()(torch.rand(2, 1, 32, 32)).shape == (2, 512)


def test_weights_of_a_file_are_what_training_starts_from(tmp_path):
    weights = torchvision.models.resnet18().state_dict()
    torch.save(weights, tmp_path / "w.pt")
    backbone = make(initial_weights=str(tmp_path / "w.pt"))
    own = make("resnet18", initial_weights=str(tmp_path / "w.pt"))
    for network in (backbone.model, own):
        assert torch.equal(network.layer4[1].conv2.weight, weights["layer4.1.conv2.weight"])
    weights.pop("layer4.1.conv2.weight")
    torch.save(weights, tmp_path / "w.pt")
    with pytest.raises(DataError, match=r"w.pt.*layer4.1.conv2.weight"):
        make(initial_weights=str(tmp_path / "w.pt"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "torchvision:resnet19"}, "resnet19.*resnet18"),
        ({"width": 2}, r"method.width=2"),
        ({"stem": "cifar"}, r"method.stem=cifar"),
        ({"channels": 1, "initial_weights": "pretrained"}, "colour"),
        ({"name": "resnet18", "initial_weights": "pretrained"}, r"torchvision:resnet50"),
        ({"name": "hf:gone"}, r"hf:gone.*config.json"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_a_recipe_takes_networks_of_known_libraries_only():
    recipe = load_recipe("swav/quick", [f"method.backbone={NAME}", "method.stem=imagenet"])
    assert recipe.method.backbone == NAME
    for name in ("keras:resnet18", "torchvision:", "resnet19"):
        with pytest.raises(ConfigError, match=r"method.backbone"):
            load_recipe("swav/quick", [f"method.backbone={name}"])


def test_papers_are_built_on_it_and_a_copy_is_its_own():
    module = SwAV(
        load_recipe("swav/quick", [f"method.backbone={NAME}", "method.stem=imagenet"]).method
    )
    assert module.embed(torch.rand(2, 3, 32, 32)).shape == (2, 512)
    other = deepcopy(module.backbone)
    torch.nn.init.zeros_(other.model.conv1.weight)
    images = torch.rand(2, 3, 32, 32)
    assert not torch.equal(
        other.eval().feature_map(images), module.backbone.eval().feature_map(images)
    )
    assert PixPro(PixProConfig(backbone=NAME)).backbone.num_features == 512
    with pytest.raises(ConfigError, match="no feature map"):
        PixPro(PixProConfig(backbone="torchvision:shufflenet_v2_x0_5"))


def test_a_network_of_timm():
    pytest.importorskip("timm")
    backbone = make("timm:resnet18", channels=1)
    assert (backbone.num_features, hasattr(backbone, "feature_map")) == (512, True)
    small = make("timm:vit_tiny_patch16_224")
    assert (small.num_features, hasattr(small, "feature_map")) == (192, False)
    with pytest.raises(ConfigError, match="resnet19"):
        make("timm:resnet19")


def test_images_of_another_size_than_a_transformer_of_timm_was_built_for():
    pytest.importorskip("timm")
    for size in (96, 224, 384):
        assert make("timm:vit_tiny_patch16_384")(torch.rand(1, 3, size, size)).shape == (1, 192)
    once = make("timm:cait_xxs24_384")  # whose positions timm interpolates as it is built
    assert once(torch.rand(1, 3, 224, 224)).shape == (1, 192)
    with pytest.raises(DataError, match=r"^method.backbone: takes no images of 96 x 96: .*\(224"):
        once(torch.rand(1, 3, 96, 96))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        make("timm:resnet18").train()(torch.rand(1, 3, 32, 32))
    with pytest.raises(RuntimeError, match="No pretrained weights"):
        timm_backbone("vovnet39a", pretrained=True, channels=3, width=1, stem="imagenet")


def test_a_folder_of_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.ViTConfig(**sizes, intermediate_size=16, image_size=32, patch_size=16)
    saved = transformers.ViTModel(config)
    saved.save_pretrained(tmp_path)
    drawn = make(f"hf:{tmp_path}")
    assert drawn.num_features == 16 and drawn(torch.rand(2, 3, 32, 32)).shape == (2, 16)
    loaded = make(f"hf:{tmp_path}", initial_weights="pretrained").model.state_dict()
    assert all(torch.equal(array, loaded[name]) for name, array in saved.state_dict().items())


class Vision(torch.nn.Module):
    """Stands for a vision transformer of the library."""

    def __init__(self):
        super().__init__()
        self.embeddings, self.pooler = torch.nn.Linear(12, 4), torch.nn.Linear(4, 4)

    def forward(self, x):
        states = self.embeddings(x.flatten(2).transpose(1, 2)[..., :1].expand(-1, -1, 12))
        pooled = self.pooler and self.pooler(states[:, 0])
        return SimpleNamespace(last_hidden_state=states, pooler_output=pooled)


class Models:
    """Stands for the library's way to read a folder; what is not in it is drawn."""

    from_config = staticmethod(lambda config: Vision())

    @staticmethod
    def from_pretrained(folder, output_loading_info, **_):
        from safetensors.torch import load_file

        model, arrays = Vision(), load_file(folder / "model.safetensors")
        told = model.load_state_dict(arrays, strict=False)
        return model, {"missing_keys": set(told.missing_keys)}


@pytest.fixture
def library(monkeypatch):
    config = SimpleNamespace(num_channels=3, image_size=8)
    configs = SimpleNamespace(from_pretrained=lambda *_, **__: config)
    stand_in = SimpleNamespace(AutoConfig=configs, AutoModel=Models)
    monkeypatch.setitem(sys.modules, "transformers", stand_in)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("lacking", ["", "pooler.", "embeddings."])
def test_what_a_folder_lacks_is_never_drawn(tmp_path, lacking):
    files = pytest.importorskip("safetensors.torch")
    (tmp_path / "config.json").write_text("{}")
    saved = Vision()
    arrays = {n: a for n, a in saved.state_dict().items() if not lacking or lacking not in n}
    files.save_file(arrays, tmp_path / "model.safetensors")
    images, name = torch.rand(2, 3, 8, 8), f"hf:{tmp_path}"
    if lacking == "embeddings.":
        with pytest.raises(ConfigError, match=r"lack embeddings\.bias"):
            make(name, initial_weights="pretrained")
        return
    if not lacking:
        found = make(name, initial_weights="pretrained")
        assert torch.equal(found(images), saved(images).pooler_output)
        return
    with pytest.warns(UserWarning, match="the first token is read"):
        found = make(name, initial_weights="pretrained")
    assert torch.equal(found(images), saved(images).last_hidden_state[:, 0])
    with pytest.warns(UserWarning, match="the first token is read"):
        drawn = make(name)  # what a checkpoint of a trained module is loaded into
    drawn.load_state_dict(found.state_dict())
