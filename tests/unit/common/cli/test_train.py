"""The second word of ``papers train`` is a path, or the mend is told."""

import pytest
import yaml
from PIL import Image
from rich.console import Console

from common.cli.train import _refuse_options, _refuse_path, split_path, train_words
from common.errors import UsageError


def test_a_path_is_told_from_settings(tmp_path, monkeypatch):
    folder = str(tmp_path)
    assert split_path("swav", ["seed=1", folder]) == (folder, ["seed=1"])
    assert split_path("swav", ["seed=1"]) == (None, ["seed=1"])
    named = tmp_path / "lr=0.1"
    named.mkdir()
    assert split_path("swav", ["seed=1", str(named)]) == (str(named), ["seed=1"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seed=1").mkdir()
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


@pytest.mark.parametrize(
    ("option", "setting"),
    [
        ("--seed", "seed=1"),
        ("--epochs", "trainer.epochs=1"),
        ("--batch-size", "data.batch_size=1"),
        ("--xyzzy", "key=value"),
    ],
)
def test_an_option_is_told_as_a_setting(option, setting):
    with pytest.raises(UsageError, match=f"written {setting}"):
        _refuse_options("swav", [option, "1"])
    _refuse_options("swav", [f"{option}=1"])  # as sweeps write it


def test_data_in_the_place_of_the_paper_are_told_with_the_papers_that_take_them(tmp_path):
    clicks = tmp_path / "clicks.csv"
    clicks.write_text("user,item,time\nu1,a,1\nu1,b,2\n")
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (32, 32)).save(photos / "one.png")
    for path, paper in ((clicks, "mclrec"), (photos, "swav")):
        with pytest.raises(UsageError, match=rf"papers train PAPER {path}\n.*trained by.*{paper}"):
            train_words(str(path), ["seed=1"], tmp_path / "runs", Console())


def test_a_folder_that_is_called_as_a_paper_is_not_in_its_way(tmp_path, monkeypatch):
    (tmp_path / "swav").mkdir()
    monkeypatch.chdir(tmp_path)
    _refuse_path("swav")


def test_a_recipe_for_own_data_is_printed_beside_its_plan(tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text("size,price\n" + "".join(f"{n},{n * 2}.5\n" for n in range(60)))
    words = [str(table), "data.target=price"]
    train_words("supremix", words, tmp_path / "runs", Console(width=500), only_show=True)
    out, err = capsys.readouterr()
    assert yaml.safe_load(out)["data"]["target"] == "price"  # stdout alone can be kept as a file
    assert "plan, on top of supremix/" in err and "Expected time" in err
    assert not (tmp_path / "runs").exists()
