"""The second word of ``papers train`` is a path, or the mend is told."""

import pytest
import yaml
from rich.console import Console

from common.cli.train import _refuse_options, split_path, train_words
from common.errors import UsageError


def test_a_path_is_told_from_settings(tmp_path):
    folder = str(tmp_path)
    assert split_path("swav", ["seed=1", folder]) == (folder, ["seed=1"])
    assert split_path("swav", ["seed=1"]) == (None, ["seed=1"])


@pytest.mark.parametrize("word", ["quick", "quick:two-crops"])
def test_a_recipe_as_the_second_word_is_told_in_one_word(word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"swav/{word}"):
        split_path("swav", [word])


def test_a_missing_path_does_not_exist_and_two_are_too_many(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        split_path("swav", ["photos/"])
    with pytest.raises(UsageError, match="one path"):
        split_path("swav", [str(tmp_path), str(tmp_path)])


def test_a_key_without_a_value_is_told_as_one():
    with pytest.raises(UsageError, match="key=value"):
        split_path("swav", ["optimizer.lr"])


def test_an_option_is_told_as_a_setting():
    with pytest.raises(UsageError, match="seed=1"):
        _refuse_options(["--seed", "1"])
    _refuse_options(["--seed=1"])  # as sweeps write it


def test_a_recipe_for_own_data_is_printed_beside_its_plan(tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text("size,price\n" + "".join(f"{n},{n * 2}.5\n" for n in range(60)))
    words = [str(table), "data.target=price"]
    train_words("supremix", words, tmp_path / "runs", Console(width=500), only_show=True)
    out, err = capsys.readouterr()
    assert yaml.safe_load(out)["data"]["target"] == "price"  # stdout alone can be kept as a file
    assert "plan, on top of supremix/" in err and "Expected time" in err
    assert not (tmp_path / "runs").exists()
