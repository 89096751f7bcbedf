"""What a look at a run finds, each with its figure and the next thing to try."""

import math
import re
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

from common.doctor.look import Encoded, Looked
from common.results.gains import no_gain

# Of the loss of chance: nearer to it than this, next to nothing is told apart.
NEAR_CHANCE = 0.02
# So large a share of a row's pairs has weight in a softmax that is all but flat.
FLAT = 0.9
# 1 - |mean|^2 of unit vectors, which is 1 less their mean cosine. Projections are compared by their
# cosines, and begin above .05; embeddings behind a ReLU are alike from the start.
CONSTANT = {"projections": 0.05, "embeddings": 0.01}
# More of the spread stays with losses that learn to tell apart what is near.
SPREAD_LEFT = 1 / 4
# Directions of the variance: with fewer than two, one of them has most of it. So it is of few
# classes, too, which leave the others: the effective rank of the untrained encoder's falls less.
FEW, FEWER = 2.0, 1 / 3
# Half of the variance lies between the modalities.
GAP = 0.5
# Of the other samples of a batch. Ten classes give a tenth, and methods bear it; above a third most
# clusters are torn. A caption that comes again is a positive, whatever else is in the batch.
SAME_CLASS, SAME_TEXT = 0.3, 0.05
REPEATED = 0.5
# Squared distance of an input's views, by that of different inputs.
ALIKE, DIFFERENT = 0.01, 0.9
# Of what it was untrained: training has told inputs apart, whatever the loss is.
NEARER = 0.9
# Of the norm of the weights; and similarities of a batch, compared by CKA.
MOVED, KEPT = 0.01, 0.98
THROWN = 10.0
RISING = 0.5
# Standard deviation of scores: far above CLIP's, whose scale ends at 100; and one below which most
# pairs weigh alike within a factor of two.
SHARP, BLUNT, ALL_ALIKE = 20.0, 0.6, 1e-3
SPREAD_OUT = 0.3
STALE = 0.5
# A teacher's, in a training of some thousand batches.
MOMENTUM = 0.99
ABOVE = "what stands above"
# So a run says that it ended since a number was none; others are stopped, or lack a file.
LOWER = "lower optimizer.lr"


class Finding(NamedTuple):
    """A name of `docs/doctor.md`, the figure that shows it, and what to try."""

    name: str
    figure: str
    advice: str


def findings_in(look: Looked) -> list[Finding]:
    """Returns what is wrong with the run of ``look``, causes before what they lead to.

    A key is advised once, by the first cause: what it leads to may point the other way. A loss of
    chance is what most causes lead to.
    """
    found, advised = list[Finding](), set[str]()
    for finding in (finding for rule in RULES for finding in rule(look)):
        keys = keys_of(finding.advice)
        led_to = keys & advised or (found and finding.name == "chance-level")
        found.append(finding._replace(advice=ABOVE) if led_to else finding)
        advised |= keys
    return found


def keys_of(advice: str) -> set[str]:
    """Returns the keys of a recipe that ``advice`` names; a temperature may be of any key."""
    return set(re.findall(r"[a-z_]+\.[a-z_]+|temperature", advice))


def rate_too_high(look: Looked) -> Iterator[Finding]:
    """The loss is no number, or a step fails; or weights are many times what they began as."""
    advice = _rate(look, 1 / 10)
    losses = [value for _, value in look.curve("train/epoch_loss", "train/loss")]
    far = _far(look, median)
    if "optimizer.lr" in look.failed:
        yield Finding("rate-too-high", f"a step ends with: {look.failed}", advice)
    elif look.record is None and LOWER in look.stopped:
        yield Finding("rate-too-high", look.stopped, advice)
    elif far is not None and far > THROWN:
        yield Finding("rate-too-high", f"weights moved by {far:.0f} times their norm", advice)
    elif (
        losses and look.untrained.chance and losses[-1] > max(losses[0], 2 * look.untrained.chance)
    ):
        yield Finding(
            "rate-too-high", f"the loss rose from {losses[0]:.3f} to {losses[-1]:.3f}", advice
        )


def _rate(look: Looked, factor: float) -> str:
    return f"optimizer.lr={look.recipe.optimizer.lr * factor:.2g}"


def _far(look: Looked, of: Callable[[list[float]], float]) -> float | None:
    """Returns how far parts that learn have moved, the ``of`` of them."""
    found = [part.distance for part in look.parts.values() if part.learns and not part.still]
    return of(found) if found else None


def rate_too_low(look: Looked) -> Iterator[Finding]:
    """The encoder is all but the one that the training began with."""
    far = _far(look, min)  # others may have rates of their own, as augmenters do
    if far is None or look.kept is None or far >= MOVED or look.kept <= KEPT:
        return
    figure = f"weights moved by {100 * far:.2g} % of their norm; "
    figure += f"CKA with the untrained {look.kept:.4f}"
    # How far weights move goes with the rate.
    factor = 10 ** max(round(math.log10(MOVED / far)), 1)
    yield Finding("rate-too-low", figure, _rate(look, factor))


def warmup_too_long(look: Looked) -> Iterator[Finding]:
    """The rate is at its highest only after half of the training."""
    curve = look.curve("train/lr", "train/lr_0")
    top = max((value for _, value in curve), default=0.0)
    peak = next((batch for batch, value in curve if value >= top * (1 - 1e-6)), 0)
    if not curve or curve[0][1] >= top or peak <= RISING * look.position:
        return
    method, epochs = look.recipe.method, look.recipe.trainer.epochs
    advice = f"optimizer.warmup_epochs={epochs // 10}"
    if getattr(method, "warmup_batches", 0):
        advice = f"method.warmup_batches={max(look.position // 10, 1)}"
    share = peak / look.position
    yield Finding("warmup-too-long", f"the rate rises for {share:.0%} of the batches", advice)


def frozen_parts(look: Looked) -> Iterator[Finding]:
    """A part has the weights that it began with, while others have moved."""
    still = [name for name, part in look.parts.items() if part.still]
    if not still or len(still) == len(look.parts):
        return
    momentum = getattr(look.recipe.method, "momentum", None)
    advice = f"method.momentum={MOMENTUM}" if momentum == 1 else "see what stops its gradient"
    yield Finding("frozen", f"{', '.join(still)}: weights equal the initial ones", advice)


def stale_keys(look: Looked) -> Iterator[Finding]:
    """The oldest keys of the queue are far from what the encoder makes of their inputs now."""
    copies = [name for name, part in look.parts.items() if part.copied and not part.still]
    if look.stale is None or (look.stale <= STALE and not copies):
        return
    figure = (
        f"a key of the queue is {look.stale:.0%} as far from its present self as other keys are"
    )
    if copies:
        figure = f"{', '.join(copies)} without momentum: each step leaves its own keys in the queue"
    momentum = getattr(look.recipe.method, "momentum", None)
    advice = f"method.queue_length={getattr(look.recipe.method, 'queue_length', 0) // 4}"
    if copies or momentum == 0:  # a shorter queue of such keys is no better
        advice = f"method.momentum={MOMENTUM}"
    elif momentum is not None and momentum < MOMENTUM:
        advice = f"method.momentum={MOMENTUM} or {advice}"
    yield Finding("stale-keys", figure, advice)


def temperature(look: Looked) -> Iterator[Finding]:
    """Scores differ by many times the temperature, or by a fraction of it."""
    now, begun = look.trained or look.untrained, look.untrained
    # A loss that has learnt well may end as sharp as this.
    seen = [begun] if _below_chance(now) else [begun, now]
    sharp = max((one.contrast.deviation for one in seen if one.contrast), default=0.0)
    if sharp > SHARP:
        figure = f"scores deviate by {sharp:.0f} times the temperature"
        yield Finding("temperature-too-low", figure, _temperature(look, sharp / 2))
    vectors, blunt = now.projection or now.embedding, now.contrast
    moved = look.kept is not None and look.kept < KEPT
    # Where scores do not differ at all, no temperature helps.
    low = blunt is not None and ALL_ALIKE < blunt.deviation < BLUNT
    if blunt and low and moved and vectors.spread > SPREAD_OUT:
        figure = f"scores deviate by {blunt.deviation:.2g} of the temperature; "
        figure += f"{blunt.counted:.0%} of the pairs count"
        yield Finding("temperature-too-high", figure, _temperature(look, blunt.deviation / 2))


def _temperature(look: Looked, factor: float) -> str:
    """Returns the setting with ``factor`` times the temperature."""
    method: Any = look.recipe.method
    if isinstance(getattr(method, "temperature", None), float):
        return f"method.temperature={method.temperature * factor:.2g}"
    if hasattr(method, "scale"):
        return f"method.scale={method.scale / factor:.2g}"
    return "another temperature of method"


def view_distance(look: Looked) -> Iterator[Finding]:
    """Views of an input differ by nothing, or by as much as inputs do."""
    start = look.untrained.noise
    if start is None:
        return
    figure = f"views of an input differ by {start:.1%} of what inputs do"
    if start < ALIKE:
        yield Finding("views-too-alike", figure, "data.views with jitter or a smaller area")
    now = look.trained
    if start > DIFFERENT and now and (now.noise or 0) > DIFFERENT and not _below_chance(now):
        figure += f", and after training by {now.noise:.1%}"
        yield Finding("views-too-different", figure, "data.views with a larger area")


def _below_chance(now: Encoded) -> bool:
    """Tells whether steps tell inputs apart, if only by parts of them."""
    if now.loss is None or now.chance is None:
        return False
    return now.chance - now.loss > NEAR_CHANCE * abs(now.chance)


def repeated_samples(look: Looked) -> Iterator[Finding]:
    """Many samples repeat earlier ones."""
    for title, share in look.repeated.items():
        if share > REPEATED:
            advice = "data.path without the copies"
            yield Finding("duplicates", f"{share:.0%} of the {title} repeat others", advice)


def false_negatives(look: Looked) -> Iterator[Finding]:
    """Many of a batch's other samples have the anchor's own class or text."""
    trained = look.trained or look.untrained
    if trained.contrast is None or look.labels_count:
        return
    for title, most in (("labels", SAME_CLASS), ("texts", SAME_TEXT)):
        share = look.alike.get(title, 0.0)
        if share > most:
            figure = f"{share:.0%} of the other samples of a batch have the same {title[:-1]}"
            yield Finding("false-negatives", figure, "a loss that leaves them out, or more classes")


def chance_level(look: Looked) -> Iterator[Finding]:
    """The loss is what it is where no input is told from another."""
    trained = look.trained
    if trained is None or not trained.loss or not trained.chance or trained.contrast is None:
        return
    if trained.noise and trained.noise < NEARER * (look.untrained.noise or 0):
        return  # the nearest negatives, for one, are as near as the positive at any time
    gained = (trained.chance - trained.loss) / abs(trained.chance)
    if gained < NEAR_CHANCE and trained.contrast.counted > FLAT:
        figure = (
            f"the loss is {trained.loss:.4f}; where nothing is told apart, {trained.chance:.4f}"
        )
        yield Finding("chance-level", figure, _rate(look, 1 / 3))


def collapse(look: Looked) -> Iterator[Finding]:
    """All inputs are one vector, or most of what they differ by is one direction."""
    trained = look.trained
    if trained is None:
        return
    begun = look.untrained
    kinds = {"embeddings": (trained.embedding, begun.embedding)}
    if trained.projection and begun.projection:
        kinds["projections"] = (trained.projection, begun.projection)
    for kind, (now, before) in kinds.items():
        if now.spread < CONSTANT[kind] and now.spread < SPREAD_LEFT * before.spread:
            figure = (
                f"{kind} of different inputs have a cosine of {1 - now.spread:.4f} on average; "
            )
            figure += f"untrained {1 - before.spread:.4f}"
            yield Finding("constant-collapse", figure, _rate(look, 1 / 3))
            return
    for kind, (now, before) in kinds.items():
        if now.directions < FEW and now.rank < FEWER * before.rank:
            figure = f"{kind} vary in {now.directions:.1f} directions, of effective rank "
            figure += f"{now.rank:.0f}; untrained {before.directions:.1f} and {before.rank:.0f}"
            yield Finding("dimensional-collapse", figure, "a larger data.batch_size")
            return


def modality_gap(look: Looked) -> Iterator[Finding]:
    """Most of what embeddings differ by is their modality."""
    trained = look.trained
    if trained is not None and trained.gap is not None and trained.gap > GAP:
        figure = f"{trained.gap:.0%} of the variance is between modalities"
        yield Finding("modality-gap", figure, f"{_temperature(look, 2)}, or longer training")


def nothing_learnt(look: Looked) -> Iterator[Finding]:
    """Most metrics are no better than with the untrained encoder, beyond chance."""
    record = look.record
    for one in no_gain(record) if record else ():
        if record is None or one.reference != "untrained":
            continue
        now, before = (
            found[one.best] for found in (record.metrics, record.references["untrained"])
        )
        figure = f"no better than untrained in {one.lost} of {one.compared} metrics; at best "
        figure += f"{one.best.split('/')[-1]} {now:.4g}, untrained {before:.4g}"
        yield Finding("nothing-learnt", figure, f"{ABOVE}; else a longer training")


RULES: tuple[Callable[[Looked], Iterator[Finding]], ...] = (
    rate_too_high,
    rate_too_low,
    warmup_too_long,
    frozen_parts,
    stale_keys,
    temperature,
    view_distance,
    repeated_samples,
    false_negatives,
    collapse,
    modality_gap,
    chance_level,
    nothing_learnt,
)
