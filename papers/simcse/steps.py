"""Where SimCSE's trainings are looked at, what follows a schedule, and a file of weights."""

from pathlib import Path

from lightning import LightningModule

from common.config.schema import Recipe
from common.steps.points import Counts, Place, Point, late, training_start
from common.training.stages import stage_number
from papers.simcse.module import SimCSE


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start and a late moment; of two stages the first one's end, and the end of all."""
    epochs = recipe.method.pretrain_epochs
    if not epochs:
        return [training_start(), late(counts)]
    begins = Point("contrast begins", counts.end_of_epoch(epochs - 1))
    return [training_start(), begins, Point("end", counts.end_of_epoch(counts.epochs - 1))]


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns the number of the stage."""
    if not isinstance(module, SimCSE):
        return {}
    return {"stage": float(stage_number(module.stages, place.epoch))}


def publish(module: SimCSE, folder: Path) -> Path:
    """Writes the encoder as whole models of BERT's first checkpoints hold it; returns the file."""
    from safetensors.torch import save_file

    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    arrays = {}
    for name, tensor in module.backbone.state_dict().items():
        for ours, theirs in old.items():
            name = name.replace(ours, theirs)
        arrays[f"bert.{name}"] = tensor
    path = folder / "model.safetensors"
    save_file(arrays, path)
    return path
