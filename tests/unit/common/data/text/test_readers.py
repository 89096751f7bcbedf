"""Files of texts: lines, pairs, entries, WordNet."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from common.data.text.config import TextConfig
from common.data.text.module import TextData
from common.data.text.readers.entries import (
    FILES,
    own_entries,
    read_definitions,
    read_synset,
    wordnet,
)
from common.data.text.readers.lines import own_lines, read_texts
from common.data.text.readers.pairs import own_pairs, stsb_open
from common.errors import ConfigError, DataError
from tests.stored import stored


def write(path: Path, *lines: str) -> str:
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_a_text_a_line_and_some_are_held_out(tmp_path, name):
    texts = [f"text  number\t{n}" for n in range(30)]
    found = own_lines(TextConfig(name="lines", path=write(tmp_path / name, *texts)))
    parts = [found.train, found.held_out["val"], found.held_out["test"]]
    assert [len(part) for part in parts] == [24, 3, 3]
    assert sorted(t for part in parts for t in part.columns[0]) == sorted(
        f"text number {n}" for n in range(30)
    )


def test_a_line_ends_at_a_line_feed_alone_and_text_without_an_encoding_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\rb\r\nc\n")
    assert read_texts(tmp_path / "a.txt") == ["a b", "c"]
    (tmp_path / "a.txt").write_bytes("a\nb\n".encode("utf-16-le"))
    with pytest.raises(DataError, match="line 1: holds NUL"):
        read_texts(tmp_path / "a.txt")


def test_texts_in_utf_16_are_read(tmp_path):
    (tmp_path / "a.txt").write_bytes("é\nb\n".encode("utf-16"))
    assert read_texts(tmp_path / "a.txt") == ["é", "b"]


@pytest.mark.parametrize(
    ("content", "match"),
    [(b"", "no text"), (b"\n \n", "no text"), (b"\xff\xff\xff", "not readable")],
)
def test_what_is_no_list_of_texts_is_refused(tmp_path, content, match):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=match):
        read_texts(tmp_path / "a.txt")


def test_blank_lines_are_no_texts(tmp_path):
    (tmp_path / "a.txt").write_text("a\n\nb  c\n \n")
    assert read_texts(tmp_path / "a.txt") == ["a", "b c"]


def test_a_table_is_no_list_of_texts(tmp_path):
    (tmp_path / "a.CSV").write_text("text,stars\na,3\n")
    with pytest.raises(DataError, match=r"a\.CSV: is a table; write its column of texts"):
        read_texts(tmp_path / "a.CSV")


def pairs(tmp_path, *lines, **options):
    path = write(tmp_path / "a.csv", *lines)
    return own_pairs(TextConfig(name="pairs", path=path, **options))


@pytest.mark.parametrize("column", ["split", "SPLIT"])
def test_held_out_pairs_with_scores_are_graded(tmp_path, column):
    found = pairs(
        tmp_path,
        f"{column},sentence1,sentence2,score",
        f"{'train' if column == 'split' else 'Train'},a b,c,1",
        '"dev",d,"e, f",2.5',
        "test,g,h,0",
    )
    assert found.train.columns == (["a b"], ["c"]) and found.train.targets.tolist() == [1]
    assert found.graded["val"].columns == (["d"], ["e, f"])
    assert found.graded["test"].targets.tolist() == [0] and not found.held_out


def test_triplets_have_no_target_and_no_split(tmp_path):
    rows = [f"a{n},b{n},c{n}" for n in range(20)]
    options = {"columns": ["x", "y", "z"], "target": None}
    found = pairs(tmp_path, "x,y,z", *rows, **options)
    assert len(found.train.columns) == 3 and found.train.targets is None
    assert [len(found.held_out[split]) for split in ("val", "test")] == [2, 2]


def test_classes_are_numbered_by_name(tmp_path):
    rows = [f"a{n},b{n},{'yes' if n % 2 else 'no'}" for n in range(20)]
    found = pairs(tmp_path, "p,q,same", *rows, columns=["p", "q"], target="same", classes=True)
    assert found.names == ["no", "yes"] and found.train.targets.dtype == np.int64
    assert found.graded["test"].columns == found.held_out["test"].columns
    for text, target in zip(found.train.columns[0], found.train.targets, strict=True):
        assert int(text[1:]) % 2 == target


@pytest.mark.parametrize(
    ("line", "match"),
    [("train,a,,1", "line 3"), ("other,a,b,1", "line 3"), ("train,a,b,much", "line 3")],
)
def test_a_line_that_is_no_pair_is_named(tmp_path, line, match):
    with pytest.raises(DataError, match=match):
        pairs(tmp_path, "split,sentence1,sentence2,score", "train,a,b,1", line)


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataError, match="sentence2"):
        pairs(tmp_path, "sentence1,other,score", "a,b,1", "a,b,2")


def test_the_open_part_of_sts_b_is_graded_and_measures_other_sets(tmp_path):
    stored("stsb-open")
    found = stsb_open(TextConfig(name="stsb-open"))
    assert [len(found.train), *map(len, found.graded.values())] == [2999, 625, 625]
    assert set(found.graded["test"].subsets) == {"headlines", "images", "track5.en-en"}
    own = {"glossary_entries": 10, "graded": "stsb-open", "batch_size": 8}
    for root in (None, str(tmp_path)):  # the texts' own folder need not hold the pairs
        data = TextData(TextConfig(root=root, **own), 0)
        data.load()
        assert len(data.graded["test"].scores) == 625


def test_own_graded_pairs_without_splits_are_both_parts(tmp_path):
    path = write(tmp_path / "g.csv", "sentence1,sentence2,score", "a,b,1", "c,d,2")
    data = TextData(TextConfig(glossary_entries=10, graded=path, batch_size=8), 0)
    data.load()
    assert data.graded["val"].scores.tolist() == data.graded["test"].scores.tolist() == [1, 2]


def test_of_an_entry_with_several_definitions_one_is_left_to_train_on(tmp_path):
    several = "<|list_more_def|>".join(f"def {n}" for n in range(4))
    path = write(
        tmp_path / "e.txt", "cat\ta small animal", "", f"run\t{several}", "go\tx<|list_more_def|>y"
    )
    found = own_entries(TextConfig(name="entries", path=path))
    assert found.names == ["cat", "run", "go"]
    assert found.train.targets.tolist() == [0, 1, 1, 2]
    assert found.held_out["test"].targets.tolist() == [1, 2]
    assert found.held_out["val"].targets.tolist() == [1]
    texts = [t for part in (found.train, *found.held_out.values()) for t in part.columns[0]]
    assert len(set(texts)) == 7


@pytest.mark.parametrize(
    "line", ["no tab", "\tdefinition", "entry\t", "entry\ta<|list_more_def|> "]
)
def test_a_line_that_is_no_entry_is_named(tmp_path, line):
    path = write(tmp_path / "e.txt", "go\tx<|list_more_def|>y", line)
    with pytest.raises(DataError, match="line 2"):
        own_entries(TextConfig(name="entries", path=path))


def test_a_synset_gives_each_of_its_words_the_gloss_without_examples():
    line = '00001837 02 r 02 In_Time(p) 0 soon 1 000 | before long; "he came in time"; "soon"  '
    assert read_synset(line) == (["in time", "soon"], "before long")


@pytest.fixture
def wordnet_root(tmp_path):
    folder = tmp_path / "wordnet"
    folder.mkdir()
    for kind in FILES:
        synsets = [f"0000{n} 03 n 01 word{n % 3} 0 000 | sense {n} of {kind}" for n in range(6)]
        write(folder / f"{kind}.gz", "  1 the licence", *synsets)
    return str(tmp_path)


def test_wordnet_is_read_without_its_licence(wordnet_root):
    found = wordnet(TextConfig(name="wordnet", root=wordnet_root))
    assert found.names == ["word0", "word1", "word2"]
    assert [len(found.held_out[split]) for split in ("val", "test")] == [3, 3]
    assert len(found.train) == 18 and not any("licence" in t for t in found.train.columns[0])


def test_a_broken_line_of_wordnet_is_named(wordnet_root):
    write(Path(wordnet_root) / "wordnet/data.adj.gz", "0001 03 n zz word")
    with pytest.raises(DataError, match=r"data\.adj\.gz, line 1"):
        wordnet(TextConfig(name="wordnet", root=wordnet_root))


def test_wordnet_has_the_published_number_of_definitions():
    root = Path(os.environ.get("LIKEWISE_WORDNET", "/usr/share"))
    if not (root / "wordnet/data.noun").is_file():
        pytest.skip("needs WordNet's files: Debian's wordnet-base, or LIKEWISE_WORDNET")
    found = read_definitions([root / "wordnet" / name for name in FILES])
    assert len(found) == 147_306 and sum(map(len, found.values())) == 206_978
    assert sum(len(definitions) > 1 for definitions in found.values()) == 26_876


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"name": "lines"}, r"data\.path"),
        ({"name": "glossary", "path": "a.txt"}, r"data\.path"),
        ({"name": "glossary", "tokenizer": "a"}, r"data\.tokenizer"),
        ({"columns": ["a", "a"]}, r"data\.columns"),
    ],
)
def test_settings_that_nothing_would_read_are_refused(options, match):
    with pytest.raises(ConfigError, match=match):
        TextConfig(**options)
