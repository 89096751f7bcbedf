"""Models of open_clip behind our names; the library is a stand-in where it is not installed."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from common.config.schema import OptimizerConfig
from common.data.image_text.config import ImageTextFacts
from common.errors import ConfigError, DataError, MissingLibrary
from common.methods.clip import CLIP
from common.methods.config import CLIPConfig
from common.methods.open_clip import check_inputs
from papers.negclip.weights import load_weights

FACTS = ImageTextFacts(num_words=20, pad=0, eot=19, unknown=0, context=6)


class QuickGELU(nn.Module):
    """Named as in the library."""

    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Model(nn.Module):
    """What is used of the library's models; its texts must have the whole context."""

    context_length = 8

    def __init__(self, activation):
        super().__init__()
        self.image = nn.Sequential(nn.Flatten(), nn.Linear(48, 4), activation)
        self.text = nn.EmbeddingBag(20, 4)
        self.logit_scale = nn.Parameter(torch.tensor(4.6))

    def encode_image(self, images):
        return self.image(images)

    def encode_text(self, ids):
        assert ids.shape[1] == self.context_length
        return self.text(ids)


def create_model(name, pretrained=None, weights_only=False):
    assert weights_only, "a file runs no code"
    model = Model(QuickGELU() if "quickgelu" in name else nn.GELU())
    if pretrained not in (None, "openai"):
        model.load_state_dict(torch.load(pretrained, weights_only=True))
    return model


# As the library describes them, without sizes. Text encoders of Hugging Face have no vocab_size.
KNOWN = {
    "ViT-B-32": {"vision_cfg": {}, "text_cfg": {"vocab_size": 49408}},
    "ViT-B-32-quickgelu": {"vision_cfg": {}, "text_cfg": {"vocab_size": 49408}},
    "Named-quickgelu": {"vision_cfg": {}, "text_cfg": {"vocab_size": 49408}},
    "bare": {"vision_cfg": {}, "text_cfg": {}},
    "ViT-B-16-SigLIP": {
        "vision_cfg": {},
        "text_cfg": {"vocab_size": 32000, "hf_tokenizer_name": "timm/ViT-B-16-SigLIP"},
    },
    "roberta-ViT-B-32": {"vision_cfg": {}, "text_cfg": {"hf_model_name": "roberta-base"}},
    "moderntext": {"vision_cfg": {}, "text_cfg": {"vocab_size": 49408, "tiktoken_name": "gpt2"}},
    "coca_base": {"vision_cfg": {}, "text_cfg": {"vocab_size": 64000}},
    "canonical": {"vision_cfg": {}, "text_cfg": {"tokenizer_kwargs": {"clean": "whitespace"}}},
    "CLAP-HTSAT-tiny": {"audio_cfg": {}, "text_cfg": {"vocab_size": 49408}},
}


@pytest.fixture
def library(monkeypatch):
    stand_in = SimpleNamespace(
        list_models=lambda: list(KNOWN),
        list_pretrained_tags_by_model=lambda name: ["openai"],
        get_model_config=KNOWN.get,
        create_model=create_model,
    )
    monkeypatch.setitem(sys.modules, "open_clip", stand_in)


def make(name="ViT-B-32-quickgelu", weights=None, **method):
    torch.manual_seed(0)
    config = CLIPConfig(open_clip=name, initial_weights=weights, **method)
    return CLIP(config, OptimizerConfig(name="adamw", lr=1e-3), FACTS)


def make_batch():
    ids = torch.randint(1, 19, (5, 6), generator=torch.Generator().manual_seed(0))
    ids[:, -1] = FACTS.eot
    return torch.rand(5, 3, 4, 4), ids


@pytest.mark.usefixtures("library")
def test_the_models_vectors_and_scale_are_trained():
    module, batch = make(weights="openai"), make_batch()
    assert module.log_scale is module.towers.model.logit_scale
    vectors = module.project_text(batch[1], torch.ones_like(batch[1], dtype=torch.bool))
    assert vectors.shape == module.project_image(batch[0]).shape == (5, 4)
    module.training_step(batch, 0).backward()
    assert all(p.grad is not None for p in module.parameters())
    assert not make(fixed_scale=True).log_scale.requires_grad


@pytest.mark.usefixtures("library")
def test_weights_are_a_tag_or_a_file(tmp_path):
    state = make().towers.model.state_dict()
    state["logit_scale"] = torch.tensor(2.5)
    torch.save(state, tmp_path / "own.pt")
    assert make(weights=str(tmp_path / "own.pt")).log_scale.item() == 2.5
    with pytest.raises(ConfigError, match="neither a file nor a tag"):
        make(weights="opena")
    with pytest.raises(ConfigError, match="no such architecture"):
        make("ViT-B-23")
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(DataError, match="not the weights"):
        make(weights=str(tmp_path / "other.pt"))


@pytest.mark.usefixtures("library")
def test_openais_weights_need_their_activation(monkeypatch):
    with pytest.raises(ConfigError, match="QuickGELU"):
        make("ViT-B-32", weights="openai")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("bare", None),
        ("ViT-B-16-SigLIP", "tokens of timm/ViT-B-16-SigLIP"),
        ("roberta-ViT-B-32", "tokens of roberta-base"),
        ("moderntext", "tokens of gpt2"),
        ("coca_base", "64,000 tokens"),
        ("canonical", "clean"),
        ("CLAP-HTSAT-tiny", "no images"),
    ],
)
def test_an_architecture_for_other_inputs_is_refused(name, reads):
    if reads is None:
        assert make(name).project_image(torch.rand(5, 3, 4, 4)).shape == (5, 4)
        return
    with pytest.raises(ConfigError, match=f"{name}: reads .*{reads}"):
        make(name)


@pytest.mark.usefixtures("library")
def test_texts_that_are_longer_than_the_model_reads_are_refused():
    with pytest.raises(ConfigError, match=r"data\.context=9: ViT-B-32 reads 8 tokens"):
        CLIP(CLIPConfig(open_clip="ViT-B-32"), facts=replace(FACTS, context=9))


def test_every_architecture_of_the_library_that_has_other_tokens_is_refused():
    library = pytest.importorskip("open_clip")
    for name in library.list_models():
        config = library.get_model_config(name)
        try:
            check_inputs(name, config)
        except ConfigError:
            continue
        assert type(library.get_tokenizer(name)).__name__ == "SimpleTokenizer"
        assert config["text_cfg"]["vocab_size"] == 49_408


@pytest.mark.usefixtures("library")
def test_published_weights_fill_the_model_whatever_trained_them(tmp_path):
    state = make().towers.model.state_dict()
    state = {f"module.{name}": value + 1 for name, value in state.items()}
    state["module.logit_scale"] = state["module.logit_scale"].reshape(1)
    torch.save({"state_dict": state, "epoch": 5}, tmp_path / "negclip.pt")
    module = make()
    load_weights(module, tmp_path / "negclip.pt")
    for name, value in module.towers.model.state_dict().items():
        torch.testing.assert_close(value, state[f"module.{name}"].reshape(value.shape))
    del state["module.text.weight"]
    torch.save(state, tmp_path / "short.pt")
    with pytest.raises(DataError, match=r"text\.weight"):
        load_weights(module, tmp_path / "short.pt")
    own = CLIP(CLIPConfig(backbone="tiny_conv", stem="cifar"), facts=FACTS)
    with pytest.raises(ConfigError, match=r"method\.open_clip"):
        load_weights(own, tmp_path / "negclip.pt")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingLibrary, match=r"\[image-text\]"):
        make()


def test_a_model_of_the_library_itself_gives_unit_vectors_in_one_space():
    pytest.importorskip("open_clip")
    facts = ImageTextFacts(num_words=49_408, context=77)
    module = CLIP(CLIPConfig(open_clip="ViT-B-32-quickgelu"), facts=facts).eval()
    ids = torch.tensor([[49_406, 320, 49_407]])
    with torch.no_grad():
        image = module.project_image(torch.rand(1, 3, 224, 224))
        text = module.project_text(ids, torch.ones_like(ids, dtype=torch.bool))
    assert image.shape == text.shape == (1, 512)
