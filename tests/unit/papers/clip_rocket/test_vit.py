import pytest
import torch

from common.registry import BACKBONES
from papers.clip_rocket.vit import vit_small_12_heads


def test_it_is_timms_vit_small_with_twelve_heads():
    timm = pytest.importorskip("timm")
    wanted = timm.create_model(
        "vit_small_patch16_224", num_heads=12, num_classes=0, dynamic_img_size=True
    ).eval()
    torch.manual_seed(0)
    backbone = vit_small_12_heads(channels=3, width=1, stem="imagenet").eval()
    wanted.load_state_dict(backbone.model.state_dict())
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(backbone(x), wanted(x))
    assert all(parameter.requires_grad for parameter in backbone.parameters())
    assert BACKBONES.knows("vit_small_12_heads")
