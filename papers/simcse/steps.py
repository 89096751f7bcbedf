"""Where SimCSE's trainings are looked at, what follows a schedule, and a file of weights."""

from pathlib import Path

from common.config.schema import Recipe
from common.steps.points import Counts, Point, stage_of, two_stages
from papers.simcse.module import SimCSE

scheduled = stage_of


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start, the end of the stage of masked words, and the end."""
    return two_stages(counts, recipe.method.pretrain_epochs, "contrast begins")


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
