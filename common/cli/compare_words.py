"""The words of ``papers compare``: run folders, folders of them, campaigns and recipes."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.config.checkout import SOURCE_ROOT
from common.config.references import FILE_PATTERN, find_recipe
from common.config.yaml_io import read_yaml
from common.errors import UsageError
from common.paper import paper_names
from common.results.board import present_code
from common.results.groups import group_records
from common.results.pages.sections import record_order
from common.results.record import Record, read_record
from common.runs.campaign_file import is_campaign, read_campaign
from common.runs.folder import DEPTH, is_run

DEEPEST = DEPTH + 1  # the job of docs/slurm.sh has its run one folder deeper


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
            yield from (one for one in found if "evaluations" not in one.parts)


def _of_campaign(path: Path, runs: Path, results: Path | None) -> Iterator[Record]:
    """Yields the records of the campaign's runs, in the order of its file."""
    recipes = read_campaign(path).recipes
    known = {paper: _known(paper, runs, results) for paper in {one.paper for one in recipes}}
    for recipe in recipes:
        wanted = (recipe.arm, recipe.hash(), recipe.seed, recipe.evaluation.looked_at)
        for record in known[recipe.paper]:
            if wanted == (record.arm, record.config_hash, record.seed, record.looked_at):
                yield record


def _of_recipe(word: str, runs: Path, results: Path | None, whole: bool) -> list[Record]:
    """Returns the records of a recipe, without those of settings that were run again since."""
    found = find_recipe(word, read_yaml)
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
