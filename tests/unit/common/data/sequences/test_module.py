import os

import pytest
import torch

from common.data.sequences.config import SequenceConfig, SequenceFacts
from common.data.sequences.module import SequenceData
from common.errors import ConfigError, DataError
from common.evaluation.ranking import rank_all


class LastItem(torch.nn.Module):
    """Embeds a sequence as its last item, so that the ranks can be told by hand."""

    device = torch.device("cpu")

    def __init__(self, num_items):
        super().__init__()
        self.seen_training = []
        self.table = torch.nn.functional.one_hot(torch.arange(num_items + 1)).float()

    def embed(self, items, lengths):
        self.seen_training.append(self.training)
        return self.table[items[torch.arange(len(items)), lengths - 1]]

    def item_table(self):
        # Item i scores highest after item i - 1.
        return self.table.roll(-1, dims=1).roll(1, dims=0).roll(1, dims=1)


def make_data(**changes):
    fields = {"num_users": 60, "batch_size": 32, "max_length": 8} | changes
    return SequenceData(SequenceConfig(**fields), seed=3)


def epoch(data, number=0):
    loader = data.train_dataloader()
    loader.sampler.set_epoch(number)
    return [data.on_after_batch_transfer(batch, 0) for batch in loader]


def test_an_epoch_holds_each_prefix_once_and_a_smaller_last_batch():
    data = make_data()
    batches = epoch(data)
    assert sum(len(b.items) for b in batches) == len(data.instances)
    assert len(batches[-1].items) == len(data.instances) % 32
    assert len(epoch(make_data(drop_last=True))) == len(batches) - 1


def test_views_are_new_each_epoch_and_the_same_in_each_run():
    first, again, other = epoch(make_data()), epoch(make_data()), epoch(make_data(), 1)
    assert all(a.views.equal(b.views) for a, b in zip(first, again, strict=True))
    assert not first[0].views.equal(other[0].views)
    assert first[0].views.shape == (2, 32, 8)


def test_seeking_enters_the_epoch_where_it_was_left():
    whole = epoch(make_data())
    data = make_data()
    data.seek(5)
    rest = [data.on_after_batch_transfer(batch, 0) for batch in data.train_dataloader()]
    assert len(rest) == len(whole) - 5
    for one, other in zip(rest, whole[5:], strict=True):
        assert one.items.equal(other.items) and one.views.equal(other.views)


def test_a_fresh_iterator_does_not_draw_from_the_global_generator():
    data = make_data()
    state = torch.get_rng_state()
    epoch(data)
    assert torch.get_rng_state().equal(state)


def test_evaluation_embeds_in_eval_mode_and_keeps_the_users_order():
    data = make_data()
    data.load()
    module = LastItem(1000).train()
    inputs = data.evaluation_inputs(module, "test")
    assert module.training and not any(module.seen_training)
    sequences = data.sequences
    last = torch.from_numpy(sequences.items[sequences.offsets[1:] - 2])
    assert inputs.queries.argmax(dim=1).equal(last)
    assert inputs.targets.equal(torch.from_numpy(sequences.items[sequences.offsets[1:] - 1]))
    assert inputs.history.offsets[-1] == len(sequences.items) - 60


def test_popularity_is_a_reference_with_ties_at_mid_rank():
    data = make_data()
    reference = data.references("test")["popularity"]
    assert reference.ties == "middle"
    counts = reference.items[:, 0]
    ranks = rank_all(reference)
    best = int(counts.argmax())
    assert counts[0] == 0 and best > 0
    for user in (0, 1, 2):
        own = counts[reference.targets[user]]
        equal = (counts[1:] == own).sum() - 1
        assert ranks[user] == 1 + (counts[1:] > own).sum() + equal / 2


def test_facts_and_description():
    data = make_data()
    assert data.facts == SequenceFacts(1000, 8)
    assert data.describe().startswith("sessions: 60 users, 1,000 items, ")
    same, other = make_data(), make_data(data_seed=1)
    same.load()
    other.load()
    assert data.fingerprint == same.fingerprint != other.fingerprint


def test_actions_sorted_by_time_are_said_also_of_a_core(tmp_path):
    rows = [f"{u}\t{i}\t{9 - i}\n" for u in range(4) for i in (1, 2, 3, 4)]
    path = tmp_path / "own.inter"
    path.write_text("user_id:token\titem_id:token\ttimestamp:float\n" + "".join(rows))
    for changes in ({}, {"core": 3}):
        said = make_data(name="file", path=str(path), batch_size=4, **changes).describe()
        assert said.endswith("prefixes; users whose actions were sorted by timestamp: 4")


def test_bad_input_is_refused_before_compute(tmp_path):
    with pytest.raises(DataError, match=r"data.batch_size.*5000"):
        make_data(batch_size=5000).load()
    short = tmp_path / "short.txt"
    short.write_text("1 1 2 3\n2 3 2 1\n")
    with pytest.raises(DataError, match=r"short.txt.*3"):
        make_data(name="file", path=str(short)).load()
    with pytest.raises(ConfigError, match=r"data.path"):
        make_data(name="file").load()
    with pytest.raises(DataError, match=r"papers data prepare beauty"):
        make_data(name="beauty", root=str(tmp_path)).load()


def test_own_files_are_read_with_the_table_they_are_said_to_have(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("".join(f"{u} 1 2 3 4 {5 + u}\n" for u in range(20)))
    data = make_data(name="file", path=str(path), num_items=30)
    data.load()
    assert data.facts.num_items == 30
    with pytest.raises(DataError, match=r"own.txt:17.*21.*20"):
        make_data(name="file", path=str(path), num_items=20).load()


ROOT = os.environ.get("LIKEWISE_DATA")
