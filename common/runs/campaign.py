"""Arms x seeds in one file: finished ones are skipped, unfinished ones resumed."""

import time
from pathlib import Path

from rich.console import Console

from common.config.schema import Recipe
from common.errors import ConfigError, LikewiseError, UsageError
from common.results.digest import code_digest
from common.results.ledger import matching_records, read_ledger
from common.results.record import Record, commit_record, default_results
from common.runs.campaign_file import Campaign
from common.runs.checkpoints import last_good_checkpoint
from common.runs.folder import RunFolder, RunInUse
from common.runs.interruption import RunStopped
from common.runs.launch import is_main_process
from common.runs.resume import resume_run
from common.runs.start import start
from common.training.checkpoint import read_checkpoint
from common.training.position import KEY


def run_campaign(
    campaign: Campaign,
    runs: Path,
    results: Path | None,
    deadline: float | None,
    console: Console,
) -> None:
    """Works through ``campaign`` until it is done or the budget is spent.

    A run that another process is at is left to it. An arm whose recipe or data are refused is
    not tried with further seeds.

    Raises:
        LikewiseError: After all others have run, if some runs failed; names them. A `UsageError`
            if each was refused before it began.
    """
    filed = results is not None  # a user's own recipes are filed only where it is asked for
    results = results or default_results()
    failed: list[str] = []
    refused: dict[str, int] = {}  # by the recipe's hash, the seed it was refused at
    not_tried = 0
    for number, recipe in enumerate(campaign.recipes, 1):
        label = f"[{number}/{len(campaign.recipes)}] {recipe.reference} seed {recipe.seed}"
        if deadline is not None and time.monotonic() > deadline:
            console.print(f"budget spent before {label}; run the same command to go on")
            break
        done = find_complete(recipe, runs, results)
        if done is not None:
            console.print(f"{label}: complete, run {done.run_id}")
            if filed or recipe.file is None:
                commit_record(done, results)
            continue
        if recipe.hash() in refused:
            _say(f"{label}: not tried, refused at seed {refused[recipe.hash()]}", console)
            not_tried += 1
            continue
        console.print(label)
        try:
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
            console.print(f"failed: {error}", style="red", markup=False, soft_wrap=True)
            failed.append(label)
            if isinstance(error, UsageError):
                refused[recipe.hash()] = recipe.seed
            continue
        if record is not None and (filed or recipe.file is None):
            commit_record(record, results)
    if failed:
        kind = UsageError if len(refused) == len(failed) else LikewiseError
        others = f", {not_tried} not tried" if not_tried else ""
        raise kind(f"{len(failed)} failed{others}: {'; '.join(failed)}")


def _run(
    recipe: Recipe, runs: Path, results: Path, deadline: float | None, console: Console
) -> Record | None:
    """Goes on with the recipe's unfinished run, or starts it where there is none to go on with."""
    unfinished = _find_unfinished(recipe, runs, results, console)
    if unfinished is not None:
        try:
            return resume_run(unfinished, console, deadline)
        except RunInUse:
            raise
        except UsageError as error:  # such as data that have changed since; a new start may do
            _say(f"left as it is: {error}", console)
    return start(recipe, runs, console, deadline)


def _say(text: str, console: Console) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def find_complete(recipe: Recipe, runs: Path, results: Path) -> Record | None:
    """Returns the newest record of this recipe and seed in runs or results.

    Of the present code, or of code that `papers verify` found to give the same numbers.
    """
    paths = [*runs.glob(f"{recipe.paper}/*/*/result.json"), *results.glob(f"{recipe.paper}/*.json")]
    found = [record for _, record in matching_records(recipe, paths, results.parent)]
    return max(found, key=lambda record: record.finished, default=None)


def _find_unfinished(
    recipe: Recipe, runs: Path, results: Path, console: Console
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
        problem = _why_not(run, recipe, results.parent)
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
