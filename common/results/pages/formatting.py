"""How numbers, metrics, runs and commits are written."""

import math
import re
from collections.abc import Iterable

from common.results.groups import Group
from common.results.pages.document import Link, Span, Verbatim, joined
from common.results.record import Record
from common.results.statistics import CONFIDENCE, Sample, half_width
from common.results.verdicts import Decision, Verdict

# Four places say nothing of what is below.
SMALLEST = 5e-4
# More seeds than these are an estimate of nothing.
MANY = 30


def decimals_of(value: float, margin: float | None = None) -> int:
    """Returns the decimals to show: 4 up to 1.5, 2 below 1,000, more where ``margin`` is finer."""
    usual = 4 if abs(value) <= 1.5 else 2 if abs(value) < 1000 else 0
    finer = math.floor(-math.log10(margin)) if margin else 0
    return max(usual, finer)


def number(value: float | None, decimals: int, sign: bool = False) -> str:
    """Returns ``value`` with ``decimals`` places, or ``-``; zero carries no sign."""
    if value is None:
        return "-"
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    return f"{0:.{decimals}f}" if float(text) == 0 else text


def sample_text(sample: Sample | None, decimals: int | None = None) -> str:
    """Returns ``mean ± spread``; the mean alone for one run, or for what four places would hide."""
    if sample is None:
        return "-"
    if decimals is None and 0 < abs(sample.mean) < SMALLEST:
        return f"{sample.mean:.1e}"
    places = decimals_of(sample.mean) if decimals is None else decimals
    text = number(sample.mean, places)
    return text if sample.spread is None else f"{text} ± {number(sample.spread, places)}"


def fine_places(matters: float) -> int:
    """Returns the decimals that show a tenth of a difference that matters, at least two."""
    return max(2, 1 + math.ceil(-math.log10(matters)))


def difference_text(
    differences: Sample | None, places: int | None, confidence: float = CONFIDENCE
) -> str:
    """Returns the mean of paired differences with the half-width of its interval."""
    if differences is None or places is None:
        return "-"
    width = half_width(differences, None, None, confidence)
    text = number(differences.mean, places, sign=True)
    return text if width is None else f"{text} (± {number(width, places)})"


def status_text(verdict: Verdict, stale: str | None) -> str:
    """Returns the status, and how many seeds would tell where the present ones do not."""
    text = verdict.status
    if verdict.seeds is not None:
        many = f"more than {MANY}" if verdict.seeds > MANY else verdict.seeds
        text = f"{text}: {many} seeds would tell"
    elif text in ("inconclusive", "undecided"):
        few = verdict.half_width is None
        text = f"{text}: more seeds {'would' if few else 'alone would not'} tell"
    return f"{stale} ({text})" if stale else text


def verdict_text(decision: Decision) -> str:
    """Returns the verdict of a claim, and what weakens it."""
    text = decision.verdict.status if decision.stale is None else decision.stale
    return f"{text}, fragile" if decision.fragile and decision.stale is None else text


def seeds_text(count: int) -> str:
    """Returns ``1 seed`` or ``n seeds``."""
    return f"{count} seed{'' if count == 1 else 's'}"


def ends_text(counts: Iterable[int], form: str = "d") -> str:
    """Returns ``fewest to most``, or the one number, each in the format ``form``."""
    ordered = sorted(counts)
    return " to ".join(f"{count:{form}}" for count in dict.fromkeys((ordered[0], ordered[-1])))


def short_metric(metric: str) -> str:
    """Returns the metric without ``test/``."""
    return metric.removeprefix("test/")


def by_cutoff(metric: str) -> list[tuple[int, str]]:
    """Sorts ``hr@5`` before ``hr@10``."""
    parts = re.split(r"(\d+)", metric)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def shown_metrics(metrics: Iterable[str]) -> list[str]:
    """Returns the metrics a table shows, in order.

    What varies within one run (``*_std``, over probes) is no spread over trainings, and the
    probe's own training accuracy is no result: both stay in the record.
    """
    kept = {m for m in metrics if not m.endswith("_std") and not m.endswith("_train_top1")}
    return sorted(kept or set(metrics), key=by_cutoff)


def first_of_each_kind(keys: list[str], number: str) -> list[str]:
    """Returns the first of the keys that are alike without what matches ``number``."""
    kinds: dict[str, str] = {}
    for key in keys:
        kinds.setdefault(re.sub(number, "", key), key)
    return [*kinds.values()]


def run_links(group: Group) -> tuple[Span, ...]:
    """Returns a link to the record of each seed, and to its tracked run if there is one."""
    return joined(*map(_run_link, group.records), between=" ")


def _run_link(record: Record) -> tuple[Span, ...]:
    link = Link(f"s{record.seed}", f"results/{record.paper}/{record.filename}")
    parts = (record.wandb or "").split("/")
    if len(parts) != 3 or not all(parts):
        return (link,)
    run = f"https://wandb.ai/{parts[0]}/{parts[1]}/runs/{parts[2]}"
    return (link, " (", Link("W&B", run), ")")


def commits(group: Group) -> tuple[Span, ...]:
    """Returns the commits of the runs, ``+`` where files had changed since."""
    found = [
        (Verbatim((record.commit or "unknown")[:7]), "+" if record.dirty else "")
        for record in group.records
    ]
    return joined(*dict.fromkeys(found), between=" ")
