"""What `papers explain` does: attributions of one input, or their accuracy where it is known."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from common.config.console import plain_table, print_table
from common.config.files import check_output, write_atomic
from common.errors import UsageError
from common.paper import get_paper
from common.runs.folder import open_run

# The endings of the file.
ENDINGS = {".html": None, ".png": None}
# Units of each method's list that its agreement and the screen show.
TOP = 3


def explain_run(
    run_dir: Path,
    given: str | None,
    other: str | None,
    out: Path | None,
    samples: int,
    force: bool,
    console: Console,
) -> None:
    """Shows what each unit of ``given`` adds to its score, or how accurate attributions are.

    Args:
        run_dir: A run's folder.
        given: What is explained; None: samples of the run's own generated set.
        other: What it is compared with.
        out: An .html or a .png to write.
        samples: How many of a generated set are explained.
        force: Whether ``out`` may be there already.
        console: Where to show.

    Raises:
        UsageError: An input of another form, or data of which nothing is known.
    """
    run = open_run(run_dir)
    recipe = run.read_recipe()
    if out is not None:
        if given is None:
            raise UsageError(f"--out {out}: shows one INPUT; name it")
        check_output(out, ENDINGS, force)
    if other is not None and given is None:
        raise UsageError(f"--with {other}: is compared with one INPUT; name it")
    if samples < 2:
        raise UsageError(f"--samples {samples}: must be at least 2")
    from common.explain.units import KINDS
    from common.runs.loading import load_run
    from common.runs.run import prepare_run

    kind = get_paper(recipe.paper).data_kind
    if kind not in KINDS:
        raise UsageError(f"{run_dir}: a run on {kind}; explained are {', '.join(KINDS)}")
    experiment = load_run(run)
    units = KINDS[kind](experiment.data, experiment.module, str(run_dir))
    if given is not None:
        _explain_one(units, given, other, out, str(run_dir), console)
        return
    known = [one for one in units.known() if 0 < one.truth.sum() < len(one.truth)]
    if len(known) < 2:
        raise UsageError(
            f"INPUT: what matters is known of {len(known)} of this run's samples; give {units.form}"
        )
    untrained = prepare_run(recipe, training_follows=False)
    beside = KINDS[kind](experiment.data, untrained.module, str(run_dir))
    _measure(units, beside, known[:: max(len(known) // samples, 1)][:samples], console)


def _explain_one(
    units: Any, given: str, other: str | None, out: Path | None, title: str, console: Console
) -> None:
    from common.backbones.modes import evaluating
    from common.explain.agreement import mean_agreement
    from common.explain.attribution import attribute
    from common.explain.show import in_colour, page, plot
    from common.plots.style import to_png

    with evaluating(units.module):
        explained = units.explain(given, other)
        found = {name: each.double().numpy() for name, each in attribute(explained).items()}
    console.print(f"{explained.says}; blue raises it, orange lowers it")
    for name, values in found.items():
        console.print(name, style="bold")
        names, order = explained.names, np.argsort(-np.abs(values), kind="stable")[:TOP]
        if explained.words:
            console.print(in_colour(names, values), soft_wrap=True)
        console.print(
            "  " + ", ".join(f"{names[place]} {values[place]:+.4f}" for place in order),
            soft_wrap=True,
        )
    if len(explained.names) > 1:
        _show_agreement(mean_agreement([found], TOP), console)
    if out is not None:
        html = out.suffix == ".html"
        content = page(explained, found, title) if html else to_png(plot(explained, found, title))
        write_atomic(out, content)
        console.print(f"wrote {out}", soft_wrap=True)


def _measure(units: Any, untrained: Any, known: list[Any], console: Console) -> None:
    """Shows the mean AUC of each method on the trained and on the untrained encoder."""
    from common.backbones.modes import evaluating
    from common.explain.agreement import auc, mean_agreement
    from common.explain.attribution import METHODS, attribute
    from common.results.statistics import half_width, summarise

    lists: list[dict[str, Any]] = []
    aucs: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    with evaluating(units.module), evaluating(untrained.module):
        for sample in track(known, "explaining", console=console, transient=True):
            both = [attribute(each.of_known(sample)) for each in (units, untrained)]
            lists.append({name: values.double().numpy() for name, values in both[0].items()})
            for name, found in aucs.items():
                pair = [auc(sample.truth, each[name].double().numpy()) for each in both]
                found.append((pair[0], pair[1]))
    table = plain_table("AUC of what matters", "trained", "untrained", "difference", "95 %")
    for name, pairs in aucs.items():
        trained, start = np.array(pairs).mean(0)
        gain = summarise([a - b for a, b in pairs])
        width = half_width(gain, None, None)
        cells = (f"{trained:.3f}", f"{start:.3f}", f"{gain.mean:+.3f}", f"± {width:.3f}")
        table.add_row(name, *cells)
    console.print(f"{len(known)} samples of the generated set; .5 is chance")
    print_table(table, console)
    _show_agreement(mean_agreement(lists, TOP), console)


def _show_agreement(found: dict[str, dict[str, float]], console: Console) -> None:
    table = plain_table("agreement, which is no accuracy", *next(iter(found.values())))
    for pair, row in found.items():
        table.add_row(pair, *(f"{value:.3f}" for value in row.values()))
    print_table(table, console)
