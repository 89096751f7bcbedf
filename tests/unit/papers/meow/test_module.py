import pytest
import torch

from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.graphs.config import GraphConfig, GraphFacts
from common.data.graphs.module import GraphData
from common.data.sampler import BatchKey
from common.errors import ConfigError, LikewiseError
from common.evaluation.run_protocols import run_protocols
from papers.meow.config import MEOWConfig
from papers.meow.loss import cluster
from papers.meow.module import MEOW, check_concentrations
from tests.training import quiet_trainer


@pytest.fixture(scope="module")
def data():
    found = GraphData(GraphConfig(), seed=0)
    found.load()
    return found


def make(data, **method):
    torch.manual_seed(0)
    module = MEOW(
        MEOWConfig(**{"num_clusters": [5, 9], "dim": 16} | method),
        OptimizerConfig(name="adam", lr=1e-3),
        data.facts,
    )
    module.log = lambda *args, **kwargs: None
    return module


@pytest.mark.parametrize(
    "method",
    [
        {},
        {"weights": "uniform"},
        {"prototype_weight": 0.0},
        {"weights": "uniform", "prototype_weight": 0.0},
        {"contexts": False},
        {"model": "adameow"},
    ],
    ids=str,
)
def test_every_arm_learns_something_in_every_parameter(data, method):
    module = make(data, **method)
    optimizer = module.configure_optimizers()
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = module.training_step(data.batch, 0)
        loss.backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert module.batches_seen == 3 and losses[-1] < losses[0]


def test_contexts_off_sees_the_targets_own_features_only(data):
    module = make(data, contexts=False).eval()
    inputs = module.encoder.view_inputs(data.batch)
    assert all(torch.equal(fine, inputs.coarse) for fine in inputs.fine)
    assert list(module.encoder.projections) == ["0"]


def test_anchor_is_coarse_in_meow_and_fine_in_adameow(data):
    module = make(data, model="adameow", dropout=0.0)
    inputs = module.encoder.view_inputs(data.batch)
    u_coarse = module.project(module.encoder.coarse(inputs, data.batch))
    u_fine = module.project(module.encoder.fine(inputs, data.batch))
    loss = module.training_step(data.batch, 0)
    torch.testing.assert_close(loss, module.soft_weights.loss(u_fine, u_coarse, 0.4))
    other = module.soft_weights.loss(u_coarse, u_fine, 0.4)
    assert (loss - other).abs() > 1e-4


def mean_rank(module, batch):
    """How many other nodes' coarse views are nearer to a node's fine view than its own."""
    module.eval()
    with torch.no_grad():
        inputs = module.encoder.view_inputs(batch)
        u_coarse = module.project(module.encoder.coarse(inputs, batch))
        u_fine = module.project(module.encoder.fine(inputs, batch))
    module.train()
    similarity = u_fine @ u_coarse.T
    return (similarity > similarity.diagonal()[:, None]).sum(1).double().mean(), u_fine.std(
        0
    ).mean()


def test_adameow_learns_to_find_a_node_in_its_other_view():
    data = GraphData(GraphConfig(batch_size=100), seed=0)
    batch = data.sampled_batches()[BatchKey(torch.arange(100), 0, 0, 0, 100)]
    module = make(data, model="adameow", temperature=1.0, dropout=0.0)
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
    before, spread = mean_rank(module, batch)
    for _ in range(40):
        optimizer.zero_grad()
        module.training_step(batch, 0).backward()
        optimizer.step()
    after, spread_after = mean_rank(module, batch)
    # Its loss would fall as well if all weights went to 0: that finds nobody and spreads nothing.
    assert before > 35 and after < 15 and spread_after > 1.5 * spread


def test_nodes_without_a_negative_name_the_clusters_and_not_an_infinite_loss(data):
    module = make(data)
    u = torch.nn.functional.normalize(torch.ones(30, 16), dim=1)
    with pytest.raises(LikewiseError, match=r"num_clusters=\[5.*9\].*k-means.*30"):
        module.weighted_loss(u, u)


def test_a_node_on_the_far_side_of_its_centre_names_the_clusters_and_not_the_rate(data):
    u = torch.randn(40, 16, generator=torch.Generator().manual_seed(6))
    u = torch.nn.functional.normalize(u, dim=1)
    module = make(data, num_clusters=[2], prototype_weight=0.0)
    assert module.weighted_loss(u, u).isfinite()
    module = make(data, num_clusters=[2])
    with pytest.raises(LikewiseError, match=r"num_clusters=\[2\]"):
        module.weighted_loss(u, u)
    # What has diverged is no matter of the clusters: the loss says so.
    clusterings = cluster(u, [2], 0.4)
    check_concentrations(module.method, u * torch.nan, clusterings)


def test_more_clusters_than_nodes_is_refused():
    with pytest.raises(ConfigError, match="10 target nodes"):
        MEOW(MEOWConfig(num_clusters=[20]), None, GraphFacts(num_nodes=10))


def test_scale_trains_on_samples_and_is_measured_on_the_whole_graph():
    overrides = ["data.num_targets=3000", "evaluation.node_probe.probes=2", "method.dim=16"]
    recipe = load_recipe("meow/scale", [*overrides, "evaluation.node_probe.iterations=20"])
    data = GraphData(recipe.data, 0)
    data.load()
    module = MEOW(recipe.method, recipe.optimizer, data.facts)
    quiet_trainer(max_epochs=1).fit(module, datamodule=data)
    assert module.batches_seen == 5  # the rest of 3,000 is no batch
    assert data.evaluation_inputs(module, "test").z.shape == (3000, 16)
    encoders = {"ours": data.evaluation_inputs(module, "test"), **data.references("test")}
    found = {
        name: run_protocols(["node-probe"], encoders[name], recipe.evaluation, 0, "")
        for name in ("ours", "raw", "propagated")
    }
    assert set(found["raw"]) == set(found["propagated"]) == set(found["ours"])
    # The links tell the class, the features hardly do; five steps need not have learnt it.
    assert found["propagated"]["macro_f1_20"] >= found["raw"]["macro_f1_20"] + 20
    assert 33 < found["ours"]["macro_f1_20"] < 100
