import gc

import pytest

from common import references
from common.config.recipe import load_recipe
from common.config.yaml_io import read_yaml
from common.leaderboard import board
from common.leaderboard.record import RecordError

pytestmark = pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
# A recipe, variants of it, one of another method's schema, and another paper's.
WRITTEN = ["swav/quick", "swav/quick:hard-codes", "swav/quick:simclr", "mclrec/quick:joint"]


def test_hashes_are_those_of_the_recipes_as_written_and_each_file_is_read_once(monkeypatch):
    read = []
    monkeypatch.setattr(
        board, "read_yaml", lambda path: read.append(path.parent.name) or read_yaml(path)
    )
    assert board.present_hashes(WRITTEN) == {name: load_recipe(name).hash() for name in WRITTEN}
    assert read == ["mclrec", "swav"]


@pytest.mark.parametrize("gone", ["swav/none", "swav/quick:none", "none/quick"])
def test_a_recipe_that_is_gone_has_no_hash(gone):
    assert board.present_hashes([gone, "swav/quick"]).keys() == {"swav/quick"}


@pytest.mark.parametrize("variants", ["variants: [small]", "variants: {small: 1}"])
def test_a_recipe_whose_variants_are_none_has_no_hash(variants, tmp_path, monkeypatch):
    (tmp_path / "swav").mkdir()
    (tmp_path / "swav" / "quick.yaml").write_text(f"seed: 0\n{variants}\n")
    monkeypatch.setattr(references, "CONFIG_ROOT", tmp_path)
    assert board.present_hashes(["swav/quick", "swav/quick:small"]) == {}


def test_a_broken_record_is_raised_and_memory_is_still_collected(tmp_path):
    (tmp_path / "results" / "swav").mkdir(parents=True)
    (tmp_path / "results" / "swav" / "a.json").write_text("{")
    with pytest.raises(RecordError):
        board.read_board(tmp_path)
    assert gc.isenabled()
