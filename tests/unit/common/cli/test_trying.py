"""`papers try` on benches of a few steps: a copy of a rival's loss is not told from the rival."""

import io
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from common import registry
from common.cli import trying
from common.cli.trying import cautions, trial_blocks, try_loss
from common.errors import LikewiseError, UsageError
from common.results import comparison
from common.results.comparison import side_by_side
from common.results.groups import Code
from common.results.pages.document import to_markdown
from common.runs import campaign, own_loss, trial
from common.runs.campaign import run_campaign
from common.runs.campaign_file import read_campaign
from common.runs.own_loss import own_recipe, read_own_loss
from common.runs.trial import best_rate, read_bench
from common.tracking.labels import run_labels
from common.training.fit import build_module, load_data

LINEAR = "test/linear_top1"
TINY = """
overrides: [data.name=image-folder, data.path={}, data.test_share=0.25, data.holdout=0.25,
            data.test_resize=20, data.test_crop=20, data.pipeline=hybrid, data.batch_size=8,
            "evaluation.protocols=[knn]", evaluation.knn.k=3, "evaluation.references=[]",
            trainer.batches=2, trainer.epochs=1, tracking.mode=disabled, evaluation.split={}]
arms: ["amcl/bench:simclr optimizer.lr=.002"]
seeds: {}
"""
MINE = """
from common.losses.infonce import nt_xent


def loss(z1, z2, labels=None, temperature=0.2):
    return nt_xent(z1, z2, temperature)
"""
MODULE = """
import torch
from lightning import LightningModule


class Net(LightningModule):
    def __init__(self, width=8):
        super().__init__()
        self.layer = torch.nn.LazyLinear(width)

    def embed(self, images):
        return self.layer(images.flatten(1))

    def training_step(self, batch, batch_idx):
        (first, second), labels = batch
        loss = (self.embed(first) - self.embed(second)).square().mean()
        self.log("mine", loss)
        return loss
"""


@pytest.fixture(autouse=True)
def methods(monkeypatch):
    """Lets a trial's method go with the test."""
    known = {kind: {**table} for kind, table in registry.METHODS.items()}
    monkeypatch.setattr(own_loss, "CLASSES", {})
    yield
    registry.METHODS.clear()
    registry.METHODS.update(known)


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return f"{path}:loss"


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A bench of one rival, one pilot and three seeds; returns the pool's file."""
    noise = np.random.default_rng(0)
    for number in range(32):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (20, 20), np.uint8)).save(path)
    folder = tmp_path / "campaigns"
    folder.mkdir()
    for name, split, seeds in (("images", "test", [0, 1, 2]), ("images-pilot", "val", [100])):
        text = TINY.format(tmp_path / "images", split, seeds)
        (folder / f"bench-{name}.yaml").write_text(text)
    monkeypatch.setattr(trial, "CONFIG_ROOT", tmp_path)
    return folder / "bench-images.yaml"


def run(word, tmp_path, *settings, only_checks=False, bench="images"):
    console = Console(file=io.StringIO(), width=200)
    runs = tmp_path / "runs"
    results = tmp_path / "none"
    try_loss(word, settings, bench, only_checks, 3, None, runs, results, None, 1, console)
    return console.file.getvalue()


def test_a_copy_of_a_rivals_loss_gives_its_numbers(mine, bench, tmp_path, monkeypatch):
    monkeypatch.setattr(trying, "_show_checks", lambda *given: None)  # they have their own tests
    with pytest.raises(UsageError, match=r"papers campaign .*bench-images.yaml; or add --only-ch"):
        run(mine, tmp_path)
    quiet = Console(file=io.StringIO())
    theirs = []
    run_campaign(read_campaign(bench), tmp_path / "runs", None, None, quiet, theirs.extend)
    text = run(mine, tmp_path)
    assert "rate 0.002, best of 1 by the mean of val/knn_top1: 0.002 with" in text
    row = next(line for line in text.splitlines() if line.startswith("amcl/bench:simclr"))
    assert "0.00 (± 0.00)" in row and "undecided" in row
    assert "trained with" not in text and "not trained yet" not in text
    took = re.search(r"A step takes, .*: .*mine.py:loss (\d+), amcl/bench:simclr (\d+)", text)
    assert took and all(int(ms) > 0 for ms in took.groups())
    again = run(mine, tmp_path)
    assert again.count("complete, ") == 4 and "epoch" not in again


def test_checks_need_no_pool(mine, tmp_path):
    text = run(mine, tmp_path, "temperature=0.5", only_checks=True)
    assert "passed" in text and "look at this" not in text
    assert [line.split()[0] for line in text.splitlines() if "two halves" in line] == ["note"]
    with pytest.raises(UsageError, match="--bench imagse: no such bench; did you mean 'images'"):
        run(mine, tmp_path, bench="imagse")


def test_checks_that_can_be_made_are_shown_before_the_loss_is_refused(tmp_path):
    path, console = tmp_path / "large.py", Console(file=io.StringIO(), width=200)
    path.write_text("def loss(z1, z2):\n    return (1e30 * (z1 - z2)).square().sum()\n")
    with pytest.raises(UsageError, match="in float32: is inf; in float64 it is finite"):
        try_loss(f"{path}:loss", [], "images", True, 3, None, tmp_path, None, None, 1, console)
    assert "order of the batch" in console.file.getvalue()


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [("swav", {}, "swav exists already"), ("tried", {"width": 3}, "width=3: no recipe takes it")],
)
def test_what_cannot_be_saved_is_told_before_any_check(name, settings, said, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def loss(z1, z2, width=2):\n    return width * (z1 - z2).square().sum()\n")
    console, words = Console(file=io.StringIO()), [f"{key}={settings[key]}" for key in settings]
    with pytest.raises(UsageError, match=said):
        try_loss(f"{path}:loss", words, "images", False, 3, None, tmp_path, None, name, 1, console)
    assert console.file.getvalue() == ""


def test_settings_and_file_tell_trials_apart_and_pilots_and_seeds_share_a_group(mine):
    found = read_bench("images")
    warm, cold = (read_own_loss(mine, {"temperature": one}) for one in (0.5, 0.1))
    pilots = found.own_pilots(warm).recipes
    seeds = found.own_seeds(warm, 0.004, 4).recipes
    rates = [0.0005 * 2**power for power in range(7)]
    asked = {(lr, seed) for lr in rates for seed in (100, 101, 102)}
    assert len(pilots) == 21 and {(one.optimizer.lr, one.seed) for one in pilots} == asked
    assert {one.evaluation.looked_at for one in pilots} == {"val"}
    assert [one.seed for one in seeds] == [0, 1, 2, 3] and seeds[0].optimizer.lr == 0.004
    assert len({run_labels(one).group for one in (*pilots, *seeds)}) == 1
    other = found.own_seeds(cold, 0.004, 1).recipes[0]
    assert other.hash() != seeds[0].hash()
    assert run_labels(other).group != run_labels(seeds[0]).group


def test_a_loss_on_sentences_takes_the_place_of_simcses(tmp_path):
    file = tmp_path / "flat.py"
    file.write_text("def loss(z1, z2):\n    return (z1 - z2).square().sum()\n")
    own, bench = read_own_loss(f"{file}:loss", {}), read_bench("sentences")
    recipe = own_recipe(bench.pool.recipes[0], own, 1e-3)
    module = build_module(recipe, load_data(recipe))
    z = module.head.weight.detach()[:2, None].repeat(1, 3, 1)
    assert module.contrast(z, None) == pytest.approx(float((z[0] - z[1]).square().sum()))


STATE = """
import torch


class Learns(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.randn(()))
        self.calls = 0

    def forward(self, z1, z2):
        self.calls += 1
        return self.scale * self.calls * (z1 - z2).square().sum()


learns = Learns()


def fails(z1, z2):
    if learns.calls:
        raise ValueError("boom")
    return learns(z1, z2)


class Breaks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sum()

    @staticmethod
    def backward(ctx, slope):
        raise ValueError("boom")


def breaks(z1, z2):
    return Breaks.apply(z1)
"""


@pytest.fixture
def built(tmp_path):
    """Returns what builds the module of a bench with a loss of `STATE`."""
    file, bench = tmp_path / "state.py", read_bench("sentences")
    file.write_text(STATE)

    def build(name):
        recipe = own_recipe(bench.pool.recipes[0], read_own_loss(f"{file}:{name}", {}), 1e-3)
        return build_module(recipe, load_data(recipe))

    return build


def test_each_build_has_its_own_state_and_trains_the_parameters_of_the_loss(built):
    z = torch.stack([torch.zeros(3, 2), torch.ones(3, 2)])
    first = built("learns")
    values = [first.contrast(z, None).item() for _ in range(2)]
    second = built("learns")
    assert [second.contrast(z, None).item() for _ in range(2)] == values
    assert values[1] == pytest.approx(2 * values[0])
    (scale,) = second.own.made.parameters()
    assert any(each is scale for each in second.parameters())


def test_what_the_loss_raises_in_training_is_told_with_its_line(built):
    module, z = built("fails"), torch.ones(2, 3, 2)
    module.contrast(z, None)
    with pytest.raises(LikewiseError, match=r"state\.py:fails: ValueError at line 21 of state\.py"):
        module.contrast(z, None)
    module = built("breaks")
    loss = module.contrast(z.requires_grad_(), None)
    with pytest.raises(
        LikewiseError, match=r"state\.py:breaks: ValueError at line 32 of state\.py"
    ):
        module.backward(loss)


def test_what_a_modules_embed_raises_after_training_is_told(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(
        MODULE.replace("return self.layer(images.flatten(1))", "raise ValueError('boom')")
    )
    recipe = own_recipe(read_bench("images").pool.recipes[0], read_own_loss(f"{file}:Net", {}), 1.0)
    module = build_module(recipe, load_data(recipe))
    with pytest.raises(
        LikewiseError, match=r"net\.py:Net: ValueError at line \d+ of net\.py: boom"
    ):
        module.embed(torch.ones(2, 1, 20, 20))


def test_a_module_is_checked_and_takes_the_benchs_optimizer(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(MODULE.replace("LazyLinear(width)", "Linear(400, width)"))
    text = run(f"{file}:Net", tmp_path, "width=4", only_checks=True)
    assert "embed          4 dimensions" in text and "passed  training_step" in text
    with pytest.raises(UsageError, match="is tried on images alone"):
        run(f"{file}:Net", tmp_path, only_checks=True, bench="sentences")


@pytest.fixture
def records(make_record, monkeypatch):
    """Records of a loss and of two rivals, one ahead by a point and one behind by as much."""
    made = []
    for variant, more in ((None, 0.0), ("moco", 1.0), ("simclr", -1.0)):
        for seed in range(5):
            value = 80 + more + 0.1 * ((seed * (3 + bool(variant))) % 5)
            arm = f"baseline/{variant or 'own-loss'}"
            made.append(
                make_record(
                    **{"paper": "amcl", "recipe": "bench", "variant": variant, "arm": arm},
                    **{"seed": seed, "config_hash": arm[-10:], "run_id": f"{variant}{seed}"},
                    **{"metrics": {LINEAR: value}, "references": {}},
                )
            )
    hashes = {record.reference: record.config_hash for record in made}
    code = Code(digests={"amcl": made[0].code_digest}, config_hashes=hashes)
    monkeypatch.setattr(comparison, "present_code", lambda records, root: code)
    return made


def rows_of(records):
    text = to_markdown([*trial_blocks(side_by_side(records)[0], "mine.py:loss")])
    return text, {line.split("|")[1].strip(): line for line in text.splitlines() if "|" in line}


def test_a_difference_that_a_95_percent_interval_alone_would_see_is_undecided(records):
    # Student's t of the five differences is 3.1, two-sided .035.
    values = dict(enumerate((79.0, 79.6, 78.0, 80.2, 79.3)))
    near = [
        replace(one, metrics={LINEAR: values[one.seed]}) if one.variant == "simclr" else one
        for one in records
    ]
    assert "| undecided: " in rows_of(near)[1]["amcl/bench:simclr"]


def test_rivals_ahead_and_behind_are_told(records):
    text, rows = rows_of(records)
    assert "| better |" in rows["amcl/bench:simclr"] and "+1.0" in rows["amcl/bench:simclr"]
    assert "| worse |" in rows["amcl/bench:moco"] and "-1.0" in rows["amcl/bench:moco"]
    assert "With 5 seeds a difference is seen from 0." in text


def test_what_cannot_be_compared_is_said(records):
    mine, *pool = records
    file = "configs/campaigns/bench-images.yaml"
    asked = read_campaign(trial.CONFIG_ROOT / "campaigns/bench-images.yaml")
    pool = [replace(pool[5], versions={**pool[5].versions, "torch": "1.0"}, data_hash="0" * 16)]
    said = "\n".join(cautions(mine, pool, asked, file))
    assert "torch 1.0, here is" in said and "on other data" in said
    assert "not trained yet: " in said and "swav/bench" in said


def test_the_rate_is_that_of_the_best_pilot(records):
    values = {
        0.001: (76.0, 70.0, 70.0),  # the best of the first seed
        0.002: (75.0, 75.0, 72.6),
        0.004: (90.0, None, 90.0),  # no number on one seed
        0.008: (74.0, 74.0, 74.0),
    }
    pilots = [
        replace(
            records[0],
            **{"run_id": f"p{lr}{seed}", "config": {"optimizer": {"lr": lr}}, "seed": seed},
            **{"metrics": {"val/linear_top1": value}, "pilot": True, "looked_at": "val"},
            config_hash=f"{lr}",
        )
        for lr, three in values.items()
        for seed, value in enumerate(three)
    ]
    lr, told = best_rate(pilots, 0.032)
    assert lr == 0.002 and told.endswith("0.002 with 74.2, 0.008 with 74, 0.001 with 72")
    # A standard error of .002 less .008 is .8; of .002 less .001 it is 1.8.
    assert best_rate(pilots, 0.008)[0] == 0.008 and best_rate(pilots, 0.001)[0] == 0.002
    assert "the rival's, within a standard error of the best of 4" in best_rate(pilots, 0.008)[1]
    assert best_rate(pilots, 0.004)[0] == 0.002
    with pytest.raises(LikewiseError, match="the loss trains at no rate"):
        best_rate(pilots[7:8], 0.002)


@pytest.fixture
def asked(monkeypatch):
    """The pilots of the bench on images, and what a campaign of them does in place of training."""

    def plays(*passes):
        steps = iter(passes)
        monkeypatch.setattr(campaign, "run_campaign", lambda *given: next(steps)(given[-1]))
        found = read_campaign(trial.CONFIG_ROOT / "campaigns/bench-images-pilot.yaml")
        return replace(found, recipes=found.recipes[:5])

    return plays


def test_a_failed_pilot_leaves_the_others(asked, records):
    def fails(show):
        show(records[:2])
        raise LikewiseError("1 failed")

    console = Console(file=io.StringIO())
    assert trying._run(asked(fails), None, None, 1, console) == records[:2]
    # Another process is at the others: they are not known yet.
    assert trying._run(asked(lambda show: show(records[:2])), None, None, 1, console) is None
    assert "2 of 5 bench-images-pilot are complete" in console.file.getvalue()


def test_helpers_are_waited_for_and_what_they_leave_is_done(asked, records, monkeypatch, tmp_path):
    script = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(' '.join(sys.argv[2:]))"
    monkeypatch.setattr(trying, "COMMAND", [sys.executable, "-c", script, str(tmp_path / "said")])
    monkeypatch.setattr(sys, "argv", ["papers", "try", "mine.py:loss"])
    passes = (lambda show: show(records[:2]), lambda show: show(records[:5]))
    found = trying._run(asked(*passes), None, None, 2, Console(file=io.StringIO()))
    assert found == records[:5]
    assert (tmp_path / "said").read_text() == "try mine.py:loss --helps"
