"""What is measured of a run: its curves, its batches, and its encoder as it began and as it is."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from common.backbones.modes import evaluating, training
from common.config.schema import Recipe
from common.doctor.inputs import calls, digests
from common.doctor.measures import (
    Contrast,
    Spread,
    contrast_of,
    gap_share,
    spread_of,
    view_noise,
)
from common.doctor.watch import Step, watch
from common.errors import LikewiseError
from common.results.record import Record, read_record
from common.runs.folder import RunFolder
from common.runs.loading import load_run
from common.runs.run import prepare_run
from common.tracking.metrics_file import METRICS_NAME, read_metrics
from common.training.fit import Experiment, build_module

STEPS = 2
# Samples whose digests are compared.
SAMPLES = 2048

NONE = torch.tensor([-1])

Curve = list[tuple[int, float]]


class Moved(NamedTuple):
    """How far training has moved a part, of its parameters' norm.

    ``still``: not at all, though steps call it; ``copied``: it does not learn, and equals
    parameters that do.
    """

    distance: float
    still: bool
    learns: bool
    copied: bool = False


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """What a batch shows of the module with one set of weights.

    ``loss`` and ``chance`` are means over steps; ``noise`` and ``gap`` are None where there are no
    two views, or no two modalities.
    """

    loss: float | None
    chance: float | None
    contrast: Contrast | None
    embedding: Spread
    projection: Spread | None
    noise: float | None
    gap: float | None


@dataclass(frozen=True, kw_only=True)
class Looked:
    """All that findings are made of.

    ``curves``: metrics of the training by name; ``repeated``: by kind of input the share of samples
    that repeat an earlier one; ``alike``: the share of a batch's other samples that have a sample's
    own label or text.
    """

    recipe: Recipe
    curves: dict[str, Curve]
    record: Record | None
    position: int
    stopped: str
    failed: str
    trained: Encoded | None
    untrained: Encoded
    kept: float | None
    parts: dict[str, Moved] = field(default_factory=dict)
    repeated: dict[str, float] = field(default_factory=dict)
    alike: dict[str, float] = field(default_factory=dict)
    labels_count: bool = False
    stale: float | None = None

    def curve(self, *names: str) -> Curve:
        """Returns the first of the curves ``names`` that there is, else an empty one."""
        return next((self.curves[name] for name in names if name in self.curves), [])


def look(run: RunFolder) -> Looked:
    """Measures a run; its batches are those that its training ended with.

    Raises:
        LikewiseError: No recipe, or data that are not to be had.
    """
    recipe = run.read_recipe()
    curves, record = read_curves(run), read_record(run.record) if run.record.is_file() else None
    experiment, has_weights = _last_state(run, recipe)
    position = _position(curves, experiment)
    untrained = Experiment(recipe, experiment.data, build_module(recipe, experiment.data))
    fresh = _take_buffers(untrained.module, experiment.module)
    start = max(position - STEPS, 0)
    steps = watch(untrained, start, STEPS)
    began = encoder_of(untrained, steps)
    trained, kept = None, None
    if has_weights:
        steps = watch(experiment, start, STEPS)
        trained = encoder_of(experiment, steps)
        kept = _kept(experiment, untrained, steps[0].batch)
    repeated, alike = _samples(experiment.data)
    return Looked(
        recipe=recipe,
        curves=curves,
        record=record,
        position=position,
        stopped=_stopped(run),
        failed=next((step.failed for step in steps if step.failed), ""),
        trained=trained,
        untrained=began,
        kept=kept,
        parts=parts_of(experiment, untrained, steps[0].called) if has_weights else {},
        repeated=repeated,
        alike=alike,
        labels_count=any(step.labels_count for step in steps),
        stale=_stale(experiment, fresh) if has_weights else None,
    )


def read_curves(run: RunFolder) -> dict[str, Curve]:
    """Returns the metrics of a run's training by name, each as (batch, value); none yet: empty."""
    path, found = run.path / METRICS_NAME, dict[str, Curve]()
    for row in read_metrics(path) if path.is_file() else ():
        found.setdefault(row.key, []).append((row.batch, row.value))
    return found


def _stopped(run: RunFolder) -> str:
    """Returns why the run ended early, as its log says it; "" where it did not."""
    log = run.path / "log.txt"
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    said = [line.split("ended: ", 1)[1] for line in lines if "  ended: " in line]
    return said[-1] if said else ""


def _last_state(run: RunFolder, recipe: Recipe) -> tuple[Experiment, bool]:
    """Returns the run's experiment, and whether a checkpoint gave its weights."""
    try:
        return load_run(run), True
    except LikewiseError:  # it ended before its first checkpoint, or lost it
        return prepare_run(recipe, training_follows=False), False


def _position(curves: dict[str, Curve], experiment: Experiment) -> int:
    """Returns how many batches the training took; the best weights may be of an earlier one."""
    seen = int(experiment.module.get_buffer("batches_seen"))
    return max([seen, *(curve[-1][0] for curve in curves.values())])


@torch.no_grad()
def _take_buffers(module: Any, other: Any) -> dict[str, Tensor]:
    """Gives ``module`` the buffers of ``other``, such as stages begun; returns its own."""
    left, own = dict(other.named_buffers()), dict[str, Tensor]()
    for name, buffer in module.named_buffers():
        own[name] = buffer.clone()
        if buffer.shape == left[name].shape:
            buffer.copy_(left[name])
    return own


def encoder_of(experiment: Experiment, steps: list[Step]) -> Encoded:
    """Returns what the batch of the first of ``steps`` and their scores show of the module."""
    module: Any = experiment.module
    batch = steps[0].batch
    with training(module):
        views, z = embeddings(module, batch), projections(module, batch)
    first, second = views[0], views[1] if len(views) > 1 else None
    two_modalities = hasattr(module, "project_text")
    several = hasattr(batch, "ids") and batch.ids.shape[1] > 1
    scored = several and bool((getattr(batch, "targets", NONE) >= 0).any())
    paired = second is not None and first.shape == second.shape and not (two_modalities or scored)
    pair = views[:2]
    if paired and hasattr(module, "views"):  # as its step makes them, with or without dropout
        with torch.no_grad(), training(module):
            pair = module.views(batch)[:2]
    noise = view_noise(*pair) if paired else None
    contrasts = [contrast_of(scores) for step in steps for scores in step.scores]
    widest = max(filter(None, contrasts), key=lambda one: one.columns, default=None)
    return Encoded(
        loss=_mean([step.loss for step in steps]),
        chance=_mean([step.chance for step in steps]),
        contrast=widest,
        embedding=spread_of(views[0]),
        projection=spread_of(z[0]) if z else None,
        noise=noise,
        gap=gap_share(*z[:2]) if two_modalities else None,
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


@torch.no_grad()
def embeddings(module: Any, batch: Any) -> list[Tensor]:
    """Returns what ``embed`` makes of each view, ``(rows, dim)``, as in training."""
    verbs = {"": "embed", "image": "embed", "text": "embed_text"}
    found = [getattr(module, verbs[kind])(*given) for kind, given in calls(batch)]
    return [h.flatten(1) for h in found]


@torch.no_grad()
def projections(module: Any, batch: Any) -> list[Tensor]:
    """Returns what is contrasted of each view, ``(rows, dim)``; none where no verb gives it."""
    if hasattr(module, "project_text"):
        verbs = {"image": module.project_image, "text": module.project_text}
        return [verbs[kind](*given) for kind, given in calls(batch)]
    if not hasattr(module, "project"):
        return []
    views = [given for _, given in calls(batch)]
    refused = (AttributeError, TypeError, IndexError, RuntimeError)
    try:
        found = [module.project(*given) for given in views]
    except refused:  # a verb of all views together, or one of other arguments
        try:
            found = list(module.project([given[0] for given in views]))
        except refused:
            return []
    return [(z[0] if isinstance(z, tuple) else z).flatten(1) for z in found]


def _kept(experiment: Experiment, untrained: Experiment, batch: Any) -> float:
    """Returns the linear CKA of the trained and the untrained embeddings of a batch."""
    with evaluating(experiment.module), evaluating(untrained.module):
        pair = [embeddings(one.module, batch)[0].double() for one in (experiment, untrained)]
    a, b = (h - h.mean(0) for h in pair)
    both = (a.T @ b).square().sum()
    return float(both / ((a.T @ a).norm() * (b.T @ b).norm()).clamp(min=1e-12))


def parts_of(experiment: Experiment, untrained: Experiment, called: set[str]) -> dict[str, Moved]:
    """Returns how far each part has moved, by the first two words of its parameters' names."""
    start, groups = dict(untrained.module.named_parameters()), dict[str, list[str]]()
    now = dict(experiment.module.named_parameters())
    online = [value for value in now.values() if value.requires_grad]
    for name in now:
        groups.setdefault(".".join(name.split(".")[:2]), []).append(name)
    found = {}
    for group, names in groups.items():
        with torch.no_grad():
            far = sum(float((now[name] - start[name]).square().sum()) for name in names)
            size = sum(float(start[name].square().sum()) for name in names)
        learns = any(now[name].requires_grad for name in names)
        copied = not learns and all(
            any(torch.equal(now[name], other) for other in online) for name in names
        )
        drawn = any(bool((start[name] != start[name].flatten()[0]).any()) for name in names)
        # A kept copy is called by no step, and a norm that is all ones on purpose is no copy.
        still = far == 0 and (learns or (group in called and drawn))
        found[group] = Moved((far / max(size, 1e-12)) ** 0.5, still, learns, copied)
    return found


def _samples(data: Any) -> tuple[dict[str, float], dict[str, float]]:
    """Returns the shares of repeated and of alike samples."""
    data.seek(0)
    seen, alike = dict[str, list[bytes]](), dict[str, list[float]]()
    for loaded in data.train_dataloader():
        for title, found in digests(data, loaded):
            seen.setdefault(title, []).extend(found)
            if title == "texts":
                alike.setdefault(title, []).append(same_share(found))
        labels = getattr(loaded, "labels", None)
        if labels is not None and bool((labels >= 0).all()):
            alike.setdefault("labels", []).append(same_share(labels.tolist()))
        if not seen or len(next(iter(seen.values()))) >= SAMPLES:
            break
    repeated = {title: 1 - len(set(found)) / len(found) for title, found in seen.items()}
    return repeated, {title: sum(found) / len(found) for title, found in alike.items()}


def same_share(keys: list[Any]) -> float:
    """Returns the share of the other ``keys`` that equal a key, on average."""
    counts, num = Counter(keys).values(), len(keys)
    return sum(count * (count - 1) for count in counts) / max(num * (num - 1), 1)


def _stale(experiment: Experiment, fresh: dict[str, Tensor]) -> float | None:
    """Returns how far the oldest keys of a queue are from what the encoder makes of their inputs.

    0 where they are equal, 1 where they are no nearer than the keys of other inputs, or were never
    written; None without a queue.

    Args:
        experiment: With the weights and the queue that training left.
        fresh: Buffers of a module that has not begun.
    """
    module, queues = experiment.module, dict(experiment.module.named_buffers())
    name = next((name for name in queues if name.split(".")[-1] == "queue"), None)
    if name is None or not queues[name].numel() or not bool(queues[name].any()):
        return None
    if float((queues[name] == fresh[name]).all(-1).double().mean()) > 0.5:
        return 1.0
    kept, seen = _first(queues[name]).clone(), int(module.get_buffer("batches_seen"))
    rows = len(_written(experiment, name, seen - 1))
    oldest = max(seen - len(kept) // max(rows, 1), 0)
    near = _written(experiment, name, oldest) @ kept.T
    return float((1 - near.amax(1)).mean() / (1 - near.mean()).clamp(min=1e-6))


def _first(queue: Tensor) -> Tensor:
    """Returns the first of several queues, ``(length, dim)``."""
    return queue.reshape(-1, *queue.shape[-2:])[0]


def _written(experiment: Experiment, name: str, position: int) -> Tensor:
    """Returns what the step at ``position`` writes to the queue ``name``, ``(rows, dim)``."""
    before = _first(experiment.module.get_buffer(name)).clone()
    (step,) = watch(experiment, position, 1)
    after = _first(step.buffers[name])
    return after[(after != before).any(1)]
