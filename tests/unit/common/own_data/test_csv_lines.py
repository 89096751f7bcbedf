"""Lines of a CSV with their numbers; errors name file, line and column."""

import gzip
from pathlib import Path

import pytest

from common.errors import DataError
from common.own_data.csv_files import recognise_csv
from common.own_data.csv_lines import place_of, read_lines, read_numbers, text_lines


def _written(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_cells_are_stripped_and_lines_numbered_as_in_the_file(tmp_path: Path):
    path = _written(tmp_path, 'a,b\n\n1, "x, y" \n2,z\n'.replace(', "', ',"'))
    assert read_lines(path) == [(1, ["a", "b"]), (3, ["1", "x, y"]), (4, ["2", "z"])]


def test_gzipped_and_with_a_mark_of_byte_order(tmp_path: Path):
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfa\n1\n2\n"))
    assert read_lines(path)[0] == (1, ["a"])


def test_commas_in_numbers_and_other_encodings_are_named(tmp_path: Path):
    path = _written(tmp_path, "a;b;c\n1,5;2;x\n-3;4;1,5\n")
    assert "make the numbers of a text; write 3.5" in recognise_csv(path).describe()
    path.write_bytes("größe\n1\n2\n".encode("cp1252"))
    with pytest.raises(
        DataError, match=r"table\.csv: not readable as UTF-8: .*; save it as CSV in UTF-8"
    ):
        read_lines(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "table.csv.*line 3.*1.*2"),
        ("a\n1\n", "rows"),
        ("a,a,c\n1,2,3\n4,5,6\n", "table.csv.*line 1.*'a'"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message):
        read_lines(_written(tmp_path, text))


@pytest.mark.parametrize("mark", [";", "\t"])
def test_cells_may_be_apart_by_other_marks_where_the_header_has_no_comma(tmp_path: Path, mark: str):
    text = f'a{mark}b\n1{mark}"x{mark} y"\n2,5{mark}z\n'
    assert [cells for _, cells in read_lines(_written(tmp_path, text))] == [
        ["a", "b"],
        ["1", f"x{mark} y"],
        ["2,5", "z"],
    ]


def test_a_mark_that_closes_in_a_later_row_swallows_no_row(tmp_path: Path):
    rows = ["path,text", "1.png,a", '2.png,"b', "3.png,c", '4.png,d"', "5.png,e"]
    with pytest.raises(DataError, match=r"line 3: .*line 5"):
        read_lines(_written(tmp_path, "\n".join(rows)))
    whole = ["path,text", "1.png,a", '2.png,"b', "of two lines", 'and more, too"', "5.png,e"]
    found = read_lines(_written(tmp_path, "\n".join(whole)))
    assert [cells[0] for _, cells in found] == ["path", "1.png", "2.png", "5.png"]


def test_missing_and_unreadable_files_are_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"absent\.csv"):
        read_lines(tmp_path / "absent.csv")
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(gzip.compress(b"a\n1\n2\n")[:-9])
    with pytest.raises(DataError, match=r"torn\.csv\.gz.*CSV"):
        read_lines(torn)
    broken = bytearray(gzip.compress(b"a\n" + b"1\n2\n" * 20))
    broken[10:20] = b"\xff" * 10
    torn.write_bytes(broken)
    for read in read_lines, lambda path: list(text_lines(path)):
        with pytest.raises(DataError, match=r"torn\.csv\.gz: not readable"):
            read(torn)


def test_a_column_has_a_place_or_a_neighbour():
    path = Path("t.csv")
    assert place_of(path, ["load", "wind"], "wind") == 1
    with pytest.raises(DataError, match=r"t\.csv.*'laod'.*'load'"):
        place_of(path, ["load", "wind"], "laod")


def test_numbers_of_a_column():
    lines = [(1, ["a", "b"]), (2, ["1e3", "x"]), (4, ["-0.5", "y"])]
    assert read_numbers(Path("t.csv"), lines, "a", "mend it") == [1000.0, -0.5]


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        *[("", "is empty"), ("x", 'holds "x", not'), ("2024_01", 'holds "2024_01"')],
        *[("nan", 'holds "nan"'), ("-inf", 'holds "-inf"')],
    ],
)
def test_what_is_no_finite_number_is_refused_with_the_line(cell: str, what: str):
    lines = [(1, ["a"]), (2, ["1"]), (7, [cell])]
    with pytest.raises(DataError, match=rf"t\.csv, line 7: column 'a' {what}.*; mend it"):
        read_numbers(Path("t.csv"), lines, "a", "mend it")
