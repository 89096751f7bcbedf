import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.errors import DataError, UsageError
from common.runs.checkpoints import NAME, AtomicCheckpointIO, last_good_checkpoint
from common.training.position import (
    KEY,
    Position,
    batches_seen,
    count_batch,
    epoch_reached,
    random_states,
    read_checkpoint,
    set_random_states,
)
from tests.states import Counted


class Trainer(SimpleNamespace):
    def __init__(self, rank=0, size=1, fingerprint="data"):
        self.sought = []
        datamodule = SimpleNamespace(seek=self.sought.append, fingerprint=fingerprint)
        super().__init__(global_rank=rank, world_size=size, datamodule=datamodule)


def draw():
    """One draw of each global generator, numpy's with a cached second normal."""
    normal = np.random.standard_normal()  # noqa: NPY002 - the global one
    return random.random(), random.gauss(0, 1), normal, float(torch.rand(()))


def seed_all(seed):
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global one
    torch.manual_seed(seed)


def save(module, run_id="run", trainer=None):
    checkpoint = {}
    Position().on_save_checkpoint(trainer or Trainer(), module, checkpoint)
    checkpoint[KEY]["run_id"] = run_id
    return checkpoint


def test_the_states_come_back_to_the_last_bit_through_a_file(tmp_path):
    seed_all(1)
    draw()  # an odd number: numpy and Python hold a cached normal
    states = random_states()
    expected = [draw() for _ in range(5)]
    path = tmp_path / "states.ckpt"
    AtomicCheckpointIO().save_checkpoint({KEY: states}, path)
    seed_all(2)
    set_random_states(read_checkpoint(path)[KEY])
    assert [draw() for _ in range(5)] == expected


@pytest.mark.parametrize("name", ["python", "numpy", "torch"])
def test_each_generator_is_among_them(name):
    def equal(first, second):
        if name == "torch":
            return torch.equal(first[name], second[name])
        return first[name] == second[name]

    seed_all(1)
    wanted = random_states()
    seed_all(2)
    other = random_states()
    assert not equal(other, wanted)
    set_random_states({**other, name: wanted[name]})
    assert equal(random_states(), wanted)


def test_the_states_are_plain_data():
    states = random_states()
    assert type(states["python"][1]) is list and type(states["numpy"][1]) is list
    assert {type(key) for key in states["numpy"][1]} == {int}


def test_a_checkpoint_holds_the_position():
    position = save(Counted(7))[KEY]
    assert (position["batches_seen"], position["data_hash"]) == (7, "data")
    assert len(position["random_states"]) == 1
    assert batches_seen(Counted(7)) == 7


def test_the_data_are_sought_at_once_and_the_states_set_at_the_first_batch_only():
    seed_all(1)
    checkpoint, expected = save(Counted(7)), draw()
    position, trainer = Position(), Trainer()
    seed_all(2)
    untouched = random_states()["torch"]
    position.on_load_checkpoint(trainer, Counted(7), checkpoint)
    assert trainer.sought == [7]
    assert torch.equal(random_states()["torch"], untouched)
    position.on_train_batch_start(trainer, Counted(7), None, 0)
    assert draw() == expected
    position.on_train_batch_start(trainer, Counted(8), None, 1)
    assert draw() != expected, "they must not be set again at the second batch"


def test_other_data_and_another_version_are_refused_with_the_mend():
    checkpoint, position = save(Counted()), Position()
    trainer = Trainer(fingerprint="others")
    with pytest.raises(DataError, match=r"data: .*data.*others"):
        position.on_load_checkpoint(trainer, Counted(), checkpoint)
    assert not trainer.sought
    checkpoint[KEY]["version"] = 1
    with pytest.raises(UsageError, match=r"version 1.*2"):
        position.on_load_checkpoint(Trainer(), Counted(), checkpoint)


def test_each_process_takes_its_own_states(monkeypatch):
    def gather(into, mine):
        into[:] = [mine, {**mine, "torch": other}]

    seed_all(5)
    other = torch.get_rng_state()
    expected = float(torch.rand(()))
    seed_all(6)
    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    checkpoint = save(Counted(), trainer=Trainer(size=2))
    position = Position()
    position.on_load_checkpoint(Trainer(rank=1, size=2), Counted(), checkpoint)
    position.on_train_batch_start(Trainer(rank=1, size=2), Counted(), None, 0)
    assert float(torch.rand(())) == expected


def test_on_another_number_of_processes_there_are_no_states_to_go_on_with():
    checkpoint = save(Counted(3))
    position = Position()
    seed_all(9)
    before = torch.get_rng_state()
    for trainer in (Trainer(0, 2), Trainer(1, 2)):
        position.on_load_checkpoint(trainer, Counted(), checkpoint)
        position.on_train_batch_start(trainer, Counted(), None, 0)
        assert trainer.sought == [3]
    assert torch.equal(torch.get_rng_state(), before)


def test_processes_draw_numbers_of_their_own_from_the_start():
    drawn = []
    for rank in (0, 1, 2):
        torch.manual_seed(4)
        Position().on_fit_start(Trainer(rank, 3), Counted())
        drawn.append(float(torch.rand(())))
    torch.manual_seed(4)
    assert drawn[0] == float(torch.rand(()))
    assert len(set(drawn)) == 3


def store(folder, number, run_id):
    path = folder / NAME.format(number)
    AtomicCheckpointIO().save_checkpoint(save(Counted(number), run_id), path)
    return path


def test_a_checkpoint_of_another_run_is_none_of_this_one(tmp_path):
    mine, foreign = store(tmp_path, 1, "mine"), store(tmp_path, 2, "theirs")
    path, problems = last_good_checkpoint(tmp_path, "mine")
    assert path == mine
    mend = "if the folder was renamed, name it theirs again"
    assert problems == [f"{foreign}: a checkpoint of run theirs, not of mine; {mend}"]
    assert last_good_checkpoint(tmp_path) == (foreign, [])
    mine.unlink()
    assert last_good_checkpoint(tmp_path, "mine") == (None, problems)


def test_counting_moves_the_buffer_and_the_position():
    module = Counted(seen=3)
    for expected in (4, 5):
        count_batch(module)
        assert batches_seen(module) == int(module.batches_seen) == expected
    module.batches_seen += 1  # as a module may that does not use `count_batch`
    assert batches_seen(module) == 6
    module.load_state_dict({"batches_seen": torch.tensor(40)})
    count_batch(module)
    assert batches_seen(module) == 41


@pytest.mark.parametrize(("batches", "reached"), [(0, False), (13, False), (14, True), (15, True)])
def test_an_epoch_is_reached_with_its_first_batch(batches: int, reached: bool) -> None:
    module = Counted(batches)
    module._trainer = None
    assert epoch_reached(module, 2), "without a Trainer"
    module._trainer = module.trainer = SimpleNamespace(num_training_batches=7)
    assert epoch_reached(module, 2) == reached
    assert epoch_reached(module, 0)
