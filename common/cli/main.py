"""The command `papers`. Help, lists and rejected recipes import neither torch nor lightning."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from common.cli.campaigns import BudgetOption, RunsOption, campaign_command, sweep_command
from common.cli.compare import compare_command
from common.cli.data import data_app
from common.cli.parity import parity_command
from common.config.console import Screen, lasting_streams, say, say_warnings
from common.config.devices import unset_unreadable_ranks
from common.config.protocols import require_fitting
from common.config.schema import Recipe
from common.errors import LikewiseError, UsageError
from common.paper import get_paper
from common.results.configuration import load_recipe_or_record
from common.runs.devices import keep_memory, let_threads_sleep
from common.runs.environment import LIBRARIES
from common.runs.folder import open_run

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Screen()
CTRL_C = 130  # what typer makes of it

ReferenceArgument = Annotated[
    str,
    typer.Argument(metavar="PAPER[/RECIPE[:VARIANT]]", help="A recipe, FILE.yaml or RECORD.json."),
]
PoolOption = Annotated[
    Path | None, typer.Option("--results", metavar="DIR", help="Where the rivals' records are.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a file that exists.")]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run's folder.")]


def show_version(asked: bool) -> None:
    """Shows the version, if it is asked for, and stops."""
    if asked:
        console.print(version("likewise"))
        raise typer.Exit()


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Contrastive-learning papers, reproduced on one shared core."""


@app.command("list")
def list_command(paper: Annotated[str | None, typer.Argument(metavar="[PAPER]")] = None) -> None:
    """Lists papers, their recipes and whether their data are here; for PAPER also the variants.

    A recipe that does not load is listed with its error, and the exit code is then 2.
    `papers info PAPER/RECIPE` also loads the variants of a recipe.
    """
    from common.cli.listing import print_papers

    print_papers(console, paper)


@app.command("info")
def info_command(
    paper: Annotated[str, typer.Argument(metavar="PAPER[/RECIPE] | METHOD | FILE.yaml")],
    recipes: Annotated[
        bool, typer.Option("--recipes", help="Only what each recipe is and costs.")
    ] = False,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Only reported numbers and ours.")
    ] = False,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="Only how to cite the paper.")] = False,
) -> None:
    """Shows what a paper or a shared method does and its recipes; or what one recipe gave."""
    from common.cli.info import print_info

    asked = {"recipes": recipes, "numbers": numbers, "bibtex": bibtex}
    print_info(paper, [name for name, given in asked.items() if given], console)


@app.command("train", context_settings={"ignore_unknown_options": True})
def train_command(
    reference: ReferenceArgument,
    words: Annotated[list[str] | None, typer.Argument(metavar="[PATH] [KEY=VALUE]...")] = None,
    runs: RunsOption = Path("runs"),
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Show the resolved recipe and stop.")
    ] = False,
    save: Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="Keep the plan.")] = None,
) -> None:
    """Trains and evaluates; without a recipe it trains `quick`, two minutes on a CPU.

    With PATH (images, a CSV, a log of actions, a graph) it plans a run that fits your data. Any
    value of the recipe or of the plan is set by its key, such as seed=1 optimizer.lr=0.3.
    """
    from common.cli.train import train_words

    train_words(reference, words or [], runs, console, save=save, only_show=print_config)


@app.command("resume")
def resume_command(run_dir: RunArgument) -> None:
    """Continues a run from its last good checkpoint."""
    run = open_run(run_dir)
    from common.runs.run import resume_run

    resume_run(run, console)


app.command("campaign")(campaign_command)
app.command("sweep")(sweep_command)
app.command("compare")(compare_command)


@app.command("evaluate")
def evaluate_command(
    target: Annotated[
        str, typer.Argument(metavar="WHAT", help="A run, vectors, a network, a function; a recipe.")
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA] [KEY=VALUE]...",
            help="Data of yours, and settings of protocols: knn.k=5.",
        ),
    ] = None,
    protocol: Annotated[list[str] | None, typer.Option(help="A protocol; may be repeated.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Published weights to read.")] = None,
    out: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A .json or .csv; may be repeated.")
    ] = None,
    wandb: Annotated[
        str | None, typer.Option(metavar="ENTITY/PROJECT", help="Log the table there.")
    ] = None,
    force: ForceOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Runs protocols on a run and writes a record; or on anything that makes vectors.

    WHAT is RUN_DIR, or PAPER/RECIPE with --weights. With DATA it is also RUN_DIR on data of yours;
    timm:NAME or torchvision:NAME, perhaps with --weights; hf:FOLDER, open_clip:NAME/WEIGHTS or
    file.py:function; or a file of vectors (.npz, .npy, .parquet, .csv) with labels, numbers or
    pairs, whose DATA are the tested ones.
    """
    from common.cli.evaluate import evaluate_anything
    from common.cli.reading import READING, split_words

    data, overrides = split_words(words or [])
    of_library = target.partition(":")[0] in LIBRARIES
    if of_library or (weights is None and (data is not None or not looks_like_run(target))):
        evaluate_anything(
            target, data, overrides, protocol, out or [], force, console, wandb, weights
        )
        return
    if out or wandb or data or force:
        raise UsageError(
            "--out, --wandb, --force, DATA: leave them out; a run, or a recipe with --weights, "
            "writes a new record, on its own data"
        )
    mine = [word for word in overrides if word.partition("=")[0] in READING]
    if mine and weights is None:
        raise UsageError(f"{mine[0]}: is for data of your own: papers evaluate {target} DATA")
    published = _published(target, weights, overrides)
    recipe = published[0] if published else open_run(Path(target)).read_recipe()
    require_fitting(recipe.paper, "--protocol", protocol or [])
    if not (protocol or overrides or recipe.evaluation.protocols):
        raise UsageError(f"{target}: its recipe measures nothing; --protocol NAME says what to")
    from common.runs.evaluate import evaluate_run, evaluate_weights

    if published is not None:
        evaluate_weights(*published, protocol, runs, console)
    else:
        evaluate_run(Path(target), protocol, console, overrides)


@app.command("try")
def try_command(
    loss: Annotated[str, typer.Argument(metavar="FILE.py:LOSS", help="A loss of yours.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings of the loss.")
    ] = None,
    bench: Annotated[str, typer.Option(help="images or sentences.")] = "images",
    only_checks: Annotated[
        bool, typer.Option("--only-checks", help="Train nothing: the checks take seconds.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=3, help="How many seeds are trained.")] = 10,
    budget: BudgetOption = None,
    runs: RunsOption = Path("runs"),
    results: PoolOption = None,
    save: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write a function, on images, as a new paper."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many processes train.")] = 2,
    helps: Annotated[bool, typer.Option("--helps", hidden=True)] = False,
) -> None:
    """Checks a loss of yours, trains it, and shows how it differs from its rivals.

    LOSS is loss(z1, z2, labels=None, **settings) -> scalar of projections (batch, dim), not
    normalised; or a LightningModule with embed. The rivals are trained once, over ten seeds.
    """
    from common.cli.trying import try_loss

    words = settings or []
    jobs = 0 if helps else jobs
    try_loss(loss, words, bench, only_checks, seeds, budget, runs, results, save, jobs, console)


@app.command("export")
def export_command(
    run_dir: RunArgument,
    out: Annotated[
        Path | None, typer.Option(help="A .pt or .safetensors. Default: RUN_DIR/backbone.pt")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="torchvision, timm, detectron2, sentence-transformers, hub, state-dict"),
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(metavar="OWNER/NAME", help="Upload the folder of --to hub, as you."),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Writes the backbone's weights for a library, loads them back and says how to load them."""
    from common.cli.export import export_run

    export_run(run_dir, out, to, force, console, push)


@app.command("embed")
def embed_command(
    source: Annotated[str, typer.Argument(metavar="RUN_DIR | PAPER/RECIPE")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA] [KEY=VALUE]...",
            help="Data of yours, and how they are read: data.user=NAME.",
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="DATA: yours, in a form of docs/data.md.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Published weights to read.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="An .npz or .parquet. Default: RUN_DIR/embeddings.npz; here with --weights."
        ),
    ] = None,
    wandb: Annotated[
        str | None, typer.Option(metavar="ENTITY/PROJECT", help="Log them as a table, too.")
    ] = None,
    force: ForceOption = False,
) -> None:
    """Embeds your own data with a trained run or published weights: embeddings, ids, labels."""
    from common.cli.reading import READING, only_reading, split_words

    named, overrides = split_words(words or [])
    if (data is None) == (named is None):
        raise UsageError(f"{source}: name your data, once: papers embed {source} DATA")
    path = data or Path(str(named))
    published = _published(source, weights, overrides)
    reading = {}
    if published is None:
        reading = only_reading(overrides, str(path), READING)
    from common.cli.embed import embed_own

    embed_own(Path(source), published, path, out, force, console, wandb, reading)


@app.command("explain")
def explain_command(
    run_dir: RunArgument,
    given: Annotated[
        str | None,
        typer.Argument(metavar="[INPUT]", help="A text, items, test:ROW, or PATH:ROW."),
    ] = None,
    other: Annotated[
        str | None, typer.Option("--with", metavar="INPUT", help="What it is compared with.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An .html or a .png to write, too.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Without INPUT: how many are explained.")] = 50,
    force: ForceOption = False,
) -> None:
    """Shows which words, items, steps or patches carry a similarity or the next item.

    Without INPUT it measures, on a generated set, how well attributions find what matters.
    """
    from common.cli.explain import explain_run

    explain_run(run_dir, given, other, out, samples, force, console)


@app.command("doctor")
def doctor_command(
    run_dir: RunArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Write the findings as JSON.")] = False,
) -> None:
    """Says what is wrong with a run: each finding with its figure and the next thing to try.

    It takes two steps of the training again, without learning, beside the untrained encoder.
    """
    from common.cli.doctor import diagnose

    diagnose(run_dir, as_json, console)


@app.command("recommend")
def recommend_command(
    run_dir: RunArgument,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE] [KEY=VALUE]...",
            help="Users' actions, and their columns: data.user=NAME, data.item, data.time.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Those actions; else the file that the run was trained on."
        ),
    ] = None,
    top: Annotated[int, typer.Option(help="How many items each user gets.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=".csv or .parquet; else RUN_DIR/recommendations.csv"),
    ] = None,
    keep_seen: Annotated[
        bool, typer.Option("--keep-seen", help="Items that a user has acted on may come again.")
    ] = False,
    force: ForceOption = False,
) -> None:
    """Writes the items that each user will most likely act on next: user, rank, item, score."""
    from common.cli.reading import ACTION_COLUMNS, only_reading, split_words
    from common.export.tables import recommend

    named, overrides = split_words(words or [])
    if named is not None:
        if data is not None:
            raise UsageError(f"{named}: name your file once; --data has {data}")
        data = Path(named)
    reading = only_reading(overrides, None, ACTION_COLUMNS)
    target = out or run_dir / "recommendations.csv"
    rows = recommend(run_dir, data, top, target, keep_seen, force, reading)
    console.print(f"wrote {target}: {rows:,} rows", soft_wrap=True)


def looks_like_run(word: str) -> bool:
    """Tells whether ``word`` is a folder, or names a recipe rather than a file or a network."""
    is_file = os.path.isfile(word) or ":" in word or Path(word).suffix != ""
    return os.path.isdir(word) or not is_file


def _published(
    source: str, weights: Path | None, overrides: list[str] | None
) -> tuple[Recipe, Path] | None:
    """Returns ``weights`` with the recipe they are for; None where ``source`` is a run's folder."""
    if weights is None:
        if not os.path.exists(source):  # pathlib raises for a long word
            raise UsageError(f"{source}: no run folder; for published weights add --weights FILE")
        open_run(Path(source))
        return None
    if os.path.isfile(source) and not source.endswith((".json", ".yaml", ".yml")):
        raise UsageError(f"--weights {weights}: is for PAPER/RECIPE, and {source} is a file")
    recipe = load_recipe_or_record(source, overrides)
    if not weights.is_file():
        says = f"papers/{recipe.paper}/README.md says under Commands which ones it reads"
        raise UsageError(f"{weights}: no such file of weights; {says}")
    return recipe, weights


app.command("parity")(parity_command)


@app.command("verify")
def verify_command(
    paper: Annotated[str, typer.Argument(metavar="PAPER")],
    store: Annotated[
        bool, typer.Option("--store", help="Store steps that are missing or moved.")
    ] = False,
    new: Annotated[
        bool,
        typer.Option(
            "--new", help="Store steps that are missing; repeat none that this code gave."
        ),
    ] = False,
) -> None:
    """Checks by stored steps whether code and data still give the numbers of the records."""
    name = get_paper(paper).name
    from common.cli.verify import verify_paper

    verify_paper(name, store or new, console, only_new=new)


@app.command("leaderboard")
def leaderboard_command(
    check: Annotated[bool, typer.Option("--check", help="Fail if a page is stale.")] = False,
    wandb: Annotated[
        str | None,
        typer.Option(metavar="ENTITY/PROJECT", help="First store the records of tracked runs."),
    ] = None,
    add: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN_DIR", help="First store the record of this run or file."),
    ] = None,
    pilot: Annotated[
        str | None, typer.Option(help="The split that pilots were compared on.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write only DIR: a page with learning curves and images."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The records that --html shows, such as runs."),
    ] = None,
    runs: Annotated[
        Path, typer.Option(help="Where --html finds images and --wandb offline runs.")
    ] = Path("runs"),
) -> None:
    """In a checkout, builds LEADERBOARD.md and each RESULTS.md; with --html a page elsewhere."""
    from common.cli.leaderboard import build_leaderboard, write_html

    if html is None:
        if results is not None:
            raise UsageError("--results says which records --html DIR shows: name DIR")
        gc.disable()  # what is read is kept to the end: looking through it is a fifth of the time
        try:
            build_leaderboard(check, console, wandb=wandb, add=add, pilot=pilot, runs=runs)
        finally:
            gc.enable()
    elif check or wandb or add or pilot:
        raise UsageError("--html writes its folder alone; it goes with --results and --runs only")
    else:
        write_html(html, results, runs, console)


app.add_typer(data_app, name="data")


@app.command("new")
def new_command(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Writes the folder, a recipe and passing tests of a new paper."""
    from common.cli.new import scaffold

    scaffold(name, console)


def main() -> None:
    """Entry point: exit code 0 done, 1 failed, 2 bad usage or input; no traceback for users."""
    let_threads_sleep()
    say_warnings()
    keep_memory()
    unset_unreadable_ranks()
    sys.argv[1:] = map(_with_home, sys.argv[1:])
    with lasting_streams() as output, _ended_in_words():
        code = app(standalone_mode=False)  # that of typer's own exits
        if code == CTRL_C:
            raise KeyboardInterrupt
        if isinstance(code, int) and code:
            sys.exit(code)
        output.check()


def _with_home(word: str) -> str:
    """Returns ``word``, an option's ``=~/path`` as shells make it of ``--option ~/path``."""
    option, _, path = word.partition("=")
    is_path = option.startswith("--") and "." not in option and path.startswith("~")
    return f"{option}={os.path.expanduser(path)}" if is_path else word


@contextmanager
def _ended_in_words() -> Iterator[None]:
    try:
        yield
    except LikewiseError as error:
        say(f"error: {error}", "red")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted", "red")
        sys.exit(1)
    except Exception as error:
        # Click's own usage errors carry the message to show and the exit code.
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            _say_usage(error)
            sys.exit(error.exit_code)
        raise


def _say_usage(error: Any) -> None:
    """Says an error of click's, with the nearest options; one that is the help is shown as such."""
    context = getattr(error, "ctx", None)
    if context is None or type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    said, hint = error.format_message().rstrip("."), ""
    if type(error).__name__ == "NoSuchOption":
        options = [one for one in context.command.params if one.opts[0].startswith("--")]
        named = {one.opts[0]: " ".join(filter(None, [one.opts[0], one.metavar])) for one in options}
        near = get_close_matches(error.option_name, [*named], n=1)
        said = f"{error.option_name}: no such option"
        hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(named.values())}"
    say(f"error: {said}{hint}; see: {context.command_path} --help", "red")


if __name__ == "__main__":
    main()
