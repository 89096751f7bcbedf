import dataclasses
import io
import re
from types import SimpleNamespace

from rich.console import Console

from common.config.recipe import load_recipe
from common.results.configuration import resolved_config
from common.results.record import parse_record, record_to_json
from common.results.reported import scaled_reason
from common.runs.environment import Environment
from common.runs.folder import RunFolder
from common.runs.record import CodeAndMachine, RunMeasurements, describe_source, make_record
from common.runs.summary import show_result

MEASURED = RunMeasurements(
    metrics={"test/knn_top1": 0.75, "test/linear_top1": float("nan")},
    references={"raw": {"test/knn_top1": 0.5}},
    selection="last",
    batches=2400,
    epochs=60,
    wall_s=12.5,
    samples_per_s=900.0,
    wait_share=0.25,
    devices=2,
    parameters=1234,
)
MACHINE = Environment("c" * 40, False, {"torch": "2.6"}, {"cpu": "Some CPU", "cores": 2})


def make(tmp_path, reference="swav/quick", overrides=(), measured=MEASURED, wandb=None):
    run = RunFolder(tmp_path / "260101-000000-abcd")
    data = SimpleNamespace(fingerprint="d" * 16)
    recipe = load_recipe(reference, list(overrides))
    source = CodeAndMachine("a" * 12, MACHINE, scaled_reason(recipe))
    return recipe, make_record(recipe, data, source, run, measured, wandb)


def test_the_record_says_what_was_run_and_what_came_out(tmp_path):
    recipe, record = make(tmp_path, "swav/quick:hard-codes", ["seed=3"], wandb="me/likewise/x")
    assert (record.reference, record.arm, record.seed) == (
        "swav/quick:hard-codes",
        "ablation/hard-codes",
        3,
    )
    assert (record.run_id, record.data_hash) == ("260101-000000-abcd", "d" * 16)
    assert (record.protocol, record.config_hash) == ("knn+linear", recipe.hash())
    assert record.config == resolved_config(recipe)
    assert (record.code_digest, record.commit, record.dirty) == ("a" * 12, "c" * 40, False)
    assert (record.devices, record.global_batch, record.precision) == (2, 128, "32-true")
    assert (record.wall_s, record.samples_per_s, record.data_wait_share) == (12.5, 900.0, 0.25)
    assert (record.weights, record.wandb, record.status) == ("trained", "me/likewise/x", "complete")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.finished)


def test_a_run_that_is_measured_on_the_hold_out_is_a_pilot(tmp_path):
    _, record = make(tmp_path)
    assert (record.pilot, record.looked_at) == (False, None)
    recipe, record = make(tmp_path, overrides=["evaluation.split=val"])
    assert (record.pilot, record.looked_at, record.counts) == (True, "val", False)
    assert recipe.hash() != load_recipe("swav/quick").hash()


def test_it_reads_back_with_what_is_not_finite_as_null(tmp_path):
    _, record = make(tmp_path)
    again = parse_record(record_to_json(record), "result.json")
    assert again.metrics == {"test/knn_top1": 0.75, "test/linear_top1": None}
    assert dataclasses.replace(again, metrics=record.metrics) == record


def test_a_changed_recipe_is_scaled_and_says_by_which_keys(tmp_path):
    _, record = make(tmp_path, overrides=["optimizer.lr=0.5", "trainer.batches=3"])
    assert record.scaled
    assert record.scaled_reason == "the recipe was changed: optimizer.lr, trainer.batches"
    _, neutral = make(tmp_path, overrides=["trainer.log_every=3", "seed=2"])
    assert "changed" not in (neutral.scaled_reason or "")
    # Another method has other fields, which the recipe's cannot be compared with.
    other = load_recipe("pixpro/quick", ["baseline=simclr", "optimizer.lr=0.5"])
    assert scaled_reason(other) == "the recipe was changed: baseline, optimizer.lr"


def test_published_weights_are_told_from_trained_ones(tmp_path):
    measured = dataclasses.replace(MEASURED, weights="published", batches=0, epochs=0)
    _, record = make(tmp_path, measured=measured)
    assert (record.weights, record.batches) == ("published", 0)


def test_the_curves_of_the_run_go_with_it(tmp_path):
    folder = tmp_path / "260101-000000-abcd"
    folder.mkdir()
    (folder / "metrics.csv").write_text("batch,epoch,key,value\n8,0,train/loss,2.5\n")
    _, record = make(tmp_path)
    assert record.curves == {"train/loss": [[8, 2.5]]}


def test_the_source_is_that_of_the_paper():
    swav, meow = (describe_source(load_recipe(paper)) for paper in ("swav", "meow"))
    assert re.fullmatch(r"[0-9a-f]{12}", swav.code_digest)
    assert swav.code_digest != meow.code_digest
    assert "torch" in swav.environment.versions


def test_counts_of_ties_stay_in_the_record_and_off_the_screen(tmp_path):
    metrics = {"test/choice_swap": 75.0, "test/choice_swap_ties": 3.0}
    _, record = make(tmp_path, measured=dataclasses.replace(MEASURED, metrics=metrics))
    said = io.StringIO()
    show_result(record, RunFolder(tmp_path / "run"), Console(file=said, width=200))
    assert record.metrics == metrics
    assert "choice_swap " in said.getvalue() and "swap_ties" not in said.getvalue()
