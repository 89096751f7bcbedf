import os

import pytest

from common.config.devices import (
    RANKS,
    is_main_process,
    launched_by_lightning,
    unset_unreadable_ranks,
)


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "rank", "by_lightning"),
    [
        ({}, 0, False),
        ({"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4"}, 3, False),  # torchrun
        ({"RANK": "3", "LOCAL_RANK": "0"}, 3, False),
        ({"SLURM_PROCID": "2"}, 2, False),
        ({"SLURM_PROCID": "5", "SLURM_LOCALID": "1"}, 5, False),
        ({"LOCAL_RANK": "1", "NODE_RANK": "0"}, 1, True),  # a child that Lightning started
        ({"LOCAL_RANK": "1", "NODE_RANK": "0", "SLURM_PROCID": "0"}, 1, True),  # without srun
        ({"NODE_RANK": "2"}, 2, False),  # the first process of a further node
        ({"NODE_RANK": "2", "LOCAL_RANK": "0"}, 2, False),  # once Lightning has launched
        ({"RANK": "0", "LOCAL_RANK": "0", "NODE_RANK": "1"}, 0, False),
        ({"RANK": "", "SLURM_PROCID": "2"}, 2, False),
        ({"RANK": "none"}, 0, False),
        ({"LOCAL_RANK": "none"}, 0, False),
        ({"RANK": "", "LOCAL_RANK": "1"}, 1, True),
    ],
)
def test_the_rank_is_read_from_every_launcher(environment, rank, by_lightning, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_main_process() == (rank == 0)
    assert launched_by_lightning() == by_lightning


def test_a_launchers_variable_without_a_number_is_unset(monkeypatch):
    given = {"RANK": "x", "LOCAL_RANK": "", "SLURM_PROCID": "-1", "NODE_RANK": "2"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.warns(UserWarning) as said:
        unset_unreadable_ranks()
    assert [name for name in given if name in os.environ] == ["NODE_RANK"]
    assert [str(one.message).split(" is ")[0] for one in said] == ["RANK='x'", "SLURM_PROCID='-1'"]
