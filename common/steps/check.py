"""Holds the present code against the stored steps of a paper's records, and stores them anew."""

import gc
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.config.devices import usable_cores
from common.config.schema import Recipe
from common.data.contract import RunData
from common.errors import DataError, LikewiseError, MissingLibrary
from common.results.configuration import recipe_of
from common.results.digest import code_digest
from common.results.ledger import (
    Check,
    Ledger,
    ledger_path,
    read_ledger,
    setting_of,
    write_ledger,
)
from common.results.record import Record, load_records
from common.runs.environment import installed_versions

# A ledger says what moved first; the file and the present code say the rest.
NAMED = 5


@dataclass(frozen=True)
class Job:
    """One file of steps to compute: a setting's training, or protocols that settings share.

    ``stored`` is its present file and ``id`` what the ledger has of it, None and "" where it is
    stored for the first time. ``references`` are those of all the settings that share protocols.
    """

    name: str
    record: Record
    shape: dict[str, Any]
    measures: bool
    stored: Path | None
    id: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a job found: the id of its file, and what differs from it.

    ``tells`` is False where most of it is too sensitive to be compared.
    """

    name: str
    id: str
    differ: list[str]
    other_versions: bool = False
    tells: bool = True


def by_setting(records: Iterable[Record]) -> dict[str, Record]:
    """Returns the newest record of each setting whose configuration is known."""
    known = [record for record in records if record.config is not None and record.counts]
    return {setting_of(one): one for one in sorted(known, key=lambda record: record.finished)}


def check_paper(
    paper: str,
    root: Path,
    store: bool,
    other_data: Iterable[str] = (),
    advance: Callable[[int, int], None] = lambda *_: None,
    leave_out: Callable[[Record, str], None] = lambda *_: None,
    only_new: bool = False,
) -> tuple[Ledger, Check]:
    """Computes the steps of each setting with records and writes the ledger.

    Args:
        paper: The folder's name under ``papers/``.
        root: The folder that holds ``results/``.
        store: Store what has no file yet, and anew what moved.
        other_data: Hashes of records' data that the present readers no longer give.
        advance: Told of how many files are done, of how many, at each.
        leave_out: Told of each record whose setting cannot be stored, and why.
        only_new: Do not compute again what this very code has agreed with before.

    Returns:
        The ledger, and in it the check of the present code.

    Raises:
        LikewiseError: If the code changes meanwhile.
    """
    now, ledger = code_digest(paper), read_ledger(paper, root)
    records = load_records(root / "results", paper)
    jobs, names = plan(records, ledger, root, store, leave_out)
    known = _known(jobs, names, ledger, now) if only_new else {}
    outcomes = list(known.values())
    for outcome in run_jobs([job for job in jobs if job.name not in known], root, store):
        outcomes.append(outcome)
        advance(len(outcomes), len(jobs))
    if code_digest(paper) != now:
        raise LikewiseError(f"{paper}: the code changed while its steps were taken; verify again")
    check = Check(
        agree=sorted(one.id for one in outcomes if not one.differ and one.tells),
        differ={one.id: one.differ[:NAMED] for one in outcomes if one.differ},
        other_versions=sorted(one.id for one in outcomes if one.differ and one.other_versions),
        other_data=sorted(other_data),
    )
    wanted = {now, *(record.code_digest for record in records)}
    kept = {digest: one for digest, one in ledger.checks.items() if digest in wanted}
    files = {one.name: one.id for one in outcomes}
    made_with = {job.name: job.record.run_id for job in jobs}
    checks = kept | {now: check}
    found = replace(ledger, files=files, records=made_with, settings=names, checks=checks)
    write_ledger(found, root)
    if store:
        _remove_unused(ledger_path(paper, root).parent, found)
    return found, check


def _known(
    jobs: list[Job], names: dict[str, list[str]], ledger: Ledger, now: str
) -> dict[str, Outcome]:
    """Returns by name what the check of the code ``now`` has of files that no new setting has."""
    agree = ledger.checks[now].agree if now in ledger.checks else []
    new = {
        name for setting, mine in names.items() if setting not in ledger.settings for name in mine
    }
    kept = [job for job in jobs if job.stored is not None and job.id in agree]
    return {job.name: Outcome(job.name, job.id, []) for job in kept if job.name not in new}


def _remove_unused(folder: Path, ledger: Ledger) -> None:
    """Removes files of steps that no setting has."""
    for path in folder.glob("*.json"):
        if path.stem not in ledger.files and path != folder / "ledger.json":
            path.unlink()


def plan(
    records: list[Record],
    ledger: Ledger,
    root: Path,
    store: bool,
    leave_out: Callable[[Record, str], None] = lambda *_: None,
) -> tuple[list[Job], dict[str, list[str]]]:
    """Returns a job for each file, and the names of each setting's files."""
    from common.steps.file_format import read_steps, steps_path
    from common.steps.of_setting import measures_key

    jobs: dict[str, Job] = {}
    names: dict[str, list[str]] = {}
    shapes: dict[str, dict[str, Any]] = {}
    by_run = {record.run_id: record for record in records}
    for setting, record in by_setting(records).items():
        known = ledger.settings.get(setting, [])
        stored = [steps_path(root / "results", ledger.paper, name) for name in known]
        if not store and not stored:
            continue
        recipe = quiet_recipe(record)
        try:
            shape = read_steps(stored[0]).shape if stored else shape_of(record, shapes)
        except (DataError, MissingLibrary) as error:
            leave_out(record, str(error))
            continue
        # Under the stored names: a protocol's new setting must not make other files of them.
        mine = known
        if not mine:
            mine = [setting] if record.batches else []
            mine = [*mine, measures_key(recipe, shape, record.weights == "published")]
        names[setting] = mine
        for name in mine:
            path = steps_path(root / "results", ledger.paper, name)
            kept = path if path.is_file() else None
            # A later seed must not take the place of the one that the file was made with.
            maker = by_run.get(ledger.records.get(name, ""), record)
            job = Job(name, maker, shape, name != setting, kept, ledger.files.get(name, ""))
            held = jobs.get(name, job)
            both = dict.fromkeys([*held.references, *recipe.evaluation.references])
            jobs[name] = replace(held, references=tuple(both))
    return list(jobs.values()), names


def quiet_recipe(record: Record) -> Recipe:
    """Returns the record's recipe; what it would warn of is for those who run it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return recipe_of(record)


def data_of(record: Record) -> RunData:
    """Reads the real data of a record; raises `DataError` where they are not at hand."""
    from common.training.fit import load_data

    return load_data(quiet_recipe(record))


def shape_of(record: Record, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Returns the shape of what stands in for the record's real data, which are read once each.

    Texts are cut into whole words: a record keeps the last name of a tokeniser's folder alone.

    Args:
        record: Whose setting's steps are to be stored.
        known: The shapes that were found before; this one is added.

    Raises:
        DataError: If data are not at hand, or nothing can be stored of the setting.
    """
    from common.steps.of_setting import describe_data
    from common.steps.points import own_part
    from common.training.fit import load_data

    recipe = quiet_recipe(record)
    if record.weights == "published" and own_part(recipe, "publish") is None:
        raise DataError(f"{record.paper}: steps.py does not say how published weights are written")
    if hasattr(recipe.data, "tokenizer"):
        recipe = replace(recipe, data=replace(recipe.data, tokenizer=None))
    key = repr((recipe.data, recipe.seed))
    if key not in known:
        known[key] = describe_data(load_data(recipe))
    return known[key]


def run_jobs(jobs: list[Job], root: Path, store: bool) -> Iterable[Outcome]:
    """Yields the outcome of each job, as many at once as there are cores."""
    workers = min(usable_cores(), len(jobs))
    if workers < 2:
        yield from (run_job(job, root, store) for job in jobs)
        return
    context = multiprocessing.get_context("spawn")
    with one_thread(), ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(run_job, jobs, [root] * len(jobs), [store] * len(jobs))


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets processes that are started within the block compute on one thread each.

    OpenMP reads the variable when a library is loaded, so that a worker cannot set its own.
    """
    name, before = "OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS")
    os.environ[name] = before or "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def run_job(job: Job, root: Path, store: bool) -> Outcome:
    """Computes a file of steps and compares it with the stored one, or stores it."""
    from common.steps.file_format import (
        differing_numbers,
        extend,
        read_steps,
        steps_path,
        write_steps,
    )
    from common.steps.of_setting import run_measures, run_steps

    record, recipe = job.record, quiet_recipe(job.record)
    # Trainer, module and data hold each other: only the collector frees what the last job made.
    gc.collect()

    def compute(sensitive: bool) -> Any:
        if job.measures:
            settings = replace(recipe.evaluation, references=list(job.references))
            shared = replace(recipe, evaluation=settings)
            return run_measures(shared, job.shape, record.weights == "published", sensitive)
        return run_steps(recipe, job.shape, record.batches, record.epochs, sensitive)

    path = steps_path(root / "results", recipe.paper, job.name)
    if job.stored is not None:
        stored = read_steps(job.stored)
        try:
            found = compute(sensitive=False)
            differ = differing_numbers(stored, found)
            if store and not differ and found.labelled.keys() > stored.labelled.keys():
                stored = extend(stored, compute(sensitive=True))
                write_steps(stored, path)
        except Exception as error:  # code that cannot take the steps does not give the numbers
            if store:
                raise
            differ = [f"the steps failed: {type(error).__name__}: {error}"]
        if not differ or not store:
            other = stored.versions != installed_versions()
            return Outcome(job.name, stored.id, differ, other, stored.tells)
    elif not store:
        return Outcome(job.name, job.id, [f"{job.name}.json is not there"])
    fresh = compute(sensitive=True)
    write_steps(fresh, path)
    return Outcome(job.name, fresh.id, [], tells=fresh.tells)
