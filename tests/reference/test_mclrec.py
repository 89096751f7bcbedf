"""The solvers take batch, length and constants from the case; `test_parity.py` has the stored."""

from pathlib import Path

import numpy as np
import pytest
import torch

from common.results.parity import Case
from papers.mclrec.reference import CASES, _module

FOLDER = Path(__file__).parent / "mclrec"


def altered(name, **arrays):
    case = Case(FOLDER / f"{name}.json")
    case.arrays |= arrays
    return case


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_other_batches_and_sequences_shorter_than_the_position_table(rows):
    stored = Case(FOLDER / "encoder_and_losses.json").arrays
    names = ("seq", "length", "target", "view1", "view1_len", "view2", "view2_len")
    cut = {name: stored[name][:rows] for name in names}
    widest = max(cut[name].max() for name in ("length", "view1_len", "view2_len"))
    cut |= {name: cut[name][:, :widest] for name in ("seq", "view1", "view2")}
    found = CASES["encoder_and_losses"](altered("encoder_and_losses", **cut))
    torch.testing.assert_close(
        found["encoder_out"], torch.from_numpy(stored["encoder_out"][:rows]), rtol=0, atol=1e-12
    )
    assert all(value.isfinite().all() for value in found.values())


def test_a_view_of_padding_alone_is_encoded_in_the_batchs_width():
    stored = Case(FOLDER / "encoder_and_losses.json").arrays
    view = stored["view1"].copy()
    view[0] = 0
    case = altered("encoder_and_losses", view1=view, view1_len=np.ones_like(stored["view1_len"]))
    module, rows = _module(case), (case["view1"], case["view1_len"])
    assert module._encode(*rows, 1)[0].equal(module.embed(*rows))


def test_one_sequence_has_no_negatives():
    stored = Case(FOLDER / "model_augmentation_losses.json").arrays
    one = {name: stored[name][:1] for name in ("h1", "h2")}
    found = CASES["model_augmentation_losses"](altered("model_augmentation_losses", **one))
    assert found["neg_scores_z1_z2"].shape == (2, 0) and found["pos_scores_z1_z2"].shape == (2,)
    assert found["total_with_reg"] == found["reg_z1_z2_paper_form"] == 0
    assert not found["grad_h1"].any()


def test_a_recorded_crop_may_keep_nothing():
    stored = Case(FOLDER / "augmentations.json").arrays
    case = altered("augmentations", op=np.where(stored["op"] == -1, -1, 0))
    case.constants["crop_ratio"] = 0.8
    found, lengths = CASES["augmentations"](case), stored["length"]
    # A fifth of 5 is one item; a sequence of one is left as it is.
    kept = np.where(lengths == 1, 1, np.where(lengths >= 5, 1, 0))
    assert found["view1_len"].tolist() == kept.tolist()
    assert found["view1"].ne(0).sum(dim=1).tolist() == kept.tolist()


def test_similarity_and_directions_are_read():
    case = Case(FOLDER / "encoder_and_losses.json")
    plain = CASES["encoder_and_losses"](case)
    for constant in ({"similarity": "cos"}, {"directions": "sum"}):
        other = Case(FOLDER / "encoder_and_losses.json")
        other.constants.update(constant)
        assert CASES["encoder_and_losses"](other)["loss_step1"] != plain["loss_step1"]
