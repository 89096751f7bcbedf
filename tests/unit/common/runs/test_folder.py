import errno
import fcntl
import io
import multiprocessing
import os
import re
from datetime import datetime
from pathlib import Path

import pytest

from common.config.console import Screen
from common.config.recipe import load_recipe
from common.errors import ConfigError, UsageError
from common.runs.folder import RunFolder, RunInUse, new_run, new_run_id, open_run, take_lock


@pytest.fixture
def recipe():
    return load_recipe("swav/quick:hard-codes", ["seed=3"])


@pytest.fixture(autouse=True)
def no_sweep(monkeypatch):
    monkeypatch.delenv("WANDB_SWEEP_ID", raising=False)
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)


@pytest.fixture
def console():
    return Screen(file=io.StringIO(), width=40)


def hold(path, ours, theirs):
    theirs.close()  # so that the end of the parent, too, ends the waiting
    run = RunFolder(path)
    run.lock()
    ours.send("locked")
    ours.poll(30)
    run.unlock()


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of ``tmp_path``, and the pipe that lets it go."""
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path, theirs, mine))
    process.start()
    assert mine.poll(30) and mine.recv() == "locked"
    yield process, mine
    process.kill()
    process.join()


def test_a_new_run_is_locked_and_holds_its_recipe(recipe, tmp_path):
    run = new_run(recipe, tmp_path)
    assert run.path.parent == tmp_path / "swav" / "quick-hard-codes"
    assert run.checkpoints.is_dir() and not run.record.exists()
    assert re.fullmatch(r"\d{6}-\d{6}-[0-9a-f]{4}", run.id)
    again = open_run(run.path).read_recipe()
    assert (again.to_dict(), again.hash()) == (recipe.to_dict(), recipe.hash())
    with pytest.raises(UsageError, match="in use by process"):
        open_run(run.path).lock()
    run.unlock()


def test_ids_are_not_given_twice():
    assert len({new_run_id(Path("none")) for _ in range(50)}) > 40


@pytest.mark.parametrize("stamp", ["2026-99-99T99:99:99Z", "9999-12-31T23:59:59Z", None])
def test_a_broken_record_beside_a_finished_run_does_it_no_harm(recipe, tmp_path, stamp):
    run = new_run(recipe, tmp_path)
    beside = run.path.parent / "260101-000000-abcd" / "result.json"
    if stamp is None:
        beside.mkdir(parents=True)
    else:
        beside.parent.mkdir()
        beside.write_text(f'{{"finished": "{stamp}"}}')
    datetime.strptime(run.finish_time(), "%Y-%m-%dT%H:%M:%SZ")
    run.unlock()


def test_a_folder_named_almost_like_a_run_ends_no_training(tmp_path):
    (tmp_path / "269999-999999-abcd").mkdir()
    datetime.strptime(new_run_id(tmp_path)[:13], "%y%m%d-%H%M%S")


def test_a_sweep_gives_the_id(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "chosen")
    assert new_run(recipe, tmp_path).id != "chosen", "left over from another program"
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    assert new_run(recipe, tmp_path).id == "chosen"
    path = tmp_path / "swav" / "quick-hard-codes" / "chosen"
    with pytest.raises(UsageError, match=f"papers resume {path}$"):
        new_run(recipe, tmp_path)


def test_a_root_that_cannot_be_written_names_the_option(recipe, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--runs DIR"):
        new_run(recipe, tmp_path / "file")

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UsageError, match=r"cannot be made \(Permission denied\)"):
        new_run(recipe, tmp_path)


def test_another_process_is_named_and_waited_for(tmp_path, holder):
    process, pipe = holder
    with pytest.raises(UsageError, match=f"in use by process {process.pid}; wait for it"):
        RunFolder(tmp_path).lock()
    pipe.send("done")
    process.join(30)
    run = RunFolder(tmp_path)
    run.lock()
    assert (tmp_path / "run.lock").read_text() == str(os.getpid())
    run.unlock()


def test_the_lock_dies_with_its_process(tmp_path, holder):
    process, _ = holder
    run = RunFolder(tmp_path)
    with pytest.raises(UsageError, match="in use"):
        run.lock()
    process.kill()
    process.join()
    run.lock()
    run.unlock()


def test_a_refused_lock_leaves_the_owners_name(tmp_path, holder):
    process, _ = holder
    for _ in range(2):
        with pytest.raises(UsageError, match=str(process.pid)):
            RunFolder(tmp_path).lock()


def test_a_lock_that_its_owner_removed_in_between_is_made_anew(tmp_path, monkeypatch):
    path, flock = tmp_path / "run.lock", fcntl.flock
    path.write_text("")

    def late(*given):
        flock(*given)
        monkeypatch.setattr("fcntl.flock", flock)
        path.unlink()

    monkeypatch.setattr("fcntl.flock", late)
    with take_lock(path):
        assert path.read_text() == str(os.getpid())


def test_a_file_system_without_locks_is_not_taken_for_another_process(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(UsageError, match=r"run\.lock: cannot be locked \(No locks") as refused:
        RunFolder(tmp_path).lock()
    assert not isinstance(refused.value, RunInUse)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be locked"):
        RunFolder(tmp_path / "file").lock()


def test_only_the_holder_speaks(tmp_path, console):
    run = RunFolder(tmp_path)
    run.say("unheard", console)
    assert not (tmp_path / "log.txt").exists() and console.file.getvalue() == ""
    run.lock()
    run.say("heard [bold]" + "x" * 60, console)
    run.unlock()
    run.say("unheard again", console)
    assert console.file.getvalue() == "heard [bold]" + "x" * 60 + "\n", "whole and unstyled"
    (line,) = (tmp_path / "log.txt").read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  heard \[bold\]x{60}", line)


def test_what_is_said_is_appended(tmp_path, console):
    (tmp_path / "log.txt").write_text("before\n")
    run = RunFolder(tmp_path)
    run.lock()
    run.say("ä", console)
    run.say("a file caf\udce9", console)  # as Python has a name that is not UTF-8
    run.unlock()
    first, second, third = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert first == "before" and second.endswith("ä") and third.endswith(r"a file caf\udce9")


def test_a_log_on_a_full_disk_hides_nothing(tmp_path, console):
    (tmp_path / "log.txt").symlink_to("/dev/full")
    run = RunFolder(tmp_path)
    run.lock()
    run.say("no space left", console)
    run.unlock()
    assert console.file.getvalue() == "no space left\n"


def test_a_lock_may_be_given_back_twice_and_taken_again(tmp_path):
    run = RunFolder(tmp_path)
    run.lock()
    run.unlock()
    run.unlock()
    run.lock()
    run.unlock()


def test_a_run_of_a_trial_names_the_command_that_makes_a_paper_of_its_loss(tmp_path):
    text = (
        "{{paper: {}, recipe: bench, variant: null, baseline: own-loss, method: {{loss: a.py:b}}}}"
    )
    for paper, mend in (
        ("amcl", r"of a function, `papers try a\.py:b --save NAME` makes a paper"),
        ("simcse", "`papers try` and `papers compare` alone read it"),  # a loss on sentences
    ):
        (tmp_path / "config.yaml").write_text(text.format(paper))
        with pytest.raises(ConfigError, match=mend):
            open_run(tmp_path).read_recipe()


def test_a_folder_that_is_no_run(tmp_path):
    for path in tmp_path, tmp_path / ("long" * 99):
        with pytest.raises(UsageError, match=r"config\.yaml"):
            open_run(path)


@pytest.mark.parametrize("above", ["", "swav", "swav/quick"])
def test_a_folder_above_runs_is_told_with_the_newest_of_them(above, tmp_path):
    for age, name in enumerate(["swav/quick/new", "swav/quick/old"]):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.yaml").write_text("paper: swav\n")
        os.utime(tmp_path / name / "config.yaml", (1000 - age, 1000 - age))
    with pytest.raises(UsageError, match=f"is {tmp_path / 'swav/quick/new'}$"):
        open_run(tmp_path / above)


@pytest.mark.parametrize(
    ("here", "shown"), [(".", "runs/swav/mine/run"), ("runs", "swav/mine/run"), ("other", None)]
)
def test_an_opened_run_has_a_path_from_the_current_folder_on(here, shown, tmp_path, monkeypatch):
    whole = tmp_path.resolve() / "runs" / "swav" / "mine" / "run"
    whole.mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (whole / "config.yaml").write_text("paper: swav\n")
    monkeypatch.chdir(tmp_path / here)
    run = open_run(whole)
    assert run.path == (Path(shown) if shown else whole)
    assert run.root.resolve() == tmp_path.resolve() / "runs"


def test_an_opened_run_has_its_name_as_id_wherever_it_is_opened_from(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("paper: swav\n")
    monkeypatch.chdir(tmp_path / "run")
    run = open_run(Path("."))
    assert run.path == (tmp_path / "run").resolve() and run.id == "run"
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        run.read_recipe()
