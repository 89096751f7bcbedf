import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from common.evaluation import ridge
from common.evaluation.ridge import (
    RidgePath,
    choose_alpha,
    errors_of,
    last_value,
    make_windows,
)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def written_out(windows):
    """Returns the labels by a loop over samples."""
    rows = [
        windows.future[i, t + 1 : t + 1 + windows.horizon].flatten()
        for i, t in windows.rows.tolist()
    ]
    return torch.stack(rows)


@pytest.mark.parametrize(("instances", "targets", "horizon", "drop"), [(1, 1, 3, 0), (2, 3, 4, 5)])
def test_samples_lie_within_their_part(instances, targets, horizon, drop):
    features, future = draw(instances, 20, 4), draw(instances, 20, targets, seed=1)
    windows = make_windows(features, future, horizon, drop)
    assert len(windows.rows) == instances * (20 - horizon - drop)
    assert windows.rows[:, 1].max() == 20 - horizon - 1 and windows.rows[:, 1].min() == drop
    torch.testing.assert_close(windows.labels(slice(None)), written_out(windows))
    for sample, (i, t) in enumerate(windows.rows.tolist()):
        assert torch.equal(windows.features(slice(sample, sample + 1))[0], features[i, t])
        repeated = future[i, t].repeat(horizon)
        assert torch.equal(last_value(windows)[sample], repeated)


@pytest.mark.parametrize("alpha", [0.1, 10.0, 1000.0])
@pytest.mark.parametrize("dim", [5, 60])  # more features than samples, too
def test_every_penalty_is_scikit_learns_ridge(alpha, dim):
    train = make_windows(draw(1, 40, dim) + 3, draw(1, 40, 2, seed=1) - 5, 6)
    test = make_windows(draw(1, 30, dim, seed=2), draw(1, 30, 2, seed=3), 6)
    theirs = Ridge(alpha=alpha).fit(train.features(slice(None)).numpy(), written_out(train).numpy())
    known = test.features(slice(None))
    expected = torch.from_numpy(theirs.predict(known.numpy()))
    path = RidgePath(train)
    torch.testing.assert_close(path.predict(known, alpha), expected)
    gap = expected - written_out(test)
    errors = errors_of(test, path.forecast(test, alpha))
    assert errors.mse == pytest.approx(float(gap.square().mean()))
    assert errors.mae == pytest.approx(float(gap.abs().mean()))
    assert errors == pytest.approx(errors_of(test, path.predict(known, alpha).__getitem__))


def test_one_factorisation_serves_all_penalties(monkeypatch):
    calls, original = [], torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda x: calls.append(1) or original(x))
    train, val = (make_windows(draw(1, 40, 5, seed=s), draw(1, 40, 1), 3) for s in (0, 1))
    path = RidgePath(train)
    errors = [errors_of(val, path.forecast(val, alpha)) for alpha in ridge.ALPHAS]
    scores = [e.mse**0.5 + e.mae for e in errors]
    assert choose_alpha(path, val, ridge.ALPHAS) == ridge.ALPHAS[int(np.argmin(scores))]
    assert len(set(scores)) == len(scores) and calls == [1]


def test_equal_penalties_give_the_first():
    train = make_windows(draw(1, 40, 5), torch.zeros(1, 40, 1), 3)
    assert choose_alpha(RidgePath(train), train, ridge.ALPHAS) == ridge.ALPHAS[0]


def test_chunks_change_nothing(monkeypatch):
    train = make_windows(draw(2, 40, 5), draw(2, 40, 3, seed=1), 4)
    whole = RidgePath(train)
    expected = errors_of(train, whole.forecast(train, 1.0))
    monkeypatch.setattr(ridge, "CHUNK_NUMBERS", 100)
    assert len(list(train.chunks())) > 5
    parts = RidgePath(train)
    torch.testing.assert_close(parts.products, whole.products)
    assert errors_of(train, parts.forecast(train, 1.0)) == pytest.approx(expected)


def test_of_too_many_samples_the_same_ones_are_drawn():
    windows = make_windows(draw(2, 40, 5), draw(2, 40, 1, seed=1), 4)
    thin = windows.thinned(10)
    assert torch.equal(thin.rows, windows.thinned(10).rows) and len(thin.rows) == 10
    pairs = {tuple(row) for row in windows.rows.tolist()}
    assert len({tuple(row) for row in thin.rows.tolist()} & pairs) == 10
    features = draw(2, 40, 5)
    for row, (i, t) in zip(thin.features(slice(None)), thin.rows.tolist(), strict=True):
        assert torch.equal(row, features[i, t])
    assert windows.thinned(1000) is windows


def test_only_the_samples_that_are_drawn_are_widened():
    known, sizes = draw(3, 400, 50).float(), []

    class Watched(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            found = function(*args, **(kwargs or {}))
            if isinstance(found, torch.Tensor):
                sizes.append(found.untyped_storage().nbytes())
            return found

    with Watched():
        windows = make_windows(known, draw(3, 400, 1), 4)
        path = RidgePath(windows.thinned(100))
        forecast = path.forecast(windows, 1.0)
        [forecast(slice(start, start + 100)) for start in range(0, len(windows.rows), 100)]
    # In float32, as they came, they are 240,000 bytes.
    assert max(sizes) < known.numel()
