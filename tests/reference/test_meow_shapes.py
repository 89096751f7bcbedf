"""The solvers take every shape from the case: one meta-path, a narrow projection, nodes alone."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from common.results.parity import Case, compare_case
from papers.meow.reference import CASES

NODES, OTHERS, DIM, NARROW, HIDDEN, TAU = 7, 9, 5, 3, 4, 0.7
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}


def rand(*shape):
    return torch.rand(shape, dtype=torch.float64) - 0.4


def make_graph(others):
    """A graph with the meta-paths of ``others``, the last node without any neighbour."""
    arrays = {"feat_target": rand(NODES, 6), "feat_target_masked": rand(NODES, 6)}
    for i, count in enumerate(others):
        arrays[f"feat_nei{i}"] = rand(count, 2 + i)
        arrays[f"nei{i}"] = (rand(NODES, count) > 0.1).double()
        arrays[f"adj{i}"], arrays[f"madj{i}"] = rand(NODES, NODES), rand(NODES, NODES)
        for name in ("nei", "adj", "madj"):
            arrays[f"{name}{i}"][-1] = 0
    return arrays


def make_parameters(others, width):
    shapes = {"fc_list.0.weight": (DIM, 6), "fc_list.0.bias": (DIM,)}
    for i in range(len(others)):
        shapes[f"fc_list.{i + 1}.weight"] = (DIM, 2 + i)
        shapes[f"fc_list.{i + 1}.bias"] = (DIM,)
        shapes[f"agg.{i}.weight"] = (DIM, DIM)
    shapes |= {"Encoder.gc1.weight": (DIM, DIM), "Encoder.gc1.act.weight": (1,)}
    shapes |= {"Encoder.gc2.weight": (DIM, DIM), "att.att": (1, DIM)}
    shapes |= {"att.fc.weight": (DIM, DIM), "att.fc.bias": (DIM,)}
    shapes |= {"project.weight": (width, DIM), "project.bias": (width,)}
    return {name: rand(*shape).requires_grad_() for name, shape in shapes.items()}


def forward(g, p):
    """The dossier's equations with dense matrices and no code of ours."""

    def linear(x, i):
        return F.elu(F.linear(x, p[f"fc_list.{i}.weight"], p[f"fc_list.{i}.bias"]))

    def gcn(x, a):
        hidden = F.prelu(a @ x @ p["Encoder.gc1.weight"], p["Encoder.gc1.act.weight"])
        z = a @ hidden @ p["Encoder.gc2.weight"]
        return (z - z.mean()) / (z.var(correction=0) + 1e-5).sqrt()

    paths = range(sum(name.startswith("adj") for name in g))
    h, masked, views, found = (
        linear(g["feat_target"], 0),
        linear(g["feat_target_masked"], 0),
        [],
        {},
    )
    for i in paths:
        mean = g[f"nei{i}"] @ linear(g[f"feat_nei{i}"], i + 1)
        context = mean / g[f"nei{i}"].sum(1, keepdim=True).clamp(min=1) @ p[f"agg.{i}.weight"].T
        found[f"h_fine{i}"], found[f"h_masked{i}"] = F.elu(h + context), F.elu(masked + context)
        views += [gcn(found[f"h_fine{i}"], g[f"adj{i}"]), gcn(found[f"h_masked{i}"], g[f"madj{i}"])]
    views = F.normalize(torch.stack(views), dim=-1)
    summary = torch.tanh(F.linear(views, p["att.fc.weight"], p["att.fc.bias"])).mean(1)
    z = (torch.softmax(summary @ p["att.att"][0], 0)[:, None, None] * views).sum(0)
    coarse = gcn(h, torch.stack([g[f"adj{i}"] for i in paths]).mean(0))
    u_coarse, u_fine = (
        F.normalize(torch.tanh(F.linear(x, p["project.weight"], p["project.bias"])), dim=1)
        for x in (coarse, z)
    )
    return found | {"h_coarse": h, "z_embed": z, "z_coarse_proj": u_coarse, "z_fine_proj": u_fine}


def store(folder, name, inputs, outputs, **description):
    """Writes a case of the kind ``name``."""
    arrays = {key: np.asarray(torch.as_tensor(v).detach()) for key, v in (inputs | outputs).items()}
    np.savez(folder / f"{name}.npz", **arrays)
    description |= {"outputs": list(outputs), "tolerance": TOLERANCE}
    (folder / f"{name}.json").write_text(json.dumps(description))


def assert_served(folder, name):
    for dtype in (torch.float64, torch.float32):
        result = compare_case(Case(folder / f"{name}.json", dtype), CASES[name])
        assert result.ok, result


def log_ratio(similarity, weight):
    return (similarity.exp() * weight).sum(1).log().sub(similarity.diagonal()).mean()


@pytest.mark.parametrize("others", [(OTHERS,), (4, OTHERS, 2)], ids=["one path", "three paths"])
def test_meow_of_other_shapes(tmp_path, others):
    torch.manual_seed(0)
    graph, params = make_graph(others), make_parameters(others, NARROW)
    found = forward(graph, params)
    clusterings, info, protos = {}, 0, []
    for m, number in enumerate((1, 4, 3)):  # one of a single cluster
        assigned = torch.arange(NODES) % number
        centroids, phi = F.normalize(rand(number, NARROW), dim=1), rand(number).abs() + 0.2
        clusterings |= {f"assign_{m}": assigned, f"centroid_{m}": centroids, f"phi_{m}": phi}
        info = info + (assigned[:, None] != assigned).double()
        logits = found["z_coarse_proj"] @ centroids.T / phi
        constant = torch.tensor(NODES / number, dtype=torch.float64).log()
        protos.append(F.cross_entropy(logits, assigned) + constant)
    info = log_ratio(found["z_coarse_proj"] @ found["z_fine_proj"].T / TAU, info)
    found |= {"loss_info": info, "loss_proto": torch.stack(protos).mean()}
    found["loss"] = info + 0.3 * found["loss_proto"]
    found["loss"].backward()
    found |= {f"grad.{name}": p.grad for name, p in params.items()}
    inputs = graph | clusterings | {f"param.{name}": p for name, p in params.items()}
    # A constant may stand in the description instead of among the arrays.
    constants = {"tau": TAU, "lam_proto": 0.3}
    store(tmp_path, "meow_forward_acm", inputs, found, constants=constants)
    assert_served(tmp_path, "meow_forward_acm")


def test_adameow_with_a_projection_narrower_than_the_encoder(tmp_path):
    torch.manual_seed(0)
    graph, params = make_graph((OTHERS,)), make_parameters((OTHERS,), NARROW)
    store(tmp_path, "graph", graph, {})
    found = forward(graph, params)
    w1, b1, w2, b2 = mlp = rand(HIDDEN, NARROW), rand(HIDDEN), rand(1, HIDDEN), rand(1)
    u_fine, u_coarse = found["z_fine_proj"].detach(), found["z_coarse_proj"].detach()
    inner = torch.tanh((u_fine[:, None] + u_coarse) @ w1.T + b1)
    weight = torch.sigmoid(inner @ w2[0] + b2)
    loss = log_ratio(u_fine @ u_coarse.T / TAU, weight)
    names = ("MLP.0.weight", "MLP.0.bias", "MLP.2.weight", "MLP.2.bias")
    inputs = {
        f"param.{name}": p for name, p in (params | dict(zip(names, mlp, strict=True))).items()
    }
    inputs |= dict(zip(("mlp_w1", "mlp_b1", "mlp_w2", "mlp_b2"), mlp, strict=True))
    inputs |= {"z_anchor": u_fine, "z_other": u_coarse, "tau": np.float64(TAU)}
    outputs = {"weight": weight, "loss": loss, "forward_loss": loss, "forward_z": found["z_embed"]}
    store(tmp_path, "adameow_weighted_infonce", inputs, outputs, needs=["graph.npz"])
    assert_served(tmp_path, "adameow_weighted_infonce")


@pytest.mark.parametrize("k", [1, 3, 40])
def test_pathsim_of_a_node_alone_and_more_neighbours_than_nodes(tmp_path, k):
    links = (rand(NODES, OTHERS) > 0.1).double()
    links[-1] = 0
    counts = links @ links.T
    own = counts.diagonal()
    similarity = torch.nan_to_num(2 * counts / (own[:, None] + own))
    ranked = similarity.sort(1, descending=True).values
    ranked[:, k:] = 0
    outputs = {"pathsim": similarity, "row_kept_sum_pathsim": ranked}
    store(tmp_path, "pathsim_topk", {"counts": counts, "k": np.int64(k)}, outputs)
    assert_served(tmp_path, "pathsim_topk")


def test_concentration_of_one_clustering_with_small_clusters(tmp_path):
    torch.manual_seed(1)
    x = F.normalize(rand(NODES, DIM).abs(), dim=1)
    raw = torch.cat([x[:3] * 0.9, x.mean(0, keepdim=True) * 0.1])  # nobody is in the last
    ip, assigned = (part.numpy() for part in (x @ raw.T).max(1))
    sizes = np.bincount(assigned, minlength=4)
    phi = np.zeros(4)
    for c in np.flatnonzero(sizes > 1):
        phi[c] = np.sqrt(ip[assigned == c]).mean() / np.log(sizes[c] + 5)
    phi[sizes <= 1] = phi.max()
    phi = phi.clip(*np.percentile(phi, [10, 90]))
    outputs = {"assign_0": assigned, "ip_0": ip, "phi_0": TAU * phi / phi.mean()}
    inputs = {"x": x, "raw_centroid_0": raw, "tau": np.float64(TAU)}
    store(tmp_path, "cluster_concentration", inputs, outputs)
    assert sizes.min() == 0 and (sizes > 1).any()
    assert_served(tmp_path, "cluster_concentration")
