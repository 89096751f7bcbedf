"""Arms x seeds in one file: finished ones are skipped, unfinished ones resumed."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from common.callbacks.stopping import RunStopped
from common.config import Recipe, load_recipe
from common.errors import ConfigError, LikewiseError, UsageError
from common.execute import resume_run, start
from common.layers import read_yaml
from common.leaderboard.board import accepted_digests
from common.leaderboard.matching import matching_records
from common.leaderboard.record import Record, commit_record, default_results
from common.runs import RunFolder


@dataclass(frozen=True)
class Campaign:
    """The recipes of a campaign file, every arm with every seed, seed by seed."""

    name: str
    recipes: list[Recipe]


def parse_budget(text: str) -> float:
    """Returns seconds from ``45s``, ``90m`` or ``2h``; raises `UsageError` otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if match is None:
        raise UsageError(f"--budget {text!r}: write a number with s, m or h, such as 90m or 2h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def read_campaign(path: Path) -> Campaign:
    """Reads ``arms`` (recipe references), ``seeds`` and optional ``overrides``.

    Raises:
        UsageError: A missing file.
        ConfigError: Unknown keys, or a recipe that does not load: nothing runs then.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such campaign file")
    content = read_yaml(path)
    unknown = set(content) - {"arms", "seeds", "overrides"}
    if unknown or not content.get("arms") or not content.get("seeds"):
        raise ConfigError(f"{path}: needs arms and seeds, may have overrides; got {list(content)}")
    shared = list(content.get("overrides") or [])
    recipes = [
        load_recipe(arm, [*shared, f"seed={seed}"])
        for seed in content["seeds"]
        for arm in content["arms"]
    ]
    return Campaign(path.stem, recipes)


def run_campaign(
    campaign: Campaign,
    runs: Path,
    results: Path | None,
    deadline: float | None,
    console: Console,
) -> None:
    """Works through ``campaign`` until it is done or the budget is spent.

    Raises:
        LikewiseError: After all others have run, if some runs failed; names them.
    """
    failed: list[str] = []
    for number, recipe in enumerate(campaign.recipes, 1):
        label = f"[{number}/{len(campaign.recipes)}] {recipe.reference} seed {recipe.seed}"
        if deadline is not None and time.monotonic() > deadline:
            console.print(f"budget spent before {label}; run the same command to go on")
            break
        done = find_complete(recipe, runs, results or default_results())
        if done is not None:
            console.print(f"{label}: complete, run {done.run_id}")
            commit_record(done, results)
            continue
        console.print(label)
        unfinished = _find_unfinished(recipe, runs)
        try:
            record = (
                resume_run(unfinished, console, deadline)
                if unfinished is not None
                else start(recipe, runs, console, deadline)
            )
        except RunStopped as stop:
            if stop.by_user:
                raise
            console.print(str(stop), markup=False, highlight=False, soft_wrap=True)
            break
        except UsageError:  # the recipe or its data: every seed would fail alike
            raise
        except LikewiseError as error:
            console.print(f"failed: {error}", style="red", markup=False, soft_wrap=True)
            failed.append(label)
            continue
        if record is not None:
            commit_record(record, results)
    if failed:
        raise LikewiseError(f"{len(failed)} runs failed: {'; '.join(failed)}")


def find_complete(recipe: Recipe, runs: Path, results: Path) -> Record | None:
    """Returns the newest record of this recipe and seed in runs or results.

    Of the present code, or of code that `papers verify` found to give the same numbers.
    """
    paths = [*runs.glob(f"{recipe.paper}/*/*/result.json"), *results.glob(f"{recipe.paper}/*.json")]
    digests = accepted_digests(recipe.paper, results.parent)
    found = [record for _, record in matching_records(recipe, paths, digests)]
    return max(found, key=lambda record: record.finished, default=None)


def _find_unfinished(recipe: Recipe, runs: Path) -> RunFolder | None:
    """Returns the newest run of exactly this recipe and seed that has a checkpoint but no end."""
    found = None
    for config in sorted((runs / recipe.paper / recipe.folder).glob("*/config.yaml")):
        run = RunFolder(config.parent)
        try:
            other = run.read_recipe()
        except ConfigError:  # of an older schema: it cannot be gone on with
            continue
        same = (other.hash(), other.seed, other.arm) == (recipe.hash(), recipe.seed, recipe.arm)
        if same and not run.record.is_file() and any(run.checkpoints.glob("batch-*.ckpt")):
            found = run
    return found
