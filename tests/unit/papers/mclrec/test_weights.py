import os
from pathlib import Path

import numpy as np
import pytest
import torch

from common.data.sequences.config import SequenceConfig, SequenceFacts
from common.data.sequences.module import SequenceData
from common.errors import DataError
from common.evaluation.ranking import rank_all, rank_among_sampled
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.module import MCLRec
from papers.mclrec.weights import load_weights

ROOT = Path(os.environ.get("LIKEWISE_DATA", ""), "checkpoints")
PUBLISHED = ROOT / "mclrec_beauty.npz"
CASE = Path(__file__).parents[3] / "reference/mclrec/encoder_and_losses.npz"


def stored():
    with np.load(CASE) as file:
        names = [name for name in file.files if name.startswith("param.")]
        return {name.removeprefix("param."): file[name] for name in names}


def make_module(num_items=20):
    method = MCLRecConfig(dim=8, inner_dim=16)
    return MCLRec(method, facts=SequenceFacts(num_items, 8)).double()


def save(folder, arrays):
    np.savez(folder / "weights.npz", **arrays)
    return folder / "weights.npz"


def test_npz_and_torch_files_give_the_same_encoder(tmp_path):
    arrays = stored()
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    torch.save({"state_dict": tensors}, tmp_path / "model.pth")
    modules = [make_module(), make_module()]
    load_weights(modules[0], save(tmp_path, arrays))
    load_weights(modules[1], tmp_path / "model.pth")
    for module in modules:
        table = module.encoder.item_embedding.weight
        assert np.array_equal(table.detach(), arrays["item_embedding.weight"])
        norm = module.encoder.blocks[1].attention.norm.weight
        theirs = arrays["trm_encoder.layer.1.multi_head_attention.LayerNorm.weight"]
        assert np.array_equal(norm.detach(), theirs)


def without(arrays, name):
    return {key: value for key, value in arrays.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: without(a, "LayerNorm.weight"), "norm.weight.*1"),
        (lambda a: a | {"extra.weight": np.zeros(2)}, "extra.weight"),
        (lambda a: a | {"LayerNorm.bias": np.zeros(3)}, "norm.bias.*3.*8"),
        (lambda a: a | {"LayerNorm.bias": np.full(8, np.nan)}, "LayerNorm.bias"),
    ],
)
def test_other_arrays_are_refused_by_name(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        load_weights(make_module(), save(tmp_path, change(stored())))


def test_weights_of_another_data_set_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"item_embedding.weight.*22.*8.*32.*8"):
        load_weights(make_module(num_items=30), save(tmp_path, stored()))


def test_unreadable_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load_weights(make_module(), tmp_path / "none.npz")
    for name in ("torn.npz", "torn.pth"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 torn")
        with pytest.raises(DataError, match=name):
            load_weights(make_module(), tmp_path / name)
    torch.save({"state_dict": {"a": Path("x")}}, tmp_path / "object.pth")
    with pytest.raises(DataError, match=r"object.pth"):
        load_weights(make_module(), tmp_path / "object.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(DataError, match="state_dict"):
        load_weights(make_module(), tmp_path / "list.pth")


@pytest.mark.skipif(
    not PUBLISHED.is_file(), reason="LIKEWISE_DATA is not set or holds no published weights"
)
def test_published_weights_give_the_published_figures():
    data = SequenceData(SequenceConfig(name="beauty"), seed=0)
    data.load()
    module = MCLRec(facts=data.facts)
    load_weights(module, PUBLISHED)
    inputs = data.evaluation_inputs(module, "test")
    masked = rank_all(inputs, mask_history=True)
    assert [int((masked <= k).sum()) for k in (5, 10, 20)] == [1549, 2126, 2921]
    sampled = rank_among_sampled(inputs, 100, seed=0)
    assert (sampled <= 10).double().mean().item() == pytest.approx(0.5008, abs=1e-3)
    ranks = rank_all(inputs)
    assert len(ranks) == 22_363
    assert [int((ranks <= k).sum()) for k in (5, 10, 20)] == [1299, 1947, 2780]
    gains = [((ranks <= k) / (ranks + 1).log2()).mean().item() for k in (5, 10, 20)]
    assert gains == pytest.approx([0.03524999, 0.044591, 0.053932], abs=1e-6)
