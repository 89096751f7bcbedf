"""The commands `papers campaign`, arms over seeds, and `papers sweep`, settings on the hold-out."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from common.cli.compare import full_name, show_records
from common.config.console import Screen, plain_table, print_table
from common.config.files import check_output, write_atomic
from common.config.overrides import as_word
from common.config.schema import Recipe
from common.config.yaml_io import to_yaml
from common.data.catalogue.root import require_data
from common.errors import LikewiseError, UsageError
from common.results.comparison import Arms, side_by_side
from common.results.groups import Group, sample_of
from common.results.pages.formatting import sample_text
from common.results.record import Record
from common.results.statistics import Sample
from common.runs.campaign_file import deadline_of, read_campaign
from common.runs.jobs import Queue
from common.runs.sweep import (
    Guide,
    Range,
    Space,
    Sweep,
    draw_trials,
    kept_words,
    make_sweep,
    read_space,
)

FEWEST_BETWEEN = 3  # values, so that one of them is not at an end
console = Screen()
SAMPLERS = ("random", "tpe")
UNSET = (None, 0, SAMPLERS[0])  # the defaults of the options of a sweep

BudgetOption = Annotated[
    str | None, typer.Option(help="Stop cleanly after this time: 90m, 2h, 45s.")
]
RunsOption = Annotated[Path, typer.Option("--runs", help="The folder for run folders.")]
ResultsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="File a copy of each record here; else it is in its run's folder only."
    ),
]
OnOption = Annotated[
    str | None,
    typer.Option(help="Submit each run as a job instead: slurm, or local, which tries it here."),
]
SlurmOption = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Of each job: time=MINUTES, partition, mem, ..."),
]


def campaign_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Arms and seeds, in YAML.")],
    budget: BudgetOption = None,
    runs: RunsOption = Path("runs"),
    results: ResultsOption = None,
    on: OnOption = None,
    slurm: SlurmOption = None,
) -> None:
    """Trains arms over seeds: skips complete runs, resumes unfinished ones, keeps to the budget.

    It ends with the arms side by side, as `papers compare FILE` shows them.
    """
    deadline = deadline_of(budget)
    read = read_campaign(file)
    queue = _make_queue(on, slurm, budget, runs, results)
    from common.runs.campaign import run_campaign, submit_campaign

    if queue is None:
        run_campaign(read, runs, results, deadline, console, show_records)
    else:
        submit_campaign(read, queue, console, show_records)


def _make_queue(
    on: str | None, slurm: list[str] | None, budget: str | None, runs: Path, results: Path | None
) -> Queue | None:
    """Returns what takes the runs as jobs, or None; refuses options that do not go together."""
    if on is None:
        if slurm:
            raise UsageError(f"--slurm {slurm[0]}: goes with --on slurm")
        return None
    if budget is not None:
        raise UsageError(f"--budget {budget}: ends no job; --slurm time=MINUTES does")
    return Queue(on, slurm or [], runs, results)


def sweep_command(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="PAPER/RECIPE... KEY=VALUES...",
            help="KEY=1,2,3 are values, KEY=0.1..0.9 and KEY=log:1e-4..1e-1 are ranges.",
        ),
    ],
    trials: Annotated[
        int | None, typer.Option(min=1, help="How many to draw; else all values, as a grid.")
    ] = None,
    budget: BudgetOption = None,
    metric: Annotated[
        str | None, typer.Option(help="What the best is chosen by, such as val/knn_top1.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides what is drawn.")] = 0,
    sampler: Annotated[
        str, typer.Option(help="random, or tpe: Optuna's, which learns from earlier trials.")
    ] = "random",
    wandb: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Only write it as a W&B sweep.")
    ] = None,
    runs: RunsOption = Path("runs"),
    results: ResultsOption = None,
    on: OnOption = None,
    slurm: SlurmOption = None,
) -> None:
    """Tries settings on the hold-out and says which is best; the same command goes on with it.

    Several recipes get the same trials. Each trial trains with seed 100, or with each of
    seed=10,11,12. The test split is never looked at.
    """
    deadline = deadline_of(budget)
    references, searched = _sorted_words(words)
    if wandb is not None:
        options: dict[str, object] = {"trials": trials, "budget": budget, "seed": seed}
        options |= {"sampler": sampler, "results": results, "on": on, "slurm": slurm}
        _write_wandb(wandb, references, searched, metric, options)
        return
    space = read_space(searched)
    _check_options(sampler, trials, references, on, metric)
    made = make_sweep(references, space, draw_trials(space, trials, seed))
    for recipe in made.campaign.recipes[: len(references)]:
        require_data(recipe.data.name, recipe.data.root, recipe.data.path)
    queue = _make_queue(on, slurm, budget, runs, results)
    guide = Guide(space, seed) if sampler == "tpe" else None
    run = partial(_run_part, runs, results, deadline)
    show = partial(show_trials, made, metric=metric, to=console)
    if queue is not None:
        from common.runs.campaign import submit_campaign

        submit_campaign(made.campaign, queue, console, show)
    elif guide is not None:
        _run_guided(guide, references[0], space, len(made.trials), metric, run)
    else:
        asked = metric if len(references) == 1 else None  # else another recipe may have it
        run(made, show, partial(_require, asked))


def _run_part(
    runs: Path,
    results: Path | None,
    deadline: float | None,
    part: Sweep,
    show: Callable[[list[Record]], None],
    check: Callable[[Record], None] = lambda record: None,
) -> None:
    """Runs the trials of ``part`` here, one after the other, as a campaign."""
    from common.runs.campaign import run_campaign

    run_campaign(part.campaign, runs, results, deadline, console, show, check)


def _require(metric: str | None, record: Record) -> None:
    """Raises `UsageError` where the best trial cannot be chosen by ``metric``."""
    if metric is not None:
        _chosen_by(metric, side_by_side([record]))


def _chosen_by(metric: str | None, found: Sequence[Arms]) -> str:
    """Returns the whole name of the metric that the best is chosen by; None: what tells most.

    Raises:
        UsageError: No run has it, or it does not say how good an encoder is.
    """
    if metric is None:
        return found[0].metrics[0]
    name = full_name(metric, found)
    if all(arms.lower.get(name) is None for arms in found):
        others = ", ".join(one for one, less in found[0].lower.items() if less is not None)
        raise UsageError(
            f"--metric {metric}: does not say how good an encoder is; choose by one of {others}"
        )
    return name


def _sorted_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the recipes and the ``key=value`` words; raises `UsageError` without a recipe."""
    references = [word for word in words if "=" not in word]
    if not references:
        raise UsageError("papers sweep: names no recipe; write for example papers sweep swav/quick")
    return references, [word for word in words if "=" in word]


def _check_options(
    sampler: str, trials: int | None, references: Sequence[str], on: str | None, metric: str | None
) -> None:
    if sampler not in SAMPLERS:
        raise UsageError(f"--sampler {sampler}: must be one of {', '.join(SAMPLERS)}")
    if sampler == "tpe" and (trials is None or len(references) > 1):
        raise UsageError("--sampler tpe: needs --trials, and one recipe: its trials are its own")
    if on is not None and sampler == "tpe":
        raise UsageError(f"--on {on}: tpe tries one trial after the other; use --sampler random")
    if metric is not None and "/" in metric and not metric.startswith("val/"):
        raise UsageError(f"--metric {metric}: a trial has those of the hold-out, val/NAME, alone")


def _run_guided(
    guide: Guide,
    reference: str,
    space: Space,
    count: int,
    metric: str | None,
    run: Callable[[Sweep, Callable[[list[Record]], None]], None],
) -> None:
    """Runs trials that depend on those before and shows them; ``run`` gives the records of one.

    Raises:
        LikewiseError: After all others, if some trials failed.
    """
    from common.runs.interruption import RunStopped  # which imports lightning

    tried: list[dict[str, Any]] = []
    records: list[Record] = []
    failed = 0
    for number in range(1, count + 1):
        tried.append(guide.ask())
        words = " ".join(as_word(key, value) for key, value in tried[-1].items())
        console.print(f"trial {number} of {count}: {words}", soft_wrap=True)
        new: list[Record] = []
        try:
            run(make_sweep([reference], space, tried[-1:]), new.extend)
        except RunStopped:
            raise
        except LikewiseError as error:
            console.print(str(error), style="red", soft_wrap=True)
            failed += 1
            guide.tell(None)
            continue
        if not new:  # the budget is spent
            break
        _require(metric, new[0])
        records += new
        guide.tell(_score(new, records, metric))
    if records:
        show_trials(make_sweep([reference], space, tried), records, metric, console)
    if failed:
        raise LikewiseError(f"{reference}: {failed} of {len(tried)} trials failed; see above")


def _score(new: Sequence[Record], records: Sequence[Record], metric: str | None) -> float | None:
    """Returns the mean of the new records, the more the better; None where one has no value."""
    found = side_by_side(records)
    name = _chosen_by(metric, found)
    values = sample_of((record.metrics for record in new), name)
    sign = -1 if found[0].lower[name] else 1
    return None if values is None else sign * values.mean


def _write_wandb(
    path: Path,
    references: Sequence[str],
    words: Sequence[str],
    metric: str | None,
    options: Mapping[str, object],
) -> None:
    """Writes a sweep of W&B, which knows none of ``options``, and refuses those that are given."""
    from common.runs.sweep import wandb_sweep

    check_output(path, {".yaml": None}, force=False, option="--wandb FILE")
    if others := [f"--{key}" for key, value in options.items() if value not in UNSET]:
        raise UsageError(f"{', '.join(others)}: decides nothing in a sweep of W&B; leave it out")
    if len(references) > 1:
        raise UsageError(f"--wandb {path}: a sweep of W&B has one recipe; name one")
    write_atomic(path, wandb_sweep(references[0], words, metric))
    console.print(f"wrote {path}; next:  wandb sweep {path}", soft_wrap=True)


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
    chosen_by = _chosen_by(metric, found)
    if len(found) > 1:
        keys = ", ".join(sweep.space.searched)
        to.print(f"\n{keys}: the trials are not measured on the same data: {len(found)} tables")
    # The first trial has each of them, under its whole name: swav/quick where swav was written.
    for reference, recipe in zip(sweep.references, sweep.campaign.recipes, strict=False):
        for arms in found:
            _show_recipe(sweep, reference, recipe, arms, chosen_by, to)


def _show_recipe(
    sweep: Sweep, reference: str, recipe: Recipe, arms: Arms, metric: str, to: Console
) -> None:
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
    to.print(f"\n{reference} by {metric}{less}: {done}", style="bold")
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
            to.print(f"{text}: the best may lie beyond it", style="yellow")


def _show_best(sweep: Sweep, reference: str, best: Mapping[str, Any], to: Console) -> None:
    """Prints what to write into a recipe and what to type."""
    to.print("\nthe best, as a recipe says it:")
    to.print(to_yaml(_nested(best)).rstrip())
    command = shlex.join(["papers", "train", reference, *kept_words(sweep.space, best)])
    to.print(f"next:  {command}", soft_wrap=True)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in values.items():
        *above, name = key.split(".")
        place = content
        for part in above:
            place = place.setdefault(part, {})
        place[name] = value
    return content
