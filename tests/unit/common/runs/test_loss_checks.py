"""Each check of `papers try` on a loss that passes all of them, and on one that fails it."""

from dataclasses import replace

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


def scores(z1, z2, temperature=0.2):
    return F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T / temperature


def flipped(z1, z2):
    return F.cross_entropy(-scores(z1, z2), torch.arange(len(z1)))


def shifted(z1, z2):
    return F.cross_entropy(scores(z1, z2), torch.arange(len(z1)).roll(1))


def decoupled(z1, z2):
    s = scores(z1, z2)
    own = torch.eye(len(s), dtype=torch.bool)
    return (s.masked_fill(own, -torch.inf).logsumexp(1) - s.diagonal()).mean()


def hinge(z1, z2):
    s = scores(z1, z2, 1)
    return F.relu(0.5 - s.diagonal()[:, None] + s).mean()


def similar(z1, z2):
    return -F.cosine_similarity(z1, z2.detach()).mean()


def decorrelates(z1, z2):
    a, b = ((z - z.mean(0)) / z.std(0) for z in (z1, z2))
    c = a.T @ b / len(a)
    off = c.square().sum() - c.diagonal().square().sum()
    return (c.diagonal() - 1).square().sum() + 0.005 * off


def varies(z1, z2):
    covariances = [z.T.cov() for z in (z1, z2)]
    spread = sum(F.relu(1 - (c.diagonal() + 1e-4).sqrt()).mean() for c in covariances)
    off = sum(c.square().sum() - c.diagonal().square().sum() for c in covariances)
    return 25 * F.mse_loss(z1, z2) + 25 * spread + off / z1.shape[1]


def supervised(z1, z2, labels=None):
    same = labels[:, None] == labels
    return -(scores(z1, z2).log_softmax(1) * same).sum(1).div(same.sum(1)).mean()


def by_exp(z1, z2, temperature=0.01):
    e = scores(z1, z2, temperature).exp()
    return -(e.diagonal() / e.sum(1)).log().mean()


def by_exp_of_products(z1, z2):
    e = (10 * z1 @ z2.T).exp()
    return -(e.diagonal() / e.sum(1)).log().mean()


def by_cubes(z1, z2):
    triples = z1[:, None, None, 0] + z1[:, None, 0] + z2[:, 0]
    return triples.square().mean() + (z1 - z2).square().mean()


def bootstraps(z1, z2):
    return (similar(z1, z2) + similar(z2, z1)) / 2


def swapped(z1, z2):
    prototypes = torch.randn(z1.shape[1], 30, generator=torch.Generator().manual_seed(0))
    s = [F.normalize(z, dim=1) @ prototypes.to(z.dtype) for z in (z1, z2)]
    codes = [one.detach().float().exp() for one in s]
    for _ in range(3):
        codes = [(q / q.sum(0)) / (q / q.sum(0)).sum(1, keepdim=True) for q in codes]
    return -sum((q * one.log_softmax(1)).sum(1).mean() for q, one in zip(codes, s[::-1]))


def codes(z1, z2):
    a, b = (F.normalize(z, dim=1) for z in (z1, z2))
    spread = torch.eye(a.shape[1]) + 10 * a.T @ a
    return -torch.logdet(spread.to(a.dtype)) - (a * b).sum(1).mean()


def multiplied(z1, z2):
    return F.cross_entropy(0.2 * scores(z1, z2, 1), torch.arange(len(z1)))


def pulls(z1, z2):
    return -F.cosine_similarity(z1, z2).mean()


class Distance(torch.nn.Module):
    def forward(self, z1, z2):
        return good(z1, z2)


distance = Distance()


class Labelled(torch.nn.Module):
    def forward(self, z1, z2, labels, power=2.0):
        return labelled(z1, z2, labels)


labelled_module = Labelled()
queue = []


def queued(z1, z2):
    known = [one.to(z2) for one in queue if one.shape[1] == z2.shape[1]]
    keys = F.normalize(torch.cat([z2, *known]), dim=1)
    queue[:] = [z2.detach()]
    return F.cross_entropy(F.normalize(z1, dim=1) @ keys.T / 0.2, torch.arange(len(z1)))


def dropped(z1, z2):
    return contrast(F.dropout(z1, 0.5), z2)


class Layered(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(64, 8)

    def forward(self, z1, z2):
        return (self.layer(z1) - self.layer(z2)).square().sum(1).mean()


layered = Layered()
"""
ALL = [
    *("called twice", "value", "float16", "bfloat16", "gradient", "order of the batch"),
    *("agreement", "collapse", "one duplicate", "two halves"),
    *("memory", "chance", "labels", "cost"),
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "losses.py"
    path.write_text(LOSSES)
    return path


def test_a_module_that_is_made_is_a_loss(file):
    assert [one.name for one in check_loss(read_own_loss(f"{file}:distance", {}))] == [
        name for name in ALL if name != "labels"
    ]


def test_a_plain_loss_passes_each_check(file):
    found = [*check_loss(read_own_loss(f"{file}:good", {"power": 2}))]
    assert [one.name for one in found] == ALL
    states = {one.name: one.state for one in found}
    notes = {"collapse", "chance", "cost"}
    assert {name for name in ALL if states[name] != "passed"} == notes
    assert {states[name] for name in notes} == {"note"}


@pytest.mark.parametrize(
    ("loss", "name", "said"),
    [
        ("overflows", "float16", "is inf"),
        ("cancels", "bfloat16", "from float32"),
        ("stops", "gradient", "stops a gradient on purpose"),
        ("ordered", "order of the batch", " changes by "),
        ("repels", "one duplicate", "is inf"),
        ("flipped", "agreement", "is a sign or a row wrong? 10 on views that agree, 5.0"),
        ("shifted", "agreement", "not below chance on views that agree"),
        ("by_cubes", "memory", "batch^3; the largest tensor is 262,144 MB"),
        ("by_exp", "float16", "in float64 it is finite: look for exp of large scores"),
    ],
)
def test_a_fault_is_seen_by_its_check(file, loss, name, said):
    settings = {"temperature": 0.07} if loss == "by_exp" else {}
    checks = check_loss(read_own_loss(f"{file}:{loss}", settings))
    check = next(one for one in checks if one.name == name)
    assert check.state == "look at this" and said in check.text


@pytest.mark.parametrize(
    ("loss", "name", "said"),
    [
        ("contrast", "two halves", "it needs gathering"),
        ("contrast", "memory", "quadratic; the largest tensor is 64 MB"),
        ("multiplied", "agreement", ", 4.1 % apart; is a temperature multiplied, or far too"),
        ("pulls", "collapse", "-1 on equal views well apart: nothing in the loss holds vectors"),
        ("supervised", "labels", "they change the value"),
    ],
)
def test_what_may_be_meant_is_a_note(file, loss, name, said):
    found = {one.name: one for one in check_loss(read_own_loss(f"{file}:{loss}", {}))}
    assert found[name].state == "note" and said in found[name].text
    assert "look at this" not in {one.state for one in found.values()}


@pytest.mark.parametrize(
    "loss",
    [
        *("contrast", "decoupled", "hinge", "similar", "decorrelates", "varies", "supervised"),
        *("bootstraps", "swapped", "codes"),
    ],
)
def test_right_losses_are_less_on_views_that_agree_and_on_vectors_apart(file, loss):
    checks = {one.name: one for one in check_loss(read_own_loss(f"{file}:{loss}", {}))}
    assert checks["agreement"].state == checks["collapse"].state == "passed"


def test_a_module_with_layers_is_asked_in_the_precision_of_each_check(file):
    checks = {one.name: one.state for one in check_loss(read_own_loss(f"{file}:layered", {}))}
    assert {checks[name] for name in ("value", "float16", "order of the batch")} == {"passed"}


def test_a_gradient_is_held_against_slopes(file):
    checks = {one.name: one for one in check_loss(read_own_loss(f"{file}:good", {}))}
    assert "slopes differ from finite differences by " in checks["gradient"].text
    assert checks["gradient"].text.endswith(" of their size")


def test_a_loss_beyond_float32_is_refused_after_what_float64_tells(file):
    found = []
    with pytest.raises(
        UsageError, match="in float32: is nan; in float64 it is finite: look for ex"
    ):
        for check in check_loss(read_own_loss(f"{file}:by_exp", {})):
            found.append(check)
    assert [one.name for one in found] == [
        name for name in ALL if name not in ("value", "float16", "bfloat16", "labels")
    ]
    assert next(one for one in found if one.name == "gradient").state == "passed"


def test_products_beyond_float64_are_told_from_a_root_at_zero(file):
    with pytest.raises(UsageError, match="at a tenth of the projections it is finite: look for ex"):
        [*check_loss(read_own_loss(f"{file}:by_exp_of_products", {}))]


@pytest.mark.parametrize("loss", ["queued", "dropped"])
def test_a_loss_that_varies_on_equal_input_is_told_once_and_compared_with_nothing(file, loss):
    found = {one.name: one for one in check_loss(read_own_loss(f"{file}:{loss}", {}))}
    assert [*found] == ["called twice", "value", "memory", "chance", "cost"]
    assert found["called twice"].state == "note"
    assert "look at this" not in {one.state for one in found.values()}
    assert "on equal input: it has a state, or draws" in found["called twice"].text


def test_a_module_that_is_made_is_given_labels_and_tells_its_settings(file):
    own = read_own_loss(f"{file}:labelled_module", {})
    found = {one.name: one for one in check_loss(own)}
    assert found["labels"].text.startswith("they change the value")
    assert own.all_settings == {"power": 2.0}


def test_where_the_bench_has_no_labels_a_loss_that_needs_them_is_refused(file):
    own = replace(read_own_loss(f"{file}:supervised", {}), has_labels=False)
    with pytest.raises(UsageError, match=r"TypeError at line .*; this bench has no labels, and gi"):
        [*check_loss(own)]


def test_a_value_at_chance_is_named(file):
    checks = check_loss(read_own_loss(f"{file}:contrast", {}))
    text = next(one for one in checks if one.name == "chance").text
    assert "about ln N (4.852) for N = 128" in text


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("rooted", "has a gradient that is not finite; look for a root, a logarithm or a quotient"),
        ("by_row", r"returns Tensor\(128\); a scalar tensor is needed"),
        ("constant", "its value has no gradient"),
        ("broken", r"RuntimeError at line 52 of losses.py: "),
        ("alone", r"alone\(z1\): too many positional arguments"),
        ("absent", "has no function absent"),
        ("Distance", r"losses.py: Distance is a class; name .* such as distance = Distance\(\)"),
    ],
)
def test_what_is_no_loss_is_refused(file, loss, said):
    with pytest.raises(UsageError, match=said):
        [*check_loss(read_own_loss(f"{file}:{loss}", {}))]


def test_a_setting_that_the_loss_lacks_is_refused(file):
    with pytest.raises(UsageError, match="unexpected keyword argument 'temperature'"):
        read_own_loss(f"{file}:good", {"temperature": 1})
