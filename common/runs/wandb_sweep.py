"""A search as a W&B sweep, whose agents start the trials: `papers sweep ... --wandb FILE.yaml`."""

import shlex
from collections.abc import Sequence
from typing import Any

from common.config.overrides import as_word
from common.config.yaml_io import to_yaml
from common.errors import UsageError
from common.results.metrics import ERROR
from common.runs.sweep import Range, read_space, trial_recipe

USE = """\
# Commands: wandb sweep FILE.yaml
#           wandb agent ENTITY/PROJECT/SWEEP_ID --count 20
"""
WHOLE_VALUES = 9  # of a range of whole numbers


def wandb_sweep(reference: str, words: Sequence[str], metric: str | None) -> str:
    """Returns the file of a W&B sweep; each of its trials is a run that `papers sweep` would make.

    Args:
        reference: The recipe.
        words: What is searched, and what all trials have, as `papers sweep` takes them.
        metric: Measured on the hold-out; the best is chosen by it.

    Raises:
        UsageError: Another metric, several seeds, or a recipe or value that is refused.
    """
    space = read_space(words)
    if metric is None or not metric.startswith("val/"):
        raise UsageError("--metric: W&B needs the whole name of one, such as val/knn_top1")
    if len(space.seeds) > 1:
        raise UsageError("seed: a trial of W&B is one run; name one seed")
    for end in (0, -1):
        at_end = {key: _values(one)[end] for key, one in space.searched.items()}
        recipe, values = trial_recipe(reference, space.fixed, at_end, space.seeds[0])
    shared = [as_word(key, value) for key, value in values.items() if key not in space.searched]
    drawn = any(isinstance(one, Range) for one in space.searched.values())
    content = {
        "name": recipe.reference.replace("/", "-").replace(":", "-"),
        "program": "papers",
        "method": "random" if drawn else "grid",
        "metric": {"name": metric, "goal": "minimize" if ERROR.search(metric) else "maximize"},
        "parameters": {key: _parameter(one) for key, one in space.searched.items()},
        # The macro comes out as optimizer.lr=0.002 and so on: what a person would type.
        "command": ["${env}", "${program}", "train", reference, *shared, "${args_no_hyphens}"],
    }
    made_by = shlex.join(["papers", "sweep", reference, *words, "--metric", metric])
    return f"# Made by: {made_by} --wandb FILE.yaml\n{USE}{to_yaml(content)}"


def _values(searched: Any) -> list[Any]:
    return [searched.low, searched.high] if isinstance(searched, Range) else list(searched)


def _parameter(searched: Any) -> dict[str, Any]:
    if not isinstance(searched, Range):
        return {"values": list(searched)}
    if searched.whole:  # W&B draws the ones of a logarithm as 64.0, which no setting takes
        shares = (step / (WHOLE_VALUES - 1) for step in range(WHOLE_VALUES))
        return {"values": sorted({searched.at(share) for share in shares})}
    distribution = "log_uniform_values" if searched.log else "uniform"
    return {"distribution": distribution, "min": searched.low, "max": searched.high}
