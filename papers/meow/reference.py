"""The reference cases of MEOW as calls of our own functions."""

from typing import Any

import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor

from common.data.graphs.batch import GraphBatch
from common.data.graphs.config import GraphFacts
from common.data.graphs.metapath_graphs import keep_nearest, normalise_adjacency, pathsim, row_mean
from common.data.graphs.operators import make_operator
from common.results.parity import Case, Solver
from papers.meow.backbone import LAYER_NORM_EPS, SemanticAttention, WholeGraphGCN
from papers.meow.config import MEOWConfig
from papers.meow.kmeans import assign
from papers.meow.loss import (
    CLIP_QUANTILES,
    SIZE_OFFSET,
    Clustering,
    concentrations,
    hard_weights,
    prototype_loss,
    weighted_infonce,
)
from papers.meow.module import MEOW
from papers.meow.soft import SoftWeights

# Official parameter name -> ours, by prefix.
NAMES = {
    "Encoder.gc1.weight": "encoder.gcn.w1",
    "Encoder.gc1.act.": "encoder.gcn.activation.",
    "Encoder.gc2.weight": "encoder.gcn.w2",
    "att.att": "encoder.attention.query",
    "att.fc.": "encoder.attention.linear.",
    "agg.": "encoder.context_linears.",
    "project.": "projection.",
    "MLP.0.": "soft_weights.inner.",
    "MLP.2.": "soft_weights.outer.",
}
UNUSED = "Encoder.gc2.act."


def our_name(official: str) -> str:
    """Translates a parameter's name in the official code into ours."""
    if official.startswith("fc_list."):
        _, index, kind = official.split(".")
        return f"encoder.projections.{index}.linear.{kind}"
    for theirs, ours in NAMES.items():
        if official.startswith(theirs):
            return ours + official.removeprefix(theirs)
    raise KeyError(official)


def _count(case: Case, stem: str) -> int:
    number = 0
    while f"{stem}{number}" in case:
        number += 1
    return number


def _clusterings(case: Case) -> list[Clustering]:
    return [
        Clustering(case[f"assign_{m}"], case[f"centroid_{m}"], case[f"phi_{m}"])
        for m in range(_count(case, "assign_"))
    ]


def _assignments(case: Case) -> Tensor:
    return torch.stack([case[f"assign_{m}"] for m in range(_count(case, "assign_"))])


def _number(case: Case, name: str) -> Any:
    """Returns a constant from the arrays, or from the description."""
    return case.number(name) if name in case else case.constants[name]


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.clone().requires_grad_()


def solve_weighted_infonce(case: Case) -> dict[str, Any]:
    """Contrast, its weights and both gradients; one more value with every node alone."""
    anchor, other = _leaf(case["z_anchor"]), _leaf(case["z_pos"])
    temperature, assigned = _number(case, "tau"), _assignments(case)
    loss = weighted_infonce(anchor, other, temperature, assigned)
    loss.backward()
    singletons = torch.arange(len(anchor)).unsqueeze(0)
    return {
        "weight": hard_weights(assigned).to(case.dtype),
        "loss": loss,
        "grad_z_anchor": anchor.grad,
        "grad_z_pos": other.grad,
        "loss_all_singletons": weighted_infonce(anchor, other, temperature, singletons),
    }


def solve_prototype_loss(case: Case) -> dict[str, Any]:
    """Prototype loss and its gradient."""
    anchor = _leaf(case["z_anchor"])
    loss = prototype_loss(anchor, _clusterings(case))
    loss.backward()
    return {"loss": loss, "grad_z_anchor": anchor.grad}


def solve_cluster_concentration(case: Case) -> dict[str, Any]:
    """Assignment by inner product and concentration, from given raw centroids."""
    found, temperature = {}, _number(case, "tau")
    percentiles = [round(100 * quantile) for quantile in CLIP_QUANTILES]
    case.constants.must_be(size_offset=SIZE_OFFSET, percentiles=percentiles)
    for m in range(_count(case, "raw_centroid_")):
        raw = case[f"raw_centroid_{m}"]
        assigned, products = assign(case["x"], raw.unsqueeze(0))
        found[f"assign_{m}"], found[f"ip_{m}"] = assigned[0], products[0]
        found[f"centroid_{m}"] = F.normalize(raw, dim=1)
        found[f"phi_{m}"] = concentrations(assigned[0], products[0], len(raw), temperature)
    return found


def solve_pathsim_topk(case: Case) -> dict[str, Any]:
    """PathSim and the similarities of the kept neighbours, sorted."""
    counts = sp.csr_matrix(case["counts"].numpy())
    diagonal = counts.diagonal().astype("float64")
    parts = (pathsim(counts, diagonal), counts.indices, counts.indptr)
    similarity = torch.from_numpy(sp.csr_matrix(parts, shape=counts.shape).toarray())
    k = _number(case, "k")
    kept = torch.from_numpy(keep_nearest(counts, k).toarray() != 0)
    every = F.pad(similarity.sort(dim=1, descending=True).values, (0, k))
    tied = ((every[:, k - 1] == every[:, k]) & (every[:, k] > 0)).nonzero()[:, 0]
    case.constants.must_be(tied_rows=tied.tolist())
    ranked = torch.where(kept, similarity, 0).sort(dim=1, descending=True).values
    return {"pathsim": similarity, "row_kept_sum_pathsim": ranked}


def solve_gcn_attention(case: Case) -> dict[str, Any]:
    """Normalisation, GCN with its input gradient, attention."""
    case.constants.must_be(layernorm_eps=LAYER_NORM_EPS)
    dim_in, dim_hidden = case["w1"].shape
    gcn = WholeGraphGCN(dim_in, dim_hidden, case["w2"].shape[1]).to(case.dtype)
    weights = {"w1": case["w1"], "w2": case["w2"], "activation.weight": case["prelu1"]}
    gcn.load_state_dict(weights)
    attention = SemanticAttention(case["att_in"].shape[2]).to(case.dtype)
    linear = {"linear.weight": case["att_fc_w"], "linear.bias": case["att_fc_b"]}
    attention.load_state_dict({**linear, "query": case["att_vec"]})
    x = _leaf(case["x"])
    out = gcn(x, make_operator(case["adj_norm"].numpy(), case.dtype))
    (out**3).sum().backward()
    return {
        "adj_norm": normalise_adjacency(sp.csr_matrix(case["adj_counts"].numpy())).toarray(),
        "gcn_out": out,
        "grad_x": x.grad,
        "att_beta": attention.weights(case["att_in"]),
        "att_out": attention(case["att_in"]),
    }


def _graph(case: Case) -> tuple[GraphBatch, GraphFacts]:
    others = range(_count(case, "feat_nei"))
    features = [case["feat_target"], *(case[f"feat_nei{i}"] for i in others)]

    def operators(stem: str) -> Any:
        return tuple(
            make_operator(case[f"{stem}{i}"].numpy(), case.dtype) for i in range(_count(case, stem))
        )

    batch = GraphBatch(
        tuple(make_operator(f.numpy(), case.dtype) for f in features),
        make_operator(case["feat_target_masked"].numpy(), case.dtype),
        tuple(make_operator(row_mean(case[f"nei{i}"].numpy()), case.dtype) for i in others),
        operators("adj"),
        operators("madj"),
    )
    facts = GraphFacts(
        num_nodes=len(features[0]),
        feature_dims=tuple(f.shape[1] for f in features),
        hop_types=tuple(i + 1 for i in others),
        contexts=tuple((i,) for i in others),
    )
    return batch, facts


def _module(case: Case, facts: GraphFacts, model: str = "meow") -> MEOW:
    """Builds the module at the widths of the case's parameters, and loads them."""
    method: dict[str, Any] = {"model": model, "dim": len(case["param.fc_list.0.weight"])}
    # The hops of one encoder alone have no projection; AdaMEOW's may be narrower than the encoder.
    if "param.project.weight" in case:
        method["projection_dim"] = len(case["param.project.weight"])
    if "param.MLP.0.weight" in case:
        method["soft_weight_dim"] = len(case["param.MLP.0.weight"])
    names = [n for n in case.arrays if n.startswith("param.") and UNUSED not in n]
    values = {our_name(n.removeprefix("param.")): case[n] for n in names}
    module = MEOW(MEOWConfig(dropout=0.0, num_clusters=[2], **method), None, facts)
    module.to(case.dtype).load_state_dict(values, strict=False)
    return module


def solve_meow_forward(case: Case) -> dict[str, Any]:
    """The whole forward on a small graph: intermediates, losses, gradients."""
    case.constants.must_be(layernorm_eps=LAYER_NORM_EPS)
    batch, facts = _graph(case)
    module = _module(case, facts)
    inputs = module.encoder.view_inputs(batch)
    z = module.encoder.fine(inputs, batch)
    u_coarse, u_fine = module.project(module.encoder.coarse(inputs, batch)), module.project(z)
    info = weighted_infonce(u_coarse, u_fine, _number(case, "tau"), _assignments(case))
    proto = prototype_loss(u_coarse, _clusterings(case))
    loss = info + _number(case, "lam_proto") * proto
    loss.backward()
    found: dict[str, Any] = {"h_coarse": inputs.coarse, "z_embed": z, "z_coarse_proj": u_coarse}
    found |= {"z_fine_proj": u_fine, "loss_info": info, "loss_proto": proto, "loss": loss}
    for path, (fine, masked) in enumerate(zip(inputs.fine, inputs.masked, strict=True)):
        found[f"h_fine{path}"], found[f"h_masked{path}"] = fine, masked
    for name in case.arrays:
        if name.startswith("grad.") and UNUSED not in name:
            found[name] = module.get_parameter(our_name(name.removeprefix("grad."))).grad
    return found


def solve_aggregate_dblp(case: Case) -> dict[str, Any]:
    """The seven context linears over DBLP's five hops."""
    features = [case[f"feat_{t}"] for t in "aptc"]
    hops = {"ap": 1, "apc": 3, "apcp": 1, "apt": 2, "aptp": 1}
    facts = GraphFacts(
        num_nodes=len(features[0]),
        feature_dims=tuple(f.shape[1] for f in features),
        hop_types=tuple(hops.values()),
        contexts=((0,), (0, 1, 2), (0, 3, 4)),
    )
    factor = _number(case, "masked_feature_factor")
    batch = GraphBatch(
        tuple(make_operator(f.numpy(), case.dtype) for f in features),
        make_operator(features[0].numpy() * factor, case.dtype),
        tuple(make_operator(row_mean(case[f"nei_{h}"].numpy()), case.dtype) for h in hops),
        (),
        (),
    )
    module = _module(case, facts)
    inputs = module.encoder.view_inputs(batch)
    named = dict(zip(("h_apa", "h_apcpa", "h_aptpa"), inputs.fine, strict=True))
    return {**named, "h_masked": torch.stack(inputs.masked), "h_coarse": inputs.coarse}


def solve_adameow(case: Case) -> dict[str, Any]:
    """Soft weights, their loss and gradients; AdaMEOW's forward with the fine view as anchor."""
    anchor, other = _leaf(case["z_anchor"]), _leaf(case["z_other"])
    hidden, dim = case["mlp_w1"].shape
    soft = SoftWeights(dim, hidden).to(case.dtype)
    inner = {"inner.weight": case["mlp_w1"], "inner.bias": case["mlp_b1"]}
    outer = {"outer.weight": case["mlp_w2"], "outer.bias": case["mlp_b2"]}
    soft.load_state_dict(inner | outer)
    temperature = _number(case, "tau")
    loss = soft.loss(anchor, other, temperature)
    loss.backward()
    graph = case.description.get("needs", ["meow_forward_acm.npz"])[0]
    batch, facts = _graph(case.other(graph.removesuffix(".npz")))
    module = _module(case, facts, "adameow")
    inputs = module.encoder.view_inputs(batch)
    z = module.encoder.fine(inputs, batch)
    u_coarse = module.project(module.encoder.coarse(inputs, batch))
    assert module.soft_weights is not None
    return {
        "weight": soft(anchor, other),
        "loss": loss,
        "grad_z_anchor": anchor.grad,
        "grad_z_other": other.grad,
        "grad_mlp_w1": soft.inner.weight.grad,
        "grad_mlp_b1": soft.inner.bias.grad,
        "grad_mlp_w2": soft.outer.weight.grad,
        "grad_mlp_b2": soft.outer.bias.grad,
        "forward_loss": module.soft_weights.loss(module.project(z), u_coarse, temperature),
        "forward_z": z,
    }


CASES: dict[str, Solver] = {
    "adameow_weighted_infonce": solve_adameow,
    "cluster_concentration": solve_cluster_concentration,
    "gcn_attention": solve_gcn_attention,
    "meow_aggregate_dblp": solve_aggregate_dblp,
    "meow_forward_acm": solve_meow_forward,
    "pathsim_topk": solve_pathsim_topk,
    "prototype_loss": solve_prototype_loss,
    "weighted_infonce": solve_weighted_infonce,
}
