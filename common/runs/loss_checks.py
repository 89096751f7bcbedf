"""What `papers try` asks of a loss before it is trained: each check a line, in seconds together."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from common.config.schema import Recipe
from common.errors import UsageError, outline
from common.losses.infonce import nt_xent
from common.runs.encoders import what_failed
from common.runs.own_loss import OwnLoss
from common.training.fit import prepare

BATCH, DIM = 128, 64  # of the bench on images
# So wide that random projections are nearly at right angles, as at chance.
WIDE = 2048
STEP = 1e-4  # of finite differences
TRIALS = 5
NEAR = 1e-5  # relative, for what is equal but for rounding
GROWTH = (64, 128, 256)
FAR = 10.0  # times the other gradients
# A loss that computes in float32 has finite differences of three digits.
STOPPED = 0.02
NARROW = 0.05  # of the value, as NT-Xent's at a temperature of 4


PASSED, NOTE, LOOK = "passed", "note", "look at this"
REPEATED = "called twice"
ALONE = ("value", "memory", "chance", "cost")  # which compare no values of two calls
BEARS = "look for exp of large scores, which logsumexp bears"


@dataclass(frozen=True)
class LossCheck:
    """A check's name, its figure in words, and its state.

    A ``note`` is what may be meant; ``look at this`` is probably wrong.
    """

    name: str
    state: str
    text: str


class OutOfRange(UsageError):
    """A loss that is finite in float64, and not in fewer bits."""


Found = tuple[str, str]  # a state, and the figure in words


def views(batch: int, dim: int = DIM, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Returns projections ``(batch, dim)`` of two views that agree in part, not normalised."""
    generator = torch.Generator().manual_seed(0)
    first, noise = torch.randn(2, batch, dim, generator=generator, dtype=torch.float64)
    return (2 * first).to(dtype), (2 * first + noise).to(dtype)


def check_loss(own: OwnLoss) -> Iterator[LossCheck]:
    """Yields the checks of a loss.

    Raises:
        UsageError: It fails, returns no scalar, or gives no finite value and gradient; after the
            other checks where float32 alone is too small for it.
    """
    checks, unfit, varies = dict(CHECKS), None, False
    try:
        _call(own, *views(BATCH, dtype=torch.float32))
    except OutOfRange as error:
        unfit = error
        for name in ("value", "float16", "bfloat16"):
            del checks[name]
    if not (own.takes_labels and own.has_labels):
        del checks["labels"]
    for name, check in checks.items():
        if varies and name not in ALONE:
            continue
        try:
            state, text = check(own)
        except UsageError as error:
            state, text = LOOK, str(error)
        varies = varies or (name == REPEATED and state == NOTE)
        yield LossCheck(name, state, text)
    if unfit:
        raise unfit


def check_module(own: OwnLoss, recipe: Recipe) -> Iterator[LossCheck]:
    """Yields the checks of a LightningModule, on random images of the form that it will be given.

    Args:
        own: Its class.
        recipe: That trains it.

    Raises:
        UsageError: ``embed`` or ``training_step`` do not give what is needed.
    """
    experiment = prepare(recipe)
    module: Any = experiment.module
    size = recipe.data.views[0].size
    images = torch.rand(2, BATCH, experiment.data.facts.channels, size, size)
    found = module.embed(images[0])
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != BATCH:
        raise UsageError(f"{own.name}: embed gives {outline(found)} of {BATCH} images")
    finite = bool(found.isfinite().all())
    yield LossCheck("embed", PASSED if finite else LOOK, f"{found.shape[1]} dimensions")
    loss = module.training_step(([*images], _labels_of(BATCH)), 0)
    if not isinstance(loss, Tensor) or loss.ndim or not loss.isfinite():
        raise UsageError(f"{own.name}: training_step gives {loss}; a finite scalar is needed")
    loss.backward()
    still = [name for name, one in module.own.named_parameters() if one.grad is None]
    text = f"{loss.item():.4g}" + (f"; no gradient reaches {', '.join(still)}" if still else "")
    yield LossCheck("training_step", LOOK if still else PASSED, text)


def _labels_of(batch: int) -> Tensor:
    return torch.arange(batch) % 10


def _ask(own: OwnLoss, z1: Tensor, z2: Tensor, labels: Tensor | None) -> Tensor:
    """Returns the loss; a module's parameters take the precision of the views."""
    if isinstance(own.made, nn.Module):
        own.made.to(z1.dtype)
    return own(z1, z2, labels)


def _call(
    own: OwnLoss, z1: Tensor, z2: Tensor, labels: Tensor | None = None
) -> tuple[float, Tensor]:
    """Returns value and gradient, ``(2, batch, dim)``, which are finite.

    Raises:
        UsageError: They are not, or the loss fails, with the line of the user's file.
    """
    z = torch.stack([z1, z2]).requires_grad_()
    place = f"{own.name} on ({len(z1)}, {z1.shape[1]}) in {str(z.dtype).removeprefix('torch.')}"
    try:
        loss = _ask(own, z[0], z[1], _labels_of(len(z1)) if labels is None else labels)
        if not loss.requires_grad:
            raise UsageError(f"{place}: its value has no gradient: nothing would be trained")
        loss.backward()
    except UsageError:
        raise
    except Exception as error:  # whatever the user's code raises
        gives_none = own.takes_labels and not own.has_labels
        hint = "; this bench has no labels, and gives None" if gives_none else ""
        raise UsageError(f"{place}: {what_failed(own.name, error)}{hint}") from error
    value, gradient = loss.item(), z.grad
    if gradient is None or not math.isfinite(value) or not gradient.isfinite().all():
        what = f"is {value}" if not math.isfinite(value) else "has a gradient that is not finite"
        if z.dtype != torch.float64 and _is_finite(own, z.double(), labels):
            hint = f"in float64 it is finite: {BEARS}, or an epsilon that is 0 here"
            raise OutOfRange(f"{place}: {what}; {hint}")
        hint = "look for a root, a logarithm or a quotient at 0"
        if _is_finite(own, z / 10, labels):
            hint = f"at a tenth of the projections it is finite: {BEARS}"
        raise UsageError(f"{place}: {what}; {hint}")
    return value, gradient


def _is_finite(own: OwnLoss, z: Tensor, labels: Tensor | None) -> bool:
    z = z.detach().requires_grad_()
    try:
        loss = _ask(own, z[0], z[1], _labels_of(z.shape[1]) if labels is None else labels)
        (gradient,) = torch.autograd.grad(loss, z)
    except Exception:  # whatever the user's code raises, which is no number either
        return False
    return bool(loss.isfinite()) and bool(gradient.isfinite().all())


def _repeated(own: OwnLoss) -> Found:
    """Asks for one value twice, and for another between, which a queue would hold."""
    z1, z2 = views(BATCH)
    value, _, again = (_call(own, *pair)[0] for pair in ((z1, z2), (z2, z1), (z1, z2)))
    if _same(value, again):
        return PASSED, "the same on equal input"
    text = f"{_from_to(value, again)} on equal input: it has a state, or draws"
    return NOTE, f"{text}; checks that compare calls are left out"


def _value(own: OwnLoss) -> Found:
    value = _call(own, *views(BATCH, dtype=torch.float32))[0]
    return PASSED, f"{value:.4g} on {BATCH} views that agree in part, in float32"


def _in_precision(own: OwnLoss, dtype: torch.dtype) -> Found:
    value, found = (_call(own, *views(BATCH, dtype=one))[0] for one in (torch.float32, dtype))
    off = abs(found - value) / max(abs(value), 1e-6)
    text = f"{found:.4g}, {100 * off:.1f} % from float32"
    return PASSED if off < 0.05 else LOOK, text


def _off_by(own: OwnLoss) -> float:
    """Holds the gradient against finite differences along random directions."""
    z = torch.stack(views(8, 6))
    gradient, worst = _call(own, *z)[1], 0.0
    generator = torch.Generator().manual_seed(1)
    for _ in range(TRIALS):
        along = torch.randn(z.shape, generator=generator, dtype=z.dtype)
        ahead, behind = (_call(own, *(z + sign * STEP * along))[0] for sign in (1, -1))
        slope, ours = (ahead - behind) / (2 * STEP), float((gradient * along).sum())
        worst = max(worst, abs(slope - ours) / max(abs(slope), abs(ours), 1e-6))
    return worst


def _gradient(own: OwnLoss) -> Found:
    worst = _off_by(own)
    text = f"slopes differ from finite differences by {worst:.1e} of their size"
    if worst < STOPPED:
        return PASSED, text
    return LOOK, f"{text}; right only where it stops a gradient on purpose"


def _order(own: OwnLoss) -> Found:
    z1, z2 = views(BATCH)
    turned = torch.randperm(BATCH, generator=torch.Generator().manual_seed(2))
    value = _call(own, z1, z2)[0]
    other = _call(own, z1[turned], z2[turned], _labels_of(BATCH)[turned])[0]
    return PASSED if _same(value, other) else LOOK, _from_to(value, other)


def _agreement(own: OwnLoss) -> Found:
    """Compares views of one input that are nearly equal with those that have nothing in common."""
    z1, others = views(2 * BATCH)[0].split(BATCH)
    alone = torch.arange(BATCH)  # a class each: others of a class have nothing in common either
    near, chance = (_call(own, z1, z2, alone)[0] for z2 in (z1 + 0.05 * others, others))
    text = f"{near:.4g} on views that agree, {chance:.4g} on views that have nothing in common"
    if not near < chance:
        return LOOK, f"not below chance on views that agree; is a sign or a row wrong? {text}"
    # Vectors that are all equal tell apart a loss with another term that is large here.
    found = torch.tensor([near, chance, _bare_value(own, *_all_equal(z1), alone)])
    share = float((found.max() - found.min()) / found.abs().max())
    if share < NARROW and _same(_bare_value(own, 3 * z1, 3 * others, alone), chance):
        told = f"{100 * share:.1f} % apart; is a temperature multiplied, or far too large?"
        return NOTE, f"{text}, {told}"
    return PASSED, text


def _collapse(own: OwnLoss) -> Found:
    """Compares vectors that are all equal with equal views that are well apart."""
    apart = F.normalize(views(BATCH)[0], dim=1) * DIM**0.5
    alone = torch.arange(BATCH)
    equal, pairs = (
        _bare_value(own, *_all_equal(apart), alone),
        _bare_value(own, apart, apart, alone),
    )
    text = f"{equal:.4g} on vectors that are all equal, {pairs:.4g} on equal views well apart"
    if not (equal < pairs or _same(equal, pairs)):  # NaN holds them apart, too
        return PASSED, text
    if _off_by(own) >= STOPPED:
        return PASSED, f"{text}; the stopped gradient may hold vectors apart"
    return NOTE, f"{text}: nothing in the loss holds vectors apart"


def _all_equal(z: Tensor) -> tuple[Tensor, Tensor]:
    """Returns two views in the form of ``z`` that hold its first vector alone."""
    return z[:1].repeat(len(z), 1), z[:1].repeat(len(z), 1)


def _bare_value(own: OwnLoss, z1: Tensor, z2: Tensor, labels: Tensor) -> float:
    """Returns the value, finite or not; NaN where the loss fails."""
    try:
        return _ask(own, z1, z2, labels).item()
    except Exception:  # whatever the user's code raises
        return math.nan


def _duplicate(own: OwnLoss) -> Found:
    """Puts one image into the batch twice: the same projections of both views."""
    z1, z2 = views(BATCH)
    value = _call(own, z1, z2)[0]
    z1[1], z2[1] = z1[0], z2[0]
    other, gradient = _call(own, z1, z2)
    norms = gradient.norm(dim=(0, 2))
    times = float(norms[:2].max() / norms[2:].median().clamp_min(1e-30))
    text = f"{_from_to(value, other)}; its gradient is {times:.1f} times the others'"
    return PASSED if times < FAR else LOOK, text


def _halves(own: OwnLoss) -> Found:
    z1, z2 = views(BATCH)
    whole, gradient = _call(own, z1, z2)
    labels, half = _labels_of(BATCH), BATCH // 2
    parts = [
        _call(own, z1[rows], z2[rows], labels[rows]) for rows in (slice(half), slice(half, None))
    ]
    mean = sum(value for value, _ in parts) / 2
    joined = torch.cat([part for _, part in parts], 1) / 2
    near = torch.allclose(joined, gradient, rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))
    equal = _same(whole, mean) and near
    text = "two processes equal one" if equal else "on several processes it needs gathering"
    return PASSED if equal else NOTE, f"{text}: {whole:.4g} whole, {mean:.4g} as their mean"


class _Largest(TorchDispatchMode):
    """Sees the largest tensor that is made within it."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        for one in made if isinstance(made, list | tuple) else [made]:
            if isinstance(one, Tensor):
                self.size = max(self.size, one.numel())
        return made


def _memory(own: OwnLoss) -> Found:
    """Tells how the largest tensor grows with the batch."""
    sizes = []
    for batch in GROWTH:
        with _Largest() as seen:
            _call(own, *views(batch, 16))
        sizes.append(seen.size)
    order = math.log2(sizes[-1] / sizes[-2])
    word, state = f"batch^{order:.0f}", LOOK
    if order < 2.5:
        word, state = ("linear", PASSED) if order < 1.5 else ("quadratic", NOTE)
    at = sizes[-1] * 4 * (4096 / GROWTH[-1]) ** order / 2**20
    return state, f"{word}; the largest tensor is {at:,.0f} MB at 4,096 of 16 dimensions"


def _chance(own: OwnLoss) -> Found:
    """Names the value on projections that have nothing in common."""
    generator = torch.Generator().manual_seed(3)
    z1, z2 = torch.randn(2, BATCH, WIDE, generator=generator, dtype=torch.float64)
    value, ln = _call(own, z1, z2)[0], math.log(BATCH)
    known = {"0": 0.0, "1": 1.0, "-1": -1.0, "ln N": ln, "ln 2N": math.log(2 * BATCH)}
    known |= {"2 ln N": 2 * ln, "2 ln 2N": 2 * math.log(2 * BATCH)}
    name, near = min(known.items(), key=lambda pair: abs(pair[1] - value))
    equal = abs(near - value) < 0.02 * max(1.0, abs(near))
    text = f"about {name} ({near:.3f})" if equal else f"beside ln N, {ln:.3f}"
    return NOTE, f"{value:.4g} on random projections, {text} for N = {BATCH}"


def _labels(own: OwnLoss) -> Found:
    z1, z2 = views(BATCH)
    value = _call(own, z1, z2)[0]
    other = _call(own, z1, z2, torch.zeros(BATCH, dtype=torch.int64))[0]
    if _same(value, other):
        return PASSED, "not used"
    return NOTE, "they change the value: the rivals are given none"


def _cost(own: OwnLoss) -> Found:
    """Times value and gradient beside NT-Xent's, in turns; other work on the cores is left out."""
    z1, z2 = views(BATCH, dtype=torch.float32)
    labels = _labels_of(BATCH)
    calls = {"own": lambda a, b: _ask(own, a, b, labels), "nt": lambda a, b: nt_xent(a, b, 0.2)}
    best = dict.fromkeys(calls, math.inf)
    for _ in range(7):
        for name, call in calls.items():
            z = torch.stack([z1, z2]).requires_grad_()
            start = time.process_time()
            call(z[0], z[1]).backward()
            best[name] = min(best[name], time.process_time() - start)
    mine, other = (1e3 * best[name] for name in ("own", "nt"))
    return NOTE, f"{mine:.2f} ms of CPU a step of {BATCH}, where NT-Xent takes {other:.2f}"


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= NEAR * max(abs(one), abs(other), 1e-3)


def _from_to(one: float, other: float) -> str:
    """Returns how a value changes, in words."""
    if _same(one, other):
        return "the value stays"
    return f"the value of {one:.4g} changes by {other - one:.2g}"


CHECKS: dict[str, Callable[[OwnLoss], Found]] = {
    REPEATED: _repeated,
    "value": _value,
    "float16": partial(_in_precision, dtype=torch.float16),
    "bfloat16": partial(_in_precision, dtype=torch.bfloat16),
    "gradient": _gradient,
    "order of the batch": _order,
    "agreement": _agreement,
    "collapse": _collapse,
    "one duplicate": _duplicate,
    "two halves": _halves,
    "memory": _memory,
    "chance": _chance,
    "labels": _labels,
    "cost": _cost,
}
