"""How many threads a run gets, and that only the command sets how they wait."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

import common
from common.config import devices
from common.config.devices import cgroup_quota, usable_cores
from common.config.recipe import load_recipe
from common.runs import devices as cores
from common.runs import loading
from common.runs.devices import (
    SMALL_NETWORK,
    WAITING,
    WATCHED_S,
    choose_threads,
    threads_of,
    too_many_threads,
)

WAITS = f"""
import json, os
print(json.dumps({{name: os.environ[name] for name in {WAITING} if name in os.environ}}))
"""
HELP = f"""
import contextlib, io, sys
from common.cli.main import main
assert "torch" not in sys.modules
sys.argv = ["papers", "--help"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
{WAITS}
"""


@pytest.fixture
def eight_cores(monkeypatch):
    monkeypatch.setattr(cores, "usable_cores", lambda: 8)
    monkeypatch.setattr(cores, "OMP_NUM_THREADS", "")


def test_a_small_network_on_a_cpu_runs_on_one_thread(eight_cores):
    assert choose_threads(None, SMALL_NETWORK, on_cpu=True) == 1
    assert choose_threads(None, SMALL_NETWORK + 1, on_cpu=True) == 8
    assert choose_threads(None, 1, on_cpu=False) == 8


@pytest.mark.parametrize(("processes", "threads"), [(2, 4), (3, 2), (16, 1)])
def test_processes_share_the_cores(eight_cores, processes, threads):
    assert choose_threads(None, SMALL_NETWORK + 1, True, processes) == threads


@pytest.mark.parametrize(("users", "threads"), [("1", 1), ("3", 3), ("64", 8), ("2,1", 8)])
def test_the_users_number_binds_a_large_network(eight_cores, monkeypatch, users, threads):
    monkeypatch.setattr(cores, "OMP_NUM_THREADS", users)
    assert choose_threads(None, SMALL_NETWORK + 1, on_cpu=True) == threads


@pytest.mark.parametrize("parameters", [1, SMALL_NETWORK + 1])
def test_the_recipes_setting_wins(eight_cores, parameters):
    recipe = load_recipe("swav/quick", ["trainer.threads=5", "trainer.accelerator=cpu"])
    assert threads_of(recipe, parameters) == 5


def test_the_processes_of_a_recipe_share_the_cores(eight_cores):
    words = ["trainer.devices=2", "trainer.accelerator=cpu"]
    assert threads_of(load_recipe("swav/quick", words), SMALL_NETWORK + 1) == 4


SECOND, FIRST = "0::/job/run\n", "3:memory:/job\n2:cpu,cpuacct:/job/run\n0::/\n"


@pytest.mark.parametrize(
    ("groups", "files", "quota"),
    [
        (SECOND, {"job/run/cpu.max": "150000 100000"}, 1.5),
        (SECOND, {"job/run/cpu.max": "max 100000"}, None),
        (SECOND, {"job/run/cpu.max": "max 100000", "job/cpu.max": "300000 100000"}, 3.0),
        (SECOND, {"job/run/cpu.max": "400000 100000", "job/cpu.max": "300000 100000"}, 3.0),
        (SECOND, {"cpu.max": "50000 100000"}, 0.5),
        (SECOND, {"cpu.max": "nonsense"}, None),
        (SECOND, {}, None),
        (FIRST, {"cpu/job/run/cpu.cfs_quota_us": "-1"}, None),
        (FIRST, {"cpu/job/run/cpu.cfs_quota_us": "250000"}, 2.5),
        (FIRST, {"cpu/cpu.cfs_quota_us": "100000"}, 1.0),
        ("3:memory:/job\n", {"job/cpu.max": "100000 100000"}, None),
    ],
)
def test_the_quota_of_the_process_and_of_what_it_is_in(tmp_path, groups, files, quota):
    places = {"proc/self/cgroup": groups}
    for name, text in files.items():
        places[f"sys/fs/cgroup/{name}"] = text
        if name.endswith("cfs_quota_us"):
            places[f"sys/fs/cgroup/{name.replace('quota', 'period')}"] = "100000\n"
    for name, text in places.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cgroup_quota(tmp_path) == quota


def test_elsewhere_there_is_no_quota(tmp_path):
    assert cgroup_quota(tmp_path) is None


@pytest.mark.parametrize(("quota", "expected"), [(None, 4), (0.2, 1), (2.1, 3), (64.0, 4)])
def test_affinity_and_quota_bind_both(monkeypatch, quota, expected):
    monkeypatch.setattr(devices, "cgroup_quota", lambda: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    assert usable_cores() == expected


def waits(code, **given):
    """Returns what of `WAITING` is set after ``code``, in a process with ``given`` alone."""
    kept = {name: value for name, value in os.environ.items() if name not in WAITING}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=kept | given)
    return json.loads(done.stdout)


def test_the_command_has_threads_sleep_unless_the_user_has_set_how_they_wait():
    assert waits(HELP) == {"OMP_WAIT_POLICY": "PASSIVE"}
    assert waits(HELP, GOMP_SPINCOUNT="7") == {"GOMP_SPINCOUNT": "7"}


def test_importing_a_paper_changes_nothing_of_how_threads_wait():
    assert waits(f"import common, papers.swav.config\n{WAITS}") == {}


def test_a_loaded_run_leaves_the_callers_threads_alone(monkeypatch, tmp_path):
    before = torch.get_num_threads()

    def load_run(_):
        torch.set_num_threads(before + 1)
        return SimpleNamespace(module="the module")

    monkeypatch.setattr(loading, "load_run", load_run)
    (tmp_path / "config.yaml").touch()
    assert common.load(tmp_path) == "the module"
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("idle", "threads", "fewer"), [(2, 2, None), (1, 2, 1), (0, 4, 1)])
def test_more_threads_than_idle_cores_are_told_of(idle, threads, fewer, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    stat = tmp_path / "proc" / "stat"
    stat.parent.mkdir()

    def write(ticks):
        mine = [f"cpu{core} 9 9 9 {100 + each} 0 9" for core, each in enumerate(ticks)]
        stat.write_text("\n".join(["cpu 1 1 1 1 1 1", *mine, "cpu2 9 9 9 100 0 9", "ctxt 1"]))

    def pause(seconds):
        whole = int(seconds * os.sysconf("SC_CLK_TCK"))
        write([whole * (idle > core) for core in range(2)])

    write([0, 0])
    said = too_many_threads(threads, tmp_path, pause)
    assert said is None if fewer is None else f"trainer.threads={fewer} " in said


def test_one_thread_is_never_too_many_and_without_counters_nothing_is_said(tmp_path):
    assert too_many_threads(1, tmp_path, lambda _: pytest.fail("waited")) is None
    assert too_many_threads(8, tmp_path, lambda seconds: None) is None
    assert WATCHED_S < 1
