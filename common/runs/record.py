"""The record of a run, made of its recipe and of what was measured, and the code it is of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from common.config.checkout import SOURCE_ROOT
from common.config.schema import Recipe
from common.data.contract import RunData
from common.results.configuration import resolved_config
from common.results.curves import stored_curves
from common.results.digest import code_digest
from common.results.ledger import MIXED, read_ledger, setting_name
from common.results.record import Record
from common.results.reported import scaled_reason
from common.runs.environment import Environment, describe_environment
from common.runs.folder import RunFolder
from common.training.position import KEY


def joined_digest(paper: str, setting: str, then: str, now: str) -> str:
    """Returns the digest of what code ``then`` began and code ``now`` went on with.

    That of now where `papers verify` found both to give the steps of ``setting``, else `MIXED`.
    """
    same = read_ledger(paper, SOURCE_ROOT).same_numbers(setting, then, now)
    return now if same else MIXED


class Provenance(Callback):
    """Adds run, paper and code to the position that `Position` keeps; stands after it.

    ``code_digest`` is that of the whole run, also where it was begun by other code.
    """

    def __init__(self, run_id: str, paper: str, setting: str, code_digest: str) -> None:
        self.run_id, self.paper, self.setting = run_id, paper, setting
        self.code_digest = code_digest

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Adds them."""
        own = {"run_id": self.run_id, "paper": self.paper, "code_digest": self.code_digest}
        checkpoint[KEY] |= own

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Warns where the code has changed since the run began."""
        then = checkpoint[KEY]["code_digest"]
        self.code_digest = joined_digest(self.paper, self.setting, then, self.code_digest)
        if self.code_digest == MIXED:
            rank_zero_warn("the code has changed since this run began: its row will be mixed")


@dataclass(frozen=True, kw_only=True)
class RunMeasurements:
    """What a run measured; times in seconds."""

    metrics: Mapping[str, float | None]
    references: Mapping[str, Mapping[str, float | None]]
    selection: str
    batches: int
    epochs: int
    wall_s: float
    samples_per_s: float
    wait_share: float
    devices: int
    parameters: int
    weights: str = "trained"
    weights_file: str | None = None


@dataclass(frozen=True)
class CodeAndMachine:
    """What a run is made with, described before it starts: code, machine, and the recipe's file.

    ``scaled_reason`` says why no reported number is set beside the run, if none is.
    """

    code_digest: str
    environment: Environment
    scaled_reason: str | None


def describe_source(recipe: Recipe) -> CodeAndMachine:
    """Describes them now: files may be edited while a run goes on."""
    return CodeAndMachine(code_digest(recipe.paper), describe_environment(), scaled_reason(recipe))


def make_record(
    recipe: Recipe,
    data: RunData,
    source: CodeAndMachine,
    run: RunFolder,
    measured: RunMeasurements,
    wandb: str | None,
) -> Record:
    """Returns the record of a finished run.

    Args:
        recipe: What was run.
        data: The data module, for the fingerprint.
        source: As described before the run.
        run: The run's folder.
        measured: What came out.
        wandb: ``entity/project/id`` of the tracked run, or None.
    """
    environment = source.environment
    config = recipe.evaluation
    return Record(
        run_id=run.id,
        paper=recipe.paper,
        arm=recipe.arm,
        recipe=recipe.recipe,
        variant=recipe.variant,
        seed=recipe.seed,
        weights=measured.weights,
        weights_file=measured.weights_file,
        data=recipe.data.name,
        data_hash=data.fingerprint,
        protocol="+".join(config.protocols),
        selection=measured.selection,
        metrics=dict(measured.metrics),
        references={name: dict(row) for name, row in measured.references.items()},
        epochs=measured.epochs,
        batches=measured.batches,
        scaled=source.scaled_reason is not None,
        scaled_reason=source.scaled_reason,
        config=resolved_config(recipe),
        config_hash=recipe.hash(),
        steps=_steps_id(recipe, source, measured.weights),
        code_digest=source.code_digest,
        commit=environment.commit,
        dirty=environment.dirty,
        versions=environment.versions,
        hardware=environment.hardware,
        precision=recipe.trainer.precision,
        devices=measured.devices,
        global_batch=recipe.global_batch,
        wall_s=measured.wall_s,
        samples_per_s=measured.samples_per_s,
        data_wait_share=measured.wait_share,
        parameters=measured.parameters,
        finished=run.finish_time(),
        wandb=wandb,
        curves=stored_curves(run.path),
        pilot=config.looked_at is not None,
        looked_at=config.looked_at,
    )


def _steps_id(recipe: Recipe, source: CodeAndMachine, weights: str) -> str | None:
    """Returns the id of the setting's stored steps, if the code was found to give them."""
    ledger = read_ledger(recipe.paper, SOURCE_ROOT)
    setting = setting_name(recipe.hash(), weights)
    return ledger.steps_id(setting) if ledger.agrees(setting, source.code_digest) else None
