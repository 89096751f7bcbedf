"""Shared equations in plain NumPy, float64, and the small cases they are computed on.

No torch and no library takes part, so that what is expected depends on nobody's code. Gradients
are taken by complex steps, ``Im f(x + ih) / h``, which is exact to rounding and differentiates
nothing by hand. All inputs are multiples of powers of two with few digits: float16 and bfloat16
hold them exactly, and one expected value serves every type.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy import ndarray

STEP = 1e-30


@dataclass(frozen=True)
class Case:
    """Inputs and settings of one call; ``inputs`` of floats are cast to the type measured."""

    name: str
    inputs: dict[str, ndarray]
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Equation:
    """One equation, the forms that it has in the world, and its cases.

    ``forms`` maps a convention, in words, to its function; the first, "", is the source's. What
    is not finite is undefined there, and nothing is asked. ``by`` names the inputs that a gradient
    is taken by.
    """

    title: str
    source: str
    forms: dict[str, Callable[..., ndarray]]
    cases: list[Case]
    by: tuple[str, ...] = ()

    def expected(self, form: str, case: Case) -> dict[str, ndarray]:
        """Returns the value and, by input, the gradient."""
        function = self.forms[form]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = {"value": np.asarray(function(**case.inputs, **case.settings))}
            return found | {name: _complex_step(function, case, name) for name in self.by}


def _complex_step(function: Callable[..., ndarray], case: Case, name: str) -> ndarray:
    at = case.inputs[name]
    gradient = np.empty(at.shape)
    for place in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[place] += 1j * STEP
        gradient[place] = function(**case.inputs | {name: moved}, **case.settings).imag / STEP
    return gradient


# What several equations need.


def _unit(x: ndarray) -> ndarray:
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


def _log_sum_exp(x: ndarray, taken: ndarray | bool = True) -> ndarray:
    """Of the last axis, over the entries ``taken``."""
    largest = np.where(taken, x.real, -np.inf).max(-1, keepdims=True)
    return np.log((np.exp(np.where(taken, x - largest, 0)) * taken).sum(-1)) + largest[..., 0]


def _diagonal_loss(scores: ndarray) -> ndarray:
    return (_log_sum_exp(scores) - np.diagonal(scores)).mean()


# The equations.


def nt_xent(z1: ndarray, z2: ndarray, temperature: float, partner_below: bool = True) -> ndarray:
    z = _unit(np.concatenate([z1, z2]))
    scores, size = z @ z.T / temperature, len(z)
    partner = np.roll(np.eye(size, dtype=bool), size // 2, axis=1)
    below = ~np.eye(size, dtype=bool) & (partner_below | ~partner)
    return (_log_sum_exp(scores, below) - scores[partner]).mean()


def supcon(z: ndarray, labels: ndarray, temperature: float, count_all: bool = False) -> ndarray:
    z, itself = _unit(z), np.eye(len(z), dtype=bool)
    scores = z @ z.T / temperature
    positive = (labels[:, None] == labels) & ~itself
    terms = [
        _log_sum_exp(scores[i], ~itself[i]) - scores[i, positive[i]].mean()
        for i in range(len(z))
        if positive[i].any()
    ]
    # An empty sum: without any positive there is nothing to learn from.
    return sum(terms, np.zeros(())) / max(len(z) if count_all else len(terms), 1)


def sinkhorn(scores: ndarray, epsilon: float, iterations: int) -> ndarray:
    logs = scores.real / epsilon
    for _ in range(iterations):
        logs = logs - _log_sum_exp(logs.T)
        logs = logs - _log_sum_exp(logs)[:, None]
    return np.exp(logs)


def swav(
    scores: ndarray, temperature: float, epsilon: float, iterations: int, crops: int
) -> ndarray:
    views = len(scores)
    logits = scores / temperature
    log_p = logits - _log_sum_exp(logits)[..., None]
    total = np.zeros(())
    for crop in range(crops):
        codes = sinkhorn(scores[crop], epsilon, iterations)  # of real parts: no gradient
        for view in set(range(views)) - {crop}:
            total = total - (codes * log_p[view]).sum(1).mean()
    return total / (crops * (views - 1))


def barlow(z1: ndarray, z2: ndarray, weight: float, eps: float = 0.0) -> ndarray:
    def standardised(z: ndarray) -> ndarray:
        z = z - z.mean(0)
        variance = (z * z).mean(0) + eps
        return z / np.sqrt(np.where(variance == 0, np.nan, variance))

    correlation = standardised(z1).T @ standardised(z2) / len(z1)
    diagonal = np.diagonal(correlation)
    return ((1 - diagonal) ** 2).sum() + weight * ((correlation**2).sum() - (diagonal**2).sum())


def negative_cosine(p: ndarray, z: ndarray) -> ndarray:
    return -(_unit(p) * _unit(z)).sum(1).mean()


def moco(q: ndarray, k: ndarray, queue: ndarray, temperature: float) -> ndarray:
    q, k, queue = _unit(q), _unit(k), _unit(queue)
    scores = np.concatenate([(q * k).sum(1, keepdims=True), q @ queue.T], 1) / temperature
    return (_log_sum_exp(scores) - scores[:, 0]).mean()


def last_keys(keys: ndarray, length: int) -> ndarray:
    return in_order(keys.reshape(-1, keys.shape[-1])[-length:])


def in_order(rows: ndarray) -> ndarray:
    """Sorts rows: a queue's inner order means nothing."""
    return rows[np.lexsort(rows.T[::-1])]


def lars(
    weight: ndarray,
    gradients: ndarray,
    lr: float,
    momentum: float,
    decay: float,
    trust: float,
    norm_of_sum: bool = False,
    at_zero: str = "ratio",
) -> ndarray:
    """``at_zero`` of a norm: the ratio as it is, or 1 with decay or without."""
    w, buffer = weight, np.zeros_like(weight)
    for g in gradients:
        decayed = g + decay * w
        below = np.linalg.norm(decayed if norm_of_sum else g)
        size = np.linalg.norm(w)
        ratio = 1.0
        if at_zero == "ratio" or (below > 0 and size > 0):
            ratio = trust * size / (below if norm_of_sum else below + decay * size)
        elif at_zero == "bare":
            decayed = g
        buffer = momentum * buffer + ratio * decayed
        w = w - lr * buffer
    return w - weight


def ema(average: ndarray, online: ndarray, momentum: float) -> ndarray:
    moved = average
    for weights in online:
        moved = momentum * moved + (1 - momentum) * weights
    return moved - average


def knn(train_x: ndarray, train_y: ndarray, test_x: ndarray, k: int, temperature: float) -> ndarray:
    cosines = _unit(test_x) @ _unit(train_x).T
    predicted = []
    for row in cosines:
        near = np.argsort(-row, kind="stable")[:k]
        weights = np.exp((row[near] - row[near[0]]) / temperature)
        predicted.append(np.bincount(train_y[near], weights).argmax())
    return np.array(predicted)


def ndcg(scores: ndarray, relevant: ndarray, k: int, ties: str = "unsaid") -> ndarray:
    """``ties``: nothing said, in the order given, against the model, or averaged."""
    found = []
    for row, wanted in zip(scores, relevant, strict=True):
        discounts = np.where(np.arange(len(row)) < k, 1 / np.log2(np.arange(len(row)) + 2), 0)
        if ties == "averaged":
            gain = sum(
                discounts[np.sort(-row) == -value].mean() * wanted[row == value].sum()
                for value in np.unique(row)
            )
        else:
            # Stable: of equal scores the one that stands first, or the one that is not relevant.
            order = np.lexsort([wanted, -row] if ties == "against" else [-row])
            gain = (wanted[order] * discounts).sum()
        ideal = discounts[: wanted.sum()].sum()
        unsaid = ties == "unsaid" and len(np.unique(row)) < len(row)
        found.append(np.nan if unsaid else gain / ideal if ideal else 0.0)
    return np.mean(found)


def clip(u: ndarray, v: ndarray, scale: float) -> ndarray:
    scores = scale * _unit(u) @ _unit(v).T
    return (_diagonal_loss(scores) + _diagonal_loss(scores.T)) / 2


def uniformity(x: ndarray, t: float) -> ndarray:
    x = _unit(x)
    first, second = np.triu_indices(len(x), 1)
    apart = x[first] - x[second]
    return np.log(np.exp(-t * (apart * apart).sum(1)).mean())


# The cases.


def _draws(seed: int) -> Callable[..., ndarray]:
    generator = np.random.default_rng(seed)
    return lambda *shape: np.round(generator.normal(size=shape) * 16).clip(-48, 48) / 16


def _views(seed: int, rows: int = 6, dim: int = 5) -> tuple[ndarray, ndarray]:
    """Two views, the second near the first; some rows are nearer to others than to theirs."""
    draw = _draws(seed)
    first = draw(rows, dim)
    second = np.round((first + 0.75 * draw(rows, dim)) * 16) / 16
    return first, second.clip(-7, 7)


def _pairs(a: str, b: str, setting: str, usual: float, sharp: float) -> list[Case]:
    first, second = _views(1)
    one = {a: first[:1], b: second[:1]}
    same = {a: np.tile(first[:1], (4, 1)), b: np.tile(first[:1], (4, 1))}
    both = {a: first, b: second}
    # Of every row another one of the batch is nearer than its partner, as before training.
    hard = {a: first, b: np.roll(second, 1, axis=0)}
    name = "scale 100" if setting == "scale" else f"{setting} .01"
    return [
        Case("plain", both, {setting: usual}),
        Case(name, both, {setting: sharp}),
        Case(f"{name}, partners apart", hard, {setting: sharp}),
        Case("one row", one, {setting: usual}),
        Case("identical rows", same, {setting: usual}),
    ]


def _supcon_cases() -> list[Case]:
    rows = np.concatenate(_views(2))
    labels = np.tile([0, 1, 2, 0, 1, 2], 2)
    mixed = np.repeat([0, 1, 2], 4)
    lone = np.array([0, 0, 1, 1, 1, 2, 3, 4])
    usual = {"temperature": 0.5}
    return [
        Case("plain", {"z": rows, "labels": labels}, usual),
        Case("temperature .01", {"z": rows, "labels": labels}, {"temperature": 0.01}),
        Case("temperature .01, classes mixed", {"z": rows, "labels": mixed}, {"temperature": 0.01}),
        Case("some without a positive", {"z": rows[:8], "labels": lone}, usual),
        Case("no positive", {"z": rows[:6], "labels": np.arange(6)}, usual),
        Case("one row", {"z": rows[:1], "labels": np.zeros(1, int)}, usual),
        Case("identical rows", {"z": np.tile(rows[:1], (6, 1)), "labels": labels[:6]}, usual),
    ]


def _cosines(seed: int, *shape: int) -> ndarray:
    return (_draws(seed)(*shape) / 4).clip(-1, 1)


def _sinkhorn_cases() -> list[Case]:
    scores, usual = _cosines(3, 8, 4), {"epsilon": 0.05, "iterations": 3}
    return [
        Case("plain", {"scores": scores}, usual),
        Case("epsilon .005", {"scores": scores}, {"epsilon": 0.005, "iterations": 3}),
        Case("one row", {"scores": scores[:1]}, usual),
        Case("identical rows", {"scores": np.tile(scores[:1], (5, 1))}, usual),
    ]


def _swav_cases() -> list[Case]:
    scores = _cosines(4, 3, 6, 4)
    usual = {"temperature": 0.125, "epsilon": 0.05, "iterations": 3, "crops": 2}
    return [
        Case("plain", {"scores": scores[:2]}, usual),
        Case("a small crop", {"scores": scores}, usual),
        Case("temperature .01", {"scores": scores[:2]}, usual | {"temperature": 0.01}),
        Case("epsilon .005", {"scores": scores[:2]}, usual | {"epsilon": 0.005}),
        Case("one row", {"scores": scores[:2, :1]}, usual),
    ]


def _barlow_cases() -> list[Case]:
    first, second = _views(5, rows=8, dim=4)
    still = first.copy()
    still[:, 0] = 0.5
    same = np.tile(first[:1], (4, 1))
    return [
        Case("plain", {"z1": first, "z2": second}, {"weight": 0.005}),
        Case("identical views", {"z1": first, "z2": first}, {"weight": 0.005}),
        Case("a constant column", {"z1": still, "z2": second}, {"weight": 0.005}),
        Case("identical rows", {"z1": same, "z2": same}, {"weight": 0.005}),
    ]


def _cosine_cases() -> list[Case]:
    p, z = _views(6)
    return [
        Case("plain", {"p": p, "z": z}),
        Case("one row", {"p": p[:1], "z": z[:1]}),
        Case("identical rows", {"p": p, "z": p}),
        Case("rows of length 1/500", {"p": p / 1024, "z": z / 1024}),
        Case("rows of length 1000", {"p": p * 512, "z": z * 512}),
    ]


def _moco_cases() -> list[Case]:
    (q, k), queue = _views(7), _draws(8)(9, 5)
    usual = {"q": q, "k": k, "queue": queue}
    apart = usual | {"k": np.roll(k, 1, axis=0)}
    same = {"q": q, "k": q, "queue": np.tile(q[:1], (9, 1))}
    return [
        Case("plain", usual, {"temperature": 0.25}),
        Case("temperature .01", usual, {"temperature": 0.01}),
        Case("temperature .01, partners apart", apart, {"temperature": 0.01}),
        Case("one row", {"q": q[:1], "k": k[:1], "queue": queue}, {"temperature": 0.25}),
        Case("identical rows", same, {"temperature": 0.25}),
    ]


def _queue_cases() -> list[Case]:
    draw = _draws(9)
    return [
        Case("the batch divides the length", {"keys": draw(5, 3, 4)}, {"length": 6}),
        Case("the batch does not divide it", {"keys": draw(4, 4, 4)}, {"length": 6}),
        Case("one row", {"keys": draw(9, 1, 4)}, {"length": 6}),
    ]


def _lars_cases() -> list[Case]:
    draw = _draws(10)
    weight, gradients = draw(4, 3), draw(3, 4, 3)
    settings = {"lr": 0.5, "momentum": 0.75, "decay": 0.125, "trust": 0.25}
    stopped = gradients * np.array([1, 0, 0])[:, None, None]
    return [
        Case("plain", {"weight": weight, "gradients": gradients}, settings),
        Case("the gradient is 0", {"weight": weight, "gradients": stopped}, settings),
        Case("the weight is 0", {"weight": 0 * weight, "gradients": gradients[:1]}, settings),
    ]


def _ema_cases() -> list[Case]:
    draw = _draws(11)
    inputs = {"average": draw(4, 3), "online": draw(3, 4, 3)}
    return [
        Case("plain", inputs, {"momentum": 0.75}),
        Case("momentum .996", inputs, {"momentum": 0.996}),
    ]


def _knn_cases() -> list[Case]:
    draw = _draws(12)
    inputs = {"train_x": draw(24, 4), "train_y": np.arange(24) % 3, "test_x": draw(16, 4)}
    # Near each other, as features before any training are: all cosines are above .95.
    near = inputs | {name: inputs[name] / 8 + 1 for name in ("train_x", "test_x")}
    same = inputs | {"train_x": np.repeat(inputs["train_x"][:3], 8, axis=0)}
    same["train_y"] = np.repeat(np.arange(3), 8)
    return [
        Case("plain", inputs, {"k": 9, "temperature": 0.125}),
        Case("temperature .01", near, {"k": 9, "temperature": 0.01}),
        Case("one row", inputs | {"test_x": inputs["test_x"][:1]}, {"k": 9, "temperature": 0.125}),
        Case("identical rows", same, {"k": 9, "temperature": 0.125}),
    ]


def _ndcg_cases() -> list[Case]:
    generator = np.random.default_rng(13)
    # No two of a row are equal, in bfloat16 neither.
    scores = np.array([generator.permutation(8) for _ in range(5)]) / 8
    one = np.eye(8, dtype=int)[generator.integers(8, size=5)]
    several = one | np.eye(8, dtype=int)[generator.integers(8, size=5)]
    several |= np.eye(8, dtype=int)[generator.integers(8, size=5)]
    # Pairs are equal; of the best the first is relevant, or the last.
    tied = np.floor(scores * 4) / 4
    best = [
        np.flatnonzero(row == row.max())[place]
        for row, place in zip(tied, (0, 0, 1, 1, 0), strict=True)
    ]
    none = several.copy()
    none[0] = 0
    return [
        Case("one relevant item", {"scores": scores, "relevant": one}, {"k": 4}),
        Case("several", {"scores": scores, "relevant": several}, {"k": 4}),
        Case("more than k", {"scores": scores, "relevant": several}, {"k": 1}),
        Case("ties", {"scores": tied, "relevant": np.eye(8, dtype=int)[best]}, {"k": 4}),
        Case("no positive", {"scores": scores, "relevant": none}, {"k": 4}),
    ]


def _uniformity_cases() -> list[Case]:
    x, _ = _views(14)
    return [
        Case("plain", {"x": x}, {"t": 2.0}),
        Case("two rows", {"x": x[:2]}, {"t": 2.0}),
        Case("identical rows", {"x": np.tile(x[:1], (4, 1))}, {"t": 2.0}),
    ]


def _with(function: Callable[..., ndarray], **fixed: Any) -> Callable[..., ndarray]:
    return lambda **given: function(**given, **fixed)


EQUATIONS = {
    "nt-xent": Equation(
        "NT-Xent",
        "SimCLR, arXiv 2002.05709, Eq. 1",
        {"": nt_xent, "the partner is not in the denominator": _with(nt_xent, partner_below=False)},
        _pairs("z1", "z2", "temperature", 0.5, 0.01),
        ("z1", "z2"),
    ),
    "supcon": Equation(
        "SupCon",
        "arXiv 2004.11362, Eq. 2, in mean over the anchors that have a positive",
        {"": supcon, "the mean counts anchors without a positive": _with(supcon, count_all=True)},
        _supcon_cases(),
        ("z",),
    ),
    "swav": Equation(
        "SwAV's loss",
        "arXiv 2006.09882, Eq. 2 and 6, in mean over pairs of crops",
        {"": swav},
        _swav_cases(),
        ("scores",),
    ),
    "sinkhorn": Equation(
        "Sinkhorn",
        "SwAV, arXiv 2006.09882, Eq. 3 to 5, rows summing to 1",
        {"": sinkhorn},
        _sinkhorn_cases(),
    ),
    "barlow": Equation(
        "Barlow Twins",
        "arXiv 2103.03230, Eq. 1 and 2",
        {"": barlow, "1e-5 is added to each variance, as batch norm does": _with(barlow, eps=1e-5)},
        _barlow_cases(),
        ("z1", "z2"),
    ),
    "cosine": Equation(
        "negative cosine",
        "SimSiam, arXiv 2011.10566, Eq. 1",
        {"": negative_cosine},
        _cosine_cases(),
        ("p",),
    ),
    "moco": Equation("MoCo's loss", "arXiv 1911.05722, Eq. 1", {"": moco}, _moco_cases(), ("q",)),
    "queue": Equation(
        "MoCo's queue",
        "arXiv 1911.05722, section 3.2: the newest keys stay, the oldest leave",
        {"": last_keys},
        _queue_cases(),
    ),
    "lars": Equation(
        "LARS",
        "arXiv 1708.03888, Eq. 6 and Algorithm 1",
        {
            "": lars,
            "plain SGD without decay where a norm is 0": _with(lars, at_zero="bare"),
            "plain SGD with decay where a norm is 0": _with(lars, at_zero="decayed"),
            "the ratio is to the norm of the decayed gradient (SimCLR's code), plain SGD where a "
            "norm is 0": _with(lars, norm_of_sum=True, at_zero="decayed"),
        },
        _lars_cases(),
    ),
    "ema": Equation("EMA", "MoCo, arXiv 1911.05722, Eq. 2", {"": ema}, _ema_cases()),
    "knn": Equation("k-NN", "Wu et al., CVPR 2018, section 3.4", {"": knn}, _knn_cases()),
    "ndcg": Equation(
        "NDCG",
        "Järvelin and Kekäläinen, TOIS 2002, binary gains, discount log2(rank + 1); 0 "
        "without a positive",
        {
            "": ndcg,
            "ties against the model": _with(ndcg, ties="against"),
            "ties are averaged": _with(ndcg, ties="averaged"),
            "ties in the order given": _with(ndcg, ties="given"),
        },
        _ndcg_cases(),
    ),
    "clip": Equation(
        "CLIP",
        "arXiv 2103.00020, Figure 3",
        {"": clip},
        _pairs("u", "v", "scale", 16.0, 100.0),
        ("u", "v"),
    ),
    "uniformity": Equation(
        "uniformity",
        "arXiv 2005.10242, section 4.1",
        {"": uniformity},
        _uniformity_cases(),
        ("x",),
    ),
}
