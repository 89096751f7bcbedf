"""`papers evaluate`: protocols on a run's weights or on published ones, with a record."""

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from common.config.build import COMMAND_LINE
from common.config.files import file_digest, require_writable
from common.config.protocols import check_protocols, require_measured
from common.config.recipe import SECTIONS, resolve
from common.config.schema import Recipe, with_protocols
from common.config.yaml_io import parse_overrides
from common.errors import ConfigError, DataError, UsageError
from common.paper import get_paper
from common.results.configuration import resolved_config
from common.results.ledger import setting_of
from common.results.record import NO_NUMBER, Record, read_record, write_record
from common.runs.devices import evaluation_device
from common.runs.folder import RunFolder, new_run, new_run_id, open_run
from common.runs.interruption import interrupts_wait
from common.runs.loading import Loaded, load_run, load_weights
from common.runs.record import RunMeasurements, describe_source, joined_digest, make_record
from common.runs.summary import measuring_text, show_result
from common.settings import collect_changes
from common.training.fit import evaluate, load_data, measure_references, num_parameters

# Data that only a protocol sees: they can be named once a run is trained.
MEASURED_ON = ("data.zero_shot",)
OWN_WEIGHTS = "the weights are this project's, not the authors'"


def evaluate_run(
    run_dir: Path,
    protocols: list[str] | None,
    console: Console,
    overrides: list[str] | None = None,
) -> Record:
    """Runs ``protocols`` (default: the recipe's) on a run; writes ``evaluations/<time>/``.

    Raises:
        UsageError: A run that has not finished, or whose folder cannot be written.
        DataError: Data that are not those the run was trained on.
        ConfigError: An unknown protocol, or an override of what the run was trained with or of a
            protocol that is not measured.
    """
    run = open_run(run_dir)
    if not run.record.is_file():
        raise UsageError(f"{run.path}: not finished; first papers resume {run.path}")
    require_writable(run.path / "evaluations")
    record, trained = read_record(run.record), run.read_recipe()
    settings = parse_overrides(overrides or [])
    recipe = _changed(run, trained, settings)
    names = protocols or recipe.evaluation.protocols
    check_protocols(recipe, {"--protocol": protocols or []})
    require_measured((key for key in settings if key.startswith("evaluation.")), names)
    experiment = load_run(run, with_protocols(recipe, names))
    added = bool(_changes(recipe, trained, "data"))
    present = load_data(trained).fingerprint if added else experiment.data.fingerprint
    if present != record.data_hash:
        raise DataError(
            f"{run.path}: its data had the hash {record.data_hash}, and have "
            f"{present} now: put the first ones back or train again"
        )
    started, source = time.perf_counter(), describe_source(recipe)
    if text := measuring_text(experiment.recipe):
        console.print(text, soft_wrap=True)
    experiment.module.to(evaluation_device(recipe))
    target = RunFolder(run.path / "evaluations" / new_run_id(run.path / "evaluations"))
    again = replace(
        _said_of_changes(record, trained, recipe),
        code_digest=joined_digest(
            record.paper, setting_of(record), record.code_digest, source.code_digest
        ),
        steps=None,
        commit=source.environment.commit,
        dirty=source.environment.dirty,
        versions=source.environment.versions,
        hardware=source.environment.hardware,
        # A record of its own: filed beside the training's, it must not take its place.
        run_id=f"{record.run_id}-{target.id}",
        curves={},
        pilot=recipe.evaluation.looked_at is not None,
        looked_at=recipe.evaluation.looked_at,
        data_hash=experiment.data.fingerprint,
        protocol="+".join(names),
        metrics=dict(evaluate(experiment, names, recipe.evaluation.split)),
        references={name: dict(row) for name, row in measure_references(experiment).items()},
        # They describe this evaluation on this machine, where nothing was trained.
        wall_s=time.perf_counter() - started,
        samples_per_s=0.0,
        data_wait_share=0.0,
        finished=run.finish_time(),
    )
    write_record(again, target.path)
    show_result(again, target, console)
    return again


def _changed(run: RunFolder, trained: Recipe, settings: dict[str, Any]) -> Recipe:
    """Returns the run's recipe with ``settings`` of how it is evaluated."""
    content = trained.to_dict()
    for name in ("recipe", "variant"):
        del content[name]
    layers = [
        (str(run.path / "config.yaml"), content),
        (COMMAND_LINE, settings),
    ]
    recipe = resolve(get_paper(trained.paper), trained.recipe, trained.variant, layers)
    sections = [name for name in SECTIONS if name != "evaluation"]
    changed = [key for key in _changes(recipe, trained, *sections) if key not in MEASURED_ON]
    if (recipe.seed, recipe.arm) != (trained.seed, trained.arm):
        changed.append("seed or arm")
    if changed:
        raise ConfigError(
            f"{', '.join(changed)}: the run was trained with it; here evaluation.* and "
            f"{', '.join(MEASURED_ON)} may be set"
        )
    return recipe


def _changes(recipe: Recipe, trained: Recipe, *sections: str) -> list[str]:
    found: dict[str, Any] = {}
    for section in sections:
        collect_changes(getattr(recipe, section), getattr(trained, section), section, found)
    return sorted(found)


def _said_of_changes(record: Record, trained: Recipe, recipe: Recipe) -> Record:
    """Returns the record, scaled where the protocols' settings are not the training's own."""
    changed = [
        key
        for key in _changes(recipe, trained, "data", "evaluation")
        if key not in ("evaluation.protocols", "evaluation.references")
    ]
    if not changed:
        return record
    reasons = [f"evaluated with other {', '.join(changed)}"]
    if record.scaled_reason not in (None, NO_NUMBER):
        reasons.insert(0, str(record.scaled_reason))
    return replace(
        record,
        scaled=True,
        scaled_reason="; ".join(reasons),
        config=resolved_config(recipe),
        config_hash=recipe.hash(),
    )


def evaluate_weights(
    recipe: Recipe, weights: Path, protocols: list[str] | None, root: Path, console: Console
) -> Record:
    """Loads published ``weights`` into the recipe's module and evaluates it in a new run folder.

    Raises:
        UsageError: As `load_weights` does.
    """
    names = protocols or recipe.evaluation.protocols
    check_protocols(recipe, {"--protocol": protocols or []})
    loaded = load_weights(with_protocols(recipe, names), weights)
    loaded.experiment.module.to(evaluation_device(recipe))
    if loaded.left_out:
        console.print(f"{weights.name}: {loaded.left_out}")
    with ExitStack() as ending:
        with interrupts_wait():
            run = new_run(recipe, root)
            ending.callback(run.unlock)
        return _measure(loaded, recipe, weights, run, console)


def _measure(
    loaded: Loaded, recipe: Recipe, weights: Path, run: RunFolder, console: Console
) -> Record:
    experiment, started = loaded.experiment, time.perf_counter()
    names = experiment.recipe.evaluation.protocols
    if text := measuring_text(experiment.recipe):
        console.print(text, soft_wrap=True)
    source = describe_source(recipe)
    metrics = evaluate(experiment, names, recipe.evaluation.split)
    measured = RunMeasurements(
        metrics=metrics,
        references=measure_references(experiment),
        selection="last",
        batches=0,
        epochs=0,
        wall_s=time.perf_counter() - started,
        samples_per_s=0.0,
        wait_share=0.0,
        devices=1,
        parameters=num_parameters(experiment.module),
        weights="published",
        weights_file=f"{weights.name} sha256:{file_digest(weights)}",
    )
    # Another protocol than the recipe's is no other recipe: its reported numbers apply.
    record = make_record(recipe, experiment.data, source, run, measured, None)
    record = replace(record, protocol="+".join(names))
    if loaded.own:  # which the numbers reported of the authors' weights are not about
        record = replace(record, scaled=True, scaled_reason=OWN_WEIGHTS)
    write_record(record, run.path)
    show_result(record, run, console)
    return record
