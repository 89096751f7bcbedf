"""How a run ends early, in words: trainings are played by functions."""

import io
import os
import signal

import pytest
import torch
from rich.console import Console

from common.config.files import write_atomic
from common.config.recipe import load_recipe
from common.errors import LikewiseError
from common.results.record import RecordError
from common.runs import folder as run_folders
from common.runs.folder import RunFolder, new_run
from common.runs.interruption import SIGNALS, RunStopped
from common.runs.run import resume_run, start_run

FULL = "batch-000000004.ckpt: not written (No space left on device)"


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def replace(monkeypatch, name, function):
    monkeypatch.setattr(f"common.runs.run.{name}", function)


@pytest.fixture
def recipe(monkeypatch):
    replace(monkeypatch, "prepare_run", lambda recipe, **_: recipe)
    return load_recipe("swav/quick")


def play(monkeypatch, act):
    replace(monkeypatch, "train", lambda _ready, run, *_: act(run))


def log_of(root):
    (log,) = root.glob("*/*/*/log.txt")
    return log.read_text()


def terminate(*_args, **_options):
    os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_outside_of_training_is_said_in_the_log(recipe, tmp_path, console, monkeypatch):
    play(monkeypatch, terminate)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RunStopped, match="SIGTERM") as stop:
        start_run(recipe, tmp_path, console)
    assert stop.value.by_user and stop.value.exit_code == 1
    assert "stopped by SIGTERM; go on with" in log_of(tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


BY_LIGHTNING = {"LOCAL_RANK": "1", "NODE_RANK": "0"}
BY_TORCHRUN = {"LOCAL_RANK": "1", "RANK": "1"}
BY_SLURM = {"SLURM_PROCID": "1", "SLURM_LOCALID": "1"}


def leave(recipe, root, console, monkeypatch, environment):
    """Returns the exit code of a process that is not the main one."""
    with monkeypatch.context() as launched, pytest.raises(SystemExit) as end:
        for name, value in environment.items():
            launched.setenv(name, value)
        start_run(recipe, root, console)
    assert not list(root.iterdir()), "the main one says it"
    return end.value.code


@pytest.mark.parametrize(
    ("environment", "by_user", "code"),
    [
        (BY_LIGHTNING, True, 0),
        (BY_TORCHRUN, True, 1),
        (BY_SLURM, True, 1),
        (BY_SLURM, False, 0),  # a campaign's budget is no error of the main one either
    ],
)
def test_stopped_together_only_another_launcher_than_lightning_hears_of_an_error(
    environment, by_user, code, recipe, tmp_path, console, monkeypatch
):
    def stop(_run):
        error = RunStopped("stopped by SIGTERM after 3 batches")
        error.by_user = by_user
        raise error

    play(monkeypatch, stop)
    assert leave(recipe, tmp_path, console, monkeypatch, environment) == code
    with pytest.raises(RunStopped, match="after 3 batches"):
        start_run(recipe, tmp_path, console)
    assert log_of(tmp_path).count("stopped by SIGTERM") == 1


@pytest.mark.parametrize(
    ("environment", "number", "code"),
    [
        (BY_LIGHTNING, signal.SIGINT, 0),
        (BY_LIGHTNING, signal.SIGTERM, 1),
        (BY_TORCHRUN, signal.SIGINT, 1),
        (BY_SLURM, signal.SIGTERM, 1),
    ],
)
def test_interrupted_the_other_processes_leave_the_words_to_the_main_one(
    environment, number, code, recipe, tmp_path, console, monkeypatch
):
    play(monkeypatch, lambda _run: os.kill(os.getpid(), number))
    assert leave(recipe, tmp_path, console, monkeypatch, environment) == code


def test_sigterm_while_data_are_read_is_an_interruption(recipe, tmp_path, console, monkeypatch):
    replace(monkeypatch, "prepare_run", terminate)
    with pytest.raises(KeyboardInterrupt):
        start_run(recipe, tmp_path, console)
    assert not list(tmp_path.iterdir()), "there is no run yet"
    run = new_run(recipe, tmp_path)
    run.unlock()
    with pytest.raises(RunStopped, match="SIGTERM"):
        resume_run(RunFolder(run.path), console)
    assert "stopped by SIGTERM" in log_of(tmp_path)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_while_the_folder_is_made_leaves_a_run_that_can_be_resumed(
    number, recipe, tmp_path, console, monkeypatch
):
    def interrupted(path, text):
        os.kill(os.getpid(), number)
        write_atomic(path, text)

    monkeypatch.setattr(run_folders, "write_atomic", interrupted)
    play(monkeypatch, lambda run: pytest.fail("was trained"))
    with pytest.raises(RunStopped, match="go on with: papers resume") as stop:
        start_run(recipe, tmp_path, console)
    (folder,) = tmp_path.glob("*/*/*")
    assert str(stop.value).endswith(str(folder)) and "papers resume" in log_of(tmp_path)
    assert RunFolder(folder).read_recipe().hash() == recipe.hash()


def test_a_disk_too_full_for_the_log_leaves_the_message(recipe, tmp_path, console, monkeypatch):
    def fill(run):
        (run.path / "log.txt").symlink_to("/dev/full")
        raise LikewiseError(FULL)

    play(monkeypatch, fill)
    with pytest.raises(LikewiseError) as error:
        start_run(recipe, tmp_path, console)
    assert str(error.value) == FULL


def test_resuming_removes_what_a_killed_writer_left(recipe, tmp_path, console, monkeypatch):
    run = new_run(recipe, tmp_path)
    run.unlock()
    torn = [run.path / ".metrics.csv.1-ab.tmp", run.checkpoints / ".batch-000000004.ckpt.1.tmp"]
    for path in torn:
        path.write_text("half")
    play(monkeypatch, lambda run: None)
    resume_run(RunFolder(run.path), console)
    assert not any(path.exists() for path in torn)


@pytest.mark.parametrize(
    ("torch_says", "message"),
    [
        ("DataLoader worker (pid 7) is killed by signal: Killed. ", r"\(Killed\); .*memory"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is", "shared memory"),
        ("DataLoader worker (pid(s) 7, 8) exited unexpectedly", "ended unexpectedly; .*workers=0"),
        ("DataLoader worker (pid 7) exited unexpectedly with exit code 3. Details", "exit code 3;"),
        ("shapes cannot be multiplied", None),
    ],
)
def test_a_dead_workers_cause_and_mend_are_named(
    torch_says, message, recipe, tmp_path, console, monkeypatch
):
    def die(_run):
        raise RuntimeError(torch_says)

    play(monkeypatch, die)
    ours = pytest.raises(LikewiseError, match=f"a process that makes batches .*{message}")
    with ours if message else pytest.raises(RuntimeError, match=torch_says):
        start_run(recipe, tmp_path, console)


def test_a_dead_worker_is_named_where_other_code_has_made_an_error_of_it(
    recipe, monkeypatch, tmp_path, console
):
    def interrupted(_run):
        try:
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
        except RuntimeError as error:
            raise TypeError("unsupported callable") from error

    play(monkeypatch, interrupted)
    with pytest.raises(LikewiseError, match=r"\(Killed\); .*memory"):
        start_run(recipe, tmp_path, console)


def test_a_full_memory_is_answered_by_parts(recipe, tmp_path, console, monkeypatch):
    play(monkeypatch, lambda _run: torch.empty(2**60))
    with pytest.raises(LikewiseError, match=r"memory is full.*trainer\.microbatch=auto"):
        start_run(recipe, tmp_path, console)
    assert "trainer.microbatch=auto" in log_of(tmp_path)


def test_an_interrupt_in_which_lightnings_clean_up_fails_is_one(
    recipe, tmp_path, console, monkeypatch
):
    def fail(_run):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise RuntimeError("Please call `iter(combined_loader)` first.")  # noqa: B904

    play(monkeypatch, fail)
    with pytest.raises(RunStopped, match="interrupted; go on with: papers resume"):
        start_run(recipe, tmp_path, console)
    assert "interrupted" in log_of(tmp_path)


def test_terminated_in_the_final_evaluation_it_is_resumed_to_the_end(tmp_path, monkeypatch):
    words = ["trainer.batches=2", "evaluation.references=[]", "tracking.mode=disabled"]
    recipe = load_recipe("supremix/diabetes", [*words, "tracking.plots=false"])
    monkeypatch.setattr("common.training.fit.evaluate", terminate)
    with pytest.raises(RunStopped, match="SIGTERM"):
        start_run(recipe, tmp_path, Console(quiet=True))
    (run,) = tmp_path.glob("*/*/*")
    assert "stopped by SIGTERM" in log_of(tmp_path) and not (run / "result.json").exists()
    monkeypatch.setattr("common.training.fit.evaluate", lambda *_: {"test/spearman": 0.5})
    record = resume_run(RunFolder(run), Console(quiet=True))
    assert (record.batches, record.metrics) == (2, {"test/spearman": 0.5})
    assert "resuming from batch-000000002.ckpt" in log_of(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"version": 1, "paper": "sw', "half-written"),
        ('{"run_id": "a", "version": 99}', "version: is 99"),
    ],
)
def test_a_torn_or_newer_record_is_no_complete_run(text, said, tmp_path, recipe):
    run = new_run(recipe, tmp_path)
    run.unlock()
    run.record.write_text(text)
    with pytest.raises(RecordError, match=said):
        resume_run(run, Console(quiet=True))
    assert run.record.read_text() == text


def test_weights_that_diverge_within_a_step_are_the_rates_fault(
    recipe, tmp_path, console, monkeypatch
):
    play(monkeypatch, lambda _run: torch.linalg.svdvals(torch.full((4, 4), torch.nan)))
    with pytest.raises(LikewiseError, match=r"^optimizer\.lr: values are not finite any more"):
        start_run(recipe, tmp_path, console)
    play(monkeypatch, lambda _run: torch.linalg.cholesky(-torch.eye(2)))
    with pytest.raises(torch.linalg.LinAlgError):  # a fault of the code's own
        start_run(recipe, tmp_path, console)
