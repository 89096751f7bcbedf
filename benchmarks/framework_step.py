"""What the framework adds to a step: the pipeline's Trainer and callbacks against a bare loop.

    python -m benchmarks.framework_step              # an MLP and SwAV's small convnet
    python -m benchmarks.framework_step --step meow  # MEOW on ACM; needs LIKEWISE_DATA
    python -m benchmarks.framework_step --step table # SupReMix on an embedded table

All load, make views, compute the loss, go backward and step the same optimizer. Lightning alone has
a Trainer of the recipe with no callback of ours but the one that ends the training.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.fit import fit_with_callbacks, make_ready
from benchmarks.timing import CLOCKS, StepClock, interleave, parse, parser, report
from common.data.images.batch import ViewBatch
from common.training.diagnostics import is_log_due
from common.training.fit import Experiment
from common.training.trainer import BatchLimit, make_trainer

# recipe, overrides, batches, batches before the clock starts
STEPS = {
    "mlp": ("swav/quick", ["data.batch_size=64"], 400, 80),
    "swav": ("swav/quick", [], 160, 40),
    "meow": ("meow/acm", [], 8, 2),
    "table": ("supremix/diabetes", [], 400, 80),
}


class MLP(LightningModule):
    """Two layers and a cross-entropy: a step of less than a millisecond."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(400, 64), nn.ReLU(), nn.Linear(64, 10))
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))

    def embed(self, images: Tensor) -> Tensor:
        """Returns the hidden layer, ``(batch, 64)``."""
        return self.layers[:3](images)

    def training_step(self, batch: ViewBatch, batch_idx: int) -> Tensor:
        """One supervised step."""
        loss = F.cross_entropy(self.layers(batch.views[0]), batch.labels)
        if is_log_due(self):
            self.log("train/loss", loss)
        self.batches_seen += 1
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=2e-3)


def ready_of(step: str) -> Experiment:
    reference, overrides, _, _ = STEPS[step]
    if step == "mlp":
        # The recipe only lends its data: one view is enough here, SwAV itself wants two.
        ready = make_ready(reference, overrides)
        ready.data.config.views[:] = [replace(ready.data.config.views[0], count=1)]
        return replace(ready, module=MLP())
    return make_ready(reference, overrides)


def bare_loop(step: str, clock: str) -> Callable[[], float]:
    """Returns a contestant that takes the same steps without Lightning."""
    (_, _, batches, skip), now = STEPS[step], CLOCKS[clock]
    ready = ready_of(step)
    data = ready.data
    loader = data.train_dataloader()

    def run() -> float:
        # Untrained in each round, as in the pipeline: MEOW's k-means ends sooner later on.
        module = copy.deepcopy(ready.module)
        module.log = lambda *_, **__: None
        module._trainer = SimpleNamespace(log_every_n_steps=0)
        optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, batches)
        done, started = 0, 0.0
        while done < batches:
            for batch in loader:
                if done == skip:
                    started = now()
                loss = module.training_step(data.on_after_batch_transfer(batch, 0), done)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                schedule.step()
                done += 1
                if done == batches:
                    break
        return (now() - started) / (batches - skip)

    return run


def measure(step: str, rounds: int, clock: str) -> None:
    _, _, batches, skip = STEPS[step]

    def framework() -> float:
        stamps = StepClock(skip, clock)
        fit_with_callbacks(ready_of(step), batches, stamps)
        return stamps.seconds

    def lightning() -> float:
        ready, stamps = ready_of(step), StepClock(skip, clock)
        callbacks = [BatchLimit(batches), stamps]
        with TemporaryDirectory() as folder:
            trainer = make_trainer(ready.recipe, ready.module, callbacks, Path(folder))
            trainer.fit(ready.module, datamodule=ready.data)
        return stamps.seconds

    print(f"-- {step}")
    ours = "Lightning, our callbacks"
    contestants = {
        "bare loop": bare_loop(step, clock),
        "bare loop, again": bare_loop(step, clock),
        "Lightning alone": lightning,
        ours: framework,
    }
    timings = interleave(contestants, rounds)
    report(timings, "bare loop")
    pairs = zip(timings[ours].seconds, timings["bare loop"].seconds, strict=True)
    added = sorted((a - b) * 1e3 for a, b in pairs)
    middle = added[len(added) // 2]
    print(f"the framework adds {middle:.2f} ms a step [{added[0]:.2f} .. {added[-1]:.2f}]")


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--step", choices=tuple(STEPS), action="append")
    arguments = parse(options)
    for name in arguments.step or ("mlp", "swav"):
        measure(name, arguments.rounds, arguments.clock)
