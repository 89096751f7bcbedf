import io
import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from common.config.files import write_atomic
from common.config.recipe import load_recipe
from common.data.images.config import ImageFacts
from common.errors import ConfigError, DataError, UsageError
from common.results.configuration import recipe_of
from common.results.ledger import MIXED, Ledger
from common.results.record import NO_NUMBER, write_record
from common.runs import record as provenance
from common.runs.environment import Environment
from common.runs.evaluate import evaluate_run, evaluate_weights
from common.runs.folder import RunFolder, new_run
from common.runs.record import CodeAndMachine, make_record
from common.runs.run import start_run
from papers.swav.module import SwAV
from tests.samples import KNN, MEASURED


def agree(monkeypatch, *digests):
    """Lets each of ``digests`` give the same numbers, whatever the setting is."""
    monkeypatch.setattr(provenance, "read_ledger", lambda *_: Ledger(paper="swav"))
    monkeypatch.setattr(Ledger, "agrees", lambda _ledger, _setting, digest: digest in digests)


def export(folder):
    torch.manual_seed(5)
    module = SwAV(load_recipe("swav/quick").method, facts=ImageFacts(1, 20, 10, 5188))
    torch.save(module.backbone.state_dict(), folder / "backbone.pt")
    return folder / "backbone.pt"


def test_other_protocols_leave_the_recipe_as_it_is(tmp_path):
    recipe, said = load_recipe("swav/quick"), io.StringIO()
    console = Console(file=said, width=200)
    record = evaluate_weights(recipe, export(tmp_path), ["knn"], tmp_path / "runs", console)
    assert (record.protocol, record.weights, record.epochs) == ("knn", "published", 0)
    assert record.config_hash == recipe.hash() and record.scaled_reason == NO_NUMBER
    assert list(record.metrics) == list(record.references["raw"]) == ["test/knn_top1"]
    untrained = record.references["untrained"]["test/knn_top1"]
    assert record.metrics["test/knn_top1"] != untrained, "the file's weights, not the seed's"
    assert "backbone.pt: no head in the file: as initialised" in said.getvalue()
    assert len(list((tmp_path / "runs").glob("swav/quick/*/result.json"))) == 1


def test_what_needs_a_gpu_to_train_is_measured_without_one(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = ["trainer.accelerator=gpu", "trainer.precision=16-mixed"]
    console = Console(file=io.StringIO(), width=200)
    recipe = load_recipe("swav/quick", words)
    record = evaluate_weights(recipe, export(tmp_path), ["knn"], tmp_path / "runs", console)
    assert list(record.metrics) == ["test/knn_top1"]


def test_measured_on_the_hold_out_nothing_of_the_test_images_is_seen(tmp_path):
    recipe = load_recipe("swav/quick", ["evaluation.split=val", "data.holdout=0.1"])
    console = Console(file=io.StringIO(), width=200)
    record = evaluate_weights(recipe, export(tmp_path), ["knn"], tmp_path / "runs", console)
    assert list(record.metrics) == list(record.references["untrained"]) == ["val/knn_top1"]
    assert record.looked_at == "val"


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.batch_size=6000"], "6000.*scattered-digits.*5188"),
        (["method.num_prototypes=6000"], "num_prototypes=6000.*5188"),
    ],
)
def test_given_weights_are_measured_on_data_too_few_to_train_on(words, message, tmp_path):
    recipe, quiet = load_recipe("swav/quick", words), Console(quiet=True)
    with pytest.raises(ConfigError, match=message):
        start_run(recipe, tmp_path / "runs", quiet)
    assert not (tmp_path / "runs").exists()
    record = evaluate_weights(recipe, export(tmp_path), ["knn"], tmp_path / "runs", quiet)
    assert record.metrics["test/knn_top1"] is not None


def test_an_unfit_file_and_an_unknown_protocol_end_before_anything_is_written(tmp_path):
    recipe, runs = load_recipe("swav/quick"), tmp_path / "runs"
    with pytest.raises(UsageError, match=r"none.pt"):
        evaluate_weights(recipe, tmp_path / "none.pt", None, runs, Console(quiet=True))
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(DataError, match=r"text.pt: not readable"):
        evaluate_weights(recipe, tmp_path / "text.pt", None, runs, Console(quiet=True))
    with pytest.raises(ConfigError, match=r"--protocol: ranking measures action sequences"):
        evaluate_weights(recipe, export(tmp_path), ["ranking"], runs, Console(quiet=True))
    # What the recipe itself would run is not asked for.
    recipe = load_recipe("swav/quick", ["evaluation.protocols=[linear]", "evaluation.knn.k=9999"])
    with pytest.raises(ConfigError, match=r"evaluation\.knn\.k=9999.*5188"):
        evaluate_weights(recipe, export(tmp_path), ["knn"], runs, Console(quiet=True))
    assert not runs.exists()


def test_an_interrupt_while_the_folder_is_made_waits_for_its_recipe(tmp_path, monkeypatch):
    def interrupted(path, text):
        os.kill(os.getpid(), signal.SIGINT)
        write_atomic(path, text)

    monkeypatch.setattr("common.runs.folder.write_atomic", interrupted)
    monkeypatch.setattr("common.runs.evaluate._measure", lambda *_: pytest.fail("was measured"))
    recipe, runs = load_recipe("swav/quick"), tmp_path / "runs"
    with pytest.raises(KeyboardInterrupt) as stop:
        evaluate_weights(recipe, export(tmp_path), ["knn"], runs, Console(quiet=True))
    (folder,) = runs.glob("*/*/*")
    assert RunFolder(folder).read_recipe().hash() == recipe.hash()
    RunFolder(folder).lock()  # given back, not dropped with the frames that are held here:
    assert stop.tb


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A run of other code on another machine, whose evaluation is played; and its record."""
    recipe = load_recipe("swav/quick", ["evaluation.protocols=[knn]"])
    run = new_run(recipe, tmp_path)
    run.unlock()
    measured = replace(
        MEASURED, metrics={KNN: 0.5}, wall_s=99.0, samples_per_s=99.0, wait_share=0.5
    )
    data = SimpleNamespace(fingerprint="first")
    former, now = (Environment(c * 40, c == "e", {"torch": c}, {"cpu": c}) for c in "de")
    record = make_record(recipe, data, CodeAndMachine("then", former, None), run, measured, None)
    write_record(record, run.path)
    ready = SimpleNamespace(data=data, module=torch.nn.Identity(), recipe=recipe)
    monkeypatch.setattr("common.runs.evaluate.load_run", lambda *_: ready)
    monkeypatch.setattr("common.runs.evaluate.evaluate", lambda *_: {"test/knn_top1": 0.75})
    monkeypatch.setattr("common.runs.evaluate.measure_references", lambda _: {})
    monkeypatch.setattr(
        "common.runs.evaluate.describe_source", lambda _: CodeAndMachine("now", now, None)
    )
    agree(monkeypatch, "now")
    return run, record, data


def test_a_second_run_and_unknown_keys_are_refused(finished, tmp_path):
    for word in ("tracking.notes=" + "word " * 60, str(tmp_path)):
        with pytest.raises(UsageError, match=f"^(command line: unknown key )?'{word[:14]}"):
            evaluate_run(finished[0].path, None, Console(quiet=True), [word])


def test_a_setting_of_a_protocol_that_is_not_measured_is_refused(finished):
    says = r"line: evaluation\.linear\.lr: linear is not among .*, knn; ask for it"
    with pytest.raises(ConfigError, match=says):
        evaluate_run(finished[0].path, ["knn"], Console(quiet=True), ["evaluation.linear.lr=3"])


def test_a_run_whose_folder_takes_no_record_is_not_measured(finished):
    run, _, _ = finished
    (run.path / "evaluations").touch()
    with pytest.raises(UsageError, match="evaluations: no file can be written there"):
        evaluate_run(run.path, None, Console(quiet=True))
    (run.path / "evaluations").unlink()


def test_a_run_is_not_measured_on_other_data_than_it_was_trained_on(finished):
    run, _, data = finished
    data.fingerprint = "second"
    with pytest.raises(DataError, match=rf"{run.path}.*first.*second"):
        evaluate_run(run.path, None, Console(quiet=True))
    assert not (run.path / "evaluations").exists()


def test_classes_named_after_the_training_are_measured_and_are_said(tmp_path, monkeypatch):
    recipe = load_recipe("negclip/quick")
    run = new_run(recipe, tmp_path)
    run.unlock()
    here = Environment("d" * 40, False, {}, {})
    data = SimpleNamespace(fingerprint="trained on")
    record = make_record(recipe, data, CodeAndMachine("then", here, None), run, MEASURED, None)
    write_record(record, run.path)
    more = SimpleNamespace(fingerprint="with classes")
    ready = SimpleNamespace(data=more, module=torch.nn.Identity(), recipe=recipe)
    monkeypatch.setattr("common.runs.evaluate.load_run", lambda *_: ready)
    monkeypatch.setattr("common.runs.evaluate.load_data", lambda _: data)
    monkeypatch.setattr("common.runs.evaluate.evaluate", lambda *_: {"test/zero_shot_top1": 5.0})
    monkeypatch.setattr("common.runs.evaluate.measure_references", lambda _: {})
    monkeypatch.setattr(
        "common.runs.evaluate.describe_source", lambda _: CodeAndMachine("then", here, None)
    )
    quiet, words = Console(quiet=True), ["data.zero_shot=folder"]
    again = evaluate_run(run.path, ["zero-shot"], quiet, words)
    assert again.data_hash == "with classes" and again.config["data"]["zero_shot"] == "folder"
    assert again.scaled and "data.zero_shot" in str(again.scaled_reason)
    with pytest.raises(ConfigError, match=r"^data\.batch_size: "):
        evaluate_run(run.path, ["zero-shot"], quiet, [*words, "data.batch_size=2"])
    data.fingerprint = "others"
    with pytest.raises(DataError, match=r"trained on.*others"):
        evaluate_run(run.path, ["zero-shot"], quiet, words)


def test_the_record_of_an_evaluation_is_of_the_code_and_machine_that_made_it(finished, monkeypatch):
    run, trained, _ = finished
    again = evaluate_run(run.path, None, Console(quiet=True))
    assert again.code_digest == MIXED, "stale: neither code made the whole of it"
    here = ("e" * 40, True, {"torch": "e"}, {"cpu": "e"})
    assert (again.commit, again.dirty, again.versions, again.hardware) == here
    assert again.wall_s < trained.wall_s and again.samples_per_s == again.data_wait_share == 0
    assert again.finished > trained.finished and again.batches == 6
    agree(monkeypatch, "then", "now")
    later = evaluate_run(run.path, None, Console(quiet=True))
    assert later.code_digest == "now", "verified to give the same numbers"
    assert later.finished > again.finished and later.run_id > again.run_id


def test_the_record_of_an_evaluation_holds_the_configuration_of_its_hash(finished):
    run, trained, _ = finished
    again = evaluate_run(run.path, None, Console(quiet=True), ["evaluation.knn.k=5"])
    assert again.config["evaluation"]["knn"]["k"] == 5
    assert recipe_of(again).hash() == again.config_hash != trained.config_hash
    assert {**again.config, "evaluation": None} == {**trained.config, "evaluation": None}
    same = evaluate_run(run.path, None, Console(quiet=True), ["evaluation.references=[raw]"])
    assert recipe_of(same).hash() == same.config_hash == trained.config_hash
