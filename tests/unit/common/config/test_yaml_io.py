"""YAML is read as recipes mean it, runs no code, and what is written reads back alike."""

import math

import pytest

from common.config.yaml_io import parse_overrides, read_yaml, to_yaml
from common.errors import ConfigError, UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("1e-3", 0.001), ("1e3", 1000.0), ("1E+5", 1e5), ("-1.5e3", -1500.0), ("1_0.5e1", 105.0)],
        *[("1e400", math.inf), (".5", 0.5), (".5e3", ".5e3"), ("0x10", 16), ("017", "017")],
        *[("1_000", 1000), ("1:30", "1:30"), ("-2:00:00.5", "-2:00:00.5")],
        *[("08", "08"), ("e3", "e3"), ("1e", "1e")],
        *[("on", True), ("No", False), ("y", "y"), ("~", None), ("", None), ("None", "None")],
        *[("2020-01-01", "2020-01-01"), ("'1e-3'", "1e-3"), ("a=b", "a=b"), ("${x}", "${x}")],
        *[
            ("[1, 2.0, a]", [1, 2.0, "a"]),
            ("{a: {b: on}}", {"a": {"b": True}}),
            ("???", "???"),
            ("=", "="),
            ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M"),
        ],
        *[
            ("[&a {b: 1}, *a]", [{"b": 1}, {"b": 1}]),
            ("{<<: {a: 1, b: 1}, b: 2}", {"a": 1, "b": 2}),
        ],
    ],
)
def test_a_word_is_read_as_what_it_looks_like(text, value):
    found = parse_overrides([f"key={text}"])["key"]
    assert found == value and repr(found) == repr(value)


BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n + 1}: &a{n + 1} [{', '.join(10 * [f'*a{n}'])}]" for n in range(9)]
)
NO_YAML = [
    *("[1", "'a", "{a: 1, a: 2}", "{a: {b: 1, b: 1}}", "a: b: c", "*nowhere", "&a [*a]"),
    *("!!python/name:os.system", "!unknown x", "!!timestamp x", "1" * 5000),
    BOMB,
]


@pytest.mark.parametrize("text", NO_YAML, ids=range(len(NO_YAML)))
def test_what_is_no_yaml_or_unfolds_without_end_is_refused_by_file_or_word(text, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(f"key:\n  {text}".replace("\n", "\n  "))
    with pytest.raises(ConfigError, match=r"own\.yaml.*YAML"):
        read_yaml(path)
    with pytest.raises(ConfigError, match=r"line.*key="):
        parse_overrides([f"key={text}"])


def test_yaml_that_would_run_code_is_refused(tmp_path):
    path, mark = tmp_path / "evil.yaml", tmp_path / "ran"
    path.write_text(f"seed: !!python/object/apply:os.mkdir ['{mark}']\n")
    with pytest.raises(ConfigError, match=r"evil\.yaml.*YAML"):
        read_yaml(path)
    with pytest.raises(ConfigError, match=r"line.*seed="):
        parse_overrides([f"seed=!!python/object/apply:os.mkdir ['{mark}']"])
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "values"),
    [(b"", {}), (b"# nothing", {}), (b"1: 2", {"1": 2}), ("a: \u00e9".encode(), {"a": "\u00e9"})],
)
def test_a_file_holds_a_mapping_by_texts(content, values, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    assert read_yaml(path) == values


@pytest.mark.parametrize("content", [b"[a]", b"5", b"\xff", b"a: 1\n--- \nb: 2"])
def test_another_file_is_refused_by_its_name(content, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"^.*own\.yaml: "):
        read_yaml(path)


def test_of_a_key_given_twice_the_last_word_counts_and_stands_last():
    words = ["a=1", "b=2", "--a=3"]
    assert list(parse_overrides(words).items()) == [("b", 2), ("a", 3)]


@pytest.mark.parametrize("word", ["optimizer.lr", "=3", "lr 3"])
def test_what_is_no_assignment_is_bad_usage(word):
    with pytest.raises(UsageError, match="key=value"):
        parse_overrides([word])


TEXTS = [
    *(
        "",
        " ",
        "a b",
        "on",
        "y",
        "N",
        "null",
        "~",
        "None",
        "1",
        "08",
        "1_0",
        "0x10",
        "1e-6",
        ".5e3",
    ),
    *("1:30", "nan", "inf", "2020-01-01", "a: b", "# a", "- a", "[a]", "{a}", "a # b", "'", '"'),
    *(
        "a\nb",
        "a\n",
        "\t",
        "\u00e9",
        "\u2028",
        "=",
        "<<",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`",
        "x" * 300,
    ),
]


def test_what_is_written_reads_back_alike(tmp_path):
    values = {
        "texts": TEXTS,
        "others": [0, -1, 10**30, 0.1, 1e-6, 1e300, -0.0, True, None, [], {}, [[1]], {"a": [None]}],
    }
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(values), encoding="utf-8")
    assert repr(read_yaml(path)) == repr(values)


def test_a_text_that_some_reader_takes_for_another_type_has_quotes():
    assert to_yaml({"a": "08", "b": "y", "c": "nan", "d": "yes", "e": "plain"}) == (
        "a: '08'\nb: 'y'\nc: 'nan'\nd: 'yes'\ne: plain\n"
    )
