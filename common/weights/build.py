"""Makes the files of a release from finished runs: weights, model card, entry of the manifest."""

import io
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import torch
from lightning import LightningModule
from rich.console import Console

from common.config.recipe import load_recipe
from common.config.yaml_io import to_yaml
from common.errors import LikewiseError, UsageError
from common.files import file_digest, write_atomic
from common.results.configuration import recipe_of
from common.results.groups import Group
from common.results.leaderboard import read_leaderboard
from common.results.record import Record, read_record
from common.runs.export import load_run
from common.runs.folder import is_run, open_run, run_path
from common.runs.start import start
from common.training.position import KEY
from common.weights.card import card_text
from common.weights.licences import licence_of
from common.weights.release import MANIFEST, Released, card_name, read_release
from common.weights.use import use_lines

HEADER_END = "url:"


class Built(NamedTuple):
    """A file of the release, the setting it is of, and how its run compares with the record."""

    reference: str
    released: Released
    compared: str


def build(source: str, out: Path, runs: Path, console: Console) -> Built:
    """Writes the weights of a run, and their model card, into the folder ``out``.

    Args:
        source: The folder of a finished run, or a recipe: the committed record of its first seed is
            then repeated below ``runs``.
        out: Is made where it is missing.
        runs: The folder for run folders.
        console: Shows the training.

    Raises:
        UsageError: A run that has not finished or was changed by hand, or a setting without a
            committed record.
        LikewiseError: The file does not give the run's weights back.
    """
    run_dir = Path(source) if is_run(source) else _train(source, runs, console)
    run = open_run(run_dir)
    if not run.record.is_file():
        raise UsageError(f"{run.path}: not finished; first papers resume {run.path}")
    record = read_record(run.record)
    group = committed(record)
    filed = next((one for one in group.records if one.seed == record.seed), None)
    if filed is None:
        raise UsageError(f"{run.path}: results/ has no record of {record.reference}, this seed")
    file = f"{record.paper}-{run.path.parent.name}.ckpt"
    content, compared = checkpoint_bytes(load_run(run.path).module), compare(record, filed)
    use = use_lines(load_recipe(record.reference), file)
    write_atomic(out / file, content)
    write_atomic(out / card_name(file), card_text(record, use, group, compared))
    released = Released(
        file=file,
        bytes=len(content),
        sha256=file_digest(out / file),
        record=filed.filename,
        data=record.data,
        licence=licence_of(record.data) or "not known",
    )
    return Built(record.reference, released, compared)


def committed(record: Record) -> Group:
    """Returns the committed runs of the setting that ``record`` is of.

    Raises:
        UsageError: There are none, or the setting is not the recipe's as it stands.
    """
    if load_recipe(record.reference).hash() != record.config_hash:
        raise UsageError(
            f"{record.filename}: trained with other settings than {record.reference} has; only a "
            "recipe's own weights can be released, for it is loaded with them"
        )
    return _group(record.reference, record.config_hash)


def _group(reference: str, config_hash: str) -> Group:
    for group in read_leaderboard(paper=reference.partition("/")[0]).groups:
        one = group.latest
        if (one.reference, one.config_hash, one.weights) == (reference, config_hash, "trained"):
            return group
    raise UsageError(f"{reference}: results/ holds no record of it, which the numbers come from")


def _train(reference: str, runs: Path, console: Console) -> Path:
    """Repeats the committed record of the setting's first seed and returns the run's folder."""
    recipe = load_recipe(reference)
    recipe = recipe_of(_group(recipe.name, recipe.hash()).records[0])
    record = start(recipe, runs, console)
    if record is None:
        raise LikewiseError(f"{reference}: the weights are built by one process, without a launch")
    return run_path(recipe, runs, record.run_id)


def compare(record: Record, filed: Record) -> str:
    """Says how far the numbers of a run are from those of the record that it repeats."""
    of_record = f"those of results/{filed.paper}/{filed.filename}"
    if record.metrics == filed.metrics:
        return f"all {len(filed.metrics)} metrics equal {of_record}"
    pairs = {name: (record.metrics.get(name), value) for name, value in filed.metrics.items()}
    gaps = {name: abs(a - b) for name, (a, b) in pairs.items() if a is not None and b is not None}
    metric = max(gaps, key=lambda name: gaps[name])
    return f"the metrics differ from {of_record}, {metric} the most: by {gaps[metric]:.2g}"


def checkpoint_bytes(module: LightningModule) -> bytes:
    """Returns a module's weights and settings as ``load_from_checkpoint`` takes them.

    Equal weights give equal bytes under one version of torch. The file is read back and compared.

    Raises:
        LikewiseError: What is read back differs.
    """
    content: dict[str, Any] = {
        "pytorch-lightning_version": lightning.__version__,
        "state_dict": module.state_dict(),
        type(module).CHECKPOINT_HYPER_PARAMS_KEY: dict(module.hparams),
        KEY: {},
    }
    file = io.BytesIO()
    torch.save(content, file)
    stored = torch.load(io.BytesIO(file.getvalue()), weights_only=True)["state_dict"]
    if not all(torch.equal(array, stored[name]) for name, array in content["state_dict"].items()):
        name = type(module).__name__
        raise LikewiseError(f"{name}: the weights read back differ from the run's; report this")
    return file.getvalue()


def store(built: Built, path: Path = MANIFEST) -> None:
    """Writes the manifest anew, with ``built`` in place of the entry of its recipe.

    The comment that opens the file stays.
    """
    release = read_release(path)
    entries = {**release.files, built.reference: built.released}
    files = {name: asdict(each) for name, each in sorted(entries.items())}
    header = path.read_text(encoding="utf-8").partition(f"\n{HEADER_END}")[0]
    write_atomic(path, f"{header}\n{to_yaml({'url': release.url, 'files': files})}")
