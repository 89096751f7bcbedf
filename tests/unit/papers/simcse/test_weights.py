import pytest
import torch

from common.backbones.text_config import EncoderConfig
from common.data.text.config import TextFacts
from common.errors import DataError
from papers.simcse.config import SimCSEConfig
from papers.simcse.module import SimCSE
from papers.simcse.steps import publish
from papers.simcse.weights import load_weights

FACTS = TextFacts(num_words=20, max_length=8)


def build(seed: int, dim: int = 8) -> SimCSE:
    torch.manual_seed(seed)
    encoder = EncoderConfig(dim=dim, layers=1, heads=2, feed_forward=16, positions=8)
    return SimCSE(SimCSEConfig(encoder=encoder), facts=FACTS)


@pytest.fixture
def file(tmp_path):
    library = pytest.importorskip("safetensors.torch")
    arrays = {f"bert.{name}": array for name, array in build(0).backbone.state_dict().items()}
    path = tmp_path / "model.safetensors"
    library.save_file(arrays | {"cls.predictions.bias": torch.ones(20)}, path)
    return path


def test_the_encoder_is_filled_and_what_is_left_out_is_told(file):
    module = build(1)
    assert load_weights(module, file) == "cls.predictions.bias left out"
    for name, array in build(0).backbone.state_dict().items():
        assert torch.equal(module.backbone.state_dict()[name], array)


def test_what_stored_steps_write_in_the_first_checkpoints_names_is_read_back(tmp_path):
    pytest.importorskip("safetensors")
    module = build(1)
    load_weights(module, publish(build(0), tmp_path))
    for name, array in build(0).backbone.state_dict().items():
        assert torch.equal(module.backbone.state_dict()[name], array)


def test_another_size_names_the_setting(file):
    with pytest.raises(DataError, match=r"data\.tokenizer|method\.encoder"):
        load_weights(build(1, dim=16), file)
