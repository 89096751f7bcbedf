"""Arms x seeds in one file: finished ones are skipped, unfinished ones resumed.

The records stay in the folders of the runs unless a folder to file them in is given.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from common.config.checkout import SOURCE_ROOT
from common.config.devices import is_main_process
from common.config.overrides import changed_words
from common.config.schema import Recipe
from common.errors import ConfigError, LikewiseError, UsageError
from common.results.digest import code_digest
from common.results.ledger import matching_records, read_ledger
from common.results.record import Record, commit_record
from common.runs.campaign_file import Campaign
from common.runs.checkpoints import last_good_checkpoint
from common.runs.folder import RunFolder, RunInUse, take_lock
from common.runs.interruption import RunStopped
from common.runs.jobs import Queue
from common.runs.run import resume_run, start_run
from common.training.position import KEY, read_checkpoint


def run_campaign(
    campaign: Campaign,
    runs: Path,
    results: Path | None,
    deadline: float | None,
    console: Console,
    show: Callable[[list[Record]], None] = lambda records: None,
    check: Callable[[Record], None] = lambda record: None,
) -> None:
    """Works through ``campaign`` until it is done or the budget is spent.

    A run that another process is at is left to it. An arm whose recipe or data are refused is
    not tried with further seeds.

    Args:
        campaign: What to run.
        runs: Where run folders are made; a run that is complete there is not run again.
        results: Where copies of the records are filed; one that is there counts as complete, too.
            None leaves each record in its run's folder alone.
        deadline: `time.monotonic` value after which nothing goes on.
        console: Where to tell.
        show: Takes the records of the complete runs when nothing more is run.
        check: Takes each record as soon as it is there; what it raises ends the campaign.

    Raises:
        LikewiseError: After all others have run, if some runs failed; names them. A `UsageError`
            if each was refused before it began.
    """
    failed: list[str] = []
    refused: dict[str, int] = {}  # by the recipe's hash, the seed it was refused at
    not_tried = 0
    complete: list[Record] = []
    for recipe, label in zip(campaign.recipes, _labels(campaign.recipes), strict=True):
        if deadline is not None and time.monotonic() > deadline:
            console.print(f"budget spent before {label}; run the same command to go on")
            break
        if done := _take_complete(recipe, label, runs, results, console):
            check(done)
            complete.append(done)
            continue
        if recipe.hash() in refused:
            _say(f"{label}: not tried, refused at seed {refused[recipe.hash()]}", console)
            not_tried += 1
            continue
        _say(label, console)
        try:
            with _claim(recipe, runs):
                record = _run(recipe, runs, results, deadline, console)
        except RunInUse as error:
            _say(f"skipped: {error}", console)
            continue
        except RunStopped as stop:
            if stop.by_user:
                raise
            _say(str(stop), console)
            break
        except LikewiseError as error:
            console.print(f"failed: {error}", style="red", soft_wrap=True)
            failed.append(label)
            if isinstance(error, UsageError):
                refused[recipe.hash()] = recipe.seed
            continue
        if record is not None:
            _file(record, results, console)
            check(record)
            complete.append(record)
    if complete:
        show(complete)
    if failed:
        kind = UsageError if len(refused) == len(failed) else LikewiseError
        others = f", {not_tried} not tried" if not_tried else ""
        raise kind(f"{len(failed)} failed{others}: {'; '.join(failed)}")


def submit_campaign(
    campaign: Campaign,
    queue: Queue,
    console: Console,
    show: Callable[[list[Record]], None] = lambda records: None,
) -> None:
    """Submits what is not complete, says where each run is, and shows what is complete.

    Args:
        campaign: What to run.
        queue: Takes the runs, and knows where run folders and copies of records are.
        console: Where to tell.
        show: Takes the records of the complete runs.

    Raises:
        ConfigError: A recipe that cannot be a job; nothing is submitted.
        LikewiseError: A job that is refused; those before it are submitted.
    """
    for recipe in campaign.recipes:
        queue.shape(recipe)
    runs, results, complete = queue.runs, queue.results, []
    for recipe, label in zip(campaign.recipes, _labels(campaign.recipes), strict=True):
        if done := _take_complete(recipe, label, runs, results, console):
            complete.append(done)
            continue
        try:
            with _claim(recipe, runs):
                pass
            _say(f"{label}: {queue.submit(recipe)}", console)
        except RunInUse as error:
            _say(f"{label}: skipped: {error}", console)
    if complete:
        show(complete)
    if len(complete) < len(campaign.recipes):
        said = f"{len(complete)} of {len(campaign.recipes)} runs are complete"
        _say(f"{said}; the same command tells later how far the others are", console)


def _take_complete(
    recipe: Recipe, label: str, runs: Path, results: Path | None, console: Console
) -> Record | None:
    """Returns the record of the complete run of ``recipe``, which it names and files, or None."""
    found = find_complete(recipe, runs, results)
    if found is None:
        return None
    _say(f"{label}: complete, {found[0]}", console)
    _file(found[1], results, console)
    return found[1]


def _labels(recipes: Sequence[Recipe]) -> list[str]:
    """Returns what each run is called: its recipe, the words that not all runs have, its seed."""
    words = [changed_words(recipe) for recipe in recipes]
    shared = set.intersection(*map(set, words))
    names = (
        " ".join([recipe.reference, *(word for word in own if word not in shared)])
        for recipe, own in zip(recipes, words, strict=True)
    )
    return [
        f"[{number}/{len(recipes)}] {name} seed {recipe.seed}"
        for number, (recipe, name) in enumerate(zip(recipes, names, strict=True), 1)
    ]


def _file(record: Record, results: Path | None, console: Console) -> None:
    """Files a copy of ``record`` and says where; a campaign that is run again says it again."""
    if results is not None:
        _say(f"filed {commit_record(record, results)}", console)


def _run(
    recipe: Recipe, runs: Path, results: Path | None, deadline: float | None, console: Console
) -> Record | None:
    """Goes on with the recipe's unfinished run, or starts it where there is none to go on with.

    Another process may have completed it since it was looked for: then that record is returned.
    """
    if done := find_complete(recipe, runs, results):
        return done[1]
    unfinished = _find_unfinished(recipe, runs, results, console)
    if unfinished is not None:
        try:
            return resume_run(unfinished, console, deadline)
        except RunInUse:
            raise
        except UsageError as error:  # such as data that have changed since; a new start may do
            _say(f"left as it is: {error}", console)
    return start_run(recipe, runs, console, deadline)


@contextmanager
def _claim(recipe: Recipe, runs: Path) -> Iterator[None]:
    """Keeps processes that begin the same campaign at one moment from starting the same run.

    From its start on a run's own lock does so; until then its data are read.

    Raises:
        RunInUse: If another process holds the claim.
        UsageError: As `take_lock`.
    """
    if not is_main_process():  # the main process speaks for the others of its launch
        yield
        return
    path = runs / recipe.paper / recipe.folder / f".{recipe.hash()}-s{recipe.seed}.lock"
    with suppress(OSError):  # the lock tells
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = take_lock(path)
    except RunInUse:
        raise RunInUse(f"{path}: another process is at this run") from None
    with lock:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _say(text: str, console: Console) -> None:
    console.print(text, soft_wrap=True)


def find_complete(recipe: Recipe, runs: Path, results: Path | None) -> tuple[Path, Record] | None:
    """Returns the newest record of this recipe and seed in runs or results, and its file.

    The present code made it, or code that `papers verify` found to give the same numbers.
    """
    paths = [*runs.glob(f"{recipe.paper}/*/*/result.json")]
    if results is not None:
        paths += results.glob(f"{recipe.paper}/*.json")
    found = matching_records(recipe, paths, _ledgers(results))
    return max(found, key=lambda pair: pair[1].finished, default=None)


def _ledgers(results: Path | None) -> Path:
    """Returns the folder with ``results/``, whose ledgers tell which code gives equal numbers."""
    return SOURCE_ROOT if results is None else results.parent


def _find_unfinished(
    recipe: Recipe, runs: Path, results: Path | None, console: Console
) -> RunFolder | None:
    """Returns the newest run of exactly this recipe and seed that has a checkpoint but no end.

    One that code of other numbers began is left alone: gone on with, its row would be mixed.

    Raises:
        RunInUse: If another process is at such a run.
    """
    for config in sorted((runs / recipe.paper / recipe.folder).glob("*/config.yaml"), reverse=True):
        run = RunFolder(config.parent)
        try:
            other = run.read_recipe()
        except ConfigError:  # of an older schema: it cannot be gone on with
            continue
        same = (other.hash(), other.seed, other.arm) == (recipe.hash(), recipe.seed, recipe.arm)
        if not same or run.record.is_file():
            continue
        if is_main_process():  # the others of a launch would find their own main process
            run.lock()
            run.unlock()
        if not any(run.checkpoints.glob("batch-*.ckpt")):
            continue
        problem = _why_not(run, recipe, _ledgers(results))
        if problem is None:
            return run
        _say(f"left as it is: {problem}", console)
    return None


def _why_not(run: RunFolder, recipe: Recipe, root: Path) -> str | None:
    """Returns why ``run`` is not to be gone on with, or None."""
    path, problems = last_good_checkpoint(run.checkpoints, run.id)
    if path is None:
        return "; ".join(problems)
    then, now = read_checkpoint(path)[KEY].get("code_digest"), code_digest(recipe.paper)
    if not read_ledger(recipe.paper, root).same_numbers(recipe.hash(), then, now):
        return f"{run.path}: the code has changed since it began; by hand: papers resume {run.path}"
    return None
