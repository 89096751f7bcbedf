"""Each check of `papers try` on a loss that passes all of them, and on one that fails it."""

import pytest

from common.errors import UsageError
from common.runs.loss_checks import check_loss
from common.runs.own_loss import read_own_loss

LOSSES = """
import torch
import torch.nn.functional as F


def good(z1, z2, labels=None, power=2.0):
    return (z1 - z2).abs().pow(power).sum(1).mean()


def contrast(z1, z2):
    scores = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T
    return F.cross_entropy(scores, torch.arange(len(scores)))


def overflows(z1, z2):
    return (1000 * z1 * z2).sum(1).mean()


def cancels(z1, z2):
    return (z1 * z2).sum(1).mean() + 1e6 - 1e6


def stops(z1, z2):
    return (z1.detach() - z2).square().sum(1).mean()


def ordered(z1, z2):
    return ((z1 - z2).square().sum(1) * torch.arange(len(z1))).mean()


def repels(z1, z2):
    return -torch.pdist(z1).log().mean() + (z1 - z2).square().mean()


def labelled(z1, z2, labels=None):
    return good(z1, z2) * (labels == 0).sum()


def rooted(z1, z2):
    return (z1 - z1).square().sum(1).sqrt().mean()


def by_row(z1, z2):
    return (z1 - z2).square().sum(1)


def constant(z1, z2):
    return torch.zeros(())


def broken(z1, z2):
    return z1 @ z2


def alone(z1):
    return z1.mean()
"""
ALL = [
    *("value", "float16", "bfloat16", "gradient", "order of the batch", "one duplicate"),
    *("two halves", "memory", "chance", "labels", "cost"),
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "losses.py"
    path.write_text(LOSSES)
    return path


def test_a_plain_loss_passes_each_check(file):
    found = [*check_loss(read_own_loss(f"{file}:good", {"power": 2}))]
    assert [one.name for one in found] == ALL
    assert [one.name for one in found if not one.passed] == []


@pytest.mark.parametrize(
    ("loss", "name", "said"),
    [
        ("overflows", "float16", "is inf"),
        ("cancels", "bfloat16", "from float32"),
        ("stops", "gradient", "stops a gradient on purpose"),
        ("ordered", "order of the batch", " changes by "),
        ("repels", "one duplicate", "is inf"),
        ("contrast", "two halves", "it needs gathering"),
        ("contrast", "memory", "quadratic; the largest tensor is 64 MB"),
        ("labelled", "labels", "they change the value"),
    ],
)
def test_a_fault_is_seen_by_its_check(file, loss, name, said):
    checks = check_loss(read_own_loss(f"{file}:{loss}", {}))
    check = next(one for one in checks if one.name == name)
    assert not check.passed and said in check.text


def test_a_value_at_chance_is_named(file):
    checks = check_loss(read_own_loss(f"{file}:contrast", {}))
    text = next(one for one in checks if one.name == "chance").text
    assert "about ln N (4.852) for N = 128" in text


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("rooted", "has a gradient that is not finite"),
        ("by_row", r"returns Tensor\(128\); a scalar tensor is needed"),
        ("constant", "its value has no gradient"),
        ("broken", r"RuntimeError at line 52 of losses.py: "),
        ("alone", r"alone\(z1\): too many positional arguments"),
        ("absent", "has no function absent"),
    ],
)
def test_what_is_no_loss_is_refused(file, loss, said):
    with pytest.raises(UsageError, match=said):
        [*check_loss(read_own_loss(f"{file}:{loss}", {}))]


def test_a_setting_that_the_loss_lacks_is_refused(file):
    with pytest.raises(UsageError, match="unexpected keyword argument 'temperature'"):
        read_own_loss(f"{file}:good", {"temperature": 1})
