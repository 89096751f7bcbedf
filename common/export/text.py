"""A trained encoder of texts as a folder that sentence-transformers and transformers load."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.backbones.checkpoint_folder import WEIGHTS, needs_text_extra
from common.backbones.text_encoder import TextEncoder, rate_of
from common.config.files import write_folder
from common.data.text.tokenizer import KEYS, Tokenizer
from common.errors import UsageError
from common.training.fit import Experiment

# Our poolers, as the module Pooling knows them.
POOLING = {"cls": "pooling_mode_cls_token", "avg": "pooling_mode_mean_tokens"}
MODES = (*POOLING.values(), "pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens")
LIBRARY = "sentence_transformers.models"


def export_sentences(experiment: Experiment, folder: Path) -> Path:
    """Writes a run's encoder as a folder; raises as below, or where it encodes no texts."""
    method, module = experiment.recipe.method, experiment.module
    data: Any = experiment.data
    if not isinstance(encoder := getattr(module, "backbone", None), TextEncoder):
        raise UsageError(f"--to sentence-transformers: {experiment.recipe.paper} encodes no texts")
    if getattr(method, "head_at_test", False):
        raise UsageError("method.head_at_test: no such library has the head; train without it")
    return export_sentence_transformer(folder, encoder, data.tokenizer, method.pooler)


def export_sentence_transformer(
    folder: Path, encoder: TextEncoder, tokenizer: Tokenizer, pooler: str
) -> Path:
    """Writes ``folder``; what stood there before must be empty.

    Args:
        folder: Is made.
        encoder: The trained one.
        tokenizer: Tokenizer of the run's data.
        pooler: How the run makes one vector of a text.

    Raises:
        UsageError: A pooler that the libraries do not have, or a folder that holds something.
        MissingLibrary: Without the library safetensors.
    """
    if pooler not in POOLING:
        raise UsageError(
            f"method.pooler={pooler}: sentence-transformers has none like it; {', '.join(POOLING)} "
            "can be exported"
        )
    with needs_text_extra("--to sentence-transformers"):
        from safetensors.torch import save
    texts = _texts(encoder, tokenizer, pooler)
    files: dict[str, bytes | str] = {name: json.dumps(own, indent=2) for name, own in texts.items()}
    files[WEIGHTS] = save(published_arrays(encoder), {"format": "pt"})
    write_folder(folder, files)
    return folder


def published_arrays(encoder: TextEncoder) -> dict[str, Tensor]:
    """Returns the arrays of BERT's layout, in float32 on the CPU.

    An encoder without kinds of tokens has one kind, whose embedding is zero, and one without a
    pooler has the identity, which nothing here uses: the libraries would report both as missing
    weights to be trained. The table of positions begins with that of the first token.
    """
    arrays = {
        name: array.float().cpu().contiguous() for name, array in encoder.state_dict().items()
    }
    key, first = "embeddings.position_embeddings.weight", encoder.embeddings.first_position
    arrays[key] = arrays[key][first:].clone()
    if encoder.embeddings.token_type_embeddings is None:
        zero = torch.zeros(1, encoder.num_features)
        arrays["embeddings.token_type_embeddings.weight"] = zero
    if encoder.pooler is None:
        arrays["pooler.dense.weight"] = torch.eye(encoder.num_features)
        arrays["pooler.dense.bias"] = torch.zeros(encoder.num_features)
    return arrays


def _texts(encoder: TextEncoder, tokenizer: Tokenizer, pooler: str) -> dict[str, Any]:
    """Returns what each JSON file of the folder holds, by its name."""
    pooling = {mode: mode == POOLING[pooler] for mode in MODES}
    names = dict(zip(KEYS, tokenizer.names, strict=True))
    transformer = {"idx": 0, "name": "0", "path": "", "type": f"{LIBRARY}.Transformer"}
    pooled = {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{LIBRARY}.Pooling"}
    return {
        "config.json": _sizes(encoder, tokenizer),
        "tokenizer.json": tokenizer.to_json(),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": encoder.num_positions,
            **names,
        },
        "modules.json": [transformer, pooled],
        "sentence_bert_config.json": {
            "max_seq_length": encoder.num_positions,
            "do_lower_case": False,
        },
        "1_Pooling/config.json": {"word_embedding_dimension": encoder.num_features, **pooling},
    }


def _sizes(encoder: TextEncoder, tokenizer: Tokenizer) -> dict[str, Any]:
    """Returns BERT's ``config.json``."""
    config = encoder.config
    return {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": encoder.embeddings.word_embeddings.num_embeddings,
        "hidden_size": config.dim,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.feed_forward,
        "hidden_act": "gelu",
        "max_position_embeddings": encoder.num_positions,
        "type_vocab_size": max(config.token_types, 1),
        "layer_norm_eps": config.norm_eps,
        "hidden_dropout_prob": rate_of(config),
        "attention_probs_dropout_prob": rate_of(config),
        "pad_token_id": tokenizer.special.pad,
        "torch_dtype": "float32",
    }
