"""Our functions on the stored reference values of the text modality, which is no paper."""

from typing import Any

import numpy as np
import torch

from common.backbones.modes import evaluating
from common.backbones.text_config import EncoderConfig
from common.backbones.text_encoder import TextEncoder
from common.data.text.tokenizer import word_pieces
from common.evaluation.association import all_halves, associations, effect_size, p_value
from common.evaluation.isotropy import isotropy, pair_cosines
from common.evaluation.sts import by_subset, cosine, pearson, spearman
from common.evaluation.tokens import pack_tokens
from common.losses.spread import alignment, uniformity
from common.results.parity import Case


def solve_word_pieces(case: Case) -> dict[str, Any]:
    """Ids and masks of sentences and of pairs of neighbours."""
    tokenizer = word_pieces(case.constants["vocabulary"])
    texts, longest = case.constants["sentences"], case.constants["max_length"]
    ids, mask = tokenizer.encode(texts).gather(np.arange(len(texts)), longest)
    pairs = tokenizer.encode_pairs(texts[::2], texts[1::2], longest)
    rows = np.arange(len(pairs))
    pair_ids, pair_type = (
        pack_tokens([pair[part] for pair in pairs], pad).gather(rows, longest)[0]
        for part, pad in ((0, tokenizer.special.pad), (1, 0))
    )
    return {"ids": ids, "mask": mask.long(), "pair_ids": pair_ids, "pair_type": pair_type}


def solve_encoder(case: Case) -> dict[str, Any]:
    """States of all layers, the pooled one, and a gradient, of weights by their published names."""
    table = case["embeddings.position_embeddings.weight"]
    words = case["embeddings.word_embeddings.weight"]
    given = case.constants
    config = EncoderConfig(
        dim=table.shape[1],
        layers=given["num_layers"],
        heads=given["num_heads"],
        feed_forward=len(case["encoder.layer.0.intermediate.dense.bias"]),
        positions=len(table),
        token_types=len(case["embeddings.token_type_embeddings.weight"]),
        norm_eps=given["layer_norm_eps"],
    )
    encoder = TextEncoder(len(words), config, has_pooler=True).to(case.dtype)
    encoder.load_state_dict({name: case[name] for name in encoder.state_dict()})
    mask = case["mask"]
    with evaluating(encoder):
        hidden = encoder(case["ids"], mask, case["token_type"])
    assert encoder.pooler is not None
    learnt = encoder.embeddings.word_embeddings.weight
    (gradient,) = torch.autograd.grad((case["cotangent"] * hidden[-1]).sum(), learnt)
    return {
        "hidden": torch.stack(hidden) * mask[None, :, :, None],
        "pooled": encoder.pooler(hidden[-1][:, 0]),
        "g_word_embeddings": gradient,
    }


def solve_sts(case: Case) -> dict[str, Any]:
    """Cosines, and correlations with the scores, over all pairs and by part."""
    cosines = cosine(case["a"], case["b"])
    values, gold = cosines.numpy(), case["gold"].numpy()
    each, counts = by_subset(values, gold, case.arrays["subset"])
    return {
        "cosine": cosines,
        "per_subset": each,
        "all": spearman(values, gold),
        "mean": each.mean(),
        "wmean": np.average(each, weights=counts),
        "pearson_all": pearson(values, gold),
    }


def solve_alignment_uniformity(case: Case) -> dict[str, Any]:
    """Values and gradients at the exponents that the outputs name."""
    found: dict[str, Any] = {}
    for name in case.outputs:
        if name.startswith("g_"):
            continue
        x, y = case["x"].requires_grad_(), case["y"].requires_grad_()
        if name.startswith("align_alpha"):
            power = name.removeprefix("align_")
            value = alignment(x, y, float(power.removeprefix("alpha")))
            gradients = torch.autograd.grad(value, [x, y])
            found |= {f"g_{side}_{power}": g for side, g in zip("xy", gradients, strict=True)}
        else:
            power = name.removeprefix("uniform_")
            value = uniformity(x, float(power.removeprefix("t")))
            found[f"g_x_{power}"] = torch.autograd.grad(value, x)[0]
        found[name] = value
    return found


def solve_isotropy(case: Case) -> dict[str, Any]:
    """Isotropy over all texts and in each."""
    sums, pairs = pair_cosines(case["states"], case["mask"].bool())
    return {"isotropy": isotropy(sums, pairs), "per_text": 1 - sums / pairs}


def solve_association(case: Case) -> dict[str, Any]:
    """Associations, effect size and the three kinds of p."""
    s = associations(case["X"], case["Y"], case["A"], case["B"])
    drawn = case.arrays["perms"][:, : len(s) // 2]
    every = all_halves(len(s), most=10**6)
    assert every is not None
    return {
        "s": s,
        "effect": effect_size(s),
        "p_exact": p_value(s, every),
        "p_sampled": p_value(s, drawn, drawn=True),
        "p_normal": p_value(s, drawn, "normal"),
    }


CASES = {
    "wordpiece": solve_word_pieces,
    "bert_encoder": solve_encoder,
    "sts": solve_sts,
    "alignment_uniformity": solve_alignment_uniformity,
    "isotropy": solve_isotropy,
    "association": solve_association,
}
