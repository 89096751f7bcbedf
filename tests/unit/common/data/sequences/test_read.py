import gzip
import re

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


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    read = read_sequences(write(tmp_path, "a.inter", "\ufeff" + INTER), "own")
    assert lists(read) == [[3, 2, 1], [1, 2, 3, 4]]


def test_inter_is_sorted_by_timestamp_where_there_is_one(tmp_path):
    text = "item_id:token\tuser_id:token\ttimestamp:float\n3\tu\t2.5\n1\tu\t1\n2\tu\t30\n"
    assert lists(read_sequences(write(tmp_path, "a.inter", text), "own")) == [[1, 3, 2]]


@pytest.mark.parametrize(
    "name",
    [
        "time:float",
        "Timestamp:float",
        "date:token",
        "unixReviewTime:float",
        "review_TS",
        "date_of_purchase:token",
        "timestamp_ms:float",
        "timestamp_ns:float",
        "time_seconds:float",
        "created_time:float",
        "created_at:token",
        "server_time:float",
        "transaction_date:token",
        "checkin_time:float",
        "check_in_time:float",
        "viewed_time:float",
        "date_added:token",
        "watch_date:token",
        "play_timestamp:float",
        "anything_else_time:float",
    ],
)
def test_time_under_another_name_is_not_passed_over(tmp_path, name):
    text = f"user_id:token\titem_id:token\t{name}\nu\t3\t2\nu\t1\t1\nu\t2\t3\n"
    message = rf"a\.inter:1: no column timestamp, but '{name.partition(':')[0]}': call it timestamp"
    with pytest.raises(DataError, match=message):
        read_sequences(write(tmp_path, "a.inter", text), "own")


@pytest.mark.parametrize(
    "name",
    [
        "rating:float",
        "candidate:token",
        "artist:token",
        "sometimes",
        "release_date:token",
        "birthDate:token",
        "publish_time:token",
        "published_at:token",
        "reading_time:float",
        "cooking_time:float",
        "prep_time:float",
        "preparationTime:float",
        "running_time:float",
        "run_time:float",
        "duration_time:float",
        "time_length:float",
        "dwell_time:float",
        "watch_time:float",
        "play_time_ms:float",
        "listenTime:float",
        "time_zone:token",
    ],
)
def test_without_a_time_the_order_of_lines_is_said_to_be_it(tmp_path, name):
    text = f"user_id:token\titem_id:token\t{name}\nu\t3\t2\nu\t1\t1\nu\t2\t3\n"
    sequences = read_sequences(write(tmp_path, "a.inter", text), "own")
    assert lists(sequences) == [[3, 1, 2]]
    assert sequences.note == "no column timestamp: the order of lines is taken as the order of time"
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


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "7 1 2 3\n8 1 0 2\n", r"a.txt:2: item 0; ids start at 1"),
        ("a.txt", "7 1 2 6\n", r"a.txt:1: item 6 is beyond the table of 5 items"),
        (
            "a.txt",
            "7 1 2 3\n8 1 2\n",
            r"a.txt:2: 2 actions; each user needs at least 3 \(one to learn",
        ),
        ("a.txt", "7 1 2 x\n", r"a.txt:1: item 'x' is not a whole number"),
        ("a.txt", "7 1 2 1_0\n", r"a.txt:1: item '1_0' is not a whole number"),
        ("a.txt", "7 1 2 2.0\n", r"a.txt:1: item '2.0' is not a whole number"),
        ("a.txt", "7 1 2 3\n7 1 2 4\n", r"a.txt:2: user 7 has a line already \(1\)"),
        ("a.txt", "", r"a.txt: holds no sequence"),
        ("a.inter", "7\t3\n7\t2\n", r"a.inter:1: no header"),
        ("a.inter", "", r"a.inter:1: no header"),
        (
            "a.inter",
            "user_id\titem_id\ttimestamp\n7\t3\t1\n",
            r"1: the columns user_id, item_id, timestamp have no types; .*"
            r"user_id:token\\titem_id:token\\ttimestamp:float$",
        ),
        ("a.inter", "user_id:token,item_id:token\n7,3\n", "item_id:token' is not separated by"),
        ("a.inter", "user_id,item_id,time\n7,3,1\n", "r:1: 'user_id.*with tabs, such as pandas"),
        ("a.inter", "user_id item_id\n7 3\n", r"a.inter:1: 'user_id item_id' is not separated"),
        ("a.inter", "user_id; movie\n7; 3\n", r"a.inter:1: 'user_id; movie' is not separated"),
        ("a.inter", "user_id:token\n7\n", r"a.inter:1: no column item_id, only user_id; the first"),
        ("a.inter", "uid:token\titem_id:token\n", r"a.inter:1: no column user_id, only uid, item"),
        ("a.inter", timed("u\t1\tnoon\n"), r"a.inter:2: timestamp 'noon' is not a number"),
        ("a.inter", timed("u\t1\tnan\n"), r"a.inter:2: timestamp 'nan' is not a number"),
        ("a.inter", timed("u\t1\t\n"), r"a.inter:2: timestamp '' is not a number"),
        ("a.inter", INTER + "9\n", r"a.inter:9: 1 columns"),
        ("a.inter", INTER + "9\tb\n", r"a.inter:9: item 'b' is not a whole number"),
        ("a.inter", INTER + "9\t\n", r"a.inter:9: no item; column item_id holds the id of what"),
        ("a.inter", INTER + "\t3\n", r"a.inter:9: no user; column user_id holds the id of who"),
        ("a.inter", INTER + " \t3\n", r"a.inter:9: no user; column user_id"),
        ("a.inter", INTER.partition("\n")[0], r"a.inter: holds no sequence"),
        (
            "a.inter",
            INTER + "5\t3\n",
            r"a.inter:9 \(user 5\): 1 action; each user needs at least 3",
        ),
        ("a.csv", "1,2\n", r"'csv' is not known"),
    ],
)
def test_errors_name_file_and_line(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        read_sequences(write(tmp_path, name, text), "own", num_items=5)


def test_a_blank_is_no_item_where_items_are_text(tmp_path):
    path = write(tmp_path, "a.inter", INTER + "9\t \n")
    with pytest.raises(DataError, match=r"a.inter:9: no item; column item_id"):
        read_sequences(path, "own")


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        ("1,2,3", ","),
        ("1, 2, 3", ","),
        ("7 1,2,3", ","),
        ("7, 1 2 3", ","),
        ("7\t1 ,2 3", ","),
        ("1;2;3", ";"),
        ("1 | 2 | 3", "|"),
    ],
)
def test_other_marks_than_blanks_between_ids_get_one_message(tmp_path, line, mark):
    path = write(tmp_path, "a.txt", f"6 1 2 3\n{line}\n")
    message = f"{path}:2: {line!r} has {mark!r} between ids; write blanks or tabs: user, then items"
    with pytest.raises(DataError, match=re.escape(message)):
        read_sequences(path, "own")


def test_a_mark_within_a_user_or_an_item_of_text_is_part_of_its_id(tmp_path):
    users, items, *_ = read_actions(write(tmp_path, "a.txt", "a,b c;d e\n"), tokens=True)
    assert (users, items) == (["a,b"], [["c;d", "e"]])
    assert lists(read_sequences(write(tmp_path, "a.txt", "a,b 1 2 3\n"), "own")) == [[1, 2, 3]]


def test_where_one_action_is_enough_the_error_says_so(tmp_path):
    with pytest.raises(DataError, match=r"a.txt:2: 0 actions; each user needs at least 1: leave"):
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
    with pytest.raises(DataError, match=r"nothing.txt: no such file"):
        read_sequences(tmp_path / "nothing.txt", "own")
    with pytest.raises(DataError, match=r"is a folder; name the file in it: a .txt .* .inter"):
        read_sequences(tmp_path, "own")
    path = write(tmp_path, "a.txt.gz", "".join(f"{u} 1 2 3\n" for u in range(100)))
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"a.txt.gz: not readable"):
        read_sequences(path, "own")


def test_a_path_without_the_name_file_is_refused():
    with pytest.raises(ConfigError, match=r"data\.path: beauty.* add data\.name=file"):
        SequenceConfig(name="beauty", path="own.txt")
