"""What is named as the authors name it is read back by the reader of their files."""

from pathlib import Path

from common.data.sequences.config import SequenceFacts
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.module import MCLRec
from papers.mclrec.steps import publish
from papers.mclrec.weights import load_weights


def test_the_file_holds_the_encoder(tmp_path: Path) -> None:
    settings = MCLRecConfig(dim=8, inner_dim=8)
    first, second = (MCLRec(settings, None, SequenceFacts(20, 6)) for _ in range(2))
    load_weights(second, publish(first, tmp_path))
    wanted = first.encoder.state_dict()
    assert all(bool((x == wanted[k]).all()) for k, x in second.encoder.state_dict().items())
