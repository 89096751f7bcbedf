"""How the trials of `papers sweep` are shown, the best first."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from common.cli.compare import full_name
from common.config.overrides import as_word
from common.config.yaml_io import to_yaml
from common.console import plain_table, print_table
from common.results.comparison import Arms, side_by_side
from common.results.groups import Group
from common.results.pages.formatting import sample_text
from common.results.record import Record
from common.results.statistics import Sample
from common.runs.sweep import Range, Space, Sweep, kept_words

FEWEST_BETWEEN = 3  # values, so that one of them is not at an end


def show_trials(sweep: Sweep, records: Sequence[Record], metric: str | None, to: Console) -> None:
    """Prints the trials of each recipe, the best first, and how to train with the best.

    Args:
        sweep: What was run.
        records: Those of its complete runs.
        metric: What to choose by; by default what tells most.
        to: Where to print.

    Raises:
        UsageError: No run has the metric.
    """
    found = side_by_side(records)
    chosen_by = full_name(metric, found) if metric else found[0].metrics[0]
    if len(found) > 1:
        keys = ", ".join(sweep.space.searched)
        to.print(f"\n{keys}: the trials are not measured on the same data: {len(found)} tables")
    for reference in sweep.references:
        for arms in found:
            _show_recipe(sweep, reference, arms, chosen_by, to)


def _show_recipe(sweep: Sweep, reference: str, arms: Arms, metric: str, to: Console) -> None:
    recipe = next(one for one in sweep.campaign.recipes if one.reference == reference)
    groups = [g for g in arms.groups if g.latest.reference == recipe.name]
    ranked = sorted(
        ((sample, group) for group in groups if (sample := group.sample(metric))),
        key=lambda pair: pair[0].mean,
        reverse=not arms.lower[metric],
    )
    whole = [pair for pair in ranked if pair[0].n == len(sweep.space.seeds)]
    if not ranked:
        return
    less = ", less is better" if arms.lower[metric] else ""
    done = f"{len(whole)} of {len(sweep.trials)} trials"
    to.print(f"\n{reference} by {metric}{less}: {done}", style="bold", highlight=False)
    table = plain_table(metric, "seeds", *sweep.space.searched)
    for sample, group in ranked:
        table.add_row(*_cells(sample, _chosen(sweep, group)))
    print_table(table, to)
    best = [_chosen(sweep, group) for sample, group in whole if sample.mean == whole[0][0].mean]
    if len(best) > 1:
        to.print(f"{len(best)} trials share the best value: {metric} does not tell them apart")
    elif best:
        _say_ends(sweep.space, best[0], to)
    if best:
        _show_best(sweep, reference, best[0], to)


def _chosen(sweep: Sweep, group: Group) -> Mapping[str, Any]:
    return sweep.chosen[group.latest.reference, group.latest.config_hash]


def _cells(sample: Sample, trial: Mapping[str, Any]) -> list[str]:
    values = (as_word(key, value).partition("=")[2] for key, value in trial.items())
    return [sample_text(sample), str(sample.n), *values]


def _say_ends(space: Space, best: Mapping[str, Any], to: Console) -> None:
    """Says where the best value is the first or last of those tried."""
    for key, values in space.searched.items():
        if isinstance(values, Range) or len(values) < FEWEST_BETWEEN:
            continue
        if not all(type(one) in (int, float) for one in values):
            continue
        if best[key] in (edges := (min(values), max(values))):
            side = ("smallest", "largest")[edges.index(best[key])]
            text = f"{as_word(key, best[key])} is the {side} that was tried"
            to.print(f"{text}: the best may lie beyond it", style="yellow", highlight=False)


def _show_best(sweep: Sweep, reference: str, best: Mapping[str, Any], to: Console) -> None:
    """Prints what to write into a recipe and what to type."""
    to.print("\nthe best, as a recipe says it:", highlight=False)
    to.print(to_yaml(_nested(best)).rstrip(), highlight=False, markup=False)
    command = shlex.join(["papers", "train", reference, *kept_words(sweep.space, best)])
    to.print(f"next:  {command}", highlight=False, markup=False, soft_wrap=True)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in values.items():
        *above, name = key.split(".")
        place = content
        for part in above:
            place = place.setdefault(part, {})
        place[name] = value
    return content
