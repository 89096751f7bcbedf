"""The protocols on embeddings whose outcome is known."""

from dataclasses import replace

import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from common.evaluation.scores import recorded
from papers.sirl.config import FeatureErrorConfig, PreferencesConfig, QueryAccuracyConfig
from papers.sirl.data import TrajectoryData
from papers.sirl.data_config import TrajectoryConfig
from papers.sirl.embedding_protocols import evaluate_feature_error, evaluate_query_accuracy
from papers.sirl.inputs import TrajectoryInputs, principal_components
from papers.sirl.preferences import evaluate_preferences

SHORT = PreferencesConfig(counts=[30], steps=150, hidden_dims=[16], lr=0.01, test_pairs=300)


@pytest.fixture(scope="module")
def data() -> TrajectoryData:
    data = TrajectoryData(TrajectoryConfig(), 0)
    data.load()
    return data


def inputs(data: TrajectoryData, embedding: torch.Tensor) -> TrajectoryInputs:
    return data._inputs("test", transform=lambda _: embedding)


def test_an_embedding_that_is_the_features_is_read_and_one_of_noise_is_not(data):
    features = data.features
    turned = 5 * features @ torch.tensor([[1.0, 2.0], [-1.0, 1.0]]).double() + 3
    # The penalty alone is left of the error.
    assert evaluate_feature_error(inputs(data, turned), FeatureErrorConfig(), 0)["fpe"] < 1e-5
    noise = torch.rand(len(features), 6, generator=torch.Generator().manual_seed(0)).double()
    known = features[data.parts["test"]].var(0, correction=0).sum()
    found = evaluate_feature_error(inputs(data, noise), FeatureErrorConfig(), 0)["fpe"]
    assert found == pytest.approx(float(known), rel=0.05)


def test_the_nearest_pair_of_the_features_is_the_answer_and_a_collapse_has_none(data):
    settings = QueryAccuracyConfig()
    same = torch.zeros(len(data.rows), 2).double()
    assert evaluate_query_accuracy(inputs(data, same), settings, 0)["query_accuracy"] == 0
    # But for equal pairs, which answers tell apart by their place.
    right = evaluate_query_accuracy(inputs(data, data.features), settings, 0)["query_accuracy"]
    assert 94 < right < 100
    noise = torch.rand(len(data.rows), 3, generator=torch.Generator().manual_seed(0)).double()
    chance = evaluate_query_accuracy(inputs(data, noise), settings, 0)["query_accuracy"]
    assert chance == pytest.approx(100 / 3, abs=4)


def test_few_preferences_are_learnt_on_the_features_and_not_on_noise(data):
    good = evaluate_preferences(inputs(data, data.features), SHORT, 0)
    assert good["tpa_30"] > 85
    assert good == evaluate_preferences(inputs(data, data.features), SHORT, 0)
    assert good != evaluate_preferences(inputs(data, data.features), SHORT, 1)
    scaled = evaluate_preferences(inputs(data, 1e3 * data.features + 1e3), SHORT, 0)
    assert scaled["tpa_30"] == pytest.approx(good["tpa_30"], abs=0.5)
    noise = torch.rand(len(data.rows), 3, generator=torch.Generator().manual_seed(0)).double()
    assert evaluate_preferences(inputs(data, noise), SHORT, 0)["tpa_30"] < 60


def test_an_encoder_that_is_trained_too_is_a_copy_and_needs_a_module(data):
    tuned = replace(SHORT, frozen=False)
    assert evaluate_preferences(inputs(data, data.rows), tuned, 0) == {}
    module = nn.Module()
    module.backbone = nn.Sequential(nn.Linear(19, 8), nn.ReLU(), nn.Linear(8, 3))
    module.embed = module.backbone
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    given = data.evaluation_inputs(module, "test")
    found = evaluate_preferences(given, tuned, 0)["tpa_30"]
    frozen = evaluate_preferences(given, SHORT, 0)["tpa_30"]
    assert found != frozen
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_principal_components_are_of_the_training_rows(data):
    train = data.parts["train"]
    found = principal_components(data.rows, train, 4)
    fitted = PCA(4, svd_solver="full").fit(data.rows[train].double().numpy())
    expected = torch.from_numpy(fitted.transform(data.rows.double().numpy()))
    assert torch.allclose(found.abs(), expected.abs(), atol=1e-8)


def test_what_moves_in_jumps_keeps_scores_that_do_not(data):
    noise = torch.rand(len(data.rows), 3, generator=torch.Generator().manual_seed(0)).double()
    with recorded() as found:
        evaluate_query_accuracy(inputs(data, noise), QueryAccuracyConfig(), 0)
        evaluate_preferences(inputs(data, noise), SHORT, 0)
    assert {name.split()[0] for name in found} == {"query-accuracy", "preferences"}
    assert all(
        torch.as_tensor(array).unique().numel() > 2 for kept in found.values() for array in kept
    )
