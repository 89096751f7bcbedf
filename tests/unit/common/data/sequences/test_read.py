import gzip

import pytest

from common.data.sequences.config import SequenceConfig
from common.data.sequences.readers.read import RENUMBERED, read_actions, read_sequences
from common.errors import ConfigError, DataError


def write(folder, name, text):
    path = folder / name
    opener = gzip.open if name.endswith(".gz") else open
    with opener(path, "wt") as file:
        file.write(text)
    return path


def lists(sequences):
    bounds = zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True)
    return [sequences.items[a:b].tolist() for a, b in bounds]


INTER = "user_id:token\titem_id:token\n7\t3\n9\t1\n7\t2\n9\t2\n7\t1\n9\t3\n9\t4\n"


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_lines_hold_a_user_and_its_items(tmp_path, name):
    sequences = read_sequences(write(tmp_path, name, "7 3 2 1\n\n9 1 2 3 4\n"), "own")
    assert lists(sequences) == [[3, 2, 1], [1, 2, 3, 4]]
    assert sequences.num_items == 4


@pytest.mark.parametrize("name", ["a.inter", "a.inter.gz"])
def test_inter_rows_of_a_user_are_gathered_in_file_order(tmp_path, name):
    assert lists(read_sequences(write(tmp_path, name, INTER), "own")) == [[3, 2, 1], [1, 2, 3, 4]]


def test_lines_of_inter_may_end_early_or_late_and_names_not_read_may_come_twice(tmp_path):
    head = "user_id:token\titem_id:token\tx:float\tx:token\n"
    text = head + "7\t3\t1\t1\n7\t2\n   \n7\t1\t1\t1\t\n\t\t\t\n"
    assert lists(read_sequences(write(tmp_path, "a.inter", text), "own")) == [[3, 2, 1]]


def test_a_table_without_times_may_have_columns_called_none(tmp_path):
    text = "user,item,None,None\n7,3,,\n7,2,,\n7,1,,\n"
    assert lists(read_sequences(write(tmp_path, "a.csv", text), "own")) == [[3, 2, 1]]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    read = read_sequences(write(tmp_path, "a.inter", "\ufeff" + INTER), "own")
    assert lists(read) == [[3, 2, 1], [1, 2, 3, 4]]


def test_inter_is_sorted_by_timestamp_where_there_is_one(tmp_path):
    text = "item_id:token\tuser_id:token\ttimestamp:float\n3\tu\t2.5\n1\tu\t1\n2\tu\t30\n"
    assert lists(read_sequences(write(tmp_path, "a.inter", text), "own")) == [[1, 3, 2]]


def test_without_a_time_the_order_of_lines_is_said_to_be_it(tmp_path):
    text = "user_id:token\titem_id:token\trating:float\nu\t3\t2\nu\t1\t1\nu\t2\t3\n"
    sequences = read_sequences(write(tmp_path, "a.inter", text), "own")
    assert lists(sequences) == [[3, 1, 2]] and "timestamp" in sequences.note
    assert read_sequences(write(tmp_path, "a.txt", "u 3 1 2\n"), "own").note == ""


def timed(*rows):
    return "".join(["user_id:token\titem_id:token\ttimestamp:float\n", *rows])


def test_what_was_out_of_order_is_sorted_and_said_and_equal_stamps_keep_their_lines(tmp_path):
    ordered = timed("u\t9\t1\n", "v\t1\t0\n", "u\t2\t1\n", "u\t5\t1\n", "v\t3\t4\n", "v\t2\t5\n")
    sequences = read_sequences(write(tmp_path, "a.inter", ordered), "own", 9)
    # Lines of several users may interleave: within a user nothing was out of order.
    assert lists(sequences) == [[9, 2, 5], [1, 3, 2]] and sequences.note == ""
    mixed = ordered + "v\t9\t2\n"
    sequences = read_sequences(write(tmp_path, "a.inter", mixed), "own", 9)
    assert lists(sequences) == [[9, 2, 5], [1, 9, 3, 2]]
    assert sequences.note == "users whose actions were sorted by timestamp: 1"
    sequences = read_sequences(write(tmp_path, "a.inter", mixed + "v\t9\t2\n"), "own", 9)
    assert sequences.note.endswith("; 1 lines repeat user, item and timestamp of another")


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.txt", "7 1 2 3\n8 1 0 2\n", "a.txt:2.*0"),
        ("a.txt", "7 1 2 6\n", "a.txt:1.*6.*5"),
        ("a.txt", "7 1 2 3\n8 1 2\n", "a.txt:2.*3"),
        ("a.txt", "7 1 2 x\n", "a.txt:1.*x"),
        ("a.txt", "7 1 2 1_0\n", "a.txt:1.*1_0"),
        ("a.txt", "7 1 2 2.0\n", "a.txt:1.*2.0"),
        ("a.txt", "7 1,2,3\n", "a.txt:1.*1,2,3"),
        ("a.txt", "1;2;3\n", "a.txt:1"),
        ("a.txt", "7 1 2 3\n7 1 2 4\n", "a.txt:2.*7"),
        ("a.txt", "", "a.txt"),
        ("a.inter", "7\t3\n7\t2\n", "a.inter, line 1.*user_id:token"),
        ("a.inter", "", "a.inter, line 1.*user_id:token"),
        ("a.inter", "user_id:token,item_id:token\n7,3\n", "a.inter, line 1.*tabs"),
        ("a.inter", "user_id:token\n7\n", "a.inter, line 1.*item_id:token"),
        ("a.inter", timed("u\t1\tnoon\n"), "a.inter, line 2.*noon"),
        ("a.inter", timed("u\t1\tnan\n"), "a.inter, line 2.*nan"),
        ("a.inter", timed("u\t1\t\n"), "a.inter, line 2.*timestamp"),
        ("a.inter", INTER + "9\n", "a.inter, line 9"),
        ("a.inter", INTER + "9\tb\n", "a.inter, line 9: item .b"),
        ("a.inter", INTER + "9\t\n", "a.inter, line 9.*item_id"),
        ("a.inter", INTER + " \t3\n", "a.inter, line 9.*user_id"),
        ("a.inter", INTER.partition("\n")[0], "a.inter"),
        ("a.inter", INTER + "5\t3\n", "a.inter, line 9.*5"),
        ("a.csv", "1,2\n", "a.csv.*user"),
    ],
)
def test_errors_name_file_and_line(tmp_path, name, text, place):
    with pytest.raises(DataError, match=place):
        read_sequences(write(tmp_path, name, text), "own", num_items=5)


def test_a_blank_is_no_item_where_items_are_text(tmp_path):
    path = write(tmp_path, "a.inter", INTER + "9\t \n")
    with pytest.raises(DataError, match=r"a.inter, line 9.*item_id"):
        read_sequences(path, "own")


def test_a_mark_within_an_id_is_part_of_it(tmp_path):
    users, items, *_ = read_actions(write(tmp_path, "a.txt", "a,b c;d e\n"), tokens=True)
    assert (users, items) == (["a,b"], [["c;d", "e"]])


def test_where_one_action_is_enough_the_error_says_so(tmp_path):
    with pytest.raises(DataError, match=r"a.txt:2.*1"):
        read_sequences(write(tmp_path, "a.txt", "7 1\n8\n"), "own", fewest=1)


HEADER = "user_id:token\titem_id:token\ttimestamp:float\n"


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        # Of users in the order of their first line, each in order of time.
        (
            "a.inter",
            HEADER + "v\tB7\t3\nu\t09\t1\nv\tB2\t1\nv\t09\t2\nu\tC\t2\nu\tB2\t3\n",
            "B2 09 B7 C",
        ),
        (
            "a.inter",
            HEADER + "v\t70\t3\nu\t9\t1\nv\t20\t1\nv\t9\t2\nu\t4\t2\nu\t20\t3\n",
            [20, 9, 70, 4],
        ),
        ("a.inter", HEADER + "v\t2\t3\nu\t0\t1\nv\t1\t1\nv\t0\t2\nu\t3\t2\nu\t1\t3\n", "1 0 2 3"),
        ("a.txt", "v 20 9 70\nu 9 4 20\n", [20, 9, 70, 4]),
    ],
    ids=["text", "gaps", "from zero", "lines with gaps"],
)
def test_ids_that_are_not_1_to_n_are_numbered_by_first_appearance(tmp_path, name, text, ids):
    sequences = read_sequences(write(tmp_path, name, text), "own")
    assert lists(sequences) == [[1, 2, 3], [2, 4, 1]] and sequences.num_items == 4
    assert sequences.item_ids.tolist() == (ids.split() if isinstance(ids, str) else ids)
    assert sequences.note.endswith("items numbered anew, by first appearance")


@pytest.mark.parametrize("num_items", [None, 9])
def test_ids_from_1_to_n_and_those_of_a_stated_table_stay(tmp_path, num_items):
    sequences = read_sequences(write(tmp_path, "a.inter", INTER), "own", num_items)
    assert sequences.item_ids is None and RENUMBERED not in sequences.note
    assert lists(sequences) == [[3, 2, 1], [1, 2, 3, 4]]
    assert sequences.num_items == (num_items or 4)


def test_a_missing_or_torn_file_or_a_folder_is_an_error(tmp_path):
    for missing in (tmp_path / "nothing.txt", tmp_path):
        with pytest.raises(DataError, match=f"{missing}.*inter"):
            read_sequences(missing, "own")
    path = write(tmp_path, "a.txt.gz", "".join(f"{u} 1 2 3\n" for u in range(100)))
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"a.txt.gz"):
        read_sequences(path, "own")


def test_a_path_without_the_name_file_is_refused():
    with pytest.raises(ConfigError, match=r"data.path.*data.name=file"):
        SequenceConfig(name="beauty", path="own.txt")
