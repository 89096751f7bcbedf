"""Trains AutoTCL's official code on our data and measures its encoder by our protocol.

    git clone https://github.com/AslanDing/AutoTCL DIR; pip install einops pandas tqdm
    python -m benchmarks.autotcl_official --official DIR --recipe etth2-multi [--seed 42]

The official script runs with its own preset of that recipe's data set; its seed is 42. So that it
takes minutes on a CPU, two things are replaced and what it draws stays the same: the eight causal
convolutions of its average are computed as one by a Fourier transform (the difference is printed
first), and its evaluation, which takes each of tens of thousands of windows through the whole
network, by ours on its averaged weights. Printed: MSE and MAE a horizon, untrained and after
the last iteration.
"""

import argparse
import contextlib
import gzip
import io
import os
import runpy
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import torch
from torch import Tensor, nn

from common.config.recipe import load_recipe
from common.config.schema import Recipe
from common.data.catalogue.root import require
from common.evaluation.forecasting import evaluate_forecasting
from common.runs.run import prepare_run
from papers.autotcl.reference import our_name

SETS = {"etth1": "ETTh1", "etth2": "ETTh2"}
# Imported by modules of theirs that no forecast uses.
UNUSED = ("tsaug", "bottleneck")


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    recipe = load_recipe(f"autotcl/{arguments.recipe}")
    name = SETS[recipe.data.name]
    folder = Path(tempfile.mkdtemp())
    packed = require(None, f"timeseries/ett/{name}.csv.gz")
    target = folder / "datasets" / "forecast" / f"{name}.csv"
    target.parent.mkdir(parents=True)
    target.write_bytes(gzip.decompress(packed.read_bytes()))
    for module in UNUSED:
        sys.modules.setdefault(module, MagicMock())
    official = arguments.official.resolve()
    sys.path.insert(0, str(official))
    archive = "forecast_csv" if arguments.recipe.endswith("-multi") else "forecast_csv_univar"
    sys.argv = [
        *("train", "--dataset", name, "--archive", archive),
        *("--seed", str(arguments.seed)),
    ]
    patch(recipe, target)
    os.chdir(folder)
    runpy.run_path(str(official / "train_forecasting_autotcl_cost.py"), run_name="__main__")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--official", type=Path, required=True)
    recipes = [name + end for name in SETS for end in ("", "-multi")]
    parser.add_argument("--recipe", choices=recipes, required=True)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def patch(recipe: Recipe, table: Path) -> None:
    """Puts the fast average, our evaluation and the place of ``table`` into the official code."""
    import AutoTCL_CoST as official  # type: ignore[import-not-found]
    import data_load  # type: ignore[import-not-found]
    import pandas
    import utils  # type: ignore[import-not-found]

    # It reads the table twice, the first time from a name that it never sets.
    data_load.data_dir = str(table)
    # Gone from pandas 2.
    pandas.DatetimeIndex.weekofyear = property(lambda dates: dates.isocalendar().week)
    torch.autograd.set_detect_anomaly(False)
    torch.Tensor.cuda = nn.Module.cuda = lambda self, *args, **kwargs: self
    start = utils.init_dl_program
    utils.init_dl_program = lambda _gpu, **options: start("cpu", **options)
    ready = prepare_run(recipe)
    module: Any = ready.module
    settings = recipe.evaluation.forecasting

    def measure(model: Any, when: str) -> dict[str, float]:
        state = model.net.module.state_dict()
        module.average.load_state_dict({our_name(key): value for key, value in state.items()})
        with contextlib.redirect_stderr(io.StringIO()):
            inputs = ready.data.evaluation_inputs(module, "test")
            found = evaluate_forecasting(inputs, settings, 0)
        print(when, {key: round(value, 4) for key, value in found.items()}, flush=True)
        return found

    def evaluate(model: Any, *_: Any) -> tuple[None, dict[str, Any]]:
        """Only after the last epoch: theirs comes every ten, and its scores choose nothing."""
        if model.n_epochs < recipe.trainer.epochs:
            return None, {"ours": {0: {"norm": {"MSE": 0.0, "MAE": 0.0}}}}
        found = measure(model, "after the last iteration:")
        return None, {"ours": {0: {"norm": {"MSE": found["mse"], "MAE": found["mae"]}}}}

    fit = official.AutoTCL.fit

    def fit_from_the_start(model: Any, *arguments: Any, **options: Any) -> Any:
        with torch.random.fork_rng():
            for encoder in (model._net, model.augsharenet, model.net.module):
                quicken(encoder.tfd)
            measure(model, "untrained:")
        return fit(model, *arguments, **options)

    official.tasks.eval_forecasting = evaluate
    official.AutoTCL.fit = fit_from_the_start


def quicken(convolutions: nn.ModuleList) -> None:
    """Makes the official mean of causal convolutions one product of Fourier transforms.

    The network goes on to call each and to drop what stands after the last step: the first, one
    step wide, returns the sum of all, the others zeros. Parameters keep their names and places.
    """
    x = torch.randn(2, convolutions[0].in_channels, 64)
    theirs = sum(mod(x)[..., :64] for mod in convolutions)
    widest = max(mod.kernel_size[0] for mod in convolutions)

    def all_of_them(x: Tensor) -> Tensor:
        kernel: Any = sum(
            nn.functional.pad(mod.weight, (widest - mod.kernel_size[0], 0)) for mod in convolutions
        )
        length = x.shape[2] + widest - 1
        product = torch.einsum(
            "bit,oit->bot", torch.fft.rfft(x, length), torch.fft.rfft(kernel.flip(2), length)
        )
        bias: Any = sum(mod.bias for mod in convolutions)
        return torch.fft.irfft(product, length)[..., : x.shape[2]] + bias[:, None]

    convolutions[0].forward = all_of_them
    for mod in convolutions[1:]:
        mod.forward = partial(zeros, mod)
    ours = convolutions[0](x)
    print(f"average, largest difference: {float((ours - theirs).detach().abs().max()):.1e}")


def zeros(mod: nn.Conv1d, x: Tensor) -> Tensor:
    """Returns zeros of the shape of ``mod(x)``."""
    steps = x.shape[2] + mod.kernel_size[0] - 1
    return x.new_zeros(1).expand(len(x), mod.out_channels, steps)


if __name__ == "__main__":
    main()
