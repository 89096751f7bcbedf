import torch
from sklearn.datasets import load_digits

from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.samples import TEST, TRAIN, VAL, fingerprint_samples
from papers.supremix.readers.rotated_digits import (
    STEPS,
    _centred,
    rotated_digits,
    scattered_rotated_digits,
)

CONFIG = RegressionConfig()


def counts(found):
    return [int((found.splits[0] == role).sum()) for role in (TRAIN, VAL, TEST)]


def test_sizes_labels_and_range():
    found = rotated_digits(CONFIG)
    assert counts(found) == [600, 200, 797]
    assert found.inputs.shape == (1597, 1, 24, 24)
    assert found.targets.unique().tolist() == list(range(STEPS))
    assert 0 <= found.inputs.min() and found.inputs.max() <= 1
    scattered = scattered_rotated_digits(CONFIG)
    assert counts(scattered) == [3200, 400, 797]
    assert scattered.inputs.std() < found.inputs.std()  # grey ground, dimmer ink


def test_the_data_are_the_same_each_time_and_on_256_levels():
    first, again = scattered_rotated_digits(CONFIG), scattered_rotated_digits(CONFIG)
    assert fingerprint_samples(first) == fingerprint_samples(again)
    levels = first.inputs * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)


def test_the_label_is_the_angle():
    # Turning by the label's angle back and forth again leaves the digit where it was.
    ink = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    ink[0, 0, 2:8, 7:9] = 1  # a bar above the centre
    rows = torch.arange(24.0, dtype=torch.float64)

    def tilt(angle):
        placed = _centred(ink, torch.tensor([angle], dtype=torch.float64))[0, 0]
        x = (placed.sum(0) * (rows - 11.5)).sum() / placed.sum()
        y = (placed.sum(1) * (11.5 - rows)).sum() / placed.sum()
        return torch.atan2(x, y)

    upright = tilt(0.0)
    for angle in (-1.0, -0.3, 0.5, 1.0):
        torch.testing.assert_close(
            (tilt(angle) - upright).abs(), torch.tensor(abs(angle)).double(), atol=0.02, rtol=0
        )
    assert tilt(0.5) * tilt(-0.5) < 0


def test_upright_digits_are_scikit_learns():
    found = rotated_digits(CONFIG)
    upright = (found.targets == STEPS // 2).nonzero()[:, 0]
    inked = torch.nn.functional.adaptive_avg_pool2d(found.inputs[upright][:, :, 4:20, 4:20], 8)
    digits = torch.from_numpy(load_digits().data).float().div(16).view(-1, 64)
    nearest = torch.cdist(inked.flatten(1), digits).min(1).values
    assert nearest.max() < 1.2
    tilted = torch.nn.functional.adaptive_avg_pool2d(
        found.inputs[found.targets == 0][:, :, 4:20, 4:20], 8
    )
    assert torch.cdist(tilted.flatten(1), digits).min(1).values.mean() > 2 * nearest.mean()
