"""Protocols on numbers as labels, against scikit-learn, scipy and the definitions."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.preprocessing import StandardScaler

from common.evaluation.regression_config import RegressionProbeConfig
from common.evaluation.regression_inputs import ProbeSet, RegressionInputs, Samples
from common.evaluation.regression_metrics import (
    absolute_error_metrics,
    ranks,
    regression_metrics,
    shot_metrics,
)
from common.evaluation.regression_probe import (
    choose_penalty,
    evaluate_regression_probe,
    fit_adam,
    fit_ridge,
)
from tests.regression import Net, make_parts


def test_metrics_are_those_of_their_definitions():
    truth = torch.tensor([1.0, 2.0, 4.0, 4.0, 9.0])
    guess = torch.tensor([1.5, 2.0, 3.0, 6.0, 8.0])
    found = regression_metrics(guess, truth)
    assert found["mae"] == pytest.approx(mean_absolute_error(truth, guess))
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((truth - guess).numpy() ** 2)))
    assert found["r2"] == pytest.approx(r2_score(truth, guess))
    assert found["pearson"] == pytest.approx(pearsonr(truth, guess).statistic)
    assert found["spearman"] == pytest.approx(spearmanr(truth, guess).statistic)
    assert found["gm"] == 0  # one prediction is exact
    assert absolute_error_metrics(guess[2:], truth[2:])["gm"] == pytest.approx(2 ** (1 / 3))


def test_a_constant_prediction_correlates_with_nothing():
    found = regression_metrics(torch.full((3,), 2.0), torch.tensor([1.0, 2.0, 3.0]))
    assert (found["pearson"], found["spearman"], found["r2"]) == (0, 0, 0)


def test_equal_values_share_their_mean_rank():
    values = torch.tensor([3.0, 1.0, 3.0, 2.0, 3.0])
    assert ranks(values).tolist() == [3, 0, 3, 1, 3]


def test_shots_are_by_the_count_of_the_integer_label():
    # 100 and 20 themselves are medium; label 4 was never seen.
    train = torch.cat([torch.full((n,), label) for label, n in ((1, 101), (2, 100), (3, 20))])
    truth = torch.tensor([1.0, 2.7, 3.0, 4.0])
    guess = truth + torch.tensor([1.0, 2.0, 3.0, 4.0])
    found = shot_metrics(guess, truth, train, 100, 20)
    means = [found[f"{group}_mae"] for group in ("many", "medium", "few")]
    assert means == pytest.approx([1, 2.5, 4])
    assert np.isnan(shot_metrics(guess[:1], truth[:1], train, 100, 20)["few_mae"])


@pytest.mark.parametrize("alpha", [0.01, 100.0])
def test_ridge_is_scikit_learns(alpha):
    parts = make_parts()
    train = ProbeSet(*(part.double() for part in parts["train"]))
    asked = parts["test"].inputs.double()
    scaler = StandardScaler().fit(train.x)
    theirs = (
        Ridge(alpha=alpha).fit(scaler.transform(train.x), train.y).predict(scaler.transform(asked))
    )
    np.testing.assert_allclose(fit_ridge(train, asked, alpha), theirs, rtol=1e-9)


def test_a_constant_feature_is_ignored():
    parts = make_parts()
    train = ProbeSet(*(part.double() for part in parts["train"]))
    asked = parts["test"].inputs.double()
    wider = train._replace(x=torch.cat([train.x, torch.ones(len(train.x), 1)], 1))
    with_constant = fit_ridge(wider, torch.cat([asked, 7 * torch.ones(len(asked), 1)], 1), 1.0)
    torch.testing.assert_close(with_constant, fit_ridge(train, asked, 1.0))


def test_the_penalty_is_chosen_by_validation_error():
    noisy = make_parts(num=30, noise=50.0, dim=20)
    train, val = (ProbeSet(*(p.double() for p in noisy[name])) for name in ("train", "val"))
    alphas = [0.01, 1.0, 100.0]
    errors = [float((fit_ridge(train, val.x, a) - val.y).abs().mean()) for a in alphas]
    assert choose_penalty(train, val, alphas) == alphas[int(np.argmin(errors))] == 100.0


def test_the_probe_of_raw_inputs_is_ridge_on_training_and_validation_samples():
    parts = make_parts()
    found = evaluate_regression_probe(RegressionInputs(parts), RegressionProbeConfig(), 0)
    x = torch.cat([parts[name].inputs for name in ("train", "val")]).double()
    y = torch.cat([parts[name].targets for name in ("train", "val")]).double()
    expected = fit_ridge(ProbeSet(x, y), parts["test"].inputs.double(), 0.01)
    assert found["mae"] == pytest.approx(
        float((expected - parts["test"].targets).abs().mean()), rel=1e-9
    )
    assert found["r2"] > 0.99
    assert not any(name.startswith("own_") for name in found)


def test_on_the_hold_out_the_probe_has_not_seen_what_it_is_measured_on():
    parts = make_parts()
    parts["test"] = parts["val"]
    found = evaluate_regression_probe(RegressionInputs(parts), RegressionProbeConfig(), 0)
    train, val = (ProbeSet(*(part.double() for part in parts[name])) for name in ("train", "val"))
    expected = float((fit_ridge(train, val.x, 0.01) - val.y).abs().mean())
    assert found["mae"] == pytest.approx(expected, rel=1e-9)


def test_a_module_is_probed_frozen_and_its_own_output_stands_beside():
    parts, net = make_parts(), Net().train()
    found = evaluate_regression_probe(RegressionInputs(parts, net), RegressionProbeConfig(), 0)
    assert net.training
    net.eval()
    own = net.predict(parts["test"].inputs).detach()
    expected = float((own - parts["test"].targets).abs().mean())
    assert found["own_mae"] == pytest.approx(expected, rel=1e-5)
    assert found["mae"] < found["own_mae"] / 5


@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_the_published_probe_comes_near_ridge(loss):
    parts = make_parts()
    settings = RegressionProbeConfig(solver="adam", loss=loss, epochs=40, milestones=[20, 30])
    found = evaluate_regression_probe(RegressionInputs(parts), settings, 0)
    assert found["mae"] < 0.15
    train = ProbeSet(*(part.double() for part in parts["train"]))
    again = fit_adam(train, parts["test"].inputs.double(), settings, 0)
    other = fit_adam(train, parts["test"].inputs.double(), settings, 1)
    assert float((again - parts["test"].targets).abs().mean()) == found["mae"]
    assert not torch.equal(again, other)


def test_shots_count_training_samples_alone_unless_others_are_named():
    # Label 7 is on 2 training samples, on 9 validation samples and on all that is tested.
    x = torch.arange(9.0)[:, None]
    train = Samples(x, torch.tensor([7.0, 7, 1, 2, 3, 4, 5, 6, 8]))
    seven = Samples(x, torch.full((9,), 7.0))
    parts = {
        "train": train,
        "val": seven,
        "test": seven._replace(targets=seven.targets + x[:, 0] / 9),
    }
    settings = RegressionProbeConfig(shots=True, many_above=9, few_below=3)
    own = evaluate_regression_probe(RegressionInputs(parts), settings, 0)
    assert own["few_mae"] == own["mae"] and np.isnan([own["many_gm"], own["medium_mae"]]).all()
    both = torch.cat([parts[name].targets for name in ("train", "val")])
    named = evaluate_regression_probe(RegressionInputs(parts, counted=both), settings, 0)
    assert named["many_mae"] == named["mae"] == own["mae"] and np.isnan(named["few_mae"])


def test_trees_are_measured_by_their_own_output():
    parts = make_parts()
    inputs = RegressionInputs(parts, trees=True)
    found = evaluate_regression_probe(inputs, RegressionProbeConfig(), 0)
    assert 0.3 < found["r2"] < 1 and found["mae"] > 0.1
