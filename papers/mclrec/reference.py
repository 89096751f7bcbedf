"""MCLRec's reference values: each case as calls of our own functions."""

from typing import Any

import torch
from torch import Tensor

from common.data.sequences.config import SequenceFacts
from common.data.sequences.module import SequenceBatch
from common.data.sequences.views import MASK, REORDER, ViewChoices, apply_view, kept_by_crop
from common.errors import DataError
from common.evaluation.ranking import rank_scores, ranking_metrics
from common.results.parity import Case, Solver
from papers.mclrec.backbone import MASK_FILL, ModelAugmenter
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.loss import contrast, global_regulariser, pair_scores, row_regulariser
from papers.mclrec.module import MCLRec
from papers.mclrec.weights import our_name

AUGMENTERS = ("aug1", "aug2")


def augmentations(case: Case) -> dict[str, Tensor]:
    """The recorded choices, applied."""
    outputs = {}
    for view in (0, 1):
        choices = _recorded_choices(case, view)
        made, made_lengths = apply_view(case["seq"], case["length"], choices)
        outputs[f"view{view + 1}"], outputs[f"view{view + 1}_len"] = made, made_lengths
    return outputs


def _recorded_choices(case: Case, view: int) -> ViewChoices:
    items, operator = case["seq"], case["op"][:, view]
    start = case["start"][:, view]
    kept = kept_by_crop(case["length"], case.constants["crop_ratio"])
    masked = torch.zeros(items.shape, dtype=torch.bool)
    order = torch.arange(items.shape[1]).repeat(len(items), 1)
    for row in range(len(items)):
        if operator[row] == MASK:
            index = case["mask_index"][row, view]
            masked[row, index[index >= 0]] = True
            _check_share(case, "mask_ratio", row, masked[row].sum())
        if operator[row] == REORDER:
            new = case["reordered_items"][row, view]
            _check_share(case, "reorder_ratio", row, (new >= 0).sum())
            _record_window(order[row], items[row], int(start[row]), new[new >= 0])
    return ViewChoices(operator, start, kept, masked, order)


def _check_share(case: Case, name: str, row: int, drawn: Tensor) -> None:
    """Raises `DataError` where the recorded choices are not of the ratio ``name``."""
    ratio, length = case.constants[name], int(case["length"][row])
    if int(drawn) != int(ratio * length):
        raise DataError(f"{name}={ratio}: row {row} has {drawn} of {length} items")


def _record_window(order: Tensor, items: Tensor, start: int, new: Tensor) -> None:
    """Writes the permutation that turns the window into ``new`` (an item may occur twice)."""
    window = items[start : start + len(new)]
    order[start + new.argsort(stable=True)] = start + window.argsort(stable=True)


def contrast_infonce(case: Case) -> dict[str, Tensor]:
    """The contrast at each similarity and temperature that the constants name."""
    outputs: dict[str, Tensor] = {}
    for name, values in case.constants.items():
        h1, h2 = case["h1"].requires_grad_(), case["h2"].requires_grad_()
        loss = contrast(pair_scores(h1, h2, **_form(values)))
        grad_h1, grad_h2 = torch.autograd.grad(loss, (h1, h2))
        outputs |= {f"{name}_loss": loss, f"{name}_grad_h1": grad_h1, f"{name}_grad_h2": grad_h2}
    return outputs


def _form(constants: dict[str, Any]) -> dict[str, Any]:
    """Similarity and temperature, as `pair_scores` takes them; the cases say cos for cosine."""
    name = constants.get("similarity", "dot")
    similarity = {"cos": "cosine"}.get(name, name)
    return {"similarity": similarity, "temperature": float(constants.get("temperature", 1.0))}


def augmenter_mlp(case: Case) -> dict[str, Tensor]:
    """An augmenter's output and the gradient of sum(y^3)."""
    weights = {f"dense_{n}.weight": case[f"w{n}"] for n in (1, 2, 3)}
    augmenter = _augmenter(weights | {f"dense_{n}.bias": case[f"b{n}"] for n in (1, 2, 3)})
    x = case["x"].requires_grad_()
    y = augmenter(x)
    (grad_x,) = torch.autograd.grad(y.pow(3).sum(), x)
    return {"y": y, "grad_x": grad_x}


def _augmenter(weights: dict[str, Tensor]) -> ModelAugmenter:
    first = weights["dense_1.weight"]
    augmenter = ModelAugmenter(first.shape[1]).to(first.dtype)
    augmenter.load_state_dict(weights)
    return augmenter


def _augmenters(case: Case) -> list[ModelAugmenter]:
    names = [f"dense_{n}.{kind}" for n in (1, 2, 3) for kind in ("weight", "bias")]
    return [_augmenter({name: case[f"{aug}.{name}"] for name in names}) for aug in AUGMENTERS]


def model_augmentation_losses(case: Case) -> dict[str, Tensor]:
    """The three contrasts and regularisers, their totals and all gradients."""
    h1, h2 = case["h1"].requires_grad_(), case["h2"].requires_grad_()
    augmenters = _augmenters(case)
    z1, z2 = augmenters[0](h1), augmenters[1](h2)
    form = _form(case.constants)
    pairs = {
        "h1_z2": pair_scores(h1, z2, **form),
        "h2_z1": pair_scores(h2, z1, **form),
        "z1_z2": pair_scores(z1, z2, **form),
    }
    contrasts = {f"con_{name}": contrast(pair) for name, pair in pairs.items()}
    regularisers = {f"reg_{name}": row_regulariser(pair) for name, pair in pairs.items()}
    without = torch.stack(list(contrasts.values())).sum()
    weight = case.constants["regulariser_weight"]
    total = without + weight * torch.stack(list(regularisers.values())).sum()
    both = pairs["z1_z2"]
    return {
        "z1": z1,
        "z2": z2,
        "total_with_reg": total,
        "total_without_reg": without,
        "pos_scores_z1_z2": both.positive,
        "neg_scores_z1_z2": both.scores[both.is_negative].view(len(h1) * 2, len(h1) * 2 - 2),
        "reg_z1_z2_paper_form": global_regulariser(both),
        **contrasts,
        **regularisers,
        **_gradients(total, {"grad_h1": h1, "grad_h2": h2, **_named(augmenters, "grad.{}")}),
    }


def _named(augmenters: Any, pattern: str) -> dict[str, Tensor]:
    return {
        pattern.format(f"{aug}.{name}"): parameter
        for aug, augmenter in zip(AUGMENTERS, augmenters, strict=True)
        for name, parameter in augmenter.named_parameters()
    }


def _gradients(loss: Tensor, leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return dict(zip(leaves, gradients, strict=True))


def _module(case: Case) -> MCLRec:
    """Builds the module of case ``encoder_and_losses`` with its sizes, weights and constants."""
    constants = case.constants
    constants.must_be(mask_value=MASK_FILL)
    dim = case["param.item_embedding.weight"].shape[1]
    method = MCLRecConfig(
        dim=dim,
        num_layers=constants["layers"],
        num_heads=constants["heads"],
        inner_dim=len(case["param.trm_encoder.layer.0.feed_forward.dense_1.bias"]),
        dropout=constants["dropout"],
        layer_norm_eps=constants["layer_norm_eps"],
        contrast_weight=case.number("lmd"),
        augmented_weight=case.number("beta"),
        regulariser_weight=constants["regulariser_weight"],
        directions=constants.get("directions", "mean"),
        # Of a row of padding alone the width that it is encoded in is seen.
        length_groups=1,
        **_form(constants),
    )
    longest = len(case["param.position_embedding.weight"])
    facts = SequenceFacts(case.number("n_items") - 1, longest)
    module = MCLRec(method, facts=facts).to(case.dtype)
    stored = [name for name in case.arrays if name.startswith("param.")]
    weights = {our_name(name.removeprefix("param.")): case[name] for name in stored}
    module.encoder.load_state_dict(weights)
    for ours, theirs in zip(module.augmenters, _augmenters(case), strict=True):
        ours.load_state_dict(theirs.state_dict())
    return module


def _batch(case: Case) -> SequenceBatch:
    views = torch.stack((case["view1"], case["view2"]))
    lengths = torch.stack((case["view1_len"], case["view2_len"]))
    position = (0, 0, 0, len(case["seq"]))
    return SequenceBatch(case["seq"], case["length"], case["target"], views, lengths, position)


def encoder_and_losses(case: Case) -> dict[str, Tensor]:
    """The encoder, its scores and the losses of each update."""
    module, batch = _module(case), _batch(case)
    h = module.embed(batch.items, batch.lengths)
    still = torch.optim.SGD(module.parameters(), lr=0.0)
    return {
        "encoder_out": h,
        "scores": h @ module.item_table().T,
        "loss_rec": module.recommendation_loss(h, batch.targets),
        "loss_step1": module.update_encoder(batch, still),
        "loss_step2": module.update_augmenters(batch, still),
        "loss_joint": module.update_jointly(batch, still),
    }


def one_training_iteration(case: Case) -> dict[str, Tensor]:
    """The three updates of one batch with Adam."""
    start, constants = case.other("encoder_and_losses"), case.constants
    module, batch = _module(start), _batch(start)
    parts = (module.encoder, module.augmenters)
    encoder, augmenters = (
        torch.optim.Adam(
            part.parameters(),
            lr=case.number("lr"),
            betas=(constants["adam_beta1"], constants["adam_beta2"]),
            eps=constants["adam_eps"],
            weight_decay=constants["weight_decay"],
        )
        for part in parts
    )
    losses, norms = [], []
    for update, optimizer in (
        (module.update_encoder, encoder),
        (module.update_augmenters, augmenters),
        (module.update_encoder, encoder),
    ):
        losses.append(update(batch, optimizer))
        norms.append(torch.stack([_norm(part) for part in parts]))
    weights = module.encoder.state_dict()
    return {
        "losses": torch.stack(losses),
        "total": torch.stack(losses).sum(),
        "norm_after": torch.stack(norms),
        "item_embedding_after": weights["item_embedding.weight"],
        "position_embedding_after": weights["position_embedding.weight"],
        "layer0_query_after": weights["blocks.0.attention.query.weight"],
        **_named(module.augmenters, "{}_after"),
    }


def _norm(part: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in part.parameters()]).norm()


def ranking_cases(case: Case) -> dict[str, Tensor]:
    """Ranks of tied scores and the metrics from them."""
    scores, positive, cutoffs = case["scores"], case["positive"], case["topk"].tolist()
    strict = rank_scores(scores, positive, "strict")
    pessimistic = rank_scores(scores, positive)
    tie_free = strict == pessimistic
    return {
        "optimistic_rank": strict.long(),
        "pessimistic_rank": pessimistic.long(),
        "optimistic_metrics": _table(strict, cutoffs),
        "pessimistic_metrics": _table(pessimistic, cutoffs),
        "tie_free": tie_free,
        "tie_free_official_metrics": _table(strict[tie_free], cutoffs),
    }


def _table(ranks: Tensor, cutoffs: list[int]) -> Tensor:
    metrics = ranking_metrics(ranks, cutoffs)
    rows = [[metrics[f"{name}@{k}"] for name in ("hr", "mrr", "ndcg")] for k in cutoffs]
    return torch.tensor(rows, dtype=torch.float64)


CASES: dict[str, Solver] = {
    "augmentations": augmentations,
    "augmenter_mlp": augmenter_mlp,
    "contrast_infonce": contrast_infonce,
    "encoder_and_losses": encoder_and_losses,
    "model_augmentation_losses": model_augmentation_losses,
    "one_training_iteration": one_training_iteration,
    "ranking_metrics": ranking_cases,
}
