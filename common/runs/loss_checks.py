"""What `papers try` asks of a loss before it is trained: each check a line, in seconds together."""

import math
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from common.config.schema import Recipe
from common.errors import UsageError, outline
from common.losses.infonce import nt_xent
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


@dataclass(frozen=True)
class LossCheck:
    """A check's name, whether it passed, and its figure in words."""

    name: str
    passed: bool
    text: str


def views(batch: int, dim: int = DIM, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Returns projections ``(batch, dim)`` of two views that agree in part, not normalised."""
    generator = torch.Generator().manual_seed(0)
    first, noise = torch.randn(2, batch, dim, generator=generator, dtype=torch.float64)
    return (2 * first).to(dtype), (2 * first + noise).to(dtype)


def check_loss(own: OwnLoss) -> Iterator[LossCheck]:
    """Yields the checks of a loss.

    Raises:
        UsageError: It fails, returns no scalar, or gives no finite value and gradient.
    """
    value = _call(own, *views(BATCH, dtype=torch.float32))[0]
    yield LossCheck("value", True, f"{value:.4g} on {BATCH} views that agree in part, in float32")
    for dtype in (torch.float16, torch.bfloat16):
        yield _in_precision(own, dtype, value)
    yield _gradient(own)
    yield _order(own)
    yield _duplicate(own)
    yield _halves(own)
    yield _memory(own)
    yield _chance(own)
    if own.takes_labels:
        yield _labels(own)
    yield _cost(own)


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
    yield LossCheck("embed", bool(found.isfinite().all()), f"{found.shape[1]} dimensions")
    loss = module.training_step(([*images], _labels_of(BATCH)), 0)
    if not isinstance(loss, Tensor) or loss.ndim or not loss.isfinite():
        raise UsageError(f"{own.name}: training_step gives {loss}; a finite scalar is needed")
    loss.backward()
    still = [name for name, one in module.own.named_parameters() if one.grad is None]
    text = f"{loss.item():.4g}" + (f"; no gradient reaches {', '.join(still)}" if still else "")
    yield LossCheck("training_step", not still, text)


def _labels_of(batch: int) -> Tensor:
    return torch.arange(batch) % 10


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
        loss = own(z[0], z[1], _labels_of(len(z1)) if labels is None else labels)
        if not loss.requires_grad:
            raise UsageError(f"{place}: its value has no gradient: nothing would be trained")
        loss.backward()
    except UsageError:
        raise
    except Exception as error:  # whatever the user's code raises
        last = traceback.extract_tb(error.__traceback__)[-1]
        said = (str(error).splitlines() or [""])[0]
        where = f"line {last.lineno} of {last.filename.rpartition('/')[2]}"
        raise UsageError(f"{place}: {type(error).__name__} at {where}: {said}") from error
    value, gradient = loss.item(), z.grad
    if gradient is None or not math.isfinite(value) or not gradient.isfinite().all():
        what = f"is {value}" if not math.isfinite(value) else "has a gradient that is not finite"
        raise UsageError(f"{place}: {what}; look for a root, a logarithm or a quotient at 0")
    return value, gradient


def _attempt(name: str, make: Callable[[], LossCheck]) -> LossCheck:
    """Returns a check that fails where the loss itself does, after it has passed in float32."""
    try:
        return make()
    except UsageError as error:
        return LossCheck(name, False, str(error))


def _in_precision(own: OwnLoss, dtype: torch.dtype, value: float) -> LossCheck:
    name = str(dtype).removeprefix("torch.")

    def make() -> LossCheck:
        found = _call(own, *views(BATCH, dtype=dtype))[0]
        off = abs(found - value) / max(abs(value), 1e-6)
        return LossCheck(name, off < 0.05, f"{found:.4g}, {100 * off:.1f} % from float32")

    return _attempt(name, make)


def _gradient(own: OwnLoss) -> LossCheck:
    """Holds the gradient against finite differences along random directions."""

    def make() -> LossCheck:
        z = torch.stack(views(8, 6))
        gradient, worst = _call(own, *z)[1], 0.0
        generator = torch.Generator().manual_seed(1)
        for _ in range(TRIALS):
            along = torch.randn(z.shape, generator=generator, dtype=z.dtype)
            ahead, behind = (_call(own, *(z + sign * STEP * along))[0] for sign in (1, -1))
            slope, ours = (ahead - behind) / (2 * STEP), float((gradient * along).sum())
            worst = max(worst, abs(slope - ours) / max(abs(slope), abs(ours), 1e-6))
        # A loss that computes in float32 has differences of three digits.
        right = worst < 0.02
        hint = "" if right else "; right only where it stops a gradient on purpose"
        return LossCheck("gradient", right, f"{worst:.1e} from finite differences{hint}")

    return _attempt("gradient", make)


def _order(own: OwnLoss) -> LossCheck:
    def make() -> LossCheck:
        z1, z2 = views(BATCH)
        turned = torch.randperm(BATCH, generator=torch.Generator().manual_seed(2))
        value = _call(own, z1, z2)[0]
        other = _call(own, z1[turned], z2[turned], _labels_of(BATCH)[turned])[0]
        return LossCheck("order of the batch", _same(value, other), _from_to(value, other))

    return _attempt("order of the batch", make)


def _duplicate(own: OwnLoss) -> LossCheck:
    """Puts one image into the batch twice: the same projections of both views."""

    def make() -> LossCheck:
        z1, z2 = views(BATCH)
        value = _call(own, z1, z2)[0]
        z1[1], z2[1] = z1[0], z2[0]
        other, gradient = _call(own, z1, z2)
        norms = gradient.norm(dim=(0, 2))
        times = float(norms[:2].max() / norms[2:].median().clamp_min(1e-30))
        text = f"{_from_to(value, other)}; its gradient is {times:.1f} times the others'"
        return LossCheck("one duplicate", times < FAR, text)

    return _attempt("one duplicate", make)


def _halves(own: OwnLoss) -> LossCheck:
    def make() -> LossCheck:
        z1, z2 = views(BATCH)
        whole, gradient = _call(own, z1, z2)
        labels, half = _labels_of(BATCH), BATCH // 2
        parts = [
            _call(own, z1[rows], z2[rows], labels[rows])
            for rows in (slice(half), slice(half, None))
        ]
        mean = sum(value for value, _ in parts) / 2
        joined = torch.cat([part for _, part in parts], 1) / 2
        near = torch.allclose(joined, gradient, rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))
        equal = _same(whole, mean) and near
        text = "two processes equal one" if equal else "on several processes it needs gathering"
        return LossCheck(
            "two halves", equal, f"{text}: {whole:.4g} whole, {mean:.4g} as their mean"
        )

    return _attempt("two halves", make)


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


def _memory(own: OwnLoss) -> LossCheck:
    """Tells how the largest tensor grows with the batch."""
    sizes = []
    for batch in GROWTH:
        with _Largest() as seen:
            _call(own, *views(batch, 16, torch.float32))
        sizes.append(seen.size)
    order = math.log2(sizes[-1] / sizes[-2])
    word = "linear" if order < 1.5 else "quadratic" if order < 2.5 else f"batch^{order:.0f}"
    at = sizes[-1] * 4 * (4096 / GROWTH[-1]) ** order / 2**20
    text = f"{word}; the largest tensor is {at:,.0f} MB at 4,096 of 16 dimensions"
    return LossCheck("memory", order < 1.5, text)


def _chance(own: OwnLoss) -> LossCheck:
    """Names the value on projections that have nothing in common."""
    generator = torch.Generator().manual_seed(3)
    z1, z2 = torch.randn(2, BATCH, WIDE, generator=generator)
    value, ln = _call(own, z1, z2)[0], math.log(BATCH)
    known = {"0": 0.0, "1": 1.0, "-1": -1.0, "ln N": ln, "ln 2N": math.log(2 * BATCH)}
    known |= {"2 ln N": 2 * ln, "2 ln 2N": 2 * math.log(2 * BATCH)}
    name, near = min(known.items(), key=lambda pair: abs(pair[1] - value))
    equal = abs(near - value) < 0.02 * max(1.0, abs(near))
    text = f"about {name} ({near:.3f})" if equal else f"beside ln N, {ln:.3f}"
    return LossCheck("chance", True, f"{value:.4g} on random projections, {text} for N = {BATCH}")


def _labels(own: OwnLoss) -> LossCheck:
    z1, z2 = views(BATCH)
    value = _call(own, z1, z2)[0]
    other = _call(own, z1, z2, torch.zeros(BATCH, dtype=torch.int64))[0]
    unused = _same(value, other)
    text = "not used" if unused else "they change the value: the rivals are given none"
    return LossCheck("labels", unused, text)


def _cost(own: OwnLoss) -> LossCheck:
    """Times value and gradient beside NT-Xent's, in turns; other work on the cores is left out."""
    z1, z2 = views(BATCH, dtype=torch.float32)
    labels = _labels_of(BATCH)
    calls = {"own": lambda a, b: own(a, b, labels), "nt": lambda a, b: nt_xent(a, b, 0.2)}
    best = dict.fromkeys(calls, math.inf)
    for _ in range(7):
        for name, call in calls.items():
            z = torch.stack([z1, z2]).requires_grad_()
            start = time.process_time()
            call(z[0], z[1]).backward()
            best[name] = min(best[name], time.process_time() - start)
    mine, other = (1e3 * best[name] for name in ("own", "nt"))
    text = f"{mine:.2f} ms of CPU a step of {BATCH}, where NT-Xent takes {other:.2f}"
    return LossCheck("cost", True, text)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= NEAR * max(abs(one), abs(other), 1e-3)


def _from_to(one: float, other: float) -> str:
    """Returns how a value changes, in words."""
    if _same(one, other):
        return "the value stays"
    return f"the value of {one:.4g} changes by {other - one:.2g}"
