"""The command `papers compare`: arms side by side, with paired differences and their intervals."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from common.config.checkout import SOURCE_ROOT, is_checkout
from common.config.console import Screen, plain_table, print_table
from common.config.files import check_output, write_atomic
from common.config.references import FILE_PATTERN, find_recipe, read_recipe, recipe_names
from common.errors import UsageError, suggest
from common.paper import paper_names
from common.results.comparison import (
    COLUMNS,
    Arms,
    arms_blocks,
    arms_rows,
    is_called,
    measured_key,
    rows_as_csv,
    side_by_side,
)
from common.results.figures import COLUMNS as FIGURE_COLUMNS
from common.results.figures import as_csv, blocks_of, is_evaluation, read_evaluation
from common.results.groups import group_records
from common.results.leaderboard import present_code
from common.results.pages.document import (
    Block,
    Heading,
    Paragraph,
    Table,
    plain_words,
    to_latex,
    to_markdown,
)
from common.results.pages.sections import record_order
from common.results.record import Record, read_record
from common.runs.campaign_file import is_campaign, read_campaign
from common.runs.folder import DEPTH, is_run

DEEPEST = DEPTH + 1  # the job of docs/slurm.sh has its run one folder deeper
console = Screen()
_Runs = Annotated[Path, typer.Option(help="Where runs of recipes and campaigns are.")]
KEYS = ("data_hash", "protocol", "evaluation.split")


def compare_command(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...",
            help="Run folders, folders of runs, campaign files or recipes; or results of evaluate.",
        ),
    ],
    to: Annotated[
        str | None, typer.Option(metavar="ARM", help="The arm to compare with; else the first.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="A metric to show; may be repeated.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write all metrics of all arms.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Write the tables.")
    ] = None,
    latex: Annotated[
        Path | None, typer.Option(metavar="FILE.tex", help="Write the tables for LaTeX.")
    ] = None,
    curves: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw the learning curves.")
    ] = None,
    wandb: Annotated[
        str | None, typer.Option(metavar="ENTITY/PROJECT", help="Log the table there.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    runs: _Runs = Path("runs"),
    results: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where filed records of them are.")
    ] = None,
) -> None:
    """Shows arms side by side: mean and deviation over seeds, and paired differences to one arm.

    One recipe stands for all its variants. Several words must name runs on the same data, measured
    by the same protocols.
    """
    files = {"csv": (csv, ".csv"), "markdown": (markdown, ".md"), "latex": (latex, ".tex")}
    for option, (path, ending) in {**files, "curves": (curves, ".png")}.items():
        if path is not None:
            check_output(path, {ending: None}, force, f"--{option} FILE")
    if any(is_evaluation(Path(word)) for word in what):
        if to or curves or results:
            raise UsageError("--to, --curves, --results: these are for runs, not for evaluations")
        _compare_evaluations(what, metric or [], csv, markdown, latex, wandb)
        return
    results = results or (SOURCE_ROOT / "results" if is_checkout() else None)
    named = [records_of(word, runs, results, whole=len(what) == 1) for word in what]
    _refuse_unlike(what, named, runs, results)
    records = [*{record.run_id: record for part in named for record in part}.values()]
    found = side_by_side(records, to)
    asked = [full_name(one, found) for one in metric or []]
    _refuse_unknown(to, found)
    show_arms(found, console, asked)
    _say_left_out(records, found)
    _write_tables([b for arms in found for b in arms_blocks(arms, asked)], markdown, latex)
    _write_rows(found, csv, curves, wandb)


def _compare_evaluations(
    what: Sequence[str],
    metrics: Sequence[str],
    csv: Path | None,
    markdown: Path | None,
    latex: Path | None,
    wandb: str | None,
) -> None:
    """Shows results of `papers evaluate` beside each other, and writes them."""
    found = [read_evaluation(Path(word)) for word in what]
    known = dict.fromkeys(name for one in found for each in one.encoders.values() for name in each)
    for name in metrics:
        if name not in known:
            raise UsageError(f"--metric {name}: no result has it{suggest(name, [*known])}")
    blocks = blocks_of(found, metrics)
    for block in blocks:
        print_block(block, console)
    if csv is not None:
        _write(csv, as_csv(found))
    _write_tables(blocks, markdown, latex)
    if wandb is not None:
        from common.tracking.wandb_table import log_table

        rows = (row for one in found for row in one.rows())
        console.print(log_table(wandb, "evaluation", FIGURE_COLUMNS, rows))


def _write_tables(blocks: Sequence[Block], markdown: Path | None, latex: Path | None) -> None:
    """Writes the tables that are shown, where a file is asked for."""
    if markdown is not None:
        _write(markdown, to_markdown(blocks))
    if latex is not None:
        _write(latex, to_latex(blocks))


def _write_rows(
    found: Sequence[Arms], csv: Path | None, curves: Path | None, wandb: str | None
) -> None:
    """Writes or logs all metrics of all arms, and draws their curves, where it is asked for."""
    if csv is not None:
        _write(csv, rows_as_csv(found))
    if curves is not None:
        _write(curves, _curves(curves, found))
    if wandb is not None:
        _log_to_wandb(wandb, found)


def _log_to_wandb(project: str, found: Sequence[Arms]) -> None:
    """Logs all metrics of all arms as W&B's table ``comparison``, and says where it is."""
    from common.tracking.wandb_table import log_table

    rows = (row for arms in found for row in arms_rows(arms))
    where = log_table(project, "comparison", COLUMNS, rows)
    console.print(where, soft_wrap=True)


def show_arms(found: Iterable[Arms], console: Console, asked: Sequence[str] = ()) -> None:
    """Prints the tables of ``found``, of the metrics ``asked`` for or of those that tell most."""
    for arms in found:
        console.print()
        for block in arms_blocks(arms, asked):
            print_block(block, console)


def show_records(records: Sequence[Record]) -> None:
    """Prints the arms of a campaign's ``records``; those without a number show nothing."""
    show_arms(side_by_side([record for record in records if record.metrics]), console)


def print_block(block: Block, console: Console) -> None:
    """Prints a heading, a table or a paragraph."""
    match block:
        case Heading(_, text):
            console.print(plain_words(text), style="bold", soft_wrap=True)
        case Table(header, rows):
            table = plain_table()
            for name in header:
                table.add_column(name, overflow="fold")
            for row in rows:
                table.add_row(*map(plain_words, row))
            print_table(table, console)
            console.print()
        case Paragraph(text):
            console.print(plain_words(text), soft_wrap=True)


def _refuse_unlike(
    words: Sequence[str], named: Sequence[Sequence[Record]], runs: Path, results: Path | None
) -> None:
    """Raises `UsageError` for a word none of whose runs can be set beside one of the first word."""
    first = {measured_key(record): record for record in named[0]}
    for word, records in zip(words[1:], named[1:], strict=True):
        if not first.keys() & {measured_key(record) for record in records}:
            ours, theirs = [*first][-1], measured_key(records[-1])
            key, one, other = next(
                (key, a, b) for key, a, b in zip(KEYS, ours, theirs, strict=True) if a != b
            )
            raise UsageError(
                f"{word}: {key}: is {other}, but {one} in {words[0]}; only runs on the same data, "
                f"measured alike, are compared{_mend((words[0], word), runs, results)}"
            )


def _mend(words: Sequence[str], runs: Path, results: Path | None) -> str:
    """Offers settings of both papers that can be compared, or runs of the user's own."""
    recipes = [word for word in words if not os.path.exists(os.path.expanduser(word))]
    papers = [find_recipe(word, read_recipe).paper for word in recipes]
    have = [paper for paper in papers if any(runs.glob(f"{paper}/*/*/result.json"))]
    if len(papers) == 2 and papers[0] != papers[1]:
        pair = next(_alike(papers[0], papers[1], runs, results), None)
        if pair is not None:
            return f"; these can be: papers compare {' '.join(pair)}"
        if len(have) < 2 and all("photos" in recipe_names(paper) for paper in papers):
            trained = ", ".join(f"papers train {paper} IMAGES" for paper in papers)
            return f"; on images of yours they can be: {trained}, papers compare {runs}"
    return f"; your own, on any data: papers compare {runs}" if len(have) > 1 else ""


def _alike(one: str, other: str, runs: Path, results: Path | None) -> Iterator[tuple[str, str]]:
    """Yields settings of two papers whose runs can be compared, the methods themselves first."""
    known = [
        sorted((r for r in _known(paper, runs, results) if r.counts), key=_order)
        for paper in (one, other)
    ]
    mine, theirs = ({r.reference: measured_key(r) for r in records} for records in known)
    for name, key in mine.items():
        yield from ((name, beside) for beside, its in theirs.items() if its == key)


def full_name(metric: str, found: Sequence[Arms]) -> str:
    """Returns the metric with its split; raises `UsageError` where no run has it."""
    known = dict.fromkeys(name for arms in found for name in arms.metrics)
    for name in (metric, f"test/{metric}", f"val/{metric}"):
        if name in known:
            return name
    raise UsageError(f"--metric {metric}: no run has it{suggest(metric, [*known])}")


def _refuse_unknown(to: str | None, found: Sequence[Arms]) -> None:
    if to is not None and not any(is_called(arms.to_name, arms.to, to) for arms in found):
        names = dict.fromkeys(name for arms in found for name in arms.names)
        raise UsageError(f"--to {to}: no such arm{suggest(to, [*names])}")


def _say_left_out(records: Sequence[Record], found: Sequence[Arms]) -> None:
    kept = {one.run_id for arms in found for group in arms.groups for one in group.records}
    older = [record.run_id for record in records if record.run_id not in kept]
    if older:
        said = f"left out, since a later run has the same setting and seed: {', '.join(older)}"
        console.print(said, soft_wrap=True)


def _write(path: Path, content: str | bytes) -> None:
    write_atomic(path, content)
    console.print(f"wrote {path}", soft_wrap=True)


def _curves(path: Path, found: Sequence[Arms]) -> bytes:
    from common.plots.curves import compared_curves
    from common.plots.style import to_png

    figure = compared_curves(found)
    if figure is None:
        raise UsageError(f"{path}: no curves to draw: no record of these runs keeps one")
    return to_png(figure)


def records_of(word: str, runs: Path, results: Path | None, whole: bool) -> list[Record]:
    """Returns the records that ``word`` names.

    Args:
        word: A run's folder, a folder of runs or of records, a record, a campaign's file, or a
            recipe, of which the pilots are left out.
        runs: Where the runs of a campaign or recipe are looked for.
        results: Where their filed records are.
        whole: Whether a recipe stands for its variants, too.

    Raises:
        UsageError: There is no such thing, or no run of it is complete.
        RecordError: A record that is broken; names its file.
    """
    file = FILE_PATTERN.fullmatch(word)
    if file is None and os.path.exists(os.path.expanduser(word)):
        found = (read_record(path) for path in _files(Path(word).expanduser()))
        records, where = sorted(found, key=_order), "it"
    elif file is not None and is_campaign(Path(file[1]).expanduser()):
        records = list(_of_campaign(Path(word).expanduser(), runs, results))
        where = _places(runs, results)
    else:
        records = sorted(_of_recipe(word, runs, results, whole), key=_order)
        where = _places(runs, results)
    records = [record for record in records if record.origin == "likewise"]
    if not records:
        raise UsageError(f"{word}: no record of a finished run in {where}; train it first")
    return records


def _order(record: Record) -> tuple[object, ...]:
    """Orders the method before its ablations and baselines, and runs of one arm by their end."""
    rank, arm, reference, _ = record_order(record)
    return rank, arm, reference, record.finished


def _places(runs: Path, results: Path | None) -> str:
    return f"{runs} and {results}" if results else str(runs)


def _files(path: Path) -> Iterator[Path]:
    """Yields the records of a run, or those of a folder of runs or of filed records."""
    if path.is_file():
        yield path
    elif is_run(path):
        record = path / "result.json"
        if not record.is_file():
            raise UsageError(f"{path}: not complete; go on with: papers resume {path}")
        yield record
    else:
        yield from sorted(path.glob("*.json"))
        for paper in paper_names():
            yield from sorted(path.glob(f"{paper}/*.json"))
        for depth in range(1, DEEPEST + 1):
            found = sorted(path.glob("/".join(["*"] * depth + ["result.json"])))
            yield from (one for one in found if "evaluations" not in one.relative_to(path).parts)


def _of_campaign(path: Path, runs: Path, results: Path | None) -> Iterator[Record]:
    """Yields the records of the campaign's runs, in the order of its file."""
    recipes = read_campaign(path).recipes
    known = {paper: _known(paper, runs, results) for paper in {one.paper for one in recipes}}
    for recipe in recipes:
        wanted = (recipe.arm, recipe.hash(), recipe.seed, recipe.evaluation.looked_at)
        for record in known[recipe.paper]:
            theirs = (record.arm, record.config_hash, record.seed, record.looked_at)
            if wanted == theirs and record.measures(recipe.evaluation.protocols):
                yield record


def _of_recipe(word: str, runs: Path, results: Path | None, whole: bool) -> list[Record]:
    """Returns the records of a recipe, without those of settings that were run again since."""
    found = find_recipe(word, read_recipe)
    of_recipe = [
        record
        for record in _known(found.paper, runs, results)
        if record.recipe == found.recipe
        and ((whole and found.variant is None) or record.variant == found.variant)
    ]
    records = [record for record in of_recipe if record.counts]
    if not records and any(record.pilot for record in of_recipe):
        raise UsageError(f"{word}: has pilots only; name their folder, such as {runs}/PAPER/RECIPE")
    groups = group_records(records, present_code(records, SOURCE_ROOT))
    kept = {record.run_id for group in groups for record in group.records}
    return [record for record in records if record.run_id in kept]


def _known(paper: str, runs: Path, results: Path | None) -> list[Record]:
    paths: Iterable[Path] = runs.glob(f"{paper}/*/*/result.json")
    if results is not None:
        paths = [*paths, *results.glob(f"{paper}/*.json")]
    return [read_record(path) for path in sorted(paths)]
