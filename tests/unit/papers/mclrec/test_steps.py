"""What is named as the authors name it is read back by the reader of their files."""

from pathlib import Path

import numpy as np

from common.data.sequences.config import SequenceFacts
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.module import MCLRec
from papers.mclrec.steps import published
from papers.mclrec.weights import load_weights


def test_the_file_holds_the_encoder(tmp_path: Path) -> None:
    settings = MCLRecConfig(dim=8, inner_dim=8)
    first, second = (MCLRec(settings, None, SequenceFacts(20, 6)) for _ in range(2))
    np.savez(tmp_path / "weights.npz", **published(first))
    load_weights(second, tmp_path / "weights.npz")
    wanted = first.encoder.state_dict()
    assert all(bool((x == wanted[k]).all()) for k, x in second.encoder.state_dict().items())
